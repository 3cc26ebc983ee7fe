"""``tollwire calls top`` on a terminal: what its keys do to the list of calls, and what is drawn of it."""

from __future__ import annotations

import os
import re
import select
import sys
import termios
import textwrap
import time
import tty
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from provisioning.cli.output import table_lines
from provisioning.cli.text import printable

KEYS = "/ filters, s and r sort, arrows choose, e ends a call, q quits"
UP, DOWN = ("\x1b[A", "\x1bOA", "k"), ("\x1b[B", "\x1bOB", "j")
ESCAPE, ENTER, ERASE = "\x1b", "\r\n", "\x7f\b"
KEY = re.compile(r"\x1b[\[O][0-9;]*.|.", re.DOTALL)


class Line(NamedTuple):
    """An open call as it is shown: whose it is, and its cells."""

    call_id: str
    role: str
    cells: tuple[object, ...]


@dataclass(slots=True)
class View:
    """What somebody has chosen to see of the calls; *press* is told each key."""

    columns: Sequence[str]
    wanted: str = ""
    column: int = 0
    is_turned: bool = False
    chosen: tuple[str, str] | None = None
    is_typing: bool = False
    asked: Line | None = None
    told: str = ""

    def order(self, lines: Sequence[Line]) -> list[Line]:
        """Return the calls that fit the filter, in the order that was chosen."""
        wanted = self.wanted.lower()
        fit = [line for line in lines if wanted in " ".join(map(str, (*line.cells, line.call_id))).lower()]
        return sorted(fit, key=lambda line: _rank(line.cells[self.column]), reverse=self.is_turned)

    def press(self, key: str, lines: Sequence[Line]) -> bool:
        """Do what *key* says to the calls *lines* as they are ordered; return whether *asked* is to end."""
        if self.asked is not None:
            if key in ("y", "Y"):
                return True
            self.asked = None
        elif self.is_typing:
            self._type(key)
        else:
            self._choose(key, lines)
        return False

    def _type(self, key: str) -> None:
        if key == ESCAPE:
            self.wanted = ""
        if key == ESCAPE or key in ENTER:
            self.is_typing = False
        elif key in ERASE:
            self.wanted = self.wanted[:-1]
        elif key.isprintable():
            self.wanted += key

    def _choose(self, key: str, lines: Sequence[Line]) -> None:
        self.told = ""
        at = self.place(lines)
        if key == "/":
            self.is_typing = True
        elif key == "s":
            self.column = (self.column + 1) % len(self.columns)
        elif key == "r":
            self.is_turned = not self.is_turned
        elif lines and key in (*UP, *DOWN):
            line = lines[max(0, at - 1) if key in UP else min(len(lines) - 1, at + 1)]
            self.chosen = (line.call_id, line.role)
        elif lines and key == "e":
            self.asked = lines[at]

    def place(self, lines: Sequence[Line]) -> int:
        """Return where the chosen call stands; the first, when it is over."""
        keys = [(line.call_id, line.role) for line in lines]
        return keys.index(self.chosen) if self.chosen in keys else 0

    def draw(self, at: datetime, lines: Sequence[Line], total: int, width: int, height: int) -> list[str]:
        """Return what a terminal shows of *lines*; ``>`` marks the chosen call."""
        count = f"{total}" if len(lines) == total else f"{len(lines)} of {total}"
        order = f"by {self.columns[self.column]}{', turned round' if self.is_turned else ''}"
        title = f"{at:%H:%M:%S} UTC, {count} calls; Ctrl-C ends; {order}"
        header, *rows = table_lines(self.columns, [_shown(line) for line in lines])
        head = [title, *textwrap.wrap(self._status(), width), "", f"  {header}"]
        place, room = self.place(lines), max(1, height - len(head))
        first = max(0, min(place - room // 2, len(rows) - room))
        marked = [f"{'>' if row == place else ' '} {text}" for row, text in enumerate(rows)]
        return [*head, *marked[first : first + room]]

    def _status(self) -> str:
        if self.is_typing:
            return f"Filter: {self.wanted}_   Enter keeps it, Escape takes it away"
        if self.asked is not None:
            return f"End call {self.asked.call_id}? y ends it, any other key does not"
        return printable(self.told) or (f"Filter: {self.wanted}; " if self.wanted else "") + KEYS


def _shown(line: Line) -> tuple[object, ...]:
    return tuple(f"{cell:%H:%M:%S}" if isinstance(cell, datetime) else cell for cell in line.cells)


def _rank(cell: object) -> tuple[int, Decimal, str]:
    """Return what a cell is sorted by: moments and numbers as such, ``4/10`` by its 4, the rest as text."""
    if isinstance(cell, datetime):
        return 0, Decimal(cell.timestamp()), ""
    text = str(cell)
    try:
        number = Decimal(text.partition("/")[0])
    except InvalidOperation:
        number = Decimal("NaN")
    # A caller may call itself NaN, which is neither less nor more than anything.
    return (0, number, "") if number.is_finite() else (1, Decimal(0), text.lower())


def _no_keys(wait_s: float) -> list[str]:
    time.sleep(wait_s)
    return []


@contextmanager
def keyboard() -> Iterator[Callable[[float], list[str]]]:
    """
    Yield what waits some seconds for keys and returns those that were pressed.

    Where standard input is no terminal, there are none.
    """
    if not sys.stdin.isatty():
        yield _no_keys
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)

    def read(wait_s: float) -> list[str]:
        ready, _, _ = select.select([descriptor], [], [], wait_s)
        return KEY.findall(os.read(descriptor, 1024).decode(errors="replace")) if ready else []

    try:
        tty.setcbreak(descriptor)  # keys come one by one and are not echoed; Ctrl-C still interrupts
        yield read
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def watch(
    columns: Sequence[str],
    read: Callable[[], tuple[datetime, list[Line]]],
    end: Callable[[str], str],
    interval_s: float,
) -> None:
    """
    Show the calls that *read* returns every *interval_s* seconds, until ``q`` is pressed.

    *end* ends a call by its id, and returns what is told of that.
    """
    from rich.live import Live  # as slow to import as the rest of a command together
    from rich.text import Text

    view = View(columns)
    with Live(auto_refresh=False, screen=True) as screen, keyboard() as pressed:

        def draw() -> list[Line]:
            shown = view.order(lines)
            width, height = screen.console.size
            text = "\n".join(view.draw(at, shown, len(lines), width, height))
            screen.update(Text(text, no_wrap=True, overflow="ellipsis"), refresh=True)
            return shown

        while True:
            at, lines = read()
            due = time.monotonic() + interval_s
            while (left_s := due - time.monotonic()) > 0:
                shown = draw()
                for key in pressed(left_s):
                    if key == "q" and not view.is_typing and view.asked is None:
                        return
                    if view.press(key, shown) and view.asked is not None:
                        call_id, view.asked = view.asked.call_id, None
                        view.told = f"Ending call {call_id}"
                        draw()
                        view.told, due = end(call_id), 0.0
                    shown = view.order(lines)
