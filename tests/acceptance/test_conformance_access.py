"""Seen from outside: passwords and what may stand in the answers to an Access-Request (L040 to L058)."""

from __future__ import annotations

import hashlib
import os

import pytest

from tests.acceptance.lab import (
    CALL_CHECK,
    LISTED_NUMBER,
    LONG_PASSWORD,
    LONG_USER,
    PASSWORD,
    USER,
    Call,
    Lab,
)
from tests.acceptance.wire import (
    ACCESS_ACCEPT,
    ACCESS_REJECT,
    ACCESS_REQUEST,
    ACCT_SESSION_ID,
    CALLED_STATION_ID,
    CALLING_STATION_ID,
    CHAP_CHALLENGE,
    CHAP_PASSWORD,
    CLASS,
    EAP_MESSAGE,
    MESSAGE_AUTHENTICATOR,
    NAS_IP_ADDRESS,
    PROXY_STATE,
    REPLY_MESSAGE,
    SERVICE_TYPE,
    START,
    STATE,
    STOP,
    UNSIGNED,
    USER_NAME,
    USER_PASSWORD,
    VENDOR_SPECIFIC,
    Sender,
    access,
    hide,
    pack,
    pap,
    tlv,
)

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]

AUTHORIZE_ONLY = 17  # a Service-Type
NAME = tlv(USER_NAME, USER)
EAP_IDENTITY = tlv(EAP_MESSAGE, b"\2\1\0\x0a\1alice")


@pytest.fixture(params=["ipv4", "tcp", "tls"])
def sender(lab: Lab, request: pytest.FixtureRequest) -> Sender:
    """A switch that need not sign its Access-Requests, over each transport."""
    return lab.sender_over(request.param, "open")


def chap(identifier: int, password: bytes, challenge: bytes) -> bytes:
    """Return the CHAP-Password attribute of RFC 2865, 5.3."""
    number = bytes((identifier,))
    return tlv(CHAP_PASSWORD, number + hashlib.md5(number + password + challenge).digest())


def test_L040_the_right_password_is_accepted(sender: Sender) -> None:
    """
    PAP, by the password that was provisioned.
    """
    assert ACCESS_ACCEPT == sender.ask(pap(sender.secret, PASSWORD, NAME)).code


def test_L041_a_wrong_password_is_rejected(sender: Sender) -> None:
    """
    The answer is a Reject, not silence, also for one that only begins right.
    """
    for password in (b"wrong", PASSWORD[:-1], PASSWORD + b"x", PASSWORD.upper()):
        assert ACCESS_REJECT == sender.ask(pap(sender.secret, password, NAME)).code


def test_L042_an_unknown_user_is_rejected(sender: Sender) -> None:
    """
    The answer is a Reject, not silence.
    """
    assert ACCESS_REJECT == sender.ask(pap(sender.secret, PASSWORD, tlv(USER_NAME, "nobody"))).code


def test_L043_an_unknown_user_and_a_wrong_password_look_alike(sender: Sender) -> None:
    """
    From the Reject nobody learns which users exist: all but its signature is the same.
    """
    unknown = sender.ask(pap(sender.secret, b"guess", tlv(USER_NAME, "nobody")))
    wrong = sender.ask(pap(sender.secret, b"guess", NAME))

    assert unknown.attributes[1:] == wrong.attributes[1:]
    assert unknown.attributes[1:]


def test_L044_a_password_of_several_blocks_is_accepted(sender: Sender) -> None:
    """
    Longer than 16 octets, each block is hidden by the one before it.
    """
    assert len(LONG_PASSWORD) > 48
    assert ACCESS_ACCEPT == sender.ask(pap(sender.secret, LONG_PASSWORD, tlv(USER_NAME, LONG_USER))).code
    assert ACCESS_REJECT == sender.ask(pap(sender.secret, LONG_PASSWORD[:48], tlv(USER_NAME, LONG_USER))).code


