"""Read the UDP datagrams of captures in libpcap's two formats; every length is checked before it is used."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import NamedTuple

from radiusd.errors import BadInput

PCAPNG = b"\x0a\x0d\x0d\x0a"
_PCAP = {
    b"\xa1\xb2\xc3\xd4": (">", 1_000_000),
    b"\xd4\xc3\xb2\xa1": ("<", 1_000_000),
    b"\xa1\xb2\x3c\x4d": (">", 1_000_000_000),
    b"\x4d\x3c\xb2\xa1": ("<", 1_000_000_000),
}
_NULL, _ETHERNET, _RAW, _LINUX_SLL, _LINUX_SLL2 = 0, 1, (12, 14, 101, 228, 229), 113, 276
_IPV4, _IPV6, _VLAN = 0x0800, 0x86DD, (0x8100, 0x88A8, 0x9100)
_UDP = 17
_EXTENSIONS = (0, 43, 60)  # hop-by-hop, routing, destination options (RFC 8200, 4)
_SECTION, _INTERFACE, _ENHANCED, _SIMPLE = PCAPNG, 1, 6, 3
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Datagram(NamedTuple):
    """One UDP datagram; *number* is its frame's, counted from 1 as Wireshark does."""

    number: int
    at: datetime | None
    source: tuple[str, int]
    destination: tuple[str, int]
    payload: bytes


class _Frame(NamedTuple):
    at: datetime | None
    link: int
    octets: bytes


def is_capture(octets: bytes) -> bool:
    """Tell whether *octets* begin as a capture does."""
    return octets[:4] in _PCAP or octets[:4] == PCAPNG


def read_capture(octets: bytes) -> Iterator[Datagram]:
    """
    Yield the whole UDP datagrams of a capture; what is no UDP, and pieces of datagrams, are passed over.

    Raises:
        BadInput: It ends within a frame or has impossible lengths; what stands before that was yielded.
    """
    frames = _pcapng(octets) if octets[:4] == PCAPNG else _pcap(octets)
    for number, frame in enumerate(frames, 1):
        packet = _network(frame.link, frame.octets)
        found = _udp(packet) if packet is not None else None
        if found is not None:
            yield Datagram(number, frame.at, *found)


def _pcap(octets: bytes) -> Iterator[_Frame]:
    order, per_second = _PCAP[octets[:4]]
    (link,) = _take(order + "20xI", octets, 0, "the header")
    header = struct.Struct(order + "IIII")
    at = 24
    number = 0
    while at < len(octets):
        number += 1
        seconds, fraction, size, _ = _take(header.format, octets, at, f"frame {number}")
        at += header.size
        if size > len(octets) - at:
            raise BadInput(f"frame {number}: the capture ends within it; was the file cut off?")
        moment = _moment(seconds * per_second + fraction, per_second)
        yield _Frame(moment, link & 0xFFFF, octets[at : at + size])
        at += size


def _pcapng(octets: bytes) -> Iterator[_Frame]:
    order = "<"
    links: list[tuple[int, int]] = []  # of each interface: the kind of link, ticks of its clock in a second
    at = 0
    while at < len(octets):
        if octets[at : at + 4] == PCAPNG:
            order = "<" if octets[at + 8 : at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            links = []
        kind, size = _take(order + "II", octets, at, f"the block at octet {at}")
        if size < 12 or size % 4 or size > len(octets) - at:
            raise BadInput(f"the block at octet {at} cannot have {size} octets; was the file cut off?")
        body = octets[at + 8 : at + size - 4]
        at += size
        if kind == _INTERFACE:
            (link,) = _take(order + "H", body, 0, "an interface")
            links.append((link, _resolution(order, body[8:])))
        elif kind == _ENHANCED:
            index, high, low, captured = _take(order + "IIII", body, 0, "a packet block")
            if index >= len(links):
                raise BadInput(f"a packet block names interface {index}, and the capture has {len(links)}")
            link, per_second = links[index]
            yield _Frame(_moment(high << 32 | low, per_second), link, body[20 : 20 + captured])
        elif kind == _SIMPLE and links:
            (original,) = _take(order + "I", body, 0, "a packet block")
            yield _Frame(None, links[0][0], body[4 : 4 + original])


def _resolution(order: str, options: bytes) -> int:
    """Return how many ticks a second has (option if_tsresol; a millionth is usual)."""
    at = 0
    while at + 4 <= len(options):
        code, size = struct.unpack_from(order + "HH", options, at)
        if code == 9 and size == 1 and at + 5 <= len(options):
            power = options[at + 4]
            return int(2 ** (power & 0x7F)) if power & 0x80 else int(10 ** min(power, 18))
        if code == 0:
            break
        at += 4 + (size + 3) // 4 * 4
    return 1_000_000


def _moment(ticks: int, per_second: int) -> datetime | None:
    try:
        return _EPOCH + timedelta(microseconds=ticks * 1_000_000 // per_second)
    except OverflowError:
        return None


def _take(form: str, octets: bytes, at: int, what: str) -> tuple[int, ...]:
    try:
        return struct.unpack_from(form, octets, at)
    except struct.error:
        raise BadInput(f"{what}: the capture ends within it; was the file cut off?") from None


def _network(link: int, frame: bytes) -> bytes | None:
    """Return the IP packet in *frame*, None when it carries another protocol."""
    if link in _RAW:
        return frame
    if link == _NULL:
        return frame[4:]
    if link == _LINUX_SLL:
        return _by_type(frame, 14, 16)
    if link == _LINUX_SLL2:
        return _by_type(frame, 0, 20)
    return _by_type(frame, 12, 14) if link == _ETHERNET else None


def _by_type(frame: bytes, type_at: int, at: int) -> bytes | None:
    kind = int.from_bytes(frame[type_at : type_at + 2], "big")
    while kind in _VLAN:
        kind = int.from_bytes(frame[at + 2 : at + 4], "big")
        at += 4
    return frame[at:] if kind in (_IPV4, _IPV6) else None


def _udp(packet: bytes) -> tuple[tuple[str, int], tuple[str, int], bytes] | None:
    """Return source, destination and payload of the UDP datagram in *packet*, None when there is no whole."""
    version = packet[0] >> 4 if packet else 0
    found = _ipv4(packet) if version == 4 else _ipv6(packet) if version == 6 else None
    if found is None:
        return None
    source, destination, segment = found
    if len(segment) < 8:
        return None
    source_port, destination_port, size = struct.unpack_from(">HHH", segment)
    if not 8 <= size <= len(segment):
        return None
    here, there = str(ip_address(source)), str(ip_address(destination))
    return (here, source_port), (there, destination_port), segment[8:size]


def _ipv4(packet: bytes) -> tuple[bytes, bytes, bytes] | None:
    if len(packet) < 20:
        return None
    header, total = (packet[0] & 15) * 4, int.from_bytes(packet[2:4], "big")
    is_piece = int.from_bytes(packet[6:8], "big") & 0x3FFF  # more fragments, or an offset
    if header < 20 or total < header or packet[9] != _UDP or is_piece:
        return None
    return packet[12:16], packet[16:20], packet[header:total]


def _ipv6(packet: bytes) -> tuple[bytes, bytes, bytes] | None:
    if len(packet) < 40:
        return None
    following, at = packet[6], 40
    while following in _EXTENSIONS and at + 2 <= len(packet):
        following, at = packet[at], at + (packet[at + 1] + 1) * 8
    end = 40 + int.from_bytes(packet[4:6], "big")
    return (packet[8:24], packet[24:40], packet[at:end]) if following == _UDP else None
