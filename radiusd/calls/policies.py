"""Where an account may call, when, and at what price: rules as an admin writes them, and their verdict."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from math import ceil
from typing import NamedTuple

from radiusd.errors import Refusal
from rating.money import MICRO, micros_text
from rating.prices import NANO
from rating.rates import Rate

EVERYWHERE = "*"
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = "|".join(DAYS)
_RULE = re.compile(
    rf"(?P<place>.+?)(?:\s+(?P<days>(?:{_DAY})(?:[-,](?:{_DAY}))*))?"
    r"(?:\s+(?P<begin>[0-9]{2}:[0-9]{2})-(?P<end>[0-9]{2}:[0-9]{2}))?",
    re.ASCII,
)
_DAY_MINUTES = 24 * 60


class Hours(NamedTuple):
    """Days of the week (0 is Monday) and a stretch of minutes of the day, which may go past midnight."""

    days: frozenset[int]
    begin: int
    end: int

    def hold(self, local: datetime) -> bool:
        """Tell whether the wall clock time *local* is within them; past midnight counts to the day before."""
        minute = local.hour * 60 + local.minute
        if self.begin < self.end:
            return local.weekday() in self.days and self.begin <= minute < self.end
        if minute >= self.begin:
            return local.weekday() in self.days
        return minute < self.end and (local.weekday() - 1) % 7 in self.days


@dataclass(frozen=True, slots=True)
class Rule:
    """Destinations, and the hours in which the rule holds; None: always. *text* is how it was written."""

    text: str
    prefixes: tuple[str, ...]
    hours: Hours | None = None

    def reach(self, called: str) -> int:
        """Return the length of the longest of its prefixes that *called* begins with, -1 when none does."""
        if not called.startswith(self.prefixes):
            return -1
        return max(len(prefix) for prefix in self.prefixes if called.startswith(prefix))

    def holds(self, local: datetime) -> bool:
        """Tell whether it holds at the wall clock time *local*."""
        return self.hours is None or self.hours.hold(local)


class Level(NamedTuple):
    """From how many on somebody is warned, and from how many on calls are refused; None: never."""

    warn: int | None
    block: int | None

    @property
    def most(self) -> int:
        """How many must be known to tell."""
        return max(self.warn or 0, self.block or 0)


NO_LEVEL = Level(None, None)


@dataclass(frozen=True, slots=True)
class Guards:
    """What a burst looks like: counts within *window_s*, after which calls are refused for *block_s*."""

    distinct: Level = NO_LEVEL  # different called numbers
    sequential: Level = NO_LEVEL  # called numbers that follow each other
    dear: Level = NO_LEVEL  # calls to dear destinations
    dear_prefixes: tuple[str, ...] = ()
    window_s: int = 60
    block_s: int = 300


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules that many accounts and services may share."""

    name: str
    barred: tuple[Rule, ...] = ()
    allowed: tuple[Rule, ...] = ()
    max_price_nano: int | None = None
    max_call_micros: int | None = None
    guards: Guards | None = None


class Verdict(NamedTuple):
    """Why a policy forbids a call, and by which of its rules."""

    refusal: Refusal
    detail: str


def read_rule(text: str, sets: Mapping[str, Sequence[str]]) -> Rule:
    """
    Return the rule in ``PLACE [DAYS] [HOURS]``.

    PLACE is a prefix, the name of a destination set, or ``*``; DAYS are like ``mon-fri`` or ``sat,sun``,
    HOURS like ``18:00-08:00``, both by the account's wall clock.

    Raises:
        ValueError: It is none, or there is no such set.
    """
    found = _RULE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no rule; write PLACE, PLACE mon-fri or PLACE mon-fri 18:00-08:00")
    hours = None
    if found["days"] or found["begin"]:
        hours = Hours(_days(found["days"]), _minute(found["begin"], 0), _minute(found["end"], _DAY_MINUTES))
        if hours.begin == hours.end:
            raise ValueError(f"{text!r}: the hours end when they begin; leave them out for the whole day")
    return Rule(" ".join(text.split()), read_place(found["place"], sets), hours)


