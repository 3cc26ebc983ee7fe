"""Name the attributes of a packet, for people to read; passwords are not shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pyrad.dictionary import Dictionary
from pyrad.tools import DecodeAttr

from radiusd.radius.assigned import Attribute
from radiusd.radius.packet import Packet

Key = int | tuple[int, int]  # a plain attribute's number, or vendor and number
HIDDEN = "(hidden)"
_DIGEST_NAMES = {
    1: "Digest-Realm",
    2: "Digest-Nonce",
    3: "Digest-Method",
    4: "Digest-URI",
    5: "Digest-Qop",
    6: "Digest-Algorithm",
    7: "Digest-Body-Digest",
    8: "Digest-CNonce",
    9: "Digest-Nonce-Count",
    10: "Digest-User-Name",
}
_SECRET = frozenset({Attribute.USER_PASSWORD, Attribute.CHAP_PASSWORD, 121})  # 121: Digest-HA1


def numbered(packet: Packet) -> Iterator[tuple[Key, bytes]]:
    """Yield number and value of each attribute in the order of the wire, a vendor's by vendor and number."""
    for code, value in packet.attributes:
        inner = _inside(value) if code == Attribute.VENDOR_SPECIFIC else []
        if inner:
            yield from inner
        else:
            yield code, value


def _inside(value: bytes) -> list[tuple[Key, bytes]]:
    alone = Packet(0, 0, bytes(16), b"", [(Attribute.VENDOR_SPECIFIC, value)])
    return [((vendor, code), inner) for vendor, code, inner in alone.vendor_attributes()]


def named(names: Dictionary, key: Key, value: bytes) -> tuple[str, str, bool]:
    """Return the name and the value as text, and whether the dictionary knows it."""
    is_known = names.attrindex.HasBackward(key)
    name = names.attrindex.GetBackward(key) if is_known else _number(key)
    if key in _SECRET:
        return name, HIDDEN, is_known
    inner = _digest(value) if key == Attribute.STERMAN_DIGEST_ATTRIBUTES else ""
    if inner:
        return name, inner, is_known
    return name, _text(names.attributes.get(name), value), is_known


def _digest(value: bytes) -> str:
    """Return the sub-attributes of draft-sterman-aaa-sip-00 in *value*, empty if a length is wrong."""
    found: list[str] = []
    at = 0
    while at < len(value):
        size = value[at + 1] if at + 1 < len(value) else 0
        if size < 2 or at + size > len(value):
            return ""
        text = _printable(value[at + 2 : at + size]) or "0x" + value[at + 2 : at + size].hex()
        found.append(f"{_DIGEST_NAMES.get(value[at], value[at])} = {text}")
        at += size
    return ", ".join(found)


def _number(key: Key) -> str:
    """Return how an attribute is called that the dictionary does not know: as client settings name it."""
    return f"#{key}" if isinstance(key, int) else f"26.{key[0]}.{key[1]}"


def _text(known: Any, value: bytes) -> str:
    """Return a value by its name in the dictionary, as a number or text, else in hex after ``0x``."""
    if known is not None and known.values.HasBackward(value):
        return str(known.values.GetBackward(value))
    try:
        decoded = DecodeAttr(known.type, value) if known is not None else value
    except Exception:  # pyrad lets through whatever its decoders stumble over; octets can always be shown
        decoded = value
    if not isinstance(decoded, bytes):
        return str(decoded)
    text = _printable(decoded) if known is None or known.type == "string" else ""
    return text or "0x" + decoded.hex()


def _printable(value: bytes) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return ""
    return text if text.isprintable() else ""
