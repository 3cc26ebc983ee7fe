"""Seen from outside: Message-Authenticator, in requests and in answers (L060 to L068)."""

from __future__ import annotations

import os

import pytest

from tests.acceptance.lab import PASSWORD, USER, Call, Lab
from tests.acceptance.wire import (
    ACCESS_ACCEPT,
    ACCESS_REJECT,
    ACCESS_REQUEST,
    ACCOUNTING_RESPONSE,
    CALLED_STATION_ID,
    MESSAGE_AUTHENTICATOR,
    NAS_IDENTIFIER,
    PROXY_STATE,
    STOP,
    UNSIGNED,
    USER_NAME,
    USER_PASSWORD,
    Sender,
    access,
    hide,
    pack,
    tlv,
)

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]

NAME = tlv(USER_NAME, USER)
WRONG = tlv(MESSAGE_AUTHENTICATOR, bytes(range(16)))


@pytest.fixture
def sender(lab: Lab) -> Sender:
    """A switch that need not sign its Access-Requests."""
    return lab.sender("open")


def login(sender: Sender, *attributes: bytes, password: bytes = PASSWORD) -> bytes:
    """Return an Access-Request with the hidden *password* behind *attributes*; signed if they say so."""
    authenticator = os.urandom(16)
    hidden = tlv(USER_PASSWORD, hide(sender.secret, authenticator, password))
    return pack(ACCESS_REQUEST, authenticator, sender.secret, *attributes, hidden)


def test_L060_an_access_request_with_a_wrong_signature_is_dropped(sender: Sender) -> None:
    """
    A right password does not help; there is no Reject either, which a forger could learn from.
    """
    sender.get_nothing(login(sender, WRONG, NAME))


@pytest.mark.parametrize("size", [0, 15, 17])
def test_L061_a_signature_of_another_length_is_dropped(sender: Sender, size: int) -> None:
    """
    A Message-Authenticator has 16 octets, or proves nothing.
    """
    sender.get_nothing(login(sender, tlv(MESSAGE_AUTHENTICATOR, bytes(size)), NAME))


def test_L062_two_signatures_are_not_accepted(sender: Sender) -> None:
    """
    Not even if one of them is right for the packet with both.
    """
    for pair in ((UNSIGNED, WRONG), (WRONG, UNSIGNED)):
        sender.get_nothing(login(sender, *pair, NAME))


@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_L063_a_right_signature_is_accepted_wherever_it_stands(sender: Sender, place: int) -> None:
    """
    First, in the middle, and last.
    """
    authenticator = os.urandom(16)
    others = [
        NAME,
        tlv(USER_PASSWORD, hide(sender.secret, authenticator, PASSWORD)),
        tlv(NAS_IDENTIFIER, "sbc"),
    ]
    others.insert(place, UNSIGNED)

    assert ACCESS_ACCEPT == sender.ask(pack(ACCESS_REQUEST, authenticator, sender.secret, *others)).code


@pytest.mark.parametrize("signed", [(), (UNSIGNED,)], ids=["unsigned request", "signed request"])
@pytest.mark.parametrize("password", [PASSWORD, b"wrong"], ids=["accept", "reject"])
def test_L064_L065_every_answer_is_signed_first_of_all(
    sender: Sender, signed: tuple[bytes, ...], password: bytes
) -> None:
    """
    Message-Authenticator is right and stands first in Accept and Reject, even if the request had none.
    """
    packet = login(sender, *signed, NAME, tlv(PROXY_STATE, b"p"), password=password)
    answer = sender.ask(packet)

    assert (ACCESS_ACCEPT if password == PASSWORD else ACCESS_REJECT) == answer.code
    assert answer.message_authenticator_is_right(packet, sender.secret)
    assert 1 == len(answer.all(MESSAGE_AUTHENTICATOR))


def test_L066_a_client_that_must_sign_gets_no_answer_without(lab: Lab) -> None:
    """
    It is the default of a new client; signed, the same request is accepted.
    """
    sender = lab.sender("defaults")
    sender.get_nothing(login(sender, NAME))

    assert ACCESS_ACCEPT == sender.ask(login(sender, UNSIGNED, NAME)).code


def test_L067_proxy_state_without_a_signature_is_dropped_where_it_is_limited(lab: Lab) -> None:
    """
    That is what forging an Accept needs (CVE-2024-3596); without Proxy-State, or signed, it is answered.
    """
    sender = lab.sender("limits")
    sender.get_nothing(login(sender, NAME, tlv(PROXY_STATE, b"p")))

    assert ACCESS_ACCEPT == sender.ask(login(sender, NAME)).code
    assert ACCESS_ACCEPT == sender.ask(login(sender, UNSIGNED, NAME, tlv(PROXY_STATE, b"p"))).code


def test_L068_a_signature_in_accounting_is_verified(lab: Lab, sender: Sender) -> None:
    """
    Right: answered. Wrong: dropped, and nothing is on record.
    """
    right, wrong = Call(lab, sender), Call(lab, sender)
    assert ACCOUNTING_RESPONSE == right.tell(STOP, UNSIGNED, lasted_s=3).code
    sender.get_nothing(wrong.packet(STOP, WRONG, lasted_s=3))

    assert [3000] == [record.duration_ms for record in right.records()]
    assert not lab.has_call(wrong.calling)


def test_a_wrong_secret_is_told_by_the_signature(sender: Sender) -> None:
    """
    A sender with another secret gets silence, not a Reject for a password that seems wrong.
    """
    forged = access(b"another secret", UNSIGNED, NAME, tlv(CALLED_STATION_ID, "442079460000"))

    sender.get_nothing(forged)
