"""Seen from outside: Proxy-State goes back as it came (L110 to L114)."""

from __future__ import annotations

import os

import pytest

from tests.acceptance.lab import PASSWORD, USER, Lab
from tests.acceptance.usual_packets import interim
from tests.acceptance.wire import (
    ACCESS_ACCEPT,
    ACCESS_REJECT,
    ACCOUNTING_RESPONSE,
    ACCT_SESSION_ID,
    ACCT_STATUS_TYPE,
    CALLED_STATION_ID,
    CALLING_STATION_ID,
    PROXY_STATE,
    USER_NAME,
    Sender,
    accounting,
    pap,
    tlv,
)

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]

NAME = tlv(USER_NAME, USER)
SEVERAL = [b"\0\1\2", b"second", os.urandom(253), b"second"]


@pytest.fixture(params=["ipv4", "ipv6", "tcp", "tls"])
def sender(lab: Lab, request: pytest.FixtureRequest) -> Sender:
    """A proxy, over each transport."""
    return lab.sender_over(request.param, "open")


def through(*states: bytes) -> bytes:
    """Return *states* as proxies add them."""
    return b"".join(tlv(PROXY_STATE, state) for state in states)


def test_L110_proxy_states_come_back_in_accept_and_reject(sender: Sender) -> None:
    """
    Unmodified and in order, the same one twice as well.
    """
    for password, code in ((PASSWORD, ACCESS_ACCEPT), (b"wrong", ACCESS_REJECT)):
        answer = sender.ask(pap(sender.secret, password, NAME, through(*SEVERAL)))

        assert (code, SEVERAL) == (answer.code, answer.all(PROXY_STATE))


def test_L111_proxy_states_come_back_in_accounting(sender: Sender) -> None:
    """
    Unmodified and in order; also to a report that is ignored.
    """
    ignored = accounting(sender.secret, tlv(ACCT_STATUS_TYPE, 99), through(*SEVERAL))
    for packet in (interim(sender, through(*SEVERAL)), ignored):
        answer = sender.ask(packet)

        assert (ACCOUNTING_RESPONSE, SEVERAL) == (answer.code, answer.all(PROXY_STATE))


def test_L112_twelve_long_proxy_states_all_come_back(sender: Sender) -> None:
    """
    3060 octets of them.
    """
    states = [os.urandom(253) for _ in range(12)]

    assert states == sender.ask(pap(sender.secret, PASSWORD, NAME, through(*states))).all(PROXY_STATE)
    assert states == sender.ask(interim(sender, through(*states))).all(PROXY_STATE)


def test_L113_no_proxy_state_is_made_up(sender: Sender) -> None:
    """
    A request without one gets an answer without one.
    """
    for packet in (pap(sender.secret, PASSWORD, NAME), pap(sender.secret, b"no", NAME), interim(sender)):
        assert [] == sender.ask(packet).all(PROXY_STATE)


def test_L114_an_answer_never_exceeds_4096_octets(lab: Lab, sender: Sender) -> None:
    """
    An Accept gives up what is ours, least important first, before it drops a Proxy-State or its signature.
    """
    number = lab.new_number()
    ours = (
        NAME,
        tlv(CALLING_STATION_ID, number),
        tlv(CALLED_STATION_ID, "442079460000"),
        tlv(ACCT_SESSION_ID, number),
    )
    room = 4096 - len(pap(sender.secret, PASSWORD, *ours))
    states = [os.urandom(253) for _ in range(room // 255)] + [os.urandom(room % 255 - 2)]
    packet = pap(sender.secret, PASSWORD, *ours, through(*states))
    answer = sender.ask(packet)

    assert 4096 == len(packet)
    assert len(answer.octets) <= 4096
    assert (ACCESS_ACCEPT, states) == (answer.code, answer.all(PROXY_STATE))
    assert answer.message_authenticator_is_right(packet, sender.secret)
