"""RADIUS as a sender writes it, without any of the server's own code: both cannot be wrong alike."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import os
import select
import socket
import struct
import time
from dataclasses import dataclass

ACCESS_REQUEST, ACCESS_ACCEPT, ACCESS_REJECT, ACCESS_CHALLENGE = 1, 2, 3, 11
ACCOUNTING_REQUEST, ACCOUNTING_RESPONSE = 4, 5
STATUS_SERVER = 12
USER_NAME, USER_PASSWORD, CHAP_PASSWORD, NAS_IP_ADDRESS = 1, 2, 3, 4
SERVICE_TYPE, REPLY_MESSAGE, STATE, CLASS, VENDOR_SPECIFIC = 6, 18, 24, 25, 26
CALLED_STATION_ID, CALLING_STATION_ID, NAS_IDENTIFIER, PROXY_STATE = 30, 31, 32, 33
ACCT_STATUS_TYPE, ACCT_DELAY_TIME, ACCT_SESSION_ID, ACCT_SESSION_TIME = 40, 41, 44, 46
EVENT_TIMESTAMP, CHAP_CHALLENGE, EAP_MESSAGE, MESSAGE_AUTHENTICATOR = 55, 60, 79, 80
SESSION_TIMEOUT, NAS_IPV6_ADDRESS = 27, 95
START, STOP, INTERIM, ACCOUNTING_ON, ACCOUNTING_OFF = 1, 2, 3, 7, 8

UNSIGNED = bytes((MESSAGE_AUTHENTICATOR, 18)) + bytes(16)
"""A Message-Authenticator whose value :func:`access` and its like fill in, wherever it stands."""

ANSWER_LIMIT_S = 5.0
SILENCE_S = 0.05  # after the answer to a later request; what is not here by then does not come


def tlv(number: int, value: bytes | str | int) -> bytes:
    """Return one attribute; an int is 4 octets."""
    if isinstance(value, int):
        value = value.to_bytes(4, "big")
    octets = value.encode() if isinstance(value, str) else value
    return bytes((number, len(octets) + 2)) + octets


def vsa(vendor: int, octets: bytes) -> bytes:
    """Return a Vendor-Specific attribute with *octets* after the vendor id."""
    return tlv(VENDOR_SPECIFIC, vendor.to_bytes(4, "big") + octets)


_identifiers = itertools.cycle(range(256))


def access(
    secret: bytes, *attributes: bytes, code: int = ACCESS_REQUEST, identifier: int | None = None
) -> bytes:
    """Return an Access-Request, or a Status-Server, with a random Request Authenticator."""
    return pack(code, os.urandom(16), secret, *attributes, identifier=identifier)


def pack(
    code: int, authenticator: bytes, secret: bytes, *attributes: bytes, identifier: int | None = None
) -> bytes:
    """Return a packet with that *authenticator*; an :data:`UNSIGNED` among *attributes* is signed."""
    body = b"".join(attributes)
    number = next(_identifiers) if identifier is None else identifier
    head = struct.pack("!BBH", code, number, 20 + len(body))
    at = body.find(UNSIGNED)
    if at >= 0:
        signature = hmac.digest(secret, head + authenticator + body, "md5")
        body = body[: at + 2] + signature + body[at + 18 :]
    return head + authenticator + body


def accounting(
    secret: bytes, *attributes: bytes, code: int = ACCOUNTING_REQUEST, identifier: int | None = None
) -> bytes:
    """Return an Accounting-Request, or another packet whose Request Authenticator signs it."""
    packet = pack(code, bytes(16), secret, *attributes, identifier=identifier)
    return packet[:4] + hashlib.md5(packet + secret).digest() + packet[20:]


def status(secret: bytes, *attributes: bytes) -> bytes:
    """Return a Status-Server, signed."""
    return access(secret, UNSIGNED, *attributes, code=STATUS_SERVER)


def pap(secret: bytes, password: bytes, *attributes: bytes, identifier: int | None = None) -> bytes:
    """Return a signed Access-Request with *attributes* and the hidden *password*."""
    authenticator = os.urandom(16)
    hidden = tlv(USER_PASSWORD, hide(secret, authenticator, password))
    return pack(ACCESS_REQUEST, authenticator, secret, UNSIGNED, hidden, *attributes, identifier=identifier)


def hide(secret: bytes, authenticator: bytes, password: bytes) -> bytes:
    """Return *password* hidden as RFC 2865, 5.2 says."""
    padded = password + bytes(-len(password) % 16 if password else 16)
    hidden, previous = b"", authenticator
    for at in range(0, len(padded), 16):
        mask = hashlib.md5(secret + previous).digest()
        previous = bytes(a ^ b for a, b in zip(padded[at : at + 16], mask, strict=True))
        hidden += previous
    return hidden


def attributes_of(packet: bytes) -> list[tuple[int, bytes]]:
    """Return the (type, value) of all attributes of a sound *packet*."""
    found, at = [], 20
    while at < len(packet):
        found.append((packet[at], packet[at + 2 : at + packet[at + 1]]))
        at += packet[at + 1]
    assert at == len(packet), "attributes overrun the packet"
    return found


@dataclass(frozen=True)
class Answer:
    """What came back, and from where."""

    octets: bytes
    source: tuple[str, int]

    @property
    def code(self) -> int:
        """The packet's code."""
        return self.octets[0]

    @property
    def attributes(self) -> list[tuple[int, bytes]]:
        """The attributes in the order of the wire."""
        return attributes_of(self.octets)

    def all(self, number: int) -> list[bytes]:
        """Return all values of one attribute."""
        return [value for kind, value in self.attributes if kind == number]

    def is_signed_for(self, request: bytes, secret: bytes) -> bool:
        """Tell whether Identifier, Length and Response Authenticator fit *request*."""
        octets = self.octets
        signed = hashlib.md5(octets[:4] + request[4:20] + octets[20:] + secret).digest()
        length = struct.unpack("!H", octets[2:4])[0]
        return (octets[1], length, octets[4:20]) == (request[1], len(octets), signed)

    def message_authenticator_is_right(self, request: bytes, secret: bytes) -> bool:
        """Tell whether the first attribute is a Message-Authenticator that signs the answer to *request*."""
        octets = self.octets
        if octets[20:22] != UNSIGNED[:2]:
            return False
        signed = octets[:4] + request[4:20] + UNSIGNED + octets[38:]
        return hmac.compare_digest(hmac.digest(secret, signed, "md5"), octets[22:38])


