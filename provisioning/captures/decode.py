"""Say of a packet what the server would understand: attributes by name, the event, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pyrad.dictionary import Dictionary

from provisioning.captures.attributes import named, numbered
from provisioning.captures.pcap import is_capture, read_capture
from provisioning.captures.sent import Sent
from provisioning.captures.texts import read_text
from provisioning.fixtures.values import shown
from radiusd.calls.events import CallEvent
from radiusd.dialects.registry import DIALECTS
from radiusd.errors import BadInput, UnreadableEvent
from radiusd.handlers.credentials import read_proof
from radiusd.handlers.senders import told_by
from radiusd.radius.assigned import Code
from radiusd.radius.clients import Client
from radiusd.radius.digest_fields import wants_challenge
from radiusd.radius.discards import MalformedPacket
from radiusd.radius.packet import Packet, read_packet
from radiusd.radius.signing import (
    SELF_SIGNED,
    MessageAuthenticator,
    verify_message_authenticator,
    verify_request_authenticator,
    verify_response,
)

RADIUS_PORTS = frozenset({1812, 1813, 1645, 1646, 3799, 1700})
_CODES = {int(code): code.name.replace("_", "-").title() for code in Code}
_MAY_BE_UNSIGNED = (Code.ACCOUNTING_REQUEST, Code.ACCOUNTING_RESPONSE)
_REQUESTS = (Code.ACCESS_REQUEST, Code.ACCOUNTING_REQUEST, Code.STATUS_SERVER, *SELF_SIGNED)
_NOT_SHOWN = frozenset({"client_id", "dialect", "source", "flags", "asked"})
_Way = tuple[tuple[str, int] | None, tuple[str, int] | None, int]


@dataclass(frozen=True, slots=True)
class Decoded:
    """
    A packet as the server understands it; *attributes* are (name, value) in the order of the wire.

    *proof* is how a question proves its user, as far as that can be told without the user's password.
    """

    sent: Sent
    name: str
    identifier: int | None = None
    attributes: list[tuple[str, str]] = field(default_factory=list)
    event: CallEvent | None = None
    proof: str = ""
    warnings: tuple[str, ...] = ()


def read_input(octets: bytes, names: Dictionary, secret: bytes) -> Iterator[Sent]:
    """
    Yield the RADIUS packets in *octets*: a capture, or text.

    Raises:
        BadInput: There are none, or they cannot be read.
    """
    if is_capture(octets):
        yield from _of_capture(octets)
        return
    try:
        text = octets.decode()
    except UnicodeDecodeError as error:
        raise BadInput(
            f"octet {error.start} is no text and the file is no capture: hand in pcap, pcapng, hexadecimal"
            " digits, or NAME = VALUE lines"
        ) from error
    yield from read_text(text, names, secret)


def _of_capture(octets: bytes) -> Iterator[Sent]:
    others = 0
    found = False
    for datagram in read_capture(octets):
        ports = {datagram.source[1], datagram.destination[1]}
        if ports.isdisjoint(RADIUS_PORTS) and not _looks_like_radius(datagram.payload):
            others += 1
            continue
        found = True
        yield Sent(
            f"frame {datagram.number}",
            datagram.payload,
            datagram.at,
            datagram.source,
            datagram.destination,
        )
    if not found:
        raise BadInput(f"no RADIUS packet among the {others} whole UDP datagrams of the capture")


def _looks_like_radius(payload: bytes) -> bool:
    """Tell whether a datagram on any port is a packet: a code we know, and lengths that add up."""
    try:
        return payload[:1] != b"" and payload[0] in _CODES and len(read_packet(payload).raw) == len(payload)
    except MalformedPacket:
        return False


class Decoder:
    """
    Decodes the packets of one *client*, one after the other: an answer is checked against its request.

    *secret* None: no signature is checked. *now* is the arrival of a packet whose file does not say.
    """

    def __init__(self, client: Client, secret: bytes | None, names: Dictionary, now: datetime) -> None:
        self._client = client
        self._secret = secret
        self._names = names
        self._now = now
        self._requests: dict[_Way, bytes] = {}

    def decode(self, sent: Sent) -> Decoded:
        """Return what *sent* means; nothing in it can make this raise."""
        try:
            packet = read_packet(sent.datagram)
        except MalformedPacket as malformed:
            return Decoded(sent, "malformed", warnings=(f"no answer: {malformed.reason.value}",))
        warnings = [*sent.doubts, *self._signature(sent, packet)]
        attributes = []
        for key, value in numbered(packet):
            name, shown, is_known = named(self._names, key, value)
            attributes.append((name, shown))
            if not is_known:
                warnings.append(f"{name}: not in the dictionary of dialect {self._client.dialect}")
        event, why = self._event(sent, packet)
        proof = read_proof_of(packet, self._client) if packet.code == Code.ACCESS_REQUEST else ""
        if why:
            warnings.append(why)
        elif event is not None:
            warnings += [f"doubt: {flag}" for flag in event.flags]
        name = _CODES.get(packet.code, f"code {packet.code}")
        told = tuple(dict.fromkeys(warnings))
        return Decoded(sent, name, packet.identifier, attributes, event, proof, told)

    def _event(self, sent: Sent, packet: Packet) -> tuple[CallEvent | None, str]:
        if packet.code not in (Code.ACCESS_REQUEST, Code.ACCOUNTING_REQUEST):
            return None, ""
        dialect = DIALECTS[self._client.dialect]
        read = dialect.read_attempt if packet.code == Code.ACCESS_REQUEST else dialect.read_event
        source = f"{sent.source[0]}:{sent.source[1]}/{packet.identifier}" if sent.source else sent.where
        try:
            event = read(packet, self._client, sent.at or self._now, source)
            return told_by(event, self._client, packet), ""
        except UnreadableEvent as error:
            return None, f"acknowledged, and not booked: {error}"

    def _signature(self, sent: Sent, packet: Packet) -> Iterator[str]:
        """Yield what is wrong with how *packet* is signed, a sentence each."""
        secret = self._secret
        if secret is None or not sent.is_signed:
            return
        request: bytes | None = None
        if packet.code in _REQUESTS:
            self._requests[sent.source, sent.destination, packet.identifier] = packet.authenticator
            wrong = packet.code in SELF_SIGNED and not verify_request_authenticator(packet.raw, secret)
        else:
            request = self._requests.get((sent.destination, sent.source, packet.identifier))
            if request is None:
                yield "its request is not here, so its signature cannot be checked"
                return
            wrong = not verify_response(packet.raw, request, secret)
        if wrong:
            yield f"bad authenticator: signed with another secret than that of {self._client.name}"
        found = verify_message_authenticator(packet, secret, request)
        if found is MessageAuthenticator.INVALID:
            yield "bad Message-Authenticator: another secret, or changed on the way"
        elif found is MessageAuthenticator.ABSENT and packet.code not in _MAY_BE_UNSIGNED:
            yield _without_message_authenticator(packet, self._client)


def read_proof_of(packet: Packet, client: Client) -> str:
    """Return how a question proves its user: in which way, or why it is refused whatever the password."""
    if wants_challenge(packet):
        return "none yet: it is given a challenge"
    proof = read_proof(packet, client)
    if proof.refused:
        return f"refused: {proof.refused}"
    if proof.digest is not None:
        return f"digest of {proof.digest.username}, written as {proof.digest.encoding.value}"
    if proof.pap is not None:
        asks_for_address = DIALECTS[client.dialect].asks_for_address(packet, proof.pap.password)
        return "none: its password is nobody's" if asks_for_address else "a password (PAP)"
    return "a password (CHAP)" if proof.chap is not None else "none: it asks about a call only"


def _without_message_authenticator(packet: Packet, client: Client) -> str:
    if packet.code == Code.ACCESS_REQUEST and client.require_message_authenticator:
        return "no Message-Authenticator: dropped, because the client's require_message_authenticator is on"
    if packet.code == Code.STATUS_SERVER:
        return "no Message-Authenticator: dropped (RFC 5997, 3)"
    return "no Message-Authenticator: nothing proves who sent it (CVE-2024-3596)"


def as_document(decoded: Decoded) -> dict[str, Any]:
    """Return *decoded* as JSON tells it: fields of the event that are empty are left out."""
    sent = decoded.sent
    told: dict[str, Any] = {"where": sent.where, "packet": decoded.name}
    if decoded.identifier is not None:
        told["identifier"] = decoded.identifier
    if sent.at is not None:
        told["received_at"] = sent.at
    if sent.source and sent.destination:
        told["from"], told["to"] = (f"{host}:{port}" for host, port in (sent.source, sent.destination))
    told["attributes"] = [list(pair) for pair in decoded.attributes]
    if decoded.proof:
        told["proof"] = decoded.proof
    told["event"] = None if decoded.event is None else event_fields(decoded.event)
    told["warnings"] = list(decoded.warnings)
    return told


def event_fields(event: CallEvent) -> dict[str, Any]:
    """Return what *event* says, by the names of its fields, as text, numbers and lists."""
    said = {name: shown(getattr(event, name)) for name in event.__struct_fields__}
    said["duration_ms"] = event.lasted_ms
    return {
        name: [str(each) for each in value] if isinstance(value, list) else value
        for name, value in said.items()
        if value is not None and value != [] and name not in _NOT_SHOWN
    }
