"""A moving window over a file of BER elements: what is behind it is forgotten, however long the file is."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import BinaryIO

from radiusd.records.ber import INDEFINITE, BerError, Element, first_element, header

READ_OCTETS = 256 * 1024
KEPT_BEHIND = 8
"""Octets before the place that stay in the window: who finds a record may look at the header before it."""

LONGEST_RECORD = 1024 * 1024
"""Octets of one record; those of IMS have some hundreds, and some ten thousand with all their SDP."""


LONGEST_FOUND = 64 * 1024
"""A record that is looked for, in damage, is believed up to this length."""

SEARCH_OCTETS = 8 * 1024 * 1024
"""Octets that may be walked in vain in one file while looking for records: what bounds a hostile file."""

_LOOK_COST = 64  # octets that a look at a header counts for


class OctetWindow:
    """
    The octets of *file* around a place in it.

    *data* from *at* on is what is to be read next. Reading on changes *data*, and *at* with it.
    """

    __slots__ = ("_base", "_file", "_search_octets", "at", "data")

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._base = 0
        self._search_octets = SEARCH_OCTETS
        self.data = b""
        self.at = 0

    @property
    def offset(self) -> int:
        """Return where in the file *at* is."""
        return self._base + self.at

    def more(self) -> bool:
        """Read on, and forget what is behind; False at the end of the file, where nothing changes."""
        kept = max(0, self.at - KEPT_BEHIND)
        rest = self.data[kept:]
        # At least as much again as is there: an element that needs many reads costs twice its octets.
        octets = self._file.read(max(READ_OCTETS, len(rest)))
        if not octets:  # also None, of a file that does not block
            return False
        self._base += kept
        self.data = rest + octets
        self.at -= kept
        return True

    def has(self, count: int) -> bool:
        """Tell whether *count* octets are to come, and have them in *data*."""
        while len(self.data) - self.at < count:
            if not self.more():
                return False
        return True

    def element(self, longest: int = LONGEST_RECORD) -> tuple[Element, int]:
        """
        Return the element at *at*, and where in *data* it ends; all of it is in *data* then.

        Raises:
            BerError: There is none, the file ends within it, or it is longer than *longest*; *offset* is
                that in the file.
        """
        try:
            while True:
                found = first_element(self.data, self.at)
                size = len(self.data) - self.at if found is None else found[1] - self.at
                if size > longest:
                    raise BerError(f"a record of at least {size} octets, where {longest} may be", self.at)
                if found is not None and found[1] <= len(self.data):
                    return found
                if not self.more():
                    raise BerError("the file ends within a record", self.at)
        except BerError as error:
            raise BerError(error.reason, self._base + error.offset) from None

    def enter(self) -> tuple[int, int | None]:
        """
        Move to the contents of the constructed element at *at*; return its tag and where in the file it ends.

        None as the end: an end mark tells it. Raises BerError as :meth:`element`.
        """
        self.has(16)
        try:
            found = header(self.data, self.at)
        except BerError as error:
            raise BerError(error.reason, self._base + error.offset) from None
        if found is None:
            raise BerError("the file ends within a tag or length", self.offset)
        tag, start, size = found
        self.at = start
        return tag, None if size == INDEFINITE else self.offset + size

    def search(self, beginning: re.Pattern[bytes], is_record: Callable[[bytes, Element], bool]) -> None:
        """
        Move beyond the octet at *at* to the next record, else to the end of the file.

        A record begins as *beginning* says, is whole, and *is_record* agrees.
        """
        self.at += 1
        while self._search_octets > 0:
            found = beginning.search(self.data, self.at)
            if found is None:
                self.at = max(self.at, len(self.data) - KEPT_BEHIND)  # a beginning may be cut here
                if not self.more():
                    break
                continue
            self.at = found.start()
            if self._is_whole(is_record):
                return
            self.at += 1
        self.at = len(self.data)
        while self.more():
            self.at = len(self.data)

    def _is_whole(self, is_record: Callable[[bytes, Element], bool]) -> bool:
        """Tell whether a record is at *at*; what it costs to see that there is none is counted."""
        self.has(LONGEST_FOUND)
        data, at = self.data, self.at
        self._search_octets -= _LOOK_COST
        try:
            outline = header(data, at)
            if outline is None or outline[2] > LONGEST_FOUND:
                return False
            if outline[2] == INDEFINITE:  # only this makes it a walk to the end
                data, at = data[at : at + LONGEST_FOUND], 0
                self._search_octets -= len(data)
            found = first_element(data, at)
            if found is None or found[1] > len(data):
                return False
            self._search_octets -= found[1] - at
            if not is_record(data, found[0]):
                return False
        except BerError:
            return False
        self._search_octets += _LOOK_COST + found[1] - at + (len(data) if outline[2] == INDEFINITE else 0)
        return True
