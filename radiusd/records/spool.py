"""
What comes over the network is in a file, and on the disk, before it counts as received.

A stream's lines go to a segment that grows; a document that is posted is a segment by itself. Segments
that are whole are imported like any file and removed afterwards.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

GROWING, READY = ".growing", ".ready"
CURSOR = "cursor"


class Spool:
    """The segments of one source, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        names = [int(path.stem) for path in folder.iterdir() if path.stem.isdecimal()]
        self._last = max(names, default=0)
        self._growing: int | None = None
        for left in folder.glob(f"*{GROWING}"):  # by a process that was killed
            left.rename(left.with_suffix(READY))

    def add_lines(self, octets: bytes) -> None:
        """Keep whole lines of a stream; they are on the disk when this returns."""
        if self._growing is None:
            self._growing = os.open(self._next(GROWING), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        _write(self._growing, octets)

    def seal(self) -> None:
        """Make the lines that came so far a segment that is ready."""
        if self._growing is not None:
            os.close(self._growing)
            self._growing = None
            path = self._path(GROWING)
            path.rename(path.with_suffix(READY))

    def add_document(self, octets: bytes) -> None:
        """Keep a document; it is on the disk when this returns."""
        self.seal()
        path = self._next(GROWING)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            _write(descriptor, octets)
        finally:
            os.close(descriptor)
        path.rename(path.with_suffix(READY))
        self._sync_folder()

    def cursor(self, table: str) -> int:
        """Return how far *table* was read."""
        path = self._cursor(table)
        return int(path.read_text()) if path.exists() else 0

    def set_cursor(self, table: str, last: int) -> None:
        """Note how far *table* was read, after its rows were added."""
        path = self._folder / (CURSOR + ".new")
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            _write(descriptor, str(last).encode())
        finally:
            os.close(descriptor)
        path.rename(self._cursor(table))
        self._sync_folder()

    def _cursor(self, table: str) -> Path:
        return self._folder / f"{CURSOR}-{quote(table, safe='@')}"

    def ready(self) -> list[Path]:
        """Return the segments that are ready, in the order in which they came."""
        return sorted(self._folder.glob(f"*{READY}"), key=lambda path: int(path.stem))

    def _next(self, suffix: str) -> Path:
        self._last += 1
        return self._path(suffix)

    def _path(self, suffix: str) -> Path:
        return self._folder / f"{self._last:012}{suffix}"

    def _sync_folder(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _write(descriptor: int, octets: bytes) -> None:
    view = memoryview(octets)
    while view:
        view = view[os.write(descriptor, view) :]
    os.fsync(descriptor)
