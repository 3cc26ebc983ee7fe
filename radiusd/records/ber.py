"""Walk BER (X.690): where each element begins and ends, within bounds, and what the simple ones hold."""

from __future__ import annotations

from radiusd.records.record import RecordError

DEEPEST = 32
"""Levels of indefinite lengths, or of strings in pieces, inside one another; call records need about six."""

LONGEST_TAG = 4
"""Octets of an identifier; the highest tag that call records use (TAP's 452) takes three."""

Element = tuple[int, int, int]
"""
Tag, and the contents as [start, stop) in the data.

The tag is the identifier octets as one number: 0x80 is ``[0]``, 0xBF3F is ``[63]`` constructed.
"""

INDEFINITE = -1
"""The length of an element that an end mark ends."""

CONSTRUCTED = 0x20
_LONG_FORM = 0x1F
_INDEFINITE = 0x80
_STRING_TAGS = frozenset({0x04, 0x0C, 0x12, 0x13, 0x14, 0x16, 0x19, 0x1A, 0x1B, 0x1C, 0x1E})
"""OCTET STRING and the character strings: what the pieces of a string in pieces may call themselves."""


class BerError(RecordError):
    """These octets are no BER, or go beyond our bounds; *offset* tells where in the data."""

    def __init__(self, reason: str, offset: int) -> None:
        super().__init__(reason, offset=offset)


def elements(data: bytes, start: int, stop: int) -> list[Element]:
    """
    Return the elements that fill *data* from *start* to *stop*, in their order.

    Nothing inside them is looked at but where an indefinite length ends, so the cost is that of the
    elements here, not of their depth.

    Raises:
        BerError: They do not fill it exactly.
    """
    found: list[Element] = []
    append = found.append
    at = start
    try:
        while at < stop:
            began = at
            tag = data[at]
            at += 1
            if tag & _LONG_FORM == _LONG_FORM:
                octet = data[at]
                at += 1
                tag = tag << 8 | octet
                if octet >= 0x80:
                    last = data[at]
                    if octet > 0x80 and last < 0x80:  # three octets, as most of TAP's have
                        tag = tag << 8 | last
                        at += 1
                    else:
                        tag, at = _rest_of_tag(data, began, at)
            size = data[at]
            at += 1
            if size < 0x80:
                end = at + size
            elif size == _INDEFINITE:
                end = _end_of_contents(data, began, at, stop)
                append((tag, at, end))
                at = end + 2
                continue
            else:
                size, at = _long_length(data, began, at, size)
                end = at + size
            if end > stop:
                raise BerError(f"an element of {size} octets, where {max(stop - at, 0)} are left", began)
            if tag == 0:
                raise BerError("end-of-contents octets without an indefinite length", began)
            append((tag, at, end))
            at = end
    except IndexError:
        raise BerError("an element is cut in its tag or length", began) from None
    return found


def header(data: bytes, at: int) -> tuple[int, int, int] | None:
    """
    Return tag, beginning of the contents and their length, which may be :data:`INDEFINITE`.

    None when *data* ends before that can be told.

    Raises:
        BerError: No element can begin so.
    """
    try:
        return _header(data, at)
    except IndexError:
        return None


def first_element(data: bytes, at: int) -> tuple[Element, int] | None:
    """
    Return the element that begins at *at*, and where its octets end; None when that cannot be told yet.

    An element with a definite length may end beyond *data*; one with an indefinite length whose end is not
    in *data* cannot be told.

    Raises:
        BerError: No element can begin so.
    """
    try:
        tag, start, size = _header(data, at)
        if size < 0:
            stop = _end_of_contents(data, at, start, len(data))
            return (tag, start, stop), stop + 2
    except IndexError:
        return None
    return (tag, start, start + size), start + size


def octets(data: bytes, tag: int, start: int, stop: int) -> bytes:
    """
    Return the value of a string that stands in *data*; a constructed *tag* tells that it comes in pieces.

    X.690, 8.7.3 and 8.23: each piece is a string with a universal tag, again in pieces or not. Pieces under
    the string's own tag are taken too: pyasn1 and others write them so.

    Raises:
        BerError: The pieces are no strings, or lie too deep in one another.
    """
    if (tag < 0x100 and not tag & CONSTRUCTED) or not is_constructed(tag):
        return data[start:stop]
    pieces: list[bytes] = []
    _gather(data, primitive(tag), start, stop, pieces, 1)
    return b"".join(pieces)


