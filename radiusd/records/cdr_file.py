"""The frame that TS 32.297 gives to charging records: a header for the file, a short one for each record."""

from __future__ import annotations

import msgspec

FIXED_OCTETS = 52
"""Octets of a file header without its filter, its extension and its release octets (TS 32.297, 6.1.1)."""

SHORTEST_CDR_HEADER = 4
BER = 1
FORMATS = {BER: "BER", 2: "unaligned PER", 3: "aligned PER", 4: "XER"}

_RELEASE_TELLS_MORE = 7  # the release stands in an octet of its own
_UNKNOWN = 0xFFFFFFFF


class FileHeader(msgspec.Struct, frozen=True):
    """What a file says of itself. *octets* and *records* are None when it does not tell."""

    octets: int | None
    header_octets: int
    records: int | None
    sequence: int
    closed_because: int  # 0 to 5 as planned, 128 and more in trouble
    lost_records: int  # indicator: how many records were lost before this file, or that it is not known


class CdrHeader(msgspec.Struct, frozen=True):
    """What stands before a record."""

    header_octets: int
    octets: int  # of the record behind it
    format: int
    specification: int  # 9: TS 32.260, which is IMS

    @property
    def is_ber(self) -> bool:
        """Tell whether the record is encoded as we can read it."""
        return self.format == BER


def file_header(data: bytes | memoryview) -> FileHeader | None:
    """Return the header that *data* begins with; None when it begins with none that is sound."""
    if len(data) < FIXED_OCTETS:
        return None
    octets, header_octets = int.from_bytes(data[:4], "big"), int.from_bytes(data[4:8], "big")
    filter_end = 50 + int.from_bytes(data[48:50], "big")
    extension_end = filter_end + 2 + int.from_bytes(data[filter_end : filter_end + 2], "big")
    releases = (data[8] >> 5, data[9] >> 5)
    if header_octets != extension_end + releases.count(_RELEASE_TELLS_MORE):
        return None
    if octets < header_octets:
        return None
    records = int.from_bytes(data[18:22], "big")
    return FileHeader(
        octets=None if octets == _UNKNOWN else octets,
        header_octets=header_octets,
        records=None if records == _UNKNOWN else records,
        sequence=int.from_bytes(data[22:26], "big"),
        closed_because=data[26],
        lost_records=data[47],
    )


def cdr_header(data: bytes, at: int) -> CdrHeader | None:
    """Return the header of a record that stands at *at*; None when none can stand there."""
    octets = data[at : at + 5]
    if len(octets) < SHORTEST_CDR_HEADER:
        return None
    size = octets[0] << 8 | octets[1]
    form = octets[3] >> 5
    if size == 0 or form not in FORMATS:
        return None
    header_octets = 5 if octets[2] >> 5 == _RELEASE_TELLS_MORE else 4
    return CdrHeader(header_octets, size, form, octets[3] & 0x1F)
