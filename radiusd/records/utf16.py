"""A file in UTF-16, as some Windows programs write it, read as if it were UTF-8."""

from __future__ import annotations

import codecs
from typing import BinaryIO

BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
READ_OCTETS = 1 << 16


class FromUtf16:
    """
    The lines of *file*, of which *begun* was read, in UTF-8 and without byte order mark.

    What is no UTF-16 becomes U+FFFD: a record with it is read for what else it tells.
    """

    def __init__(self, file: BinaryIO, begun: bytes) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-16")("replace")
        self._octets = self._decoder.decode(begun).encode()
        self._is_over = False

    def readline(self, limit: int) -> bytes:
        """Return the next line, or so much of it."""
        while (end := self._octets.find(b"\n") + 1) == 0 and len(self._octets) < limit and not self._is_over:
            self._read_on()
        end = min(end or len(self._octets), limit)
        line, self._octets = self._octets[:end], self._octets[end:]
        return line

    def read(self, size: int) -> bytes:
        """Return the next octets, some more or less than *size*, none at the end."""
        while not self._octets and not self._is_over:
            self._read_on()
        octets, self._octets = self._octets, b""
        return octets

    def _read_on(self) -> None:
        more = self._file.read(READ_OCTETS)
        self._is_over = not more
        # Half a surrogate may be left: its other half comes with the next octets.
        text = self._decoder.decode(more, final=self._is_over)
        self._octets += text.encode(errors="replace")