class Sender:
    """A switch's UDP socket on the address *source*; *secret* is what it shares with the server."""

    def __init__(self, source: str, secret: bytes, auth_port: int, acct_port: int) -> None:
        self.secret = secret
        self.auth_port, self.acct_port = auth_port, acct_port
        is_ipv6 = ":" in source
        self.server = "::1" if is_ipv6 else "127.0.0.1"
        self.socket = socket.socket(socket.AF_INET6 if is_ipv6 else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.bind((source, 0))

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()

    def send(self, packet: bytes, port: int = 0) -> None:
        """Send *packet* to the port that its code belongs to, or to *port*."""
        usual = self.acct_port if packet[:1] == bytes((ACCOUNTING_REQUEST,)) else self.auth_port
        self.socket.sendto(packet, (self.server, port or usual))

    def receive(self, limit_s: float) -> Answer | None:
        """Return the next answer, None when none comes in time."""
        if not select.select([self.socket], [], [], limit_s)[0]:
            return None
        octets, source = self.socket.recvfrom(8192)
        return Answer(octets, source[:2])

    def ask(self, packet: bytes, port: int = 0, limit_s: float = ANSWER_LIMIT_S) -> Answer:
        """Return the answer to *packet*, which must be rightly signed; what else comes fails the test."""
        self.send(packet, port)
        answer = self.receive(limit_s)
        assert answer is not None, "no answer"
        assert answer.is_signed_for(packet, self.secret), f"not signed for the request: {answer}"
        return answer

    def get_nothing(self, packet: bytes, port: int = 0) -> None:
        """See to it that *packet* is not answered, while what is sent after it on the same port is."""
        port = port or (self.acct_port if packet[:1] == bytes((ACCOUNTING_REQUEST,)) else self.auth_port)
        self.send(packet, port)
        after = self._harmless(port)
        answer = self.ask(after, port)
        assert answer.code != ACCESS_CHALLENGE
        assert [] == self.collect(SILENCE_S)

    def collect(self, silence_s: float) -> list[Answer]:
        """Return all answers that come until it has been silent for *silence_s*."""
        found = []
        while (answer := self.receive(silence_s)) is not None:
            found.append(answer)
        return found

    def ask_until_answered(self, packet: bytes, port: int = 0, limit_s: float = 30.0) -> Answer:
        """Send *packet* again and again, as switches do, and return the first answer."""
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            self.send(packet, port)
            answer = self.receive(0.3)
            if answer is not None and answer.is_signed_for(packet, self.secret):
                return answer
        raise AssertionError(f"no answer within {limit_s} s")

    def _harmless(self, port: int) -> bytes:
        """Return a request that goes the same way through the server as what was sent before it."""
        if port == self.acct_port:
            return accounting(
                self.secret, tlv(ACCT_STATUS_TYPE, INTERIM), tlv(ACCT_SESSION_ID, os.urandom(4).hex())
            )
        return pap(self.secret, b"wrong", tlv(USER_NAME, "nobody"), tlv(CALLED_STATION_ID, "44207"))