def read_place(place: str, sets: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the prefixes that *place* stands for. Raises ValueError when there is no such set."""
    if place == EVERYWHERE:
        return ("",)
    if place.isascii() and place.isdigit():
        return (place,)
    if place not in sets:
        raise ValueError(f"{place!r} is neither a prefix nor a destination set; add the set first")
    return tuple(sets[place])


def _days(written: str | None) -> frozenset[int]:
    if not written:
        return frozenset(range(7))
    days: set[int] = set()
    for part in written.split(","):
        first, *last = part.split("-")
        if len(last) > 1:
            raise ValueError(f"{part!r} is not one day or a range of days")
        begin, end = DAYS.index(first), DAYS.index(last[0] if last else first)
        days.update((begin + step) % 7 for step in range((end - begin) % 7 + 1))
    return frozenset(days)


def _minute(written: str | None, usual: int) -> int:
    if not written:
        return usual
    hour, minute = (int(part) for part in written.split(":"))
    if hour * 60 + minute > _DAY_MINUTES or minute > 59:
        raise ValueError(f"{written!r} is no time of day; they go from 00:00 to 24:00")
    return hour * 60 + minute


def judge(policies: Iterable[Policy | None], called: str, local: datetime) -> Verdict | None:
    """Return what forbids to call *called* at the wall clock time *local*, None when nothing does."""
    for policy in policies:
        if policy is not None and (policy.barred or policy.allowed):
            verdict = _judge(policy, called, local)
            if verdict is not None:
                return verdict
    return None


def _judge(policy: Policy, called: str, local: datetime) -> Verdict | None:
    """The longer prefix wins; of one length, the bar."""
    barred = _best(policy.barred, called, local)
    allowed = _best(policy.allowed, called, local)
    if barred is not None and (allowed is None or allowed.reach(called) <= barred.reach(called)):
        refusal = Refusal.OUTSIDE_HOURS if barred.hours else Refusal.BARRED
        return Verdict(refusal, f"policy {policy.name} bars {barred.text!r}")
    if allowed is not None or not policy.allowed:
        return None
    elsewhen = next((rule for rule in policy.allowed if rule.reach(called) >= 0), None)
    if elsewhen is not None:
        return Verdict(Refusal.OUTSIDE_HOURS, f"policy {policy.name} allows {elsewhen.text!r} only")
    return Verdict(Refusal.NOT_ALLOWED, f"policy {policy.name} allows other destinations only")


def _best(rules: Sequence[Rule], called: str, local: datetime) -> Rule | None:
    """Return the rule that holds now and reaches furthest into *called*."""
    best, reach = None, -1
    for rule in rules:
        length = rule.reach(called)
        if length > reach and rule.holds(local):
            best, reach = rule, length
    return best


def judge_price(policies: Iterable[Policy | None], rate: Rate | None) -> Verdict | None:
    """Return which policy forbids the price of a minute, None when none does; the dearest band counts."""
    if rate is None:
        return None
    for policy in policies:
        if policy is None or policy.max_price_nano is None:
            continue
        price, limit = dearest(rate), Fraction(policy.max_price_nano, NANO)
        if price > limit:
            said, allowed = micros_text(ceil(price * MICRO)), micros_text(ceil(limit * MICRO))
            detail = f"{said} per minute; policy {policy.name} allows {allowed}"
            return Verdict(Refusal.PRICE_TOO_HIGH, detail)
    return None


def dearest(rate: Rate) -> Fraction:
    """Return the price of a minute in the dearest band or step of *rate*."""
    prices = [rate.price]
    prices += [band.price for band in rate.rules.bands if band.price is not None]
    prices += [step.price for step in rate.rules.steps if step.price is not None]
    return max(price.cost(60) for price in prices)
