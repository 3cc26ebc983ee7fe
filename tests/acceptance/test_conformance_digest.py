"""Seen from outside: SIP digests, strict and as proxies send them (L170 to L180)."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field

import pytest

from tests.acceptance.lab import LISTED_NUMBER, PASSWORD, REALM, USER, Lab
from tests.acceptance.wire import (
    ACCESS_ACCEPT,
    ACCESS_CHALLENGE,
    ACCESS_REJECT,
    STATE,
    UNSIGNED,
    USER_NAME,
    Answer,
    Sender,
    access,
    tlv,
)

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]

# RFC 5090, 3
RESPONSE, DIGEST_REALM, NONCE, RESPONSE_AUTH = 103, 104, 105, 106
METHOD, URI, QOP, ALGORITHM, CNONCE, NONCE_COUNT, USERNAME = 108, 109, 110, 111, 113, 114, 115
STALE, HA1, SIP_AOR = 120, 121, 122
INVITE, TARGET = b"INVITE", b"sip:442079460000@sip.example"
QUESTION = tlv(METHOD, INVITE) + tlv(URI, TARGET)


@pytest.fixture(params=["ipv4", "tcp", "tls"])
def sender(lab: Lab, request: pytest.FixtureRequest) -> Sender:
    """A SIP server that keeps to RFC 5090, over each transport."""
    return lab.sender_over(request.param, "open")


@pytest.fixture
def proxy(lab: Lab) -> Sender:
    """A SIP proxy that makes its own nonces and signs nothing."""
    return lab.sender("sip-proxy")


def md5(*parts: bytes) -> bytes:
    """Return the hash of *parts* joined by colons, in hexadecimal digits."""
    return hashlib.md5(b":".join(parts)).hexdigest().encode()


@dataclass
class Phone:
    """A telephone that answers the challenge with *nonce*."""

    nonce: bytes
    user: bytes = USER.encode()
    realm: bytes = REALM.encode()
    password: bytes = PASSWORD
    count: bytes = b"00000001"
    cnonce: bytes = field(default_factory=lambda: os.urandom(4).hex().encode())

    def hash_of(self, method: bytes) -> bytes:
        """Return the digest over *method*; over none it is what the server proves itself with."""
        ha1 = md5(self.user, self.realm, self.password)
        return md5(ha1, self.nonce, self.count, self.cnonce, b"auth", md5(method, TARGET))

    def fields(self) -> dict[int, bytes]:
        """Return the digest attributes by their number."""
        return {
            USERNAME: self.user,
            DIGEST_REALM: self.realm,
            NONCE: self.nonce,
            METHOD: INVITE,
            URI: TARGET,
            QOP: b"auth",
            NONCE_COUNT: self.count,
            CNONCE: self.cnonce,
            RESPONSE: self.hash_of(INVITE),
        }

    def request(self, sender: Sender, *more: bytes, signed: bytes = UNSIGNED, without: int = 0) -> bytes:
        """Return the Access-Request of the sender for it, leaving out the attribute *without*."""
        fields = [tlv(number, value) for number, value in self.fields().items() if number != without]
        return access(sender.secret, signed, tlv(USER_NAME, self.user), *fields, *more)


def challenge(sender: Sender) -> Answer:
    """Ask for a nonce."""
    return sender.ask(
        access(sender.secret, UNSIGNED, tlv(USER_NAME, USER), tlv(DIGEST_REALM, REALM), QUESTION)
    )


def new_nonce(sender: Sender) -> bytes:
    """Return a nonce that the server has just made."""
    (nonce,) = challenge(sender).all(NONCE)
    return nonce


def test_L170_without_a_nonce_there_is_a_challenge(sender: Sender) -> None:
    """
    Method and URI alone get a nonce and the realm, rightly signed.
    """
    packet = access(sender.secret, UNSIGNED, tlv(USER_NAME, USER), QUESTION)
    answer = sender.ask(packet)

    assert ACCESS_CHALLENGE == answer.code
    assert 1 == len(answer.all(NONCE)) == len(answer.all(DIGEST_REALM))
    assert answer.message_authenticator_is_right(packet, sender.secret)
    assert [REALM.encode()] == challenge(sender).all(DIGEST_REALM)


def test_L171_a_right_digest_is_accepted_and_answered_with_a_proof(sender: Sender) -> None:
    """
    Digest-Response-Auth shows the telephone that the server knows the password too.
    """
    phone = Phone(new_nonce(sender))
    answer = sender.ask(phone.request(sender))

    assert ACCESS_ACCEPT == answer.code
    assert [phone.hash_of(b"")] == answer.all(RESPONSE_AUTH)


def test_L172_a_wrong_digest_is_rejected(sender: Sender) -> None:
    """
    Made with another password, or for another URI.
    """
    assert ACCESS_REJECT == sender.ask(Phone(new_nonce(sender), password=b"wrong").request(sender)).code

    moved = Phone(new_nonce(sender)).request(sender, tlv(URI, b"sip:1900@sip.example"), without=URI)
    assert ACCESS_REJECT == sender.ask(moved).code


def test_L173_a_nonce_of_nobody_is_not_accepted(sender: Sender) -> None:
    """
    The digest is right; the nonce is made up, changed, or another client's.
    """
    nonce = new_nonce(sender)
    changed = nonce[:-2] + (b"AA" if nonce[-2:] != b"AA" else b"BB")
    for foreign in (os.urandom(16).hex().encode(), changed):
        answer = sender.ask(Phone(foreign).request(sender))

        assert answer.code == ACCESS_REJECT or (answer.code, answer.all(STALE)) == (
            ACCESS_CHALLENGE,
            [b"true"],
        )


def test_L173_a_nonce_made_for_another_client_is_not_accepted(lab: Lab, sender: Sender) -> None:
    """
    Each client's nonces are its own.
    """
    assert ACCESS_ACCEPT != sender.ask(Phone(new_nonce(lab.sender("pbx"))).request(sender)).code


def test_L174_a_replayed_digest_is_not_accepted_again(sender: Sender) -> None:
    """
    The same nonce and count in a new packet; the next count is fine.
    """
    nonce = new_nonce(sender)
    phone = Phone(nonce)
    codes = [sender.ask(phone.request(sender)).code for _ in range(2)]
    later = Phone(nonce, count=b"00000002")

    assert ACCESS_ACCEPT == codes[0]
    assert ACCESS_ACCEPT != codes[1]
    assert ACCESS_ACCEPT == sender.ask(later.request(sender)).code


@pytest.mark.parametrize("missing", [DIGEST_REALM, NONCE, METHOD, URI, USERNAME, CNONCE, NONCE_COUNT])
def test_L175_a_digest_without_what_it_was_made_from_is_rejected(sender: Sender, missing: int) -> None:
    """
    Every mandatory attribute left out in its turn.
    """
    packet = Phone(new_nonce(sender)).request(sender, without=missing)

    assert ACCESS_REJECT == sender.ask(packet).code


def test_L176_another_user_name_than_the_digests_is_rejected(sender: Sender) -> None:
    """
    Whose call it is must be who proved it; nor may somebody else's address be registered.
    """
    phone = Phone(new_nonce(sender))
    fields = [tlv(number, value) for number, value in phone.fields().items()]
    as_bob = access(sender.secret, UNSIGNED, tlv(USER_NAME, "bob"), *fields)
    assert ACCESS_REJECT == sender.ask(as_bob).code

    foreign_aor = Phone(new_nonce(sender)).request(sender, tlv(SIP_AOR, "sip:bob@sip.example"))
    assert ACCESS_REJECT == sender.ask(foreign_aor).code
    for own in ("sip:alice@sip.example", f"sip:+{LISTED_NUMBER}@sip.example"):
        packet = Phone(new_nonce(sender)).request(sender, tlv(SIP_AOR, own))
        assert ACCESS_ACCEPT == sender.ask(packet).code


def test_L177_the_password_hash_is_never_sent(sender: Sender) -> None:
    """
    Digest-HA1 is as good as the password; no answer has it.
    """
    answers = [
        challenge(sender),
        sender.ask(Phone(new_nonce(sender)).request(sender)),
        sender.ask(Phone(new_nonce(sender), password=b"wrong").request(sender)),
    ]

    assert [[], [], []] == [answer.all(HA1) for answer in answers]


def test_L178_a_digest_that_is_not_signed_is_not_accepted(sender: Sender) -> None:
    """
    Even where the client need not sign its other requests.
    """
    packet = Phone(new_nonce(sender)).request(sender, signed=b"")

    assert ACCESS_REJECT == sender.ask(packet).code


def test_L179_a_challenge_has_exactly_one_state(sender: Sender) -> None:
    """
    And a new one each time.
    """
    states = [challenge(sender).all(STATE) for _ in range(2)]

    assert [1, 1] == [len(found) for found in states]
    assert states[0] != states[1]


def test_L180_a_copy_of_a_challenged_request_gets_the_very_same_challenge(sender: Sender) -> None:
    """
    The same nonce and State, octet by octet.
    """
    packet = access(sender.secret, UNSIGNED, tlv(USER_NAME, USER), QUESTION)

    assert sender.ask(packet).octets == sender.ask(packet).octets


def test_a_proxy_profile_relaxes_three_rules_and_no_other(proxy: Sender) -> None:
    """
    No signature, user@realm as User-Name, the proxy's own nonce used twice: the digest still counts.
    """
    nonce = f"{os.urandom(4).hex()}-of-the-proxy".encode()
    fields = [tlv(number, value) for number, value in Phone(nonce).fields().items()]
    named = tlv(USER_NAME, f"{USER}@{REALM}")
    for _ in range(2):
        assert ACCESS_ACCEPT == proxy.ask(access(proxy.secret, named, *fields)).code

    wrong = [tlv(number, value) for number, value in Phone(nonce, password=b"wrong").fields().items()]
    assert ACCESS_REJECT == proxy.ask(access(proxy.secret, named, *wrong)).code
    assert ACCESS_REJECT == proxy.ask(access(proxy.secret, tlv(USER_NAME, "bob"), *fields)).code
