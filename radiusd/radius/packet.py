"""Read a RADIUS packet: bounds first, meaning only when somebody asks."""

from __future__ import annotations

import struct

from radiusd.radius.assigned import HEADER_OCTETS, MAX_PACKET_OCTETS
from radiusd.radius.discards import MalformedPacket, Reason

_HEADER = struct.Struct("!BBH16s")
_VENDOR_HEADER = struct.Struct("!IBB")  # vendor id, vendor type, vendor length (RFC 2865, 5.26)
_VENDOR_SPECIFIC = 26

VendorAttribute = tuple[int, int, bytes]  # vendor id, vendor type, value


class Packet:
    """
    A packet whose outline is sound: every attribute lies within it.

    *attributes* holds (type, value) in the order of the wire, each value as it
    came. The methods read a value as one data type and never raise: what has
    the wrong size for its type is as good as absent (RFC 6929, 2.8). Vendor
    attributes are taken apart when first asked for.
    """

    __slots__ = (
        "_first",
        "_vendor",
        "_vendor_first",
        "attributes",
        "authenticator",
        "code",
        "identifier",
        "raw",
    )

    def __init__(
        self,
        code: int,
        identifier: int,
        authenticator: bytes,
        raw: bytes,
        attributes: list[tuple[int, bytes]],
    ) -> None:
        self.code = code
        self.identifier = identifier
        self.authenticator = authenticator
        self.raw = raw
        self.attributes = attributes
        self._first: dict[int, bytes] | None = None
        self._vendor: list[VendorAttribute] | None = None
        self._vendor_first: dict[tuple[int, int], bytes] | None = None

    def __repr__(self) -> str:
        # No values: they may hold passwords.
        return f"<Packet code={self.code} identifier={self.identifier} octets={len(self.raw)}>"

    def first(self, type: int) -> bytes | None:
        """Return the first value of attribute *type*."""
        if self._first is None:
            # Reversed, so that the first of several wins.
            self._first = dict(reversed(self.attributes))
        return self._first.get(type)

    def all(self, type: int) -> list[bytes]:
        """Return every value of attribute *type* in the order of the wire; they need not be adjacent."""
        return [value for kind, value in self.attributes if kind == type]

    def text(self, type: int) -> str | None:
        """Return the first value of *type* as text; see :func:`as_text`."""
        if self._first is None:
            self._first = dict(reversed(self.attributes))
        value = self._first.get(type)
        return None if value is None else as_text(value)

    def integer(self, type: int) -> int | None:
        """Return the first value of *type* as an unsigned number, None when it is not 4 octets."""
        if self._first is None:
            self._first = dict(reversed(self.attributes))
        value = self._first.get(type)
        if value is None or len(value) != 4:
            return None
        return int.from_bytes(value, "big")

    def vendor_attributes(self) -> list[VendorAttribute]:
        """
        Return the (vendor, type, value) of every well-formed Vendor-Specific attribute.

        Several sub-attributes in one attribute are several entries. An attribute
        whose inner lengths do not add up yields none: half of it would be a guess.
        Its octets are still in *attributes*.
        """
        if self._vendor is None:
            found: list[VendorAttribute] = []
            for kind, value in self.attributes:
                if kind != _VENDOR_SPECIFIC or len(value) < 6:
                    continue
                vendor, type, size = _VENDOR_HEADER.unpack_from(value)
                if size == len(value) - 4:  # almost every sender puts one sub-attribute in one attribute
                    found.append((vendor, type, value[6:]))
                else:
                    found.extend(_sub_attributes(vendor, value))
            self._vendor = found
        return self._vendor

    def vendor_first(self, vendor: int, type: int) -> bytes | None:
        """Return the first value of *vendor*'s attribute *type*."""
        if self._vendor_first is None:
            self._vendor_first = self._index_vendor_attributes()
        return self._vendor_first.get((vendor, type))

    def vendor_all(self, vendor: int, type: int) -> list[bytes]:
        """Return every value of *vendor*'s attribute *type* in the order of the wire."""
        return [value for owner, kind, value in self.vendor_attributes() if kind == type and owner == vendor]

    def vendor_text(self, vendor: int, type: int) -> str | None:
        """Return the first value of *vendor*'s attribute *type* as text; see :func:`as_text`."""
        if self._vendor_first is None:
            self._vendor_first = self._index_vendor_attributes()
        value = self._vendor_first.get((vendor, type))
        return None if value is None else as_text(value)

    def _index_vendor_attributes(self) -> dict[tuple[int, int], bytes]:
        return {(owner, kind): value for owner, kind, value in reversed(self.vendor_attributes())}


def as_text(value: bytes) -> str:
    """
    Return *value* as text, whatever it holds.

    Text is UTF-8 (RFC 8044, 3.4), but old switches send caller names in the code
    page of their country. Those are read as Latin-1, which loses no octet: the
    record survives, and an admin sees what came. NUL octets stay: cutting at a
    NUL would let ``alice\\0x`` pass for ``alice``.
    """
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def frame(datagram: bytes) -> bytes:
    """
    Return the packet inside *datagram*, without the padding behind it.

    Looks at the four octets before the authenticator and at nothing else, so
    that a forged packet costs no more than that.

    Raises:
        MalformedPacket: The datagram and its Length field do not fit (RFC 2865, 3).
    """
    size = len(datagram)
    if size < HEADER_OCTETS:
        raise MalformedPacket(Reason.TOO_SHORT)
    declared = datagram[2] << 8 | datagram[3]
    if declared < HEADER_OCTETS:
        raise MalformedPacket(Reason.LENGTH_BELOW_20)
    if declared > MAX_PACKET_OCTETS:
        raise MalformedPacket(Reason.LENGTH_ABOVE_4096)
    if declared > size:
        raise MalformedPacket(Reason.SHORTER_THAN_LENGTH)
    return datagram if declared == size else datagram[:declared]


def read_packet(datagram: bytes) -> Packet:
    """
    Return the packet inside *datagram*.

    Raises:
        MalformedPacket: Its Length or an attribute's length is impossible.
    """
    raw = frame(datagram)
    end = len(raw)
    attributes: list[tuple[int, bytes]] = []
    found = attributes.append
    at = HEADER_OCTETS
    try:
        while at < end:
            size = raw[at + 1]
            if size < 2:
                raise MalformedPacket(Reason.ATTRIBUTE_LENGTH)
            after = at + size
            found((raw[at], raw[at + 2 : after]))
            at = after
    except IndexError:  # one octet is left over: a type without a length
        at = end + 1
    if at > end:
        raise MalformedPacket(Reason.ATTRIBUTE_OVERRUN)
    code, identifier, _, authenticator = _HEADER.unpack_from(raw)
    return Packet(code, identifier, authenticator, raw, attributes)


def _sub_attributes(vendor: int, value: bytes) -> list[VendorAttribute]:
    """Return what one Vendor-Specific *value* holds after its vendor id, or nothing when it is malformed."""
    end = len(value)
    found: list[VendorAttribute] = []
    at = 4
    while at < end:
        after = at + value[at + 1] if at + 1 < end else end + 1
        if after > end or after < at + 2:
            return []
        found.append((vendor, value[at], value[at + 2 : after]))
        at = after
    return found
