"""Open files of records: as they are, packed with gzip or Zstandard, or standard input."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import zstandard

from radiusd.errors import BadInput

STDIN = "-"
BUFFER_OCTETS = 1 << 18
FREE_OCTETS = 64 << 20
MOST_RATIO = 200
"""What unpacks to more than this many times its size, beyond the first 64 MiB, is no file of records."""

_GZIP, _ZSTANDARD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


class PackedFile(io.RawIOBase):
    """The octets of a file, unpacked when its first ones say that it is packed."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._name = name
        self._packed = _Counted(file, name)
        buffered = io.BufferedReader(self._packed, BUFFER_OCTETS)
        head = buffered.peek(len(_ZSTANDARD))
        self._is_packed = head.startswith((_GZIP, _ZSTANDARD))
        self._unpacked: BinaryIO = buffered
        if head.startswith(_GZIP):
            self._unpacked = cast(BinaryIO, gzip.GzipFile(fileobj=buffered, mode="rb"))
        elif head.startswith(_ZSTANDARD):
            reader = zstandard.ZstdDecompressor().stream_reader(buffered, read_across_frames=True)
            self._unpacked = cast(BinaryIO, reader)
        self._given = 0

    @property
    def taken(self) -> int:
        """How many octets of the file, packed as it is, have been read: for telling how far we are."""
        return self._packed.taken

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # narrower
        """Unpack into *buffer*. Raises BadInput when the file is damaged, or unpacks beyond measure."""
        try:
            octets = self._unpacked.read(len(buffer))
        except (EOFError, gzip.BadGzipFile, zlib.error, zstandard.ZstdError) as error:
            raise BadInput(f"{self._name}: damaged behind octet {self._given} unpacked: {error}") from error
        self._given += len(octets)
        if self._is_packed and self._given > max(FREE_OCTETS, MOST_RATIO * self.taken):
            raise BadInput(f"{self._name}: unpacks to more than {MOST_RATIO} times its size; is it a bomb?")
        buffer[: len(octets)] = octets
        return len(octets)


class _Counted(io.RawIOBase):
    """A file that counts what was read of it."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file, self._name = file, name
        self.taken = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # narrower
        try:
            octets = self._file.read(len(buffer))
        except OSError as error:
            raise BadInput(f"{self._name}: cannot be read: {error.strerror}") from error
        self.taken += len(octets)
        buffer[: len(octets)] = octets
        return len(octets)


@contextmanager
def open_records(path: str) -> Iterator[tuple[BinaryIO, PackedFile]]:
    """
    Yield the file *path*, ``-`` for standard input, unpacked; and what tells how far it was read.

    Raises:
        BadInput: It cannot be opened; while it is read, that it is damaged.
    """
    if path == STDIN:
        yield unpacked(sys.stdin.buffer, "standard input")
        return
    try:
        file = Path(path).open("rb")
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from error
    with file:
        yield unpacked(file, path)


def unpacked(file: BinaryIO, name: str) -> tuple[BinaryIO, PackedFile]:
    """Return *file* unpacked, and what tells how far it was read."""
    packed = PackedFile(file, name)
    return io.BufferedReader(packed, BUFFER_OCTETS), packed
