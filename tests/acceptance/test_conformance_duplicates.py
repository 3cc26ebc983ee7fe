"""Seen from outside: a request that is sent again is done once and answered alike (L070 to L078)."""

from __future__ import annotations

import os
import time

import pytest

from tests.acceptance.lab import PASSWORD, USER, Call, Lab
from tests.acceptance.wire import (
    ACCESS_ACCEPT,
    ACCESS_REJECT,
    ACCOUNTING_RESPONSE,
    ACCT_DELAY_TIME,
    ACCT_SESSION_ID,
    MESSAGE_AUTHENTICATOR,
    STOP,
    USER_NAME,
    Sender,
    access,
    pap,
    tlv,
)

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]

NAME = tlv(USER_NAME, USER)
KEPT_AT_LEAST_S = 5.0  # RFC 5080, 2.2.2


@pytest.fixture
def sender(lab: Lab) -> Sender:
    """A switch that need not sign its Access-Requests."""
    return lab.sender("open")


def call_attempt(lab: Lab, sender: Sender, password: bytes = PASSWORD) -> bytes:
    """Return an Access-Request that has to wait for the books."""
    call = Call(lab, sender)
    return pap(sender.secret, password, *call.identity(), tlv(ACCT_SESSION_ID, call.session_id))


def test_L070_copies_of_a_pending_request_get_no_second_answer(lab: Lab, sender: Sender) -> None:
    """
    Eight copies in one instant: while the first is being decided the others are not, nor are they queued.
    """
    with lab.locked("balance"):
        packet = call_attempt(lab, sender)
        for _ in range(8):
            sender.send(packet)
        assert [] == sender.collect(0.2)

    assert [ACCESS_ACCEPT] == [answer.code for answer in sender.collect(1.5)]


@pytest.mark.parametrize("password", [PASSWORD, b"wrong"], ids=["accept", "reject"])
def test_L071_a_copy_of_an_answered_request_gets_the_very_same_answer(
    lab: Lab, sender: Sender, password: bytes
) -> None:
    """
    Octet by octet, for Access- and Accounting-Requests.
    """
    for packet in (call_attempt(lab, sender, password), Call(lab, sender).packet(STOP, lasted_s=4)):
        assert sender.ask(packet).octets == sender.ask(packet).octets


def test_L072_a_new_authenticator_makes_a_new_request(sender: Sender) -> None:
    """
    The same port and Identifier again, with other octets, is not answered from memory.
    """
    for password, code in ((PASSWORD, ACCESS_ACCEPT), (b"wrong", ACCESS_REJECT), (PASSWORD, ACCESS_ACCEPT)):
        assert code == sender.ask(pap(sender.secret, password, NAME, identifier=7)).code


def test_L073_a_forged_copy_does_not_disturb_the_memory(lab: Lab, sender: Sender) -> None:
    """
    With the port and Identifier of an answered request, and a wrong signature, it gets and changes nothing.
    """
    packet = call_attempt(lab, sender)
    first = sender.ask(packet)
    forged = access(sender.secret, tlv(MESSAGE_AUTHENTICATOR, os.urandom(16)), NAME, identifier=packet[1])
    sender.get_nothing(forged)

    assert first.octets == sender.ask(packet).octets


def test_L074_the_same_identifier_from_another_port_is_another_request(lab: Lab) -> None:
    """
    Two sockets of one switch count for themselves.
    """
    one, two = lab.sender("open"), lab.sender("open")
    for sender, password, code in ((one, PASSWORD, ACCESS_ACCEPT), (two, b"wrong", ACCESS_REJECT)):
        packet = pap(sender.secret, password, NAME, identifier=9)

        assert code == sender.ask(packet).code
    assert ACCESS_ACCEPT == one.ask(pap(one.secret, PASSWORD, NAME, identifier=9)).code


def test_L075_an_answer_is_kept_for_5_seconds(lab: Lab, sender: Sender) -> None:
    """
    A copy after 5 seconds still gets the answer octet by octet.
    """
    packets = [call_attempt(lab, sender), Call(lab, sender).packet(STOP, lasted_s=4)]
    first = [sender.ask(packet).octets for packet in packets]
    time.sleep(KEPT_AT_LEAST_S)

    assert first == [sender.ask(packet).octets for packet in packets]


def test_L076_a_retransmission_is_answered_again_and_recorded_once(lab: Lab, sender: Sender) -> None:
    """
    The switch that missed our answer is told again; the call is charged once.
    """
    call = Call(lab, sender)
    packet = call.packet(STOP, lasted_s=60)
    for _ in range(4):
        assert ACCOUNTING_RESPONSE == sender.ask(packet).code

    assert [(60_000, 60_000)] == [(one.duration_ms, one.total_micros) for one in call.records()]


def test_L077_a_retransmission_in_new_clothes_is_recorded_once(lab: Lab, sender: Sender) -> None:
    """
    A new Identifier and a growing Acct-Delay-Time make other octets of the same report.
    """
    call = Call(lab, sender)
    for delay_s in (0, 2, 4, 8):
        call.tell(STOP, tlv(ACCT_DELAY_TIME, delay_s), lasted_s=60)

    assert [(60_000, 60_000)] == [(one.duration_ms, one.total_micros) for one in call.records()]


def test_L078_four_copies_from_four_ports_at_once_make_one_record(lab: Lab) -> None:
    """
    No memory of duplicates can know them as one; the books do.
    """
    senders = [lab.sender("open") for _ in range(4)]
    call = Call(lab, senders[0])
    packet = call.packet(STOP, lasted_s=60)
    for sender in senders:
        sender.send(packet)
    answers = [sender.receive(5) for sender in senders]

    assert [ACCOUNTING_RESPONSE] * 4 == [answer.code for answer in answers if answer]
    assert [(60_000, 60_000)] == [(one.duration_ms, one.total_micros) for one in call.records()]
