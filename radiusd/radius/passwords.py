"""Read and check the two kinds of password in an Access-Request, PAP and CHAP (RFC 2865, 5.2 and 5.3)."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

from radiusd.radius.assigned import AUTHENTICATOR_OCTETS, Attribute
from radiusd.radius.packet import Packet

BLOCK_OCTETS = 16
MAX_PASSWORD_OCTETS = 128
CHAP_PASSWORD_OCTETS = 17  # CHAP identifier and an MD5


class UnusablePassword(Exception):
    """
    The credentials are not what the RFC allows, so the request is rejected; *reason* is a word for the log.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Pap:
    """
    A password that came hidden by the shared secret.
    """

    password: bytes = field(repr=False)

    def matches(self, expected: bytes) -> bool:
        """Return whether *expected* is the password, in a time that does not tell how much was right."""
        # Hashed first, because a comparison of different lengths ends at once.
        same = hmac.compare_digest(hashlib.sha256(self.password).digest(), hashlib.sha256(expected).digest())
        return same and bool(expected)


@dataclass(frozen=True, slots=True)
class Chap:
    """
    The proof of a password, for a challenge that the switch made.
    """

    identifier: int
    response: bytes = field(repr=False)
    challenge: bytes = field(repr=False)

    def matches(self, expected: bytes) -> bool:
        """Return whether the proof was made with *expected*, octet by octet as it is stored."""
        signed = b"".join((bytes((self.identifier,)), expected, self.challenge))
        proof = hashlib.md5(signed, usedforsecurity=False).digest()
        return hmac.compare_digest(proof, self.response) and bool(expected)


def read_password(packet: Packet, secret: bytes) -> Pap | Chap | None:
    """
    Return the password that *packet* carries, None when it has none.

    Raises:
        UnusablePassword: It has both kinds, several of one, or one of an impossible length.
    """
    hidden = packet.all(Attribute.USER_PASSWORD)
    proofs = packet.all(Attribute.CHAP_PASSWORD)
    if not hidden and not proofs:
        return None
    if hidden and proofs:  # RFC 2865, 4.1: MUST NOT contain both
        raise UnusablePassword("pap_and_chap")
    if len(hidden) + len(proofs) > 1:
        raise UnusablePassword("several_passwords")
    if hidden:
        return Pap(reveal_password(hidden[0], secret, packet.authenticator))
    if len(proofs[0]) != CHAP_PASSWORD_OCTETS:
        raise UnusablePassword("chap_length")
    # RFC 2865, 2.2: without a CHAP-Challenge the Request Authenticator is the challenge.
    challenge = packet.first(Attribute.CHAP_CHALLENGE)
    return Chap(proofs[0][0], proofs[0][1:], packet.authenticator if challenge is None else challenge)


def reveal_password(hidden: bytes, secret: bytes, authenticator: bytes) -> bytes:
    """
    Return the password inside a User-Password value, without the zeros that fill its last block.

    Raises:
        UnusablePassword: *hidden* is empty, longer than 128 octets or no multiple of 16.
    """
    if not hidden or len(hidden) % BLOCK_OCTETS or len(hidden) > MAX_PASSWORD_OCTETS:
        raise UnusablePassword("pap_length")
    blocks = []
    previous = authenticator
    for at in range(0, len(hidden), BLOCK_OCTETS):
        block = hidden[at : at + BLOCK_OCTETS]
        blocks.append(_mask(block, secret, previous))
        previous = block
    return b"".join(blocks).rstrip(b"\0")


def hide_password(password: bytes, secret: bytes, authenticator: bytes) -> bytes:
    """
    Return the User-Password value for *password*: the inverse of :func:`reveal_password`.

    Raises:
        ValueError: *password* is longer than 128 octets.
    """
    if len(password) > MAX_PASSWORD_OCTETS:
        raise ValueError(
            f"the password has {len(password)} octets, and RADIUS carries at most {MAX_PASSWORD_OCTETS}"
        )
    padded = password.ljust(-(-max(1, len(password)) // BLOCK_OCTETS) * BLOCK_OCTETS, b"\0")
    blocks = []
    previous = authenticator
    for at in range(0, len(padded), BLOCK_OCTETS):
        previous = _mask(padded[at : at + BLOCK_OCTETS], secret, previous)
        blocks.append(previous)
    return b"".join(blocks)


def chap_response(identifier: int, password: bytes, challenge: bytes) -> bytes:
    """Return the CHAP-Password value that proves *password* for *challenge*."""
    head = bytes((identifier,))
    return head + hashlib.md5(b"".join((head, password, challenge)), usedforsecurity=False).digest()


def _mask(block: bytes, secret: bytes, previous: bytes) -> bytes:
    """Return *block* XOR the MD5 of the secret and the hidden block before it."""
    pad = hashlib.md5(secret + previous, usedforsecurity=False).digest()
    return (int.from_bytes(block, "big") ^ int.from_bytes(pad, "big")).to_bytes(AUTHENTICATOR_OCTETS, "big")
