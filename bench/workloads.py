"""
The packets of the benchmarks: calls of a wholesale carrier as a Cisco gateway tells them.

Both servers of a comparison get the very same octets, made before the clock starts. An accounting packet
has about 430 octets. Nothing here is random but by its seed; session ids are unique to a *run*.
"""

from __future__ import annotations

import hashlib
import hmac
import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

ACCESS_REQUEST = 1
ACCESS_ACCEPT = 2
ACCOUNTING_REQUEST = 4
ACCOUNTING_RESPONSE = 5
START, STOP, INTERIM = 1, 2, 3  # Acct-Status-Type
CISCO = 9
NAS_ADDRESS = bytes((127, 0, 0, 1))
_STOP_STATUS = struct.pack("!BBI", 40, 6, STOP)
OPEN_CALLS_PER_TRUNK = 10  # 100 trunks: 1,000 open calls on file while authorization is measured


@dataclass(frozen=True, slots=True)
class Site:
    """
    What is provisioned on both servers: trunks with a user each, and a deck of prefixes.
    """

    trunks: int = 100
    prefixes: int = 200_000
    secret: bytes = b"a-benchmark-secret"
    password: str = "a trunk password"

    def user(self, trunk: int) -> str:
        """Return the user name of *trunk*."""
        return f"carrier{trunk:03}"

    def trunk_name(self, trunk: int) -> str:
        """Return the trunk group of *trunk*."""
        return f"TG-{trunk:03}"

    def prefix(self, index: int) -> str:
        """Return one of the deck's prefixes: every other one is North American (included minutes)."""
        half, odd = divmod(index, 2)
        return str(20_000_000 + 799 * half) if odd else str(1_200_000 + 7 * half)


class Call(NamedTuple):
    """One call, as far as packets tell of it."""

    session_id: bytes
    conference_id: str
    user: str
    trunk_name: str
    calling: str
    called: str
    connect_at: int  # seconds since 1970
    duration_s: int


class Unsigned(NamedTuple):
    """A packet without what depends on its Identifier and the secret."""

    code: int
    authenticator: bytes  # of an Access-Request; of others it is computed
    body: bytes


def make_calls(site: Site, run: str, count: int, now: float) -> list[Call]:
    """
    Return *count* calls that have just ended at *now*, spread over the trunks and the deck.

    *run* seeds them and begins their session ids, so two runs share no call.
    """
    rng = random.Random(run)
    calls = []
    for number in range(count):
        trunk = number % site.trunks
        duration_s = rng.randint(5, 120)
        calls.append(
            Call(
                session_id=f"{run}{number:06X}".encode(),
                conference_id="{:08X} {:08X} {:08X} {:08X}".format(*(rng.getrandbits(32) for _ in range(4))),
                user=site.user(trunk),
                trunk_name=site.trunk_name(trunk),
                calling=f"1555{rng.randrange(10**7):07}",
                called=f"{site.prefix(rng.randrange(site.prefixes))}{rng.randrange(10**4):04}",
                connect_at=int(now) - duration_s - 2,
                duration_s=duration_s,
            )
        )
    return calls


def start(call: Call) -> Unsigned:
    """Return the Start of *call*, sent at its answer."""
    return _accounting(call, START, 0, b"")


