"""Where a client's settings say that a value stands: a name, a name inside AVPairs, or a number."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from radiusd.dialects.dictionary import Definition
from radiusd.dialects.values import address, text, without_name
from radiusd.radius.packet import Packet

_NUMBER = re.compile(r"#(\d{1,3})", re.ASCII)
_VENDOR_NUMBER = re.compile(r"#?26\.(\d{1,10})\.(\d{1,3})", re.ASCII)
_TEXT_TYPES = frozenset({"string", "octets"})
_ADDRESS_TYPES = frozenset({"ipaddr", "ipv6addr"})
SCRIPT_PAIRS = frozenset({b"h323-ivr-out", b"h323-ivr-in"})  # hold key:value, which is a pair of its own
FORMS = "Attribute-Name, Cisco-AVPair:name, 26.VENDOR.NUMBER or #NUMBER"


@dataclass(frozen=True, slots=True)
class Source:
    """
    One place in a packet.

    *vendor* is 0 for a plain attribute. *name* is what may stand before the
    value with a ``=``: the attribute's own name, or with *in_pairs* that of the
    pair to look for; it is empty for an attribute that the dictionary does not
    know. *by_number*: the place was written by its number.
    """

    vendor: int
    type: int
    name: str = ""
    in_pairs: bool = False
    datatype: str = "string"
    by_number: bool = False

    def find(self, packet: Packet) -> bytes | None:
        """Return the octets that stand there, without any name before them; None when there are none."""
        if self.in_pairs:
            return self._pair(packet)
        value = packet.vendor_first(self.vendor, self.type) if self.vendor else packet.first(self.type)
        if value is None or not self.name or b"=" not in value:
            return value
        written = text(value)
        bare = without_name(written, self.name)
        if bare == written:
            # AudioCodes-h323-gw-id holds h323-gw-id=...
            bare = without_name(written, self.name.partition("-")[2])
        return bare.encode()

    def read(self, packet: Packet) -> str:
        """Return what stands there as text; an address and a number in their usual form."""
        value = self.find(packet)
        if value is None or self.in_pairs or self.datatype in _TEXT_TYPES:
            return text(value)
        if self.datatype in _ADDRESS_TYPES:
            return address(value)
        return str(int.from_bytes(value, "big")) if len(value) <= 8 else ""

    def _pair(self, packet: Packet) -> bytes | None:
        values = packet.vendor_all(self.vendor, self.type) if self.vendor else packet.all(self.type)
        name = self.name.encode()
        found = pairs(values).get(name)
        if found is None:
            # SIP proxies write name:value into SIP-AVP.
            start = len(name) + 1
            found = next((value[start:] for value in values if value[:start].lower() == name + b":"), None)
        return found


def pairs(values: list[bytes]) -> dict[bytes, bytes]:
    """
    Return the value of every ``name=value`` in *values* by its name in lower case; the first of a name wins.

    ``h323-ivr-out=key:value``, Cisco's way to let a script add what it likes,
    counts under ``key`` as well.
    """
    found: dict[bytes, bytes] = {}
    for value in values:
        name, sign, rest = value.partition(b"=")
        if not sign:
            continue
        name = name.strip().lower()
        found.setdefault(name, rest)
        if name in SCRIPT_PAIRS:
            key, colon, inner = rest.partition(b":")
            if colon:
                found.setdefault(key.strip().lower(), inner)
    return found


def read_source(written: str, known: Mapping[str, Definition]) -> Source:
    """
    Return the place that *written* names, with *known* attribute names.

    Raises:
        ValueError: It has none of the forms, or names an attribute that the dictionary does not know.
    """
    written = written.strip()
    if match := _VENDOR_NUMBER.fullmatch(written):
        return _numbered(written, int(match[1]), int(match[2]), known)
    if match := _NUMBER.fullmatch(written):
        return _numbered(written, 0, int(match[1]), known)
    attribute, colon, pair = (part.strip() for part in written.partition(":"))
    definition = known.get(attribute.lower())
    if definition is None:
        raise ValueError(f"no attribute is named {attribute!r} in this dialect; write {FORMS}")
    if colon and (not pair or definition.datatype not in _TEXT_TYPES):
        raise ValueError(f"{written!r} names no pair in a text attribute, as Cisco-AVPair:src-ip does")
    return Source(
        vendor=definition.vendor,
        type=definition.type,
        name=(pair or definition.name).lower(),
        in_pairs=bool(colon),
        datatype=definition.datatype,
    )


def _numbered(written: str, vendor: int, type: int, known: Mapping[str, Definition]) -> Source:
    if not 1 <= type <= 255 or vendor >= 1 << 32:
        raise ValueError(f"{written!r} is out of range: attribute numbers go from 1 to 255")
    names = (each.name for each in known.values() if (each.vendor, each.type) == (vendor, type))
    # Its datatype is not the dictionary's: the same number means other things to other senders.
    return Source(vendor, type, next(names, "").lower(), by_number=True)
