"""
Cells of rate files as carriers write them: prices, dates, increments, words for a status.

Everything comes out as :mod:`provisioning.rate_files` wants it. What could mean two things is refused.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime
from enum import Enum
from fractions import Fraction
from functools import lru_cache
from typing import TypeVar

from rating.money import exact_text, fraction, parse_decimal


class Decimals(Enum):
    """Which sign stands before the decimals of a number."""

    POINT = "point"
    COMMA = "comma"


_SIGNS = {Decimals.POINT: (".", ","), Decimals.COMMA: (",", ".")}
_CURRENCY = re.compile(
    r"(?P<before>[A-Z]{3}|US\$|[$€£¥])?\s*(?P<number>[^A-Z$€£¥]*?)\s*(?P<after>[A-Z]{3}|[$€£¥])?"
)
_PER_MINUTE_AFTER = re.compile(r"\s*(?:/|\bper)\s*min(?:ute)?\.?", re.IGNORECASE)
_EXPONENT = re.compile(r"(?P<number>[0-9.,]*[0-9])[eE](?P<power>-[0-9]{1,2})", re.ASCII)
SIGNS = {"$": None, "US$": "USD", "€": "EUR", "£": "GBP", "¥": None}  # None: of several currencies


def decimals_of(texts: Iterable[str]) -> Decimals | None:
    """
    Return which sign most of these numbers have before their decimals; None: they leave it open.

    Raises:
        ValueError: As many have the other.
    """
    found: Counter[Decimals] = Counter()
    for text in texts:
        if not any(character.isdigit() for character in text):
            continue
        point, comma = text.rfind("."), text.rfind(",")
        if point >= 0 and comma >= 0:
            found[Decimals.POINT if point > comma else Decimals.COMMA] += 1
            continue
        for sign, at in ((Decimals.POINT, point), (Decimals.COMMA, comma)):
            if at < 0:
                continue
            number = _CURRENCY.fullmatch(text.strip())
            digits = number["number"] if number else text
            whole, _, after = digits.strip().partition(_SIGNS[sign][0])
            if len(after) != 3 or whole.lstrip("-") in ("", "0") or len(whole) > 3:
                found[sign] += 1
    return _most(found, "as many of its numbers have a decimal comma as a decimal point; say --decimal")


Choice = TypeVar("Choice")


def _most(found: Counter[Choice], undecided: str) -> Choice | None:
    ranked = found.most_common(2)
    if len(ranked) > 1 and ranked[0][1] == ranked[1][1]:
        raise ValueError(undecided)
    return ranked[0][0] if ranked else None


def number(text: str, decimals: Decimals | None, currency: str = "") -> str:
    """
    Return the number in *text* as Python writes it, without thousands' separators and currency.

    *decimals* None: no number has told yet which sign stands before decimals.

    Raises:
        ValueError: It is none, could be two, or is in another *currency*.
    """
    exponent = _EXPONENT.fullmatch(text)  # what a spreadsheet makes of 0.000015
    if exponent is not None:
        plain = number(exponent["number"], decimals or Decimals.POINT)
        return exact_text(fraction(plain) * Fraction(10) ** int(exponent["power"]))
    match = _CURRENCY.fullmatch(_PER_MINUTE_AFTER.sub("", text).strip())
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a number")
    for unit in filter(None, (match["before"], match["after"])):
        named = SIGNS[unit] if unit in SIGNS else unit
        if named is not None and currency and named != currency:
            raise ValueError(f"{text[:40]!r} is in {named}, and the deck in {currency}")
    digits = match["number"].replace("\u00a0", "").replace(" ", "").replace("'", "")
    if decimals is None:
        if "," in digits or "." in digits:
            raise ValueError(f"{text[:40]!r} could be two numbers; say --decimal point or --decimal comma")
        decimals = Decimals.POINT
    sign, thousands = _SIGNS[decimals]
    whole, point, rest = digits.partition(sign)
    if thousands in whole:
        groups = whole.split(thousands)
        if groups[0][:1] in ("", "0") or any(len(group) != 3 for group in groups[1:]):
            raise ValueError(f"{text[:40]!r} is not a number with a decimal {decimals.value}")
        whole = "".join(groups)
    plain = f"{whole or '0'}.{rest}" if point else whole
    try:
        parse_decimal(plain)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is not a number with a decimal {decimals.value}") from None
    return plain


def shortest(text: str) -> str:
    """Return an amount without needless zeros: 0.0640 is no change of 0.064. What is none stays as it is."""
    try:
        return exact_text(fraction(text))
    except ValueError:
        return text  # whoever needs an amount says what is wrong with it


def scaled(plain: str, factor: Fraction) -> str:
    """Return a number times *factor*, exactly. Raises ValueError when its decimals would not end."""
    if factor == 1:
        return plain
    exact = exact_text(fraction(plain) * factor)
    if "/" in exact:
        raise ValueError(f"{plain} is {exact} a minute, which has no end of decimals")
    return exact


class Order(Enum):
    """In which order day and month stand between slashes."""

    DAY_FIRST = "dmy"
    MONTH_FIRST = "mdy"


AT_ONCE = ("immediately", "immediate", "asap", "now", "at once", "-")
_NO_DATE = re.compile(r"0000-00-00(?:[ T]00:00:00)?")  # MySQL's
_PARTS = re.compile(r"([0-9]{1,4})[./-]([0-9]{1,2})[./-]([0-9]{1,4})", re.ASCII)
_NAMED = re.compile(r"([0-9]{1,2})[ .-]*([A-Za-z]{3,9})[ .,-]*([0-9]{2,4})", re.ASCII)
_NAMED_FIRST = re.compile(r"([A-Za-z]{3,9})[ .-]*([0-9]{1,2})[ .,-]+([0-9]{2,4})", re.ASCII)
_COMPACT = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(?:\.0+)?", re.ASCII)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CENTURY = 2000
_TIME = re.compile(
    r"[T ]+([0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?:\.[0-9]+)?)\s*([AaPp][Mm])?\s*"
    r"(Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2})?"
)


def order_of(texts: Iterable[str]) -> Order | None:
    """
    Return in which order most of these dates are written; None: they leave it open.

    Raises:
        ValueError: As many are written in the other.
    """
    found: Counter[Order] = Counter()
    for text in texts:
        match = _PARTS.match(text)
        if match is None or len(match[1]) > 2 or text[match.end(1)] == ".":
            continue
        if int(match[1]) > 12:
            found[Order.DAY_FIRST] += 1
        elif int(match[2]) > 12:
            found[Order.MONTH_FIRST] += 1
    return _most(found, "as many of its dates begin with the day as with the month; say --dates")


def moment_text(text: str, order: Order | None) -> str:
    """
    Return the date, or date and time, in *text* as ISO 8601 writes it; empty for "immediately" and for none.

    Raises:
        ValueError: It is none, or could be two.
    """
    if text.lower() in AT_ONCE or _NO_DATE.fullmatch(text):
        return ""
    clock = _TIME.search(text)
    if clock is not None and clock.end() == len(text):
        return _with_time(_day(text[: clock.start()], order), clock)
    return _day(text, order).isoformat()


def _with_time(day: date, clock: re.Match[str]) -> str:
    time_text, half, zone = clock[1], (clock[2] or "").lower(), clock[3] or ""
    hour, _, rest = time_text.partition(":")
    hours = int(hour) % 12 + (12 if half == "pm" else 0) if half else int(hour)
    if not hours and not rest.replace(":", "").strip("0.") and not zone:
        return day.isoformat()  # midnight: the day in the zone of the file
    zone = "+00:00" if zone in ("Z", "UTC", "GMT") else zone
    at = datetime.fromisoformat(f"{day.isoformat()}T{hours:02}:{rest}{zone}")
    return at.isoformat()


def _day(text: str, order: Order | None) -> date:
    try:
        return _checked_day(text, order)
    except ValueError as error:
        if text[:40] in str(error):
            raise
        raise ValueError(f"{text[:40]!r} is no date: {error}") from None


def _checked_day(text: str, order: Order | None) -> date:
    bare = text.strip()
    if match := _COMPACT.fullmatch(bare):
        return date(*map(int, match.groups()))
    if match := _NAMED.fullmatch(bare):
        return date(_year(match[3]), _month(match[2], bare), int(match[1]))
    if match := _NAMED_FIRST.fullmatch(bare):
        return date(_year(match[3]), _month(match[1], bare), int(match[2]))
    match = _PARTS.fullmatch(bare)
    if match is None:
        raise ValueError(
            f"{text[:40]!r} is no date; write 2026-11-01, or 2026-11-01T09:30:00Z for an instant"
        )
    first, second = int(match[1]), int(match[2])
    if len(match[1]) == 4:
        return date(first, second, int(match[3]))
    if bare[match.end(1)] == ".":
        return date(_year(match[3]), second, first)
    if order is None and first != second and first <= 12 and second <= 12:
        raise ValueError(f"{text[:40]!r} could be two dates; say --dates dmy or --dates mdy")
    day_first = order is Order.DAY_FIRST if order is not None else first > 12
    return date(_year(match[3]), second, first) if day_first else date(_year(match[3]), first, second)


def _year(text: str) -> int:
    return int(text) + (_CENTURY if len(text) <= 2 else 0)


def _month(name: str, text: str) -> int:
    try:
        return _MONTHS.index(name[:3].lower()) + 1
    except ValueError:
        raise ValueError(f"{text[:40]!r} is no date") from None


_TWO = re.compile(
    r"([0-9]+)\s*(?:s|sec|secs|seconds)?\s*(?:[/+:\\-]|\bby\b|x)\s*([0-9]+)\s*(?:s|sec|secs|seconds)?",
    re.ASCII,
)
_ONE = re.compile(r"([0-9]+)(?:\.0+)?\s*(?:s|sec|secs|second|seconds)?", re.ASCII)
_PER_SECOND = ("per second", "per sec", "second", "seconds")
_PER_MINUTE = ("per minute", "per min", "minute", "minutes")


def increments(text: str) -> tuple[str, str]:
    """
    Return first and following increment out of ``30/6``, ``60+60``, ``1``, ``per minute``.

    Raises:
        ValueError: It is none of these.
    """
    bare = text.strip().lower()
    if match := _TWO.fullmatch(bare):
        return match[1], match[2]
    if match := _ONE.fullmatch(bare):
        return match[1], match[1]
    if bare in _PER_SECOND:
        return "1", "1"
    if bare in _PER_MINUTE:
        return "60", "60"
    raise ValueError(f"{text[:40]!r} is no increment like 30/6")


class Offer(Enum):
    """What a row says of its destination."""

    OPEN = "open"
    BLOCKED = "blocked"  # calls are refused
    CLOSED = "closed"  # no rate of its own any more; a shorter prefix may have one


_OFFERS = {
    Offer.OPEN: (
        *("", "new", "increase", "increased", "decrease", "decreased", "change", "changed", "no change"),
        *(
            "unchanged",
            "current",
            "active",
            "open",
            "same",
            "effective",
            "pending",
            "update",
            "updated",
            "add",
        ),
        *(
            "added",
            "up",
            "down",
            "nochange",
            "no changes",
            "rate increase",
            "rate decrease",
            "new code",
            "enabled",
        ),
    ),
    Offer.BLOCKED: ("blocked", "block", "forbidden", "barred", "suspended", "not allowed"),
    Offer.CLOSED: (
        *(
            "closed",
            "close",
            "delete",
            "deleted",
            "discontinued",
            "discontinue",
            "removed",
            "remove",
            "withdrawn",
        ),
        *(
            "no longer offered",
            "not offered",
            "not available",
            "end",
            "ended",
            "inactive",
            "terminated",
            "removal",
        ),
        *("code deleted", "deleted code", "closing", "unavailable"),
    ),
}
_OFFER_OF = {word: offer for offer, words in _OFFERS.items() for word in words}


@lru_cache(maxsize=1024)
def offer(text: str) -> Offer | None:
    """Return what a word for a status says; None: it is no such word."""
    return _OFFER_OF.get(" ".join(text.lower().replace("-", " ").replace("_", " ").split()))


def week_hours(text: str) -> tuple[list[int | str], str, str]:
    """Return days and hours of the week out of ``1-5 08:00-20:00``; raises ValueError."""
    days_text, _, hours = text.strip().partition(" ")
    begin, _, end = hours.strip().partition("-")
    first, _, last = days_text.partition("-")
    if not (
        first in tuple("1234567") and (last or first) in tuple("1234567") and ":" in begin and ":" in end
    ):
        raise ValueError(f"{text[:40]!r} is no time of the week like '1-5 08:00-20:00'")
    return list(range(int(first), int(last or first) + 1)), begin, end