def interim(call: Call) -> Unsigned:
    """Return an Interim-Update half way through *call*."""
    return _accounting(call, INTERIM, call.duration_s // 2, _connected(call))


def stop(call: Call) -> Unsigned:
    """Return the Stop of *call*."""
    ended = _cisco(29, f"h323-disconnect-time={_cisco_time(call.connect_at + call.duration_s)}")
    cause = _cisco(30, "h323-disconnect-cause=10")  # hexadecimal: 16, normal clearing
    return _accounting(call, STOP, call.duration_s, _connected(call) + ended + cause)


def is_stop(packet: Unsigned) -> bool:
    """Return whether *packet*, one of ours, is the Stop of a call."""
    return _STOP_STATUS in packet.body


def accounting(calls: list[Call], spread: int) -> Iterator[Unsigned]:
    """
    Return Start, Interim and Stop of *calls* as a busy gateway mixes them.

    *spread* other calls start between two packets of one call, so that with a window of at most
    *spread* packets no call overtakes itself.
    """
    for turn in range(len(calls) + 2 * spread):
        if turn < len(calls):
            yield start(calls[turn])
        if 0 <= turn - spread < len(calls):
            yield interim(calls[turn - spread])
        if 0 <= turn - 2 * spread:
            yield stop(calls[turn - 2 * spread])


def authorization(site: Site, call: Call) -> Unsigned:
    """Return the Access-Request (PAP) that asks whether *call* may go ahead."""
    authenticator = hashlib.md5(call.session_id, usedforsecurity=False).digest()
    body = b"".join(
        (
            _attribute(80, bytes(16)),  # Message-Authenticator: its value is made by sign()
            _text(1, call.user),
            _attribute(2, hide_password(site.password.encode(), site.secret, authenticator)),
            _attribute(44, call.session_id),
            _call_attributes(call),
            _number(6, 1),  # Service-Type: Login
            _number(61, 0),  # NAS-Port-Type: Async
            _attribute(4, NAS_ADDRESS),
        )
    )
    return Unsigned(ACCESS_REQUEST, authenticator, body)


def hide_password(password: bytes, secret: bytes, authenticator: bytes) -> bytes:
    """Return the value of User-Password (RFC 2865, 5.2)."""
    padded = password + bytes(-len(password) % 16)
    hidden, last = b"", authenticator
    for at in range(0, len(padded), 16):
        key = hashlib.md5(secret + last, usedforsecurity=False).digest()
        last = bytes(a ^ b for a, b in zip(padded[at : at + 16], key, strict=True))
        hidden += last
    return hidden


def sign(packet: Unsigned, identifier: int, secret: bytes) -> bytes:
    """Return the octets of *packet* under *identifier* (RFC 2866, 3; RFC 3579, 3.2)."""
    code, authenticator, body = packet
    head = struct.pack("!BBH", code, identifier, 20 + len(body))
    if code == ACCESS_REQUEST:
        mac = hmac.digest(secret, b"".join((head, authenticator, body)), "md5")
        return b"".join((head, authenticator, body[:2], mac, body[18:]))
    signed = b"".join((head, bytes(16), body, secret))
    return b"".join((head, hashlib.md5(signed, usedforsecurity=False).digest(), body))


def is_answer(reply: bytes, request: bytes, secret: bytes) -> bool:
    """Return whether *reply* is signed with *secret* as the answer to *request* (RFC 2865, 3)."""
    signed = b"".join((reply[:4], request[4:20], reply[20:], secret))
    return reply[1] == request[1] and hashlib.md5(signed, usedforsecurity=False).digest() == reply[4:20]


def _accounting(call: Call, status: int, elapsed_s: int, times: bytes) -> Unsigned:
    parts = [
        _attribute(44, call.session_id),
        _call_attributes(call),
        _cisco(25, f"h323-setup-time={_cisco_time(call.connect_at - 2)}"),
        times,
        _cisco(27, "h323-call-type=VoIP"),
        _text(1, call.user),
        _number(40, status),
        _number(61, 0),  # NAS-Port-Type: Async
        _number(6, 1),  # Service-Type: Login
        _attribute(4, NAS_ADDRESS),
        _number(55, call.connect_at + elapsed_s),  # Event-Timestamp
        _number(41, 0),  # Acct-Delay-Time
    ]
    if status != START:
        parts.append(_number(46, elapsed_s))  # Acct-Session-Time
        parts += [_number(kind, elapsed_s * 8000) for kind in (42, 43)]  # octets each way, of G.711
        parts += [_number(kind, elapsed_s * 50) for kind in (47, 48)]  # packets each way
    return Unsigned(ACCOUNTING_REQUEST, bytes(16), b"".join(parts))


def _call_attributes(call: Call) -> bytes:
    return b"".join(
        (
            _cisco(24, f"h323-conf-id={call.conference_id}"),
            _cisco(26, "h323-call-origin=answer"),
            _cisco(23, "h323-remote-address=198.51.100.20"),
            _cisco(1, f"in-trunkgroup-label={call.trunk_name}"),
            _text(30, call.called),
            _text(31, call.calling),
        )
    )


def _connected(call: Call) -> bytes:
    return _cisco(28, f"h323-connect-time={_cisco_time(call.connect_at)}")


def _cisco_time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%H:%M:%S.000 UTC %a %b %d %Y")


def _attribute(kind: int, value: bytes) -> bytes:
    return bytes((kind, len(value) + 2)) + value


def _text(kind: int, value: str) -> bytes:
    return _attribute(kind, value.encode())


def _number(kind: int, value: int) -> bytes:
    return struct.pack("!BBI", kind, 6, value)


def _cisco(kind: int, value: str) -> bytes:
    return struct.pack("!BBIBB", 26, len(value) + 8, CISCO, kind, len(value) + 2) + value.encode()
