"""Codes of destinations as carriers write them: lists, ranges, and what spreadsheets make of digits."""

from __future__ import annotations

import re
from collections.abc import Iterable

from provisioning.numbers import DECORATION

MOST_CODES = 10_000  # of one cell; a range of more is a slip
EVERYWHERE = ("*", "default", "all", "any", "other", "others", "rest")
_LIST = re.compile(r"[,;|]|\s+and\s+", re.IGNORECASE)
_RANGE = re.compile(r"(?P<first>[0-9][0-9 .()]*?)\s*(?:-|–|—|\bto\b|\.\.)\s*(?P<last>[0-9]+)", re.IGNORECASE)
_DIGITS = re.compile(r"[0-9]+", re.ASCII)
_EXPONENT = re.compile(r"([0-9])(?:\.([0-9]+))?[eE]\+?([0-9]+)", re.ASCII)


def codes(text: str, national: bool = False) -> list[str]:
    """
    Return the codes that a cell lists: ``20, 207-209`` or ``44 7700-7709``; ``*`` for every destination.

    In a list, the codes of a country may follow its code and a blank: ``44 20, 7700-7709``.
    *national*: North American codes without their 1, where a hyphen only separates (``212-555``).

    Raises:
        ValueError: It holds no code, or something else.
    """
    if not national and text.isdigit() and text.isascii() and text[0] != "0":
        return [text]
    bare = text.strip().removeprefix("'").strip()
    if bare.lower() in EVERYWHERE:
        return ["*"]
    if national:
        return [_digits(part.replace("-", "")) for part in _LIST.split(bare) if part.strip()]
    found: list[str] = []
    country = ""
    for part in filter(None, map(str.strip, _LIST.split(bare))):
        match = _RANGE.fullmatch(_international(part))
        if match is None or not _is_range(match):
            code = _digits(part)
            leading = part.lstrip("'+").split()
            if len(leading) > 1 and leading[0].isdigit():
                country = leading[0]
            found.append(code if code.startswith(country) else country + code)
            continue
        head, _, first = match["first"].strip().rpartition(" ")
        head = _digits(head) if head else country
        country = head or country
        found += (f"{head}{code}" for code in _between(_digits(first), match["last"]))
    if not found:
        raise ValueError("it is empty")
    return found


def _is_range(match: re.Match[str]) -> bool:
    """Tell a range from a number that is written with a hyphen, as 1-512."""
    first = match["first"].strip().rpartition(" ")[2]
    return len(first.translate(DECORATION)) == len(match["last"])


def _between(first: str, last: str) -> Iterable[str]:
    count = int(last) - int(first) + 1
    if count < 1:
        raise ValueError(f"the range {first}-{last} runs backwards")
    if count > MOST_CODES:
        raise ValueError(f"the range {first}-{last} has {count} codes; the most are {MOST_CODES}")
    return (str(code).zfill(len(first)) for code in range(int(first), int(last) + 1))


def _digits(part: str) -> str:
    """Return one code as digits, without what says "international"."""
    bare = _international(part.translate(DECORATION) if not _is_float(part) else part.partition(".")[0])
    if _DIGITS.fullmatch(bare):
        return bare
    exponent = _EXPONENT.fullmatch(part.strip())
    if exponent is None:
        raise ValueError(f"{part[:40]!r} is no code of digits")
    decimals = exponent[2] or ""
    if int(exponent[3]) > len(decimals):
        raise ValueError(
            f"{part[:40]!r}: a spreadsheet has dropped its last digits; export the column as text"
        )
    return exponent[1] + decimals


def _is_float(part: str) -> bool:
    """Tell what a spreadsheet makes of a number: 442.0."""
    whole, point, decimals = part.strip().partition(".")
    return bool(point) and whole.isdigit() and decimals.strip("0") == "" and decimals != ""


def _international(text: str) -> str:
    """Return *text* without + or an exit code: no country's code begins with 0."""
    bare = text.strip().removeprefix("'").strip()
    if bare.startswith("+"):
        return bare[1:]
    for exit_code in ("00", "011"):
        if bare.startswith(exit_code) and len(bare) > len(exit_code):
            return bare[len(exit_code) :].lstrip(" -.")
    return bare
