"""Several prices of one row of a rate file: by the time of the week, and by the length of a call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from fractions import Fraction

from provisioning.rate_texts import shortest, week_hours

WEEKEND = {"name": "weekend", "days": [6, 7, "H"], "from": "00:00", "to": "24:00", "weight": 1}

_LONGEST = 6  # digits of seconds


def by_time(prices: Mapping[str, str], base: str, peak_hours: str, common: dict[str, str]) -> str:
    """
    Return the price outside of peak and weekend; put bands for those that differ into *common*.

    Raises:
        ValueError: The peak has another price, and *peak_hours* do not say when it is.
    """
    told = {name: prices[name] for name in ("peak", "offpeak", "weekend") if name in prices}
    if not told:
        return base
    base = prices.get("offpeak") or base or next(iter(told.values()))
    bands: list[dict[str, object]] = []
    if Fraction(prices.get("peak", base)) != Fraction(base):
        if not peak_hours:
            raise ValueError("say when it is, with --peak '1-5 08:00-20:00'")
        days, begin, end = week_hours(peak_hours)
        peak = shortest(prices["peak"])
        bands.append({"name": "peak", "days": days, "from": begin, "to": end, "price": peak})
    if Fraction(prices.get("weekend", base)) != Fraction(base):
        bands.append({**WEEKEND, "price": shortest(prices["weekend"])})
    if bands:
        common["bands"] = json.dumps(bands)
    return base


def by_length(prices: Mapping[str, str], base: str, common: dict[str, str]) -> str:
    """Return the price of the first increment; put a step for a price that follows it into *common*."""
    first = prices.get("first_price", "")
    if not first or not base or Fraction(first) == Fraction(base):
        return base or first
    after_s = int(common.get("initial", "1")[:_LONGEST])  # one that cannot be read is told where it stands
    common["steps"] = json.dumps([{"from": after_s, "price": shortest(base)}])
    return first
