"""
Read vectors: packets and what they mean, as text that needs no Python to write.

A file is named after its dialect. It holds cases, each of these blocks in this order; ``#`` begins a
comment line::

    case what it shows
    client
        trunk_in_from = Cisco-AVPair:tg
    packet
        received_at = 2026-11-22T14:07:05.020Z
        Acct-Status-Type = Stop
        26.9.30 = 0x3130
    event
        kind = stop
        duration_ms = 61000

``client`` (its settings) may be missing. ``packet`` is an Accounting-Request; ``attempt`` in its place
makes it an Access-Request. Attributes stand in the order of the wire, by name or as ``#NUMBER`` or
``26.VENDOR.NUMBER``; a value that begins with ``0x`` is octets. ``event`` lists fields of the event; what
it does not name is not looked at, and ``none`` is an absent or empty value. ``unreadable`` in its place
holds words of the reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path

from pyrad.dictionary import Attribute, Dictionary

from dictionaries import path_of
from radiusd.calls.events import CallEvent
from radiusd.radius.clients import Client
from radiusd.radius.packet import Packet, read_packet

FOLDER = Path(__file__).parents[2] / "vectors"
BLOCKS = ("client", "packet", "attempt", "event", "unreadable")


@dataclass
class Vector:
    """One case. *lines* of a block are (line number, name, value)."""

    dialect: str
    title: str
    line: int
    blocks: dict[str, list[tuple[int, str, str]]] = field(default_factory=dict)

    @property
    def client(self) -> Client:
        return a_client(self.dialect, {name: value for _, name, value in self.blocks.get("client", ())})

    @property
    def is_attempt(self) -> bool:
        return "attempt" in self.blocks

    @property
    def received_at(self) -> datetime:
        for _, name, value in self._sent():
            if name == "received_at":
                return datetime.fromisoformat(value)
        raise AssertionError(f"{self}: the packet has no received_at")

    @property
    def packet(self) -> Packet:
        attributes = [(name, value) for _, name, value in self._sent() if name != "received_at"]
        return a_packet(self.dialect, *attributes, code=1 if self.is_attempt else 4)

    @property
    def refusal(self) -> str:
        """Words of the reason why nothing can be read, empty when something can."""
        return " ".join(name for _, name, _ in self.blocks.get("unreadable", ()))

    def differences(self, event: CallEvent) -> list[str]:
        """Return where *event* is not what the vector says."""
        return [
            f"{self.dialect}.txt:{line}: {name} is {shown(getattr(event, name))!r}, not {value!r}"
            for line, name, value in self.blocks["event"]
            if shown(getattr(event, name)) != value
        ]

    def __str__(self) -> str:
        return f"{self.dialect}.txt:{self.line} {self.title}"

    def _sent(self) -> list[tuple[int, str, str]]:
        return self.blocks["attempt" if self.is_attempt else "packet"]


def read_vectors(dialect: str) -> list[Vector]:
    """Return the cases in the file of *dialect*; what is misspelt there fails with file and line."""
    path = FOLDER / f"{dialect}.txt"
    vectors: list[Vector] = []
    block: list[tuple[int, str, str]] = []
    for line, written in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        words = written.strip()
        if not words or words.startswith("# "):
            continue
        if written[0] == " ":
            name, _, value = words.partition(" = ")
            block.append((line, name.strip(), value.strip()))
        elif words.startswith("case "):
            vectors.append(Vector(dialect, words[5:], line))
        elif words in BLOCKS:
            block = vectors[-1].blocks.setdefault(words, [])
        else:
            raise AssertionError(f"{path.name}:{line}: {words!r} is neither 'case ...' nor one of {BLOCKS}")
    return vectors


def shown(value: object) -> str:
    """Return a field of an event as a vector writes it."""
    if value is None or value == "" or value == ():
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, datetime):
        milliseconds = value.microsecond // 1000
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{milliseconds:03}Z"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def a_client(dialect: str = "rfc2866", settings: dict[str, str] | None = None) -> Client:
    """A client that speaks *dialect*."""
    return Client(
        id=7, name="sbc1", networks=(), secret=b"0123456789abcdef", dialect=dialect, settings=settings or {}
    )


def a_packet(dialect: str, *attributes: tuple[str, str], code: int = 4) -> Packet:
    """A packet with *attributes*, written by the dictionary of *dialect*, as our own reader reads it."""
    body = b"".join(_encode(dialect, name, value) for name, value in attributes)
    return read_packet(bytes((code, 1)) + (20 + len(body)).to_bytes(2, "big") + bytes(16) + body)


@lru_cache
def dictionary(dialect: str) -> Dictionary:
    """The dictionary of *dialect*."""
    return Dictionary(str(path_of(dialect)))


def _encode(dialect: str, name: str, value: str) -> bytes:
    if name.startswith("26."):
        _, vendor, type = map(int, name.split("."))
        return _vendor_specific(vendor, type, _octets(value))
    if name.startswith("#"):
        octets = _octets(value)
        return bytes((int(name[1:]), len(octets) + 2)) + octets
    entry = dictionary(dialect).attributes[name]
    octets = _octets(value) if value.startswith("0x") else _by_type(entry, value)
    if entry.vendor:
        return _vendor_specific(dictionary(dialect).vendors.GetForward(entry.vendor), entry.code, octets)
    return bytes((entry.code, len(octets) + 2)) + octets


def _vendor_specific(vendor: int, type: int, octets: bytes) -> bytes:
    return bytes((26, len(octets) + 8)) + vendor.to_bytes(4, "big") + bytes((type, len(octets) + 2)) + octets


def _by_type(entry: Attribute, value: str) -> bytes:
    if entry.type == "integer" and entry.values.HasForward(value):
        return bytes(entry.values.GetForward(value))
    if entry.type in ("integer", "date"):
        return int(value).to_bytes(4, "big")
    return ip_address(value).packed if entry.type == "ipaddr" else value.encode()


def _octets(value: str) -> bytes:
    return bytes.fromhex(value[2:]) if value.startswith("0x") else value.encode()
