"""
Vectors of call records as text, so that who has a file and no Python can add one.

A file begins with ``format NAME`` and ``setting NAME=VALUE``. A case begins with ``== title``; its lines
are given to the reader as they are, up to ``--``. Then comes what must come of them, a line each, in this
order: ``over`` (passed over), ``aside LINE [FIELD]``, or the fields of a record that count, as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from radiusd.records.record import Entry, Outcome, SetAside
from radiusd.records.registry import FORMATS

FOLDER = Path(__file__).parents[2] / "vectors" / "records"


class Case(NamedTuple):
    """Lines, and what must come of them."""

    title: str
    format: str
    settings: dict[str, str]
    octets: bytes
    expected: list[str]

    def outcomes(self) -> list[Outcome]:
        return list(FORMATS[self.format].read(BytesIO(self.octets), self.settings))


def cases() -> Iterator[Case]:
    """Yield every case of every file of vectors."""
    for path in sorted(FOLDER.glob("*.txt")):
        text = path.read_text()
        if "\nformat " not in text:
            continue  # a sample
        head, *parts = text.split("\n== ")
        words = [line.split(" ", 1) for line in head.splitlines()]
        (name,) = [rest for word, rest in words if word == "format"]
        settings = dict(rest.split("=", 1) for word, rest in words if word == "setting")
        for part in parts:
            title, _, body = part.partition("\n")
            lines, _, expected = body.partition("\n--\n")
            yield Case(f"{path.stem}: {title}", name, settings, lines.encode(), expected.split("\n"))


def plain(outcome: Entry) -> dict[str, Any]:
    """Return the record of *outcome* as its JSON has it."""
    return json.loads(msgspec.json.encode(outcome.record))  # type: ignore[no-any-return]


def told(outcome: Outcome, expected: str) -> str:
    """Return *outcome* in the form of *expected*, with the fields that it names."""
    if isinstance(outcome, SetAside):
        field = f" {outcome.field}" if outcome.field and expected.count(" ") == 2 else ""
        return f"aside {outcome.line}{field}"
    if isinstance(outcome, Entry):
        wanted = json.loads(expected) if expected.startswith("{") else {}
        found = plain(outcome)
        return json.dumps({name: found.get(name, "(not told)") for name in wanted})
    return "over"
