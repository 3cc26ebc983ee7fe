"""Seen from outside: which reports make one call, which two, and which end it (L096 to L106)."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.acceptance.lab import Call, Lab, durations_s
from tests.acceptance.usual_packets import boot, stamp
from tests.acceptance.wire import (
    ACCOUNTING_OFF,
    ACCOUNTING_ON,
    ACCT_SESSION_ID,
    ACCT_STATUS_TYPE,
    EVENT_TIMESTAMP,
    MESSAGE_AUTHENTICATOR,
    NAS_IDENTIFIER,
    NAS_IP_ADDRESS,
    PROXY_STATE,
    REPLY_MESSAGE,
    START,
    STATE,
    STOP,
    USER_PASSWORD,
    VENDOR_SPECIFIC,
    Sender,
    accounting,
    tlv,
)

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]

MOST_U32 = 2**32 - 1
ERROR_CAUSE = 101


@pytest.fixture(params=["ipv4", "ipv6", "tcp", "tls"])
def sender(lab: Lab, request: pytest.FixtureRequest) -> Sender:
    """A switch, over each transport."""
    return lab.sender_over(request.param, "open")


@pytest.fixture
def call(lab: Lab, sender: Sender) -> Call:
    """A call that nobody has told of yet."""
    return Call(lab, sender)


def now() -> datetime:
    """Return the moment, as the server's clock has it too."""
    return datetime.now(UTC)


@pytest.mark.parametrize("status", [ACCOUNTING_ON, ACCOUNTING_OFF])
def test_L096_a_boot_closes_the_calls_of_its_own_switch_only(lab: Lab, status: int) -> None:
    """
    Accounting-On and -Off end what was up at that client, and at no other.
    """
    mine, foreign = Call(lab, lab.sender("other")), Call(lab, lab.sender("open"))
    mine.tell(START)
    foreign.tell(START)
    boot(mine.sender, status)

    assert (False, True) == (mine.is_open, foreign.is_open)
    (record,) = mine.records()
    assert "closed_by_us" in record.flags
    foreign.tell(STOP, lasted_s=1)


def test_L097_one_session_id_from_two_switches_is_two_calls(lab: Lab) -> None:
    """
    A session id is unique at the switch that made it, and nowhere else.
    """
    one = Call(lab, lab.sender("open"), session_id="the-same-id")
    two = Call(lab, lab.sender("other"), session_id="the-same-id")
    for call, lasted_s in ((one, 5), (two, 7)):
        call.tell(START)
        call.tell(STOP, lasted_s=lasted_s)

    assert ([5], [7]) == (durations_s(one.records()), durations_s(two.records()))


def test_L098_a_session_id_after_a_boot_is_a_new_call(lab: Lab) -> None:
    """
    The switch counts from the start again; both calls are on record, also when all is told at once and late.
    """
    sender = lab.sender("other")
    began = now().replace(microsecond=0) - timedelta(minutes=3)
    before = Call(lab, sender, session_id="00000001")
    before.tell(START, stamp(began))
    before.tell(STOP, stamp(began + timedelta(seconds=5)), lasted_s=5)
    boot(sender, ACCOUNTING_ON, stamp(began + timedelta(seconds=30)))
    after = Call(lab, sender, session_id="00000001")
    after.tell(START, stamp(began + timedelta(seconds=60)))
    after.tell(STOP, stamp(began + timedelta(seconds=67)), lasted_s=7)

    assert ([5], [7]) == (durations_s(before.records()), durations_s(after.records()))


def test_L098_a_session_id_after_a_boot_is_a_new_call_without_time_stamps_too(lab: Lab) -> None:
    """
    Then the arrivals tell the calls apart.
    """
    sender = lab.sender("other")
    calls = [Call(lab, sender, session_id="00000002") for _ in range(2)]
    for call in calls:
        boot(sender)
        call.tell(START)
        time.sleep(1.05)
        call.tell(STOP, lasted_s=1)

    assert [[1], [1]] == [durations_s(call.records()) for call in calls]


def test_L099_odd_session_ids_are_answered(lab: Lab, sender: Sender) -> None:
    """
    Binary octets and 253 of them name a call as well as any text.
    """
    for session_id in (b"\1\0\2" + os.urandom(13), os.urandom(253), os.urandom(126).hex() + "x"):
        call = Call(lab, sender, session_id=session_id)
        call.tell(START)
        call.tell(STOP, lasted_s=5)

        assert [5] == durations_s(call.records())


