"""Values as text: exact numbers, moments in UTC, nothing that a spreadsheet calculates or a screen obeys."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal

PHONE_NUMBER = re.compile(r"\+[0-9]{1,20}\Z")
FORMULA = frozenset("=+-@\t\r\n")  # what makes a spreadsheet calculate a cell that begins so


def money(micros: int) -> Decimal:
    """Return an amount in micro-units as the exact decimal it is."""
    return Decimal(micros).scaleb(-6)


def seconds(duration_ms: int) -> object:
    """Return a duration in seconds, exactly: 61, or 60.28 as a decimal."""
    whole, rest = divmod(duration_ms, 1000)
    return money(duration_ms * 1000).normalize() if rest else whole


def moment(at: datetime) -> str:
    """Return a moment in UTC, ``2026-03-01T09:30:00Z``, with milliseconds when it has any."""
    utc = at if at.tzinfo is UTC else at.astimezone(UTC)
    precision = "milliseconds" if utc.microsecond else "seconds"
    return utc.isoformat(timespec=precision).replace("+00:00", "Z")


def cell(value: object) -> str:
    """Return one value of a row as a line of text. None is empty."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case Decimal():
            return format(value, "f")
        case datetime():
            return moment(value)
        case dict():
            return json.dumps(value, default=plain)
        case list() | tuple():
            return ",".join(cell(item) for item in value)
        case _:
            return str(value)


def plain(value: object) -> object:
    """Return as a string what JSON has no form for: no reader then makes a float of a decimal."""
    return moment(value) if isinstance(value, datetime) else cell(value)


def printable(text: str) -> str:
    r"""Return *text* with all that does not print, such as ESC or a newline, as ``\x1b`` or ``\n``."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def spreadsheet_cells(values: list[object]) -> list[object]:
    """Return *values* as a CSV writer may have them, whose cells no spreadsheet takes for a formula."""
    return [
        value
        if value.__class__ is int or value is None or (value.__class__ is str and value[:1] not in FORMULA)
        else spreadsheet_cell(value)  # few cells
        for value in values
    ]


def spreadsheet_cell(value: object) -> str:
    """
    Return *value* for CSV: text that a spreadsheet would take for a formula gets a leading apostrophe.

    Numbers are left alone, and so is a phone number (``+`` and up to 20 digits): it calculates to itself.
    """
    text = cell(value)
    if text[:1] not in FORMULA:
        return text
    if not isinstance(value, int | Decimal) and not PHONE_NUMBER.match(text):
        return "'" + text
    return text
