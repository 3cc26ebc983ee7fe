"""Tell on which line of a TOML file a value stands: the standard reader keeps no places."""

from __future__ import annotations

import re

Path = tuple[str | int, ...]
"""Where a value is: keys of tables and places in arrays, from the top."""

BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
BARE = re.compile(r"[^,\]}\n#]+")
KEY_PART = re.compile(r"""[ \t]*(?:"((?:[^"\\\n]|\\.)*)"|'([^'\n]*)'|([A-Za-z0-9_-]+))[ \t]*""")
STRINGS = (
    re.compile(r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})', re.DOTALL),
    re.compile(r"'''.*?'''(?:'{0,2})", re.DOTALL),
    re.compile(r'"(?:[^"\\\n]|\\.)*"'),
    re.compile(r"'[^'\n]*'"),
)


def line_index(text: str) -> dict[Path, int]:
    """Return the line, from 1, of every table, key and array element in *text*, which is valid TOML."""
    scanner = _Scanner(text)
    scanner.document()
    return scanner.lines


def line_of(lines: dict[Path, int], path: Path) -> int:
    """Return the line of *path*, or of the nearest thing around it."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


class _Scanner:
    """Walks over text that :mod:`tomllib` has accepted, so it may take everything to be well formed."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self._arrays: dict[Path, int] = {}  # arrays of tables: how many tables so far
        self._counted_at, self._line = 0, 1

    def document(self) -> None:
        table: Path = ()
        while self._skip() < len(self.text):
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> Path:
        line, of_array = self._line_here(), self.text.startswith("[[", self.at)
        self.at += 2 if of_array else 1
        keys = self._key()
        path: Path = ()
        for depth, key in enumerate(keys):
            path = (*path, key)
            if of_array and depth == len(keys) - 1:
                self._arrays[path] = self._arrays.get(path, -1) + 1
            if path in self._arrays:
                path = (*path, self._arrays[path])
        self.lines.setdefault(path, line)
        self.at += 2 if of_array else 1
        return path

    def _pair(self, table: Path) -> None:
        line = self._line_here()
        path = (*table, *self._key())
        self.lines.setdefault(path, line)
        self.at += 1  # the equals sign
        self._value(path)

    def _value(self, path: Path) -> None:
        self._skip()
        opening = self.text[self.at]
        if opening == "[":
            self._array(path)
        elif opening == "{":
            self._inline_table(path)
        elif opening in "\"'":
            found = next(match for string in STRINGS if (match := string.match(self.text, self.at)))
            self.at = found.end()
        else:
            bare = BARE.match(self.text, self.at)
            assert bare is not None
            self.at = bare.end()

    def _array(self, path: Path) -> None:
        self.at += 1
        place = 0
        while self.text[self._skip()] != "]":
            if self.text[self.at] == ",":
                self.at += 1
                continue
            self.lines[*path, place] = self._line_here()
            self._value((*path, place))
            place += 1
        self.at += 1

    def _inline_table(self, path: Path) -> None:
        self.at += 1
        while self.text[self._skip()] != "}":
            if self.text[self.at] == ",":
                self.at += 1
                continue
            self._pair(path)
        self.at += 1

    def _key(self) -> tuple[str, ...]:
        keys: list[str] = []
        while True:
            part = KEY_PART.match(self.text, self.at)
            assert part is not None
            self.at = part.end()
            keys.append(next(group for group in part.groups() if group is not None))
            if self.text[self.at] != ".":
                return tuple(keys)
            self.at += 1

    def _skip(self) -> int:
        """Go on to the next thing that is no blank and no comment, and return where it is."""
        blank = BLANK.match(self.text, self.at)
        assert blank is not None
        self.at = blank.end()
        return self.at

    def _line_here(self) -> int:
        self._line += self.text.count("\n", self._counted_at, self.at)
        self._counted_at = self.at
        return self._line
