"""Seen from outside: what accounting leaves on record (L080 to L095, without what needs an outage)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.acceptance.lab import Call, Lab, durations_s
from tests.acceptance.usual_packets import boot, stamp
from tests.acceptance.wire import (
    ACCOUNTING_OFF,
    ACCOUNTING_ON,
    ACCOUNTING_RESPONSE,
    ACCT_DELAY_TIME,
    ACCT_SESSION_ID,
    ACCT_STATUS_TYPE,
    INTERIM,
    START,
    STOP,
    Sender,
    accounting,
    tlv,
)

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]

MOST_U32 = 2**32 - 1
INPUT_GIGAWORDS, OUTPUT_GIGAWORDS = 52, 53
TOLERANCE = timedelta(seconds=1.5)  # stamps have whole seconds


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


def test_L080_each_kind_of_report_is_answered_with_code_5(lab: Lab) -> None:
    """
    Accounting-On, Start, Interim-Update, Stop and Accounting-Off, as a switch sends them in its life.
    """
    sender = lab.sender("other")
    call = Call(lab, sender)
    boot(sender, ACCOUNTING_ON)
    for status, lasted_s in ((START, None), (INTERIM, 0), (STOP, 1)):
        assert ACCOUNTING_RESPONSE == call.tell(status, lasted_s=lasted_s).code
    boot(sender, ACCOUNTING_OFF)


def test_L081_a_wrong_request_authenticator_leaves_no_record(lab: Lab, call: Call) -> None:
    """
    Neither answered nor recorded: one octet of the signature is enough.
    """
    packet = bytearray(call.packet(STOP, lasted_s=5))
    packet[7] ^= 1
    call.sender.get_nothing(bytes(packet))

    assert not lab.has_call(call.calling)


def test_L082_what_is_acknowledged_is_on_record_by_then(call: Call) -> None:
    """
    A Start opens the call, an Interim keeps it, a Stop ends it: each is true when its answer arrives.
    """
    up = []
    for status, lasted_s in ((START, None), (INTERIM, 0), (STOP, 5)):
        call.tell(status, lasted_s=lasted_s)
        up.append(call.is_open)

    assert [True, True, False] == up
    assert [5] == durations_s(call.records())


def test_L084_no_session_id_does_no_harm(lab: Lab, sender: Sender) -> None:
    """
    Nothing says which call it is about; it is acknowledged so that it is not sent for ever.
    """
    for status in (START, INTERIM, STOP):
        packet = accounting(sender.secret, tlv(ACCT_STATUS_TYPE, status), tlv(46, 5))

        assert ACCOUNTING_RESPONSE == sender.ask(packet).code


def test_L085_no_status_type_is_no_call(lab: Lab, call: Call) -> None:
    """
    A request that says neither Start nor Stop neither opens nor ends anything.
    """
    packet = accounting(call.sender.secret, tlv(ACCT_SESSION_ID, call.session_id), *call.identity())

    assert ACCOUNTING_RESPONSE == call.sender.ask(packet).code
    assert not lab.has_call(call.calling)


@pytest.mark.parametrize("status", [0, 4, 9, 10, 14, MOST_U32])
def test_L086_an_unknown_status_type_does_no_harm(lab: Lab, call: Call, status: int) -> None:
    """
    Tunnel reports and numbers of nobody neither open nor end a call, also one that is up.
    """
    call.tell(status)
    assert not lab.has_call(call.calling)

    call.tell(START)
    call.tell(status, lasted_s=9)
    assert call.is_open


def test_L087_a_stop_without_a_start_is_recorded(call: Call) -> None:
    """
    With the duration that it says, and charged.
    """
    call.tell(STOP, lasted_s=61)

    assert [("answered", 61_000, 61_000)] == [
        (one.status, one.duration_ms, one.total_micros) for one in call.records()
    ]


def test_L088_a_start_after_its_stop_changes_nothing(call: Call) -> None:
    """
    It neither opens the call again nor makes a second one.
    """
    call.tell(STOP, lasted_s=5)
    call.tell(START)

    assert [5] == durations_s(call.records())
    assert not call.is_open


def test_L089_an_interim_after_the_stop_changes_nothing(call: Call) -> None:
    """
    It neither opens the call again nor changes its duration.
    """
    call.tell(START)
    call.tell(STOP, lasted_s=5)
    call.tell(INTERIM, lasted_s=4)

    assert [5] == durations_s(call.records())
    assert not call.is_open


def test_L090_interims_are_totals_not_parts(call: Call) -> None:
    """
    Three Interims of 10, 20 and 30 seconds and a Stop of 40 make 40 seconds.
    """
    began = now() - timedelta(seconds=40)
    call.tell(START, stamp(began))
    for lasted_s in (10, 20, 30):
        call.tell(INTERIM, stamp(began + timedelta(seconds=lasted_s)), lasted_s=lasted_s)
    call.tell(STOP, lasted_s=40)

    assert [40] == durations_s(call.records())


def test_L091_the_delay_is_taken_off_the_arrival(call: Call) -> None:
    """
    A Stop that was sent first 30 seconds ago ended then.
    """
    call.tell(STOP, tlv(ACCT_DELAY_TIME, 30), lasted_s=5)
    (record,) = call.records()

    assert abs(now() - timedelta(seconds=30) - record.ended_at) < TOLERANCE


def test_L092_event_timestamp_gives_the_time(call: Call) -> None:
    """
    Start and Stop that arrive late say themselves when they were.
    """
    began = now().replace(microsecond=0) - timedelta(minutes=20)
    call.tell(START, stamp(began))
    call.tell(STOP, stamp(began + timedelta(seconds=90)), lasted_s=90)
    (record,) = call.records()

    assert (began, began + timedelta(seconds=90)) == (record.started_at, record.ended_at)


def test_L093_the_delay_is_not_taken_off_event_timestamp(call: Call) -> None:
    """
    The stamp is set when the event happens, and stays the same in each retransmission.
    """
    ended = now().replace(microsecond=0) - timedelta(minutes=5)
    call.tell(STOP, stamp(ended), tlv(ACCT_DELAY_TIME, 300), lasted_s=10)
    (record,) = call.records()

    assert ended == record.ended_at


def test_L094_the_longest_session_time_does_no_harm(call: Call) -> None:
    """
    136 years are no call: recorded with a flag, charged nothing.
    """
    call.tell(STOP, lasted_s=MOST_U32)
    (record,) = call.records()

    assert "bad_session_time" in record.flags
    assert 0 == record.total_micros


def test_L095_gigawords_at_their_maximum_do_no_harm(call: Call) -> None:
    """
    Octets are nothing that a call is charged for.
    """
    most = (
        tlv(INPUT_GIGAWORDS, MOST_U32)
        + tlv(OUTPUT_GIGAWORDS, MOST_U32)
        + tlv(42, MOST_U32)
        + tlv(43, MOST_U32)
    )
    call.tell(STOP, most, lasted_s=5)

    assert [5] == durations_s(call.records())
