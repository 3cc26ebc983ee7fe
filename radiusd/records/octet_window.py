"""A moving window over a file of BER elements: what is behind it is forgotten, however long the file is."""

from __future__ import annotations

from typing import BinaryIO

from radiusd.records.ber import BerError, Element, first_element

READ_OCTETS = 256 * 1024
KEPT_BEHIND = 8
"""Octets before the place that stay in the window: who finds a record may look at the header before it."""

LONGEST_RECORD = 1024 * 1024
"""Octets of one record; those of IMS have some hundreds, and some ten thousand with all their SDP."""


class OctetWindow:
    """
    The octets of *file* around a place in it.

    *data* from *at* on is what is to be read next. Reading on changes *data*, and *at* with it.
    """

    __slots__ = ("_base", "_file", "at", "data")

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._base = 0
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
