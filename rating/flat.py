"""
The short way to rate what nearly every call is: one price, and minutes without a clock of their own.

Such buckets are simply poured out, one after the other, over the billed
seconds. The result is that of the general way (:mod:`rating.walk`), in a
third of the time; what does not fit here is left to it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from rating.buckets import Bucket, Direction, Partial, in_order
from rating.charges import charge_units
from rating.lines import Slice
from rating.money import ZERO, Rounding
from rating.rates import PLAIN, Rate
from rating.ratings import Rating
from rating.terms import BASE

_SPLIT = Partial.SPLIT


def rate_flat(rate: Rate, rounding: Rounding, lasted_s: int) -> Rating:
    """Return what a call of *lasted_s* costs that no bucket pays for, under a rate without rules."""
    billed_s = rate.increment.billable_s(lasted_s)
    price, fee = rate.price, rate.connect_fee
    units, scale, per_s = price
    used = (units * billed_s, scale * per_s)
    line = Slice(0, billed_s, BASE, None, price, used[0], used[1])
    charged = charge_units(PLAIN, rounding, used, fee)
    return Rating(rate.prefix, billed_s, billed_s, {}, (line,), fee, charged, rounding)


def rate_poured(rate: Rate, rounding: Rounding, lasted_s: int, paying: Sequence[Bucket]) -> Rating:
    """Return what such a call costs when the buckets *paying*, in order of use, are poured over it."""
    billed_s = rate.increment.billable_s(lasted_s)
    price, fee = rate.price, rate.connect_fee
    slices = []
    use = {}
    now_s = 0
    for bucket in paying:
        part_s = min(bucket.seconds, billed_s - now_s)
        if part_s > 0:
            slices.append(Slice(now_s, part_s, BASE, bucket.id, price, 0, 1))
            use[bucket.id] = part_s
            now_s += part_s
    if now_s:
        fee = ZERO  # waived, as minutes paid the first second
    units, scale, per_s = price
    charged_s = billed_s - now_s
    used = (units * charged_s, scale * per_s)
    if charged_s:
        slices.append(Slice(now_s, charged_s, BASE, None, price, used[0], used[1]))
    charge = charge_units(PLAIN, rounding, used, fee)
    return Rating(rate.prefix, billed_s, charged_s, use, tuple(slices), fee, charge, rounding)


def pourable(
    rate: Rate,
    lasted_s: int,
    buckets: Sequence[Bucket],
    called: str,
    answer_at: datetime,
    direction: Direction,
    device: str | None,
) -> Sequence[Bucket] | None:
    """
    Return the buckets that pay for a call, in order of use; None when they cannot simply be poured.

    They cannot when one counts by its own clock, will not pay parts of an
    increment, or begins or ends during the call.
    """
    paying = []
    end_at: datetime | None = None
    for bucket in buckets:
        if not bucket.seconds or not bucket.may_pay(called, direction, device):
            continue
        if bucket.increment_s is not None or bucket.partial != _SPLIT:
            return None
        since, until = bucket.valid_from, bucket.valid_to
        if since is not None or until is not None:
            end_at = end_at or answer_at + timedelta(seconds=rate.increment.billable_s(lasted_s))
            if (since is not None and since >= end_at) or (until is not None and until <= answer_at):
                continue
            if (since is not None and since > answer_at) or (until is not None and until < end_at):
                return None
        paying.append(bucket)
    return paying if len(paying) < 2 else in_order(paying)
