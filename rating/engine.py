"""
Rate a call: from a rate, the included minutes and a duration to what the call costs.

The order is that of a tariff: whole seconds, grace, free seconds, increments
(each at the terms of its start, paid by buckets before money), connect fee,
percent, minimum, maximum, payphone and dip fees, and one rounding.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from rating.buckets import Bucket, Direction
from rating.charges import charge_units
from rating.flat import pourable, rate_flat, rate_poured
from rating.increments import DurationRounding, whole_seconds
from rating.lines import Lines, total
from rating.money import DEFAULT, ZERO, Rounding, Scope
from rating.rates import PLAIN, Rate
from rating.ratings import Rating
from rating.terms import Timetable
from rating.walk import Walk, payers_of

_CALL = Scope.CALL


class BlockedRate(ValueError):
    """The destination is barred. Nothing may be charged; the caller should have refused the call."""


def rate_call(
    rate: Rate,
    *,
    called: str,
    answer_at: datetime,
    duration_s: int | Fraction | Decimal,
    buckets: Sequence[Bucket] = (),
    rounding: Rounding | None = None,
    zone: ZoneInfo | None = None,
    holidays: Collection[date] = (),
    direction: Direction = Direction.OUT,
    device: str | None = None,
    duration_rounding: DurationRounding = DurationRounding.UP,
    payphone: bool = False,
    dips: Fraction = ZERO,
) -> Rating:
    """
    Return what an answered call costs.

    Args:
        rate: The entry that :meth:`Deck.lookup` found; at its price for the call's jurisdiction.
        called: Digits that the buckets' prefixes are compared with.
        answer_at: When it was answered, aware.
        duration_s: Release minus answer, not yet rounded.
        buckets: With the seconds that are still in them; they are not changed.
        rounding: The plan's; None is the rate's own, or four decimals half up.
        zone: Where the customer's wall clock is, for bands; None is UTC.
        holidays: Dates in *zone* that are holidays.
        payphone: The call came from a payphone to a toll-free number.
        dips: Fees for number look-ups that were made for this call.

    Raises:
        BlockedRate: The rate bars its destination.
        ValueError: The duration is no duration.
    """
    if rate.blocked:
        raise BlockedRate(f"calls to {rate.prefix} are blocked")
    rules = rate.rules
    rounding = rounding or rules.rounding or DEFAULT
    lasted_s = whole_seconds(duration_s, duration_rounding)
    if lasted_s == 0 or duration_s <= rules.grace_s:
        return Rating(rate.prefix, 0, 0, {}, (), ZERO, 0, rounding, rules)
    if rules is PLAIN and rounding.scope == _CALL and not payphone and not dips:
        if not buckets:
            return rate_flat(rate, rounding, lasted_s)
        paying = pourable(rate, lasted_s, buckets, called, answer_at, direction, device)
        if paying is not None:
            return rate_poured(rate, rounding, lasted_s, paying)
    timetable = Timetable(rate, answer_at, zone, holidays)
    payers = payers_of(buckets, called, answer_at, direction, device) if buckets else ()
    lines = Lines(rounding)
    end_s = Walk(timetable, rules.free_s, lasted_s, payers, lines).finish()
    return _settle(rate, rounding, timetable, lines, max(0, end_s - rules.free_s), payphone, dips)


def _settle(
    rate: Rate,
    rounding: Rounding,
    timetable: Timetable,
    lines: Lines,
    billed_s: int,
    payphone: bool,
    dips: Fraction,
) -> Rating:
    rules = rate.rules
    slices = lines.slices()
    fee = rate.connect_fee
    band = timetable.band()
    if band is not None and band.connect_fee is not None:
        fee = band.connect_fee  # it belongs to the band of the answer
    if slices and slices[0].bucket is not None and not rules.connect_fee_on_included:
        fee = ZERO
    surcharge = rules.payphone_surcharge if payphone else ZERO
    used = total((line.numerator, line.denominator) for line in slices if line.bucket is None)
    units = charge_units(rules, rounding, used, fee, surcharge + dips if surcharge or dips else ZERO)
    use = lines.bucket_use
    charged_s = billed_s - sum(use.values())
    return Rating(rate.prefix, billed_s, charged_s, use, slices, fee, units, rounding, rules, surcharge, dips)
