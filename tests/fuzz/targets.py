"""What strangers' octets reach first: each a function that takes some, and refuses in its own way only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from radiusd.dialects.registry import DIALECTS
from radiusd.radius.discards import MalformedPacket
from radiusd.radius.framing import Framer
from radiusd.radius.packet import read_packet
from radiusd.sip.framing import BadStream
from radiusd.sip.framing import Framer as SipFramer
from tests.radiusd.dialects.test_hostile_packets import CAPTURED, CLIENTS, read
from tests.sip_desk import Desk, a_request

CORPUS = Path(__file__).with_name("corpus")
LONGEST = 4096
EVERYTHING_EXPIRES_S = 100.0

Run = Callable[[bytes], None]


@dataclass(frozen=True)
class Target:
    """
    One reader.

    *make* returns it with all that it remembers from one input to the next. *corpus* names the file of its
    inputs, which it may share with others; *seeds* are what a new corpus begins with.
    """

    name: str
    corpus: str
    make: Callable[[], Run]
    seeds: tuple[bytes, ...]

    @property
    def file(self) -> Path:
        """Where its inputs are kept."""
        return CORPUS / f"{self.corpus}.hex"


def _packets() -> Run:
    def run(octets: bytes) -> None:
        try:
            packet = read_packet(octets)
        except MalformedPacket:
            return
        for type in (1, 26, 27, 40, 44, 80, 241):
            packet.text(type)
            packet.integer(type)
            packet.all(type)
        for type in (1, 24, 255):
            packet.vendor_first(9, type)
            packet.vendor_all(9, type)

    return run


def _pieces(octets: bytes) -> tuple[bytes, ...]:
    """Return what a stream is cut into: the first octet says where."""
    at = octets[0] if octets else 0
    return octets[1 : at + 1], octets[at + 1 :]


def _streams() -> Run:
    def run(octets: bytes) -> None:
        framer = Framer()
        try:
            for piece in _pieces(octets):
                for packet in framer.packets(piece):
                    assert 20 <= len(packet) <= LONGEST
        except MalformedPacket:
            return

    return run


def _sip_streams() -> Run:
    def run(octets: bytes) -> None:
        framer = SipFramer()
        try:
            for piece in _pieces(octets):
                for message in framer.messages(piece):
                    assert message
        except BadStream:
            return

    return run


def _sip() -> Run:
    desk = Desk()

    def run(octets: bytes) -> None:
        desk.receive(octets)
        assert [] == desk.faults
        desk.clock.advance(EVERYTHING_EXPIRES_S)
        for kept in (desk.sent, desk.invites, desk.dropped):
            kept.clear()

    return run


def _dialect(name: str) -> Callable[[], Run]:
    clients = [client for client in CLIENTS if client.dialect == name]

    def run(octets: bytes) -> None:
        try:
            packet = read_packet(octets)
        except MalformedPacket:
            return
        for client in clients:
            read(packet, client)

    return lambda: run


def _sip_seeds() -> tuple[bytes, ...]:
    methods = ("INVITE", "ACK", "CANCEL", "OPTIONS", "BYE", "REGISTER")
    plain = [a_request(method) for method in methods]
    identity = 'P-Asserted-Identity: "A" <sip:+15550000001;npdi@pbx>, <tel:+1-555-000>'
    proof = (
        'Proxy-Authorization: Digest username="a", realm="b", nonce="c", uri="sip:x", response="d", qop=auth'
    )
    return (*plain, a_request("INVITE", identity, proof, "Require: 100rel"))


_SIP = _sip_seeds()
TARGETS = {
    target.name: target
    for target in (
        Target("packets", "packets", _packets, tuple(CAPTURED[::9])),
        Target("streams", "streams", _streams, tuple(b"\x30" + one + one for one in CAPTURED[::30])),
        Target("sip", "sip", _sip, _SIP),
        Target(
            "sip-streams", "sip-streams", _sip_streams, tuple(b"\x50" + one + b"\r\n\r\n" for one in _SIP)
        ),
        *(Target(name, "dialects", _dialect(name), tuple(CAPTURED[::3])) for name in DIALECTS),
    )
}


def known(target: Target) -> list[bytes]:
    """Return the inputs that are kept for *target*."""
    if not target.file.exists():
        return []
    return [bytes.fromhex(line) for line in target.file.read_text().split()]


def keep(target: Target, inputs: list[bytes]) -> None:
    """Write all inputs of *target*'s corpus: each once, the shortest first, so that changes show."""
    lines = sorted({one.hex() for one in inputs}, key=lambda line: (len(line), line))
    target.file.parent.mkdir(exist_ok=True)
    target.file.write_text("".join(f"{line}\n" for line in lines))
