"""Values as text for people: exact numbers, moments in UTC, nothing that a terminal would obey."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal


def printable(text: str) -> str:
    r"""Return *text* with all that does not print, such as ESC or a newline, as ``\x1b`` or ``\n``."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def money(micros: int) -> Decimal:
    """Return an amount in micro-units as the exact decimal it is."""
    return Decimal(micros).scaleb(-6)


def price(nano: int) -> Decimal:
    """Return a price of 10^-9 units as the exact decimal it is, with no more digits than it has."""
    exact = Decimal(nano).scaleb(-9).normalize()
    return exact if exact.as_tuple().exponent in range(-9, 1) else exact.quantize(Decimal(1))


def moment(at: datetime) -> str:
    """Return a moment in UTC, ``2026-03-01T09:30:00Z``, with milliseconds when it has any."""
    utc = at.astimezone(UTC)
    precision = "milliseconds" if utc.microsecond else "seconds"
    return utc.isoformat(timespec=precision).replace("+00:00", "Z")


def service_name(kind: str | None, name: str | None) -> str:
    """Return ``trunk sbc1``; nothing for a call that matched no service."""
    return f"{kind} {name}" if name is not None else ""


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