@pytest.mark.parametrize("size", [0, 1, 15, 17, 144])
def test_L045_a_hidden_password_of_an_impossible_length_is_rejected(sender: Sender, size: int) -> None:
    """
    Not a multiple of 16, nothing at all, or more than 128 octets: never accepted, and no harm done.
    """
    packet = access(sender.secret, UNSIGNED, NAME, tlv(USER_PASSWORD, bytes(size)))

    assert ACCESS_REJECT == sender.ask(packet).code


def test_L046_chap_with_its_own_challenge_is_verified(sender: Sender) -> None:
    """
    The right proof for CHAP-Challenge is accepted, a proof of another password or challenge is not.
    """
    challenge = os.urandom(20)
    tries = {
        chap(7, PASSWORD, challenge): ACCESS_ACCEPT,
        chap(7, b"wrong", challenge): ACCESS_REJECT,
        chap(7, PASSWORD, os.urandom(20)): ACCESS_REJECT,
    }
    for proof, code in tries.items():
        assert code == sender.ask(access(sender.secret, UNSIGNED, NAME, proof, tlv(60, challenge))).code


def test_L047_chap_with_the_request_authenticator_as_challenge_is_verified(sender: Sender) -> None:
    """
    Without CHAP-Challenge the Request Authenticator is what was signed.
    """
    authenticator = os.urandom(16)
    for password, code in ((PASSWORD, ACCESS_ACCEPT), (b"wrong", ACCESS_REJECT)):
        proof = chap(1, password, authenticator)
        packet = pack(ACCESS_REQUEST, authenticator, sender.secret, UNSIGNED, NAME, proof)

        assert code == sender.ask(packet).code


@pytest.mark.parametrize("size", [0, 1, 16, 18, 253])
def test_L048_a_chap_password_that_is_not_17_octets_is_rejected(sender: Sender, size: int) -> None:
    """
    Never accepted, and no harm done.
    """
    packet = access(sender.secret, UNSIGNED, NAME, tlv(CHAP_PASSWORD, bytes(size)), tlv(CHAP_CHALLENGE, b"c"))

    assert ACCESS_REJECT == sender.ask(packet).code


def test_L049_both_kinds_of_password_together_are_rejected(sender: Sender) -> None:
    """
    Even if both are right: a sender that does so is not to be trusted with either.
    """
    authenticator = os.urandom(16)
    hidden = tlv(USER_PASSWORD, hide(sender.secret, authenticator, PASSWORD))
    packet = pack(
        ACCESS_REQUEST, authenticator, sender.secret, UNSIGNED, NAME, hidden, chap(1, PASSWORD, authenticator)
    )

    assert ACCESS_REJECT == sender.ask(packet).code


def test_L050_no_credentials_are_not_accepted(sender: Sender) -> None:
    """
    A name alone proves nothing, with a called number or without.
    """
    for more in ((), (tlv(CALLED_STATION_ID, "442079460000"),)):
        assert ACCESS_REJECT == sender.ask(access(sender.secret, UNSIGNED, NAME, *more)).code


def test_L051_an_empty_password_is_not_accepted(sender: Sender) -> None:
    """
    Neither for a user with a password nor for a service that has none.
    """
    for name in (USER, "nobody", LISTED_NUMBER):
        assert ACCESS_REJECT == sender.ask(pap(sender.secret, b"", tlv(USER_NAME, name))).code


def test_L052_a_reject_holds_only_what_it_may(lab: Lab, sender: Sender) -> None:
    """
    No Session-Timeout, no Class, nothing that lets a call in: a text, a vendor's return code, the signature.
    """
    answer = Call(lab, sender).ask(b"wrong", tlv(PROXY_STATE, b"p"))
    allowed = {MESSAGE_AUTHENTICATOR, REPLY_MESSAGE, VENDOR_SPECIFIC, PROXY_STATE}

    assert ACCESS_REJECT == answer.code
    assert set() == {number for number, _ in answer.attributes} - allowed