def test_L100_long_session_ids_that_differ_at_their_end_are_two_calls(lab: Lab, sender: Sender) -> None:
    """
    Not one octet of 253 is cut off.
    """
    head = os.urandom(126).hex()
    calls = [Call(lab, sender, session_id=head + end) for end in "ab"]
    for lasted_s, call in enumerate(calls, 5):
        call.tell(STOP, lasted_s=lasted_s)

    assert [[5], [6]] == [durations_s(call.records()) for call in calls]


def test_L101_attributes_that_have_no_place_in_accounting_lose_no_record(call: Call) -> None:
    """
    User-Password, CHAP-Password, State and Reply-Message are ignored.
    """
    misplaced = (tlv(USER_PASSWORD, bytes(16)), tlv(3, bytes(17)), tlv(STATE, b"s"), tlv(REPLY_MESSAGE, "hi"))
    call.tell(STOP, *misplaced, lasted_s=5)

    assert [5] == durations_s(call.records())


def test_L102_an_accounting_response_holds_next_to_nothing(call: Call) -> None:
    """
    Nothing but Proxy-State, Vendor-Specific, Message-Authenticator or Error-Cause.
    """
    answer = call.tell(STOP, tlv(PROXY_STATE, b"p"), tlv(NAS_IDENTIFIER, "sbc"), lasted_s=5)

    assert {PROXY_STATE} <= {number for number, _ in answer.attributes}
    assert set() == {number for number, _ in answer.attributes} - {
        PROXY_STATE,
        VENDOR_SPECIFIC,
        MESSAGE_AUTHENTICATOR,
        ERROR_CAUSE,
    }


def test_L103_a_stop_longer_than_the_time_since_its_start_is_flagged(call: Call) -> None:
    """
    The switch's figure is on record, and so is the doubt.
    """
    call.tell(START)
    call.tell(STOP, lasted_s=3600)
    (record,) = call.records()

    assert 3_600_000 == record.duration_ms
    assert "duration_mismatch" in record.flags


@pytest.mark.parametrize("seconds", [0, 2**31, MOST_U32])
def test_L104_an_absurd_event_timestamp_loses_no_record(call: Call, seconds: int) -> None:
    """
    1970, 2038 and 2106: the arrival counts, the doubt is flagged, the call is charged.
    """
    odd = tlv(EVENT_TIMESTAMP, seconds)
    call.tell(START, odd)
    call.tell(STOP, odd, lasted_s=5)
    (record,) = call.records()

    assert 5000 == record.duration_ms
    assert "bad_event_timestamp" in record.flags
    assert abs(now() - record.ended_at) < timedelta(seconds=10)


def test_L105_a_burst_of_100_is_answered(lab: Lab, sender: Sender) -> None:
    """
    As they come, without a pause between them.
    """
    calls = [Call(lab, sender) for _ in range(100)]
    for number, call in enumerate(calls):
        packet = accounting(
            sender.secret,
            tlv(ACCT_STATUS_TYPE, STOP),
            tlv(ACCT_SESSION_ID, call.session_id),
            *call.identity(),
            tlv(46, number + 1),
            identifier=number,
        )
        sender.send(packet)
    answered = {answer.octets[1] for answer in sender.collect(1)}

    assert set(range(100)) == answered
    assert [[float(number + 1)] for number in range(100)] == [durations_s(call.records()) for call in calls]


def test_L106_a_boot_does_not_close_another_clients_calls_whatever_it_claims(lab: Lab) -> None:
    """
    NAS-IP-Address and NAS-Identifier of another switch do not let a client speak for it.
    """
    foreign = Call(lab, lab.sender("open"))
    foreign.tell(START, tlv(NAS_IP_ADDRESS, bytes((127, 0, 0, 1))), tlv(NAS_IDENTIFIER, "open"))
    boot(
        lab.sender("other"),
        ACCOUNTING_ON,
        tlv(NAS_IP_ADDRESS, bytes((127, 0, 0, 1))),
        tlv(NAS_IDENTIFIER, "open"),
    )

    assert foreign.is_open
