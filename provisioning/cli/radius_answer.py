"""Name the attributes of an answer, for people to read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pyrad.dictionary import Dictionary
from pyrad.tools import DecodeAttr

from radiusd.radius.assigned import Attribute, Code
from radiusd.radius.packet import Packet


def answer_name(packet: Packet) -> str:
    """Return the name of the packet's code: ``Access-Accept``."""
    return Code(packet.code).name.replace("_", "-").title()


def named_attributes(names: Dictionary, packet: Packet) -> dict[str, object]:
    """Return the attributes of *packet* by their names, values as text; several of one name as a list."""
    found: dict[str, list[str]] = {}
    for key, value in _numbered(packet):
        name = names.attrindex.GetBackward(key) if names.attrindex.HasBackward(key) else _number(key)
        found.setdefault(name, []).append(_text(names.attributes.get(name), value))
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _numbered(packet: Packet) -> Iterator[tuple[int | tuple[int, int], bytes]]:
    for code, value in packet.attributes:
        if code != Attribute.VENDOR_SPECIFIC:
            yield code, value
    for vendor, code, value in packet.vendor_attributes():
        yield (vendor, code), value


def _number(key: int | tuple[int, int]) -> str:
    """Return how an attribute is called that the dictionary does not know."""
    return f"Attribute-{key}" if isinstance(key, int) else f"Vendor-{key[0]}-Attribute-{key[1]}"


def _text(known: Any, value: bytes) -> str:
    """Return a value by its name in the dictionary, as a number or text, else in hex after ``0x``."""
    if known is not None and known.values.HasBackward(value):
        return str(known.values.GetBackward(value))
    try:
        decoded = DecodeAttr(known.type, value) if known is not None else value
    except Exception:  # pyrad lets through whatever its decoders stumble over; octets can always be shown
        decoded = value
    return "0x" + decoded.hex() if isinstance(decoded, bytes) else str(decoded)
