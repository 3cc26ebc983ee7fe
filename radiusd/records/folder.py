"""A folder in which a switch leaves its files: which of them are whole, and what becomes of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

MARK = ".imported"


class Seen(NamedTuple):
    """What a file looked like: when it looks the same it has not changed."""

    size: int
    modified_ns: int


class Folder:
    """
    The files of *pattern* in a folder.

    A file is whole when it has not changed for *settle_s* seconds. *done* says what becomes of it then:
    ``mark`` puts ``.imported`` behind its name, another word is the folder that it is moved to, nothing
    leaves it as it is.
    """

    def __init__(self, path: Path, pattern: str, settle_s: float, done: str) -> None:
        self._path = path
        self._pattern = pattern
        self._settle_s = settle_s
        self._done = done
        self._taken: dict[Path, Seen] = {}

    def whole(self, now_s: float) -> list[Path]:
        """Return the files that are whole and were not taken yet, the oldest first."""
        found = []
        for path in self._path.glob(self._pattern):
            seen = _look(path)
            if seen is None or path.name.endswith(MARK) or self._taken.get(path) == seen:
                continue
            if now_s - seen.modified_ns / 1e9 >= self._settle_s:
                found.append((seen.modified_ns, path))
        return [path for _, path in sorted(found)]

    def refuse(self, path: Path) -> None:
        """Leave *path* alone until it changes."""
        seen = _look(path)
        if seen is not None:
            self._taken[path] = seen

    def take(self, path: Path) -> None:
        """Say that *path* is in the books. Raises OSError when it cannot be moved."""
        if not self._done:
            self.refuse(path)
            return
        if self._done == "mark":
            path.rename(path.with_name(path.name + MARK))
            return
        target = self._path / self._done
        target.mkdir(exist_ok=True)
        place = target / path.name
        number = 1
        while place.exists():
            number += 1
            place = target / f"{path.name}.{number}"
        os.replace(path, place)


def _look(path: Path) -> Seen | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return Seen(found.st_size, found.st_mtime_ns) if path.is_file() else None