def test_L053_an_accept_echoes_nothing_of_the_request(lab: Lab, sender: Sender) -> None:
    """
    Passwords, the switch's own address and the call's numbers are not sent back.
    """
    answer = Call(lab, sender).ask(
        PASSWORD, tlv(NAS_IP_ADDRESS, bytes((192, 0, 2, 1))), tlv(5, 7), tlv(61, 0)
    )
    asked_only = {USER_PASSWORD, CHAP_PASSWORD, CHAP_CHALLENGE, NAS_IP_ADDRESS, 5, 30, 31, 32, 44, 61, 95}

    assert ACCESS_ACCEPT == answer.code
    assert set() == {number for number, _ in answer.attributes} & asked_only


def test_L054_authorize_only_without_state_is_not_accepted(sender: Sender) -> None:
    """
    Not even with a right password: it belongs to a change of authorization that we did not ask for.
    """
    assert (
        ACCESS_REJECT
        == sender.ask(pap(sender.secret, PASSWORD, NAME, tlv(SERVICE_TYPE, AUTHORIZE_ONLY))).code
    )


def test_L055_a_call_check_is_answered_by_the_callers_number(lab: Lab) -> None:
    """
    Without State and without credentials: accepted for a number that is a customer's, rejected for another.
    """
    pbx = lab.sender("pbx")
    for calling, code in ((LISTED_NUMBER, ACCESS_ACCEPT), ("15559999999", ACCESS_REJECT)):
        packet = access(
            pbx.secret,
            UNSIGNED,
            tlv(SERVICE_TYPE, CALL_CHECK),
            tlv(CALLING_STATION_ID, calling),
            tlv(CALLED_STATION_ID, "442079460000"),
            tlv(ACCT_SESSION_ID, f"check-{lab.new_number()}"),
        )

        assert code == pbx.ask(packet).code


def test_L056_eap_that_is_signed_is_answered_but_not_accepted(sender: Sender) -> None:
    """
    We do not speak EAP, and say so by a Reject.
    """
    assert ACCESS_REJECT == sender.ask(access(sender.secret, UNSIGNED, NAME, EAP_IDENTITY)).code


def test_L057_eap_that_is_not_signed_is_dropped(sender: Sender) -> None:
    """
    EAP-Message needs a Message-Authenticator, whatever the client's settings are.
    """
    sender.get_nothing(access(sender.secret, NAME, EAP_IDENTITY))


def test_L058_the_class_of_an_accept_comes_back_as_the_same_call(lab: Lab, sender: Sender) -> None:
    """
    An Accept for a call has one Class, the same when asked again; sent back, it leads to the call.
    """
    call = Call(lab, sender)
    (mark,) = call.ask().all(CLASS)

    assert [mark] == call.ask().all(CLASS)

    call.session_id = "another id"  # as switches do that number their accounting by leg
    call.tell(START, tlv(CLASS, mark))
    call.tell(STOP, tlv(CLASS, mark), lasted_s=12)
    assert [12_000] == [record.duration_ms for record in call.records()]
    assert not call.is_open


def test_an_accept_needs_no_state(sender: Sender) -> None:
    """
    An Access-Accept to a plain password has no State: there is nothing to go on with.
    """
    assert [] == sender.ask(pap(sender.secret, PASSWORD, NAME)).all(STATE)


@pytest.mark.parametrize(
    ("client", "with_call_check", "without"),
    [
        ("pbx", ACCESS_ACCEPT, ACCESS_REJECT),
        ("checks-all", ACCESS_ACCEPT, ACCESS_ACCEPT),
        ("checks-none", ACCESS_REJECT, ACCESS_REJECT),
    ],
)
def test_a_clients_setting_says_which_calls_it_may_ask_for_without_a_password(
    lab: Lab, client: str, with_call_check: int, without: int
) -> None:
    """
    ``call_check``: by the Service-Type (the default), in any Access-Request, or never.
    """
    sender = lab.sender(client)
    for service_type, code in ((tlv(SERVICE_TYPE, CALL_CHECK), with_call_check), (b"", without)):
        packet = access(
            sender.secret,
            UNSIGNED,
            service_type,
            tlv(CALLING_STATION_ID, LISTED_NUMBER),
            tlv(CALLED_STATION_ID, "442079460000"),
            tlv(ACCT_SESSION_ID, f"check-{lab.new_number()}"),
        )

        assert code == sender.ask(packet).code
