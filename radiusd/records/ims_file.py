"""
A file of IMS charging records: as they are, one after the other, or framed by TS 32.297.

Between records there may be filler, octets 00 or FF, as files in blocks have it. A record that is damaged is
set aside; where its length cannot be believed either, the next record is looked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from radiusd.errors import BadInput
from radiusd.records.ber import BerError, Element, elements, first_element
from radiusd.records.cdr_file import FIXED_OCTETS, FORMATS, CdrHeader, FileHeader, cdr_header, file_header
from radiusd.records.giving_up import until_hopeless
from radiusd.records.ims_record import RECORD_TYPE, SOURCE, read_ims_record
from radiusd.records.octet_window import OctetWindow
from radiusd.records.record import KEPT_OCTETS, Entry, Outcome, Outcomes, PassedOver, RecordError, SetAside

NAME = SOURCE
SETTINGS = {"framing": "whether TS 32.297 frames the file: auto, the default, plain or 32297"}
FRAMINGS = ("auto", "plain", "32297")

"""Of what is set aside, so many octets are kept to look at."""

_FILLER = re.compile(rb"[\x00\xff]*")
_START = re.compile(rb"\xbf[\x3f-\x46\x52\x59-\x5b]")
_MAY_FOLLOW = re.compile(rb"[\x00\xff]*(?:\xbf|\Z)")  # a record of whichever kind, or nothing
_LONGEST_FILE_HEADER = FIXED_OCTETS + 2 * 0xFFFF + 2


def read(file: BinaryIO, settings: Mapping[str, str]) -> Outcomes:
    """
    Yield what the records of *file* tell, in their order.

    Raises:
        BadInput: The setting ``framing`` is none of :data:`FRAMINGS`.
    """
    framing = settings.get("framing", "auto")
    if framing not in FRAMINGS:
        raise BadInput(f"framing: {framing!r} is none of {', '.join(FRAMINGS)}")
    return until_hopeless(_read(OctetWindow(file), framing))


def _read(window: OctetWindow, framing: str) -> Outcomes:
    header = None if framing == "plain" else _header(window)
    if header is None and framing == "32297":
        yield SetAside(reason="no file header of TS 32.297: its lengths do not add up", raw=window.data[:64])
    elif header is None:
        yield from _PlainFile(window).outcomes()
    while header is not None:  # several, where files were put together
        yield from _FramedFile(window, header).outcomes()
        header = _header(window)


def _header(window: OctetWindow) -> FileHeader | None:
    """Return the header of a file that begins where *window* is."""
    window.has(_LONGEST_FILE_HEADER)
    return file_header(memoryview(window.data)[window.at :])  # nothing is copied


class _File:
    """What plain and framed files have in common: reading a record, and setting it aside."""

    def __init__(self, window: OctetWindow) -> None:
        self._window = window

    def _record(self, data: bytes, offset: int) -> Entry | PassedOver:
        """Return what the record tells that is all of *data*, but for filler. Raises RecordError."""
        found = first_element(data, 0)
        if found is None or found[1] > len(data):
            size = "more" if found is None else f"{found[1]} octets"
            raise BerError(f"its length says {size}, where {len(data)} octets are", 0)
        element, end = found
        if end < len(data):
            if _FILLER.match(data, end).end() < len(data):  # type: ignore[union-attr]  # it matches nothing, too
                raise BerError(f"its length says {end} octets, where {len(data)} are", 0)
            data = data[:end]
        return read_ims_record(data, element, offset)

    def _set_aside(self, error: RecordError, offset: int, raw: bytes) -> SetAside:
        place = f" (its octet {error.offset})" if error.offset else ""
        return SetAside(
            reason=error.reason + place, field=error.field, offset=offset, raw=raw[:KEPT_OCTETS]
        )


def _says_its_kind(data: bytes, element: Element) -> bool:
    """
    Tell whether a record's recordType agrees with its tag.

    The tag alone says little: within an MGCF's record the ISUP cause has that of an IBCF's record.
    """
    tag, start, stop = element
    kind = bytes((tag & 0x7F,))
    return any(
        each[0] == RECORD_TYPE and data[each[1] : each[2]] == kind for each in elements(data, start, stop)
    )


class _PlainFile(_File):
    """Records one after the other, with filler or without."""

    def outcomes(self) -> Iterator[Outcome]:
        """Yield what the records tell."""
        window = self._window
        while self._skip_filler():
            offset = window.offset
            try:
                (tag, start, stop), end = window.element()
            except BerError as error:
                yield self._damaged(BerError(error.reason, error.offset - offset), offset)
                continue
            at = window.at
            data = window.data[at:end]
            try:
                outcome: Outcome = read_ims_record(data, (tag, start - at, stop - at), offset)
            except RecordError as error:
                if not self._may_follow(end):
                    yield self._damaged(error, offset)
                    continue
                outcome = self._set_aside(error, offset, data)
            window.at += len(data)
            yield outcome

    def _skip_filler(self) -> bool:
        """Move to the first octet that is no filler; False when there is none."""
        window = self._window
        while True:
            window.at = _FILLER.match(window.data, window.at).end()  # type: ignore[union-attr]  # see above
            if window.at < len(window.data):
                return True
            if not window.more():
                return False

    def _may_follow(self, end: int) -> bool:
        """Tell whether a record may end at *end* of the data: another one, filler, or nothing follows."""
        window = self._window
        size = end - window.at
        window.has(size + 1)
        return _MAY_FOLLOW.match(window.data, window.at + size) is not None

    def _damaged(self, error: RecordError, offset: int) -> SetAside:
        raw = self._window.data[self._window.at : self._window.at + KEPT_OCTETS]
        self._window.search(_START, _says_its_kind)
        return self._set_aside(error, offset, raw[: self._window.offset - offset])


class _FramedFile(_File):
    """A file header, and before each record its own."""

    def __init__(self, window: OctetWindow, header: FileHeader) -> None:
        super().__init__(window)
        self._header = header
        self._records = 0
        self._is_bare = False  # a record comes whose header is damaged
        self._is_cut = False  # the last record said so already
        self._begun = window.offset

    def outcomes(self) -> Iterator[Outcome]:
        """Yield what the records tell, and in the end what they lack of what the file header says."""
        window = self._window
        window.has(self._header.header_octets)
        window.at += self._header.header_octets
        while window.has(1) and not self._is_at_next_file():
            if self._is_bare:
                yield self._bare_record()
                continue
            window.has(16)
            header = cdr_header(window.data, window.at)
            if not self._is_framed(window.at) and self._skip_filler(header):
                continue
            offset = window.offset
            self._records += 1
            try:
                outcome = self._framed_record(header, offset)
            except RecordError as error:
                outcome = self._damaged(error, header, offset)
            yield outcome
        yield from self._differences()

    def _is_at_next_file(self) -> bool:
        """Tell whether this file ends here by its own length, and another one begins."""
        is_end = self._window.offset - self._begun == self._header.octets
        return is_end and _header(self._window) is not None

    def _framed_record(self, header: CdrHeader | None, offset: int) -> Outcome:
        """Return what the record behind *header* tells, and move on. Raises RecordError."""
        window = self._window
        if header is None:
            raise BerError("no header of a record (TS 32.297, 6.1.2)", 0)
        size = header.header_octets + header.octets
        if not window.has(size):
            self._is_cut = True
            raise BerError(f"the file ends within a record of {header.octets} octets", 0)
        start = window.at + header.header_octets
        data = window.data[start : start + header.octets]
        outcome: Outcome
        if header.is_ber:
            outcome = self._record(data, offset + header.header_octets)
        else:
            reason = f"a record in {FORMATS[header.format]}: only BER can be read"
            outcome = SetAside(reason=reason, offset=offset + header.header_octets, raw=data[:KEPT_OCTETS])
        window.at += size
        return outcome

    def _bare_record(self) -> Outcome:
        """Return what the record tells that was found whole; that its header is damaged was told before."""
        window = self._window
        self._is_bare = False
        offset = window.offset
        _, end = window.element()
        data = window.data[window.at : end]
        window.at = end
        try:
            return self._record(data, offset)
        except RecordError as error:
            return self._set_aside(error, offset, data)

    def _skip_filler(self, header: CdrHeader | None) -> bool:
        """
        Move over filler to the next header; False when what is here is none.

        A short record's header begins with 00 itself, so the last octets of a run may belong to it, and
        *header* may be read from what is filler.
        """
        window = self._window
        run = _FILLER.match(window.data, window.at).end() - window.at  # type: ignore[union-attr]  # see above
        for own in (2, 1, 0):
            if own < run and self._is_framed(window.at + run - own):
                window.at += run - own
                return True
        if header is not None or (run < 2 and window.at + run < len(window.data)):
            return False
        if window.at + run < len(window.data):
            window.at += run
            return True
        window.at = max(window.at, len(window.data) - 2)
        if not window.more():
            window.at = len(window.data)
        return True

    def _is_framed(self, at: int) -> bool:
        """Tell whether the header of a record is at *at* of the data, and behind it the tag of one."""
        header = cdr_header(self._window.data, at)
        if header is None or not header.is_ber:
            return False
        return _START.match(self._window.data, at + header.header_octets) is not None

    def _damaged(self, error: RecordError, header: CdrHeader | None, offset: int) -> SetAside:
        """Set aside what is here, to the next header, or the next record when lengths cannot be believed."""
        window = self._window
        raw = window.data[window.at : window.at + KEPT_OCTETS]
        if header is not None:
            size = header.header_octets + header.octets
            if window.has(size) and self._may_follow(size):
                window.at += size
                raw = raw[header.header_octets : size]
                return self._set_aside(error, offset + header.header_octets, raw)
        self._find_next(offset)
        return self._set_aside(error, offset, raw[: window.offset - offset])

    def _may_follow(self, size: int) -> bool:
        """Tell whether a record's header, filler or nothing follows *size* octets further on."""
        window = self._window
        if not window.has(size + 1):
            return True
        window.has(size + 16)
        at = window.at + size
        return window.data[at : at + 2] in (b"\0\0", b"\xff\xff") or self._is_framed(at)

    def _find_next(self, offset: int) -> None:
        """Move to the next record that is whole, or to its header if that agrees and is beyond *offset*."""
        window = self._window
        while True:
            window.search(_START, _says_its_kind)
            if window.at == len(window.data):
                return
            size = self._agreeing_header()
            if size is None:
                self._is_bare = True
                return
            if window.offset - size > offset:  # else it is the very record that cannot be read
                window.at -= size
                return

    def _agreeing_header(self) -> int | None:
        """Return the octets of the header that stands before the record here and agrees with its length."""
        window = self._window
        _, end = window.element()
        for size in (4, 5):
            header = cdr_header(window.data, window.at - size) if window.at >= size else None
            if header is not None and (header.header_octets, header.octets) == (size, end - window.at):
                return size
        return None

    def _differences(self) -> Iterator[Outcome]:
        octets, records = self._header.octets, self._header.records
        if self._is_cut:
            return
        found = self._window.offset - self._begun
        if octets is not None and found < octets:
            reason = f"the file header says {octets} octets, there are {found}: the file is cut"
            yield SetAside(reason=reason, field="File length")
        elif records is not None and records != self._records:
            reason = f"the file header says {records} records, there are {self._records}"
            yield SetAside(reason=reason, field="Number of CDRs in file", offset=self._begun + 18)
