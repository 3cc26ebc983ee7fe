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
    changed_ns: int  # its name, owner or mode, too: what could not be read may be readable now


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
        self._waiting: dict[Path, tuple[Seen, float]] = {}
        self._offered: dict[Path, Seen] = {}

    def whole(self, now_s: float) -> list[Path]:
        """
        Return the files that are whole and were not taken yet, the oldest first.

        Raises:
            OSError: The folder is not there or cannot be read.
        """
        with os.scandir(self._path):  # a glob of no folder finds nothing, without a word
            pass
        found, waiting = [], {}
        for path in self._path.glob(self._pattern):
            seen = _look(path)
            if seen is None or path.name.endswith(MARK) or self._taken.get(path) == seen:
                continue
            if self._settled_s(path, seen, now_s) >= self._settle_s:
                found.append((path, seen))
            else:
                waiting[path] = seen, self._since_s(path, seen, now_s)
        self._waiting = waiting
        self._offered = dict(found)
        return sorted(self._offered, key=lambda path: (self._offered[path].modified_ns, path))

    def _settled_s(self, path: Path, seen: Seen, now_s: float) -> float:
        """Return for how long *path* has not changed: by its time or, when that is to come, by ours."""
        by_its_time_s = now_s - seen.modified_ns / 1e9
        return by_its_time_s if by_its_time_s >= 0 else now_s - self._since_s(path, seen, now_s)

    def _since_s(self, path: Path, seen: Seen, now_s: float) -> float:
        """Return since when *path* looks as it does now."""
        before, since_s = self._waiting.get(path, (None, now_s))
        return since_s if before == seen else now_s

    def refuse(self, path: Path) -> None:
        """Leave *path* alone until it looks otherwise than when :meth:`whole` returned it."""
        self._taken[path] = self._offered[path]

    def take(self, path: Path) -> None:
        """Say that *path* is in the books as it was. Raises OSError when it cannot be moved."""
        if not self._done:
            self.refuse(path)
            return
        if _look(path) != self._offered[path]:
            return  # more was written to it meanwhile; it is read again
        if self._done == "mark":
            os.replace(path, _free(path.parent, path.name, MARK))
            return
        target = self._path / self._done
        target.mkdir(exist_ok=True)
        os.replace(path, _free(target, path.name, ""))


def _free(folder: Path, name: str, behind: str) -> Path:
    """Return a path in *folder* where nothing is yet: a file of the day before may have the same name."""
    place, number = folder / f"{name}{behind}", 1
    while place.exists():
        number += 1
        place = folder / f"{name}.{number}{behind}"
    return place


def _look(path: Path) -> Seen | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return Seen(found.st_size, found.st_mtime_ns, found.st_ctime_ns) if path.is_file() else None
