"""The cases about limits: seconds of a plan ("grant"), live calls ("reservation") and "common_end"."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from math import floor
from typing import Any
from zoneinfo import ZoneInfo

from rating.case_calls import Tariff, call_terms, find_rate, read_calls, read_tariff
from rating.fields import Fields
from rating.grants import common_end_s, grant_call
from rating.money import DEFAULT, MICRO, ZERO, exact_text, units_text
from rating.notation import read_buckets
from rating.periods import day_start, prorated_seconds, rolled_seconds
from rating.prices import PER_MINUTE_S, Price

GRANT_FIELDS = (
    *("period_start", "period_end", "included_seconds", "activated", "terminated", "tz", "prorate"),
    "rollover",
)
COMMON_END_FIELDS = ("balance", "credit_limit", "ongoing", "new")
RESERVATION_FIELDS = ("balance", "credit_limit", "lease_seconds", "min_grant")
_ROLLOVER_FIELDS = ("unused_seconds", "cap_seconds", "age_periods", "max_periods")
_PRORATE = {"true": True, "daily": True, "false": False, "none": False}


def _own(case: Fields, kind: str) -> Fields:
    """Return the table that holds the fields of *kind*: one of that name, or the case itself."""
    return case.table(kind) if kind in case else case


def plan_seconds(case: Fields) -> dict[str, Any]:
    """Return the included seconds that a plan brings in one period."""
    plan = _own(case, "grant")
    plan.slips(*GRANT_FIELDS)
    zone = plan.zone("tz") if "tz" in plan else case.zone("tz")
    included_s = plan.whole("included_seconds", least=0)
    start, end = plan.day("period_start", zone), plan.day("period_end", zone)
    granted_s = included_s
    if _prorates(plan):
        with plan.blamed():
            activated_at, terminated_at = _turn(plan, "activated", zone), _turn(plan, "terminated", zone)
            granted_s = prorated_seconds(included_s, start, end, zone, activated_at, terminated_at)
    rolled_s = _rolled(plan.table("rollover")) if "rollover" in plan else 0
    return {"granted_seconds": granted_s, "rolled_seconds": rolled_s, "total_seconds": granted_s + rolled_s}


def _turn(plan: Fields, name: str, zone: ZoneInfo) -> datetime | None:
    """Return the beginning of the day, in the customer's zone, on which a service began or ended."""
    return day_start(plan.day(name, zone), zone) if name in plan else None


def _prorates(plan: Fields) -> bool:
    value = str(plan.values.get("prorate", True)).lower()
    if value not in _PRORATE:
        raise plan.error("prorate", f"expected true (daily) or false (none), not {value!r}")
    return _PRORATE[value]


def _rolled(rollover: Fields) -> int:
    rollover.only(*_ROLLOVER_FIELDS)
    return rolled_seconds(
        rollover.whole("unused_seconds", least=0),
        rollover.whole("cap_seconds", least=0) if "cap_seconds" in rollover else None,
        rollover.whole("age_periods", 1, 0),
        rollover.whole("max_periods", least=0) if "max_periods" in rollover else None,
    )


def reserve_calls(case: Fields) -> dict[str, Any]:
    """Return the grant of each call, in the order listed, and what is left for others."""
    tariff = read_tariff(case)
    buckets = read_buckets(case)
    spare = case.amount("balance") + case.amount("credit_limit", ZERO)
    limits: dict[str, Any] = {
        "lease_s": case.whole("lease_seconds", least=0),
        "min_grant_s": case.whole("min_grant", 1, 0),
    }
    outcomes = []
    for call in read_calls(case):
        limits.update(buckets=buckets, spare_micros=floor(spare * MICRO))
        outcome, reserved = _reserve(call, tariff, limits)
        spare -= reserved
        used = outcome["reserved_seconds"]
        buckets = [replace(each, seconds=each.seconds - used.get(each.id, 0)) for each in buckets]
        outcomes.append(outcome)
    return {
        "calls": outcomes,
        "unreserved_money": exact_text(spare),
        "unreserved_seconds": {bucket.id: bucket.seconds for bucket in buckets},
    }


def _reserve(call: Fields, tariff: Tariff, limits: Mapping[str, Any]) -> tuple[dict[str, Any], Fraction]:
    outcome: dict[str, Any] = {"call": call.text("id"), "grant": 0}
    rate, _ = find_rate(call, tariff)
    if rate is None or rate.blocked:
        refused = {"error": "no_rate" if rate is None else "blocked"}
        return outcome | refused | {"reserved_money": "0", "reserved_seconds": {}}, ZERO
    with call.blamed():
        grant = grant_call(rate, **call_terms(call, rate, tariff), **limits)
    rating = grant.rating
    rounding = rate.rules.rounding or DEFAULT
    outcome["grant"] = grant.seconds
    outcome["reserved_money"] = rating.total_text if rating else units_text(0, rounding.decimals)
    outcome["reserved_seconds"] = grant.bucket_s
    return outcome, rating.total if rating else ZERO


def common_end(case: Fields) -> dict[str, Any]:
    """Return the seconds until all calls of an account end together; None when they cost nothing."""
    own = _own(case, "common_end")
    own.slips(*COMMON_END_FIELDS)
    spare = own.amount("balance") + own.amount("credit_limit", ZERO)
    prices = []
    for name, due in (("ongoing", "due"), ("new", "connect_fee")):
        for call in own.tables(name):
            call.slips("price", "per", due)
            spare -= call.amount(due, ZERO)
            with call.blamed("price"):
                prices.append(Price.of(call.decimal_text("price"), call.whole("per", PER_MINUTE_S, 1)))
    return {"seconds": common_end_s(spare, prices)}