def integer(value: bytes, offset: int = 0) -> int:
    """
    Return the number in the contents *value* of an INTEGER or ENUMERATED.

    Raises:
        BerError: It is empty, or longer than eight octets: no count, code or amount is.
    """
    if not 0 < len(value) <= 8:
        raise BerError(f"a number of {len(value)} octets, where 1 to 8 may be", offset)
    return int.from_bytes(value, "big", signed=True)


def is_constructed(tag: int) -> bool:
    """Tell whether an element with this *tag* holds elements."""
    return tag & _constructed_bit(tag) != 0


def primitive(tag: int) -> int:
    """Return *tag* without the bit that tells a constructed element."""
    return tag & ~_constructed_bit(tag)


def _constructed_bit(tag: int) -> int:
    """Return that bit, which is in the first of the identifier octets."""
    if tag < 0x100:
        return CONSTRUCTED
    if tag < 0x10000:
        return CONSTRUCTED << 8
    return CONSTRUCTED << 16 if tag < 0x1000000 else CONSTRUCTED << 24


def _header(data: bytes, at: int) -> tuple[int, int, int]:
    """Do what :func:`header` does. IndexError: more octets are needed."""
    began = at
    tag = data[at]
    at += 1
    if tag & _LONG_FORM == _LONG_FORM:
        tag = tag << 8 | data[at]
        at += 1
        if tag & 0x80:
            tag, at = _rest_of_tag(data, began, at)
    size = data[at]
    at += 1
    if tag == 0:
        raise BerError("end-of-contents octets without an indefinite length", began)
    if size == _INDEFINITE:
        if not is_constructed(tag):
            raise BerError("a primitive element with an indefinite length", began)
        return tag, at, INDEFINITE
    if size > 0x80:
        size, at = _long_length(data, began, at, size)
    return tag, at, size


def _rest_of_tag(data: bytes, began: int, at: int) -> tuple[int, int]:
    """Return the whole tag whose octets go on at *at*, and what comes behind it."""
    if data[began + 1] == 0x80:  # X.690, 8.1.2.4.2: the first of them is not all zero bits
        raise BerError("a tag number that begins with zero bits", began)
    while True:
        octet = data[at]
        at += 1
        if at - began > LONGEST_TAG:
            raise BerError(f"a tag of more than {LONGEST_TAG} octets", began)
        if octet < 0x80:
            return int.from_bytes(data[began:at], "big"), at


def _long_length(data: bytes, began: int, at: int, size: int) -> tuple[int, int]:
    """Return the length in the long form whose first octet is *size*, and what comes behind it."""
    if size == 0xFF:  # X.690, 8.1.3.5: reserved
        raise BerError("a length octet FF", began)
    end = at + size - 0x80
    if end > at + 8:
        raise BerError(f"a length of {size - 0x80} octets, where 8 are plenty", began)
    if end > len(data):
        raise IndexError
    return int.from_bytes(data[at:end], "big"), end


def _end_of_contents(data: bytes, began: int, at: int, stop: int) -> int:
    """
    Return where the end mark stands of contents that begin at *at*. IndexError: not before *stop*.

    Elements with definite lengths are stepped over, so each octet is looked at once at most.
    """
    if not data[began] & CONSTRUCTED:
        raise BerError("a primitive element with an indefinite length", began)
    depth = 1
    while True:
        if at + 2 > stop:
            raise IndexError
        octet, size = data[at], data[at + 1]
        if octet & _LONG_FORM != _LONG_FORM and size < 0x80:  # nearly all are so short
            if octet:
                at += 2 + size
                continue
            if size == 0:
                depth -= 1
                if not depth:
                    return at
                at += 2
                continue
        began = at
        _, at, size = _header(data, at)
        if size < 0:
            depth += 1
            if depth > DEEPEST:
                raise BerError(f"indefinite lengths more than {DEEPEST} deep", began)
        else:
            at += size


def _gather(data: bytes, own: int, start: int, stop: int, pieces: list[bytes], depth: int) -> None:
    if depth > DEEPEST:
        raise BerError(f"a string in pieces more than {DEEPEST} deep", start)
    for tag, begin, end in elements(data, start, stop):
        plain = primitive(tag)
        if plain not in _STRING_TAGS and plain != own:
            raise BerError(f"a piece of a string has the tag {tag:02X}, which no string has", begin)
        if plain != tag:
            _gather(data, own, begin, end, pieces, depth + 1)
        else:
            pieces.append(data[begin:end])
