"""Codes of destinations as carriers write them: lists, ranges, and what spreadsheets make of digits."""

from __future__ import annotations

import re
from collections.abc import Iterable

from provisioning.numbers import DECORATION

MOST_CODES = 10_000  # of one cell; a range of more is a slip
EVERYWHERE = ("*", "default", "all", "any", "other", "others", "rest")
_LIST = re.compile(r"[,;|\r\n]|\s+and\s+", re.IGNORECASE)
_RANGE = re.compile(
    r"(?P<first>[0-9][0-9 .()]*?)\s*(?:-|–|—|\bto\b|\.\.)\s*(?P<last>\+?[0-9]+)", re.IGNORECASE
)
_NATIONAL_RANGE = re.compile(r"1?(?P<first>[0-9]{6,7})\s*[-–—]\s*1?(?P<last>[0-9]{6,7})", re.ASCII)
_DIGITS = re.compile(r"[0-9]+", re.ASCII)
_EXPONENT = re.compile(r"([0-9])(?:\.([0-9]+))?[eE]\+?([0-9]+)", re.ASCII)
_TEXT = re.compile(r'="(.*)"|\^(.*?)(?:\.\*)?\$?')  # of spreadsheets, of switches that keep patterns
_GROUPS = re.compile(r"[\s/–—-]+")
_SHORTENED = re.compile(r"(?P<whole>[0-9]+)\s*[-–—]\s*(?P<end>[0-9]+)(?![0-9])", re.ASCII)
_TRUNK_ZERO = "(0)"  # dialled within a country only
_LONGEST_NATIONAL = 10


def codes(text: str, national: bool = False, area: bool = False) -> list[str]:
    """
    Return the codes that a cell lists: ``20, 207-209`` or ``44 7700-7709``; ``*`` for every destination.

    In a list, the codes of a country may follow its code and a blank: ``44 20, 7700-7709``.
    *national*: North American codes without their 1, where a hyphen only separates (``212-555``).
    *area*: codes within a country, whose own code stands elsewhere.

    Raises:
        ValueError: It holds no code, or something else, or what could be one code or several.
    """
    if not national and text.isdigit() and text.isascii() and text[0] != "0":
        return [text]
    bare = text.strip().removeprefix("'").strip()
    if match := _TEXT.fullmatch(bare):
        bare = match[1] or match[2] or ""
    if bare.lower() in EVERYWHERE:
        return ["*"]
    parts = [part for part in map(str.strip, _LIST.split(bare)) if part]
    found = [code for part in parts for code in _national(part)] if national else _listed(parts, area)
    if not found:
        raise ValueError("it is empty")
    return found


def _listed(parts: Iterable[str], area: bool) -> list[str]:
    """Return the codes of the parts of a list; that of a country holds for the parts after it."""
    found: list[str] = []
    country = ""
    for part in parts:
        plain = part if area else _international(part)
        match = _RANGE.fullmatch(plain.replace(_TRUNK_ZERO, ""))
        last = "" if match is None else match["last"] if area else _international(match["last"])
        if match is None or not _is_range(match["first"], last):
            _refuse_several(plain.replace(_TRUNK_ZERO, " "), area)
            code = _digits(part, area)
            leading = part.lstrip("'+").split()
            if len(leading) > 1 and leading[0].isdigit():
                country = leading[0]
            found.append(code if code.startswith(country) else country + code)
            continue
        head, _, first = match["first"].strip().rpartition(" ")
        head = _digits(head, area) if head else country
        country = head or country
        found += (f"{head}{code}" for code in _between(_digits(first, area), last))
    return found


def _national(part: str) -> Iterable[str]:
    """Return the codes of one part of a list of North American ones."""
    if match := _NATIONAL_RANGE.fullmatch(part):
        return _between(match["first"], match["last"])
    code = _digits(part.replace("-", ""))
    if len(code.removeprefix("1")) > _LONGEST_NATIONAL:
        raise ValueError(f"{part[:40]!r} has over {_LONGEST_NATIONAL} digits; write commas between codes")
    return [code]


def _refuse_several(part: str, area: bool) -> None:
    """
    Raise ValueError where blanks or hyphens may part several codes, and not the digits of one.

    Codes side by side are alike: ``4420 4421``. A range may leave out what its ends share: ``4420-5``.
    """
    groups = [group for group in _GROUPS.split(part.strip().strip("+'")) if group]
    if len(groups) < 2 or not all(group.isdigit() for group in groups):
        return
    length = len(groups[0])
    alike = all(len(group) == length for group in groups)
    kin = alike and all(group[0] == groups[0][0] for group in groups)
    if (kin and (length > 2 or len(groups) > 2)) or (alike and area and length > 1):
        raise ValueError(
            f"{part.strip()[:40]!r} could be one code or several; write commas between, or no blank within"
        )
    for match in _SHORTENED.finditer(part):
        if len(match["end"]) < len(match["whole"]):
            raise ValueError(
                f"{part.strip()[:40]!r} could be one code or a range; write both ends in full, or no hyphen"
            )


def _is_range(first: str, last: str) -> bool:
    """Tell a range from a number that is written with a hyphen, as 1-512."""
    return len(first.strip().rpartition(" ")[2].translate(DECORATION)) == len(last)


def _between(first: str, last: str) -> Iterable[str]:
    count = int(last) - int(first) + 1
    if count < 1:
        raise ValueError(f"the range {first}-{last} runs backwards")
    if count > MOST_CODES:
        raise ValueError(f"the range {first}-{last} has {count} codes; the most are {MOST_CODES}")
    return (str(code).zfill(len(first)) for code in range(int(first), int(last) + 1))


def _digits(part: str, area: bool = False) -> str:
    """Return one code as digits, without what says "international"; within an *area*, as they stand."""
    part = part.replace(_TRUNK_ZERO, "")
    bare = part.translate(DECORATION) if not _is_float(part) else part.partition(".")[0]
    bare = bare.removeprefix("'") if area else _international(bare)
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
