"""How many seconds a live call may be granted, and what is reserved for them."""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import date, datetime
from fractions import Fraction
from functools import partial
from math import floor
from typing import NamedTuple
from zoneinfo import ZoneInfo

from rating.buckets import Bucket, Direction
from rating.engine import rate_call
from rating.money import MICRO, ZERO, Rounding, Scope
from rating.prices import Price
from rating.rates import PLAIN, Rate
from rating.ratings import Rating


class Grant(NamedTuple):
    """
    *seconds* that a call may last for now, and what to reserve for them; 0 seconds is a refusal.

    *rating* is the call of that many seconds, from which the reservation comes.
    """

    seconds: int
    money_micros: int
    bucket_s: dict[str, int]
    rating: Rating | None = None


REFUSED = Grant(0, 0, {})


def grant_call(
    rate: Rate,
    *,
    called: str,
    answer_at: datetime,
    buckets: Sequence[Bucket] = (),
    spare_micros: int | None,
    lease_s: int,
    min_grant_s: int = 1,
    rounding: Rounding | None = None,
    zone: ZoneInfo | None = None,
    holidays: Collection[date] = (),
    direction: Direction = Direction.OUT,
    device: str | None = None,
    payphone: bool = False,
    dips: Fraction = ZERO,
) -> Grant:
    """
    Return the longest call up to *lease_s* whose price is at most *spare_micros*.

    Free seconds are used first. *buckets* hold what is left in them beyond
    what other calls have reserved; *spare_micros* is balance plus credit
    limit less what other calls have reserved, None for unlimited money. When
    money ends before the lease, the grant ends with the last increment that
    can be paid. Other arguments are those of :func:`rating.engine.rate_call`.

    Raises:
        ValueError: *lease_s* is not a duration, or the rounding has more than six decimals.
    """
    if rate.blocked or lease_s < max(1, min_grant_s):
        return REFUSED
    price = partial(
        rate_call,
        rate,
        called=called,
        answer_at=answer_at,
        buckets=buckets,
        rounding=rounding,
        zone=zone,
        holidays=holidays,
        direction=direction,
        device=device,
        payphone=payphone,
        dips=dips,
    )
    return _granted(rate, price, buckets, spare_micros, lease_s, max(1, min_grant_s))


def _granted(
    rate: Rate,
    price: Callable[..., Rating],
    buckets: Sequence[Bucket],
    spare_micros: int | None,
    lease_s: int,
    min_grant_s: int,
) -> Grant:
    seconds, rated = lease_s, price(duration_s=lease_s)
    if spare_micros is not None and rated.total_micros > spare_micros:
        seconds = _paid_s(rate, rated, buckets, price, spare_micros, lease_s)
        if seconds < min_grant_s:
            return REFUSED
        rated = price(duration_s=seconds)
    return Grant(seconds, rated.total_micros, rated.bucket_use, rated)


def _paid_s(
    rate: Rate,
    rated: Rating,
    buckets: Sequence[Bucket],
    price: Callable[..., Rating],
    spare_micros: int,
    lease_s: int,
) -> int:
    """Return the most seconds that *spare_micros* pay, when they do not pay the whole lease."""
    if spare_micros < 0:
        return 0
    whole_call = rated.rounding.scope == Scope.CALL and not rated.payphone and not rated.dips
    rate_clock_only = all(bucket.increment_s is None for bucket in buckets)
    if rate.rules is PLAIN and whole_call and rate_clock_only:
        return rate.increment.payable_s(_first_unpaid_s(rated, spare_micros))

    def payable(seconds: int) -> bool:
        return price(duration_s=seconds).total_micros <= spare_micros

    # The price never falls as a call grows longer, but for one step: minutes that pay the first
    # second after the free ones waive the connect fee, which a call within the free ones owes.
    free_s = rate.rules.free_s
    if free_s + 1 < lease_s and payable(free_s + 1):
        return _last(payable, free_s + 1, lease_s)
    return _last(payable, 0, min(free_s + 1, lease_s))


def _last(payable: Callable[[int], bool], low_s: int, high_s: int) -> int:
    """Return the last second that is *payable*, when *low_s* is, *high_s* is not, and there is one turn."""
    while high_s - low_s > 1:
        middle_s = (low_s + high_s) // 2
        if payable(middle_s):
            low_s = middle_s
        else:
            high_s = middle_s
    return low_s


def _first_unpaid_s(rated: Rating, spare_micros: int) -> int:
    """
    Return the first second of a flat call that *spare_micros* cannot pay.

    The rounding is undone: half up at four decimals, 0.3000 pays for
    everything below 0.30005.
    """
    rounding = rated.rounding
    limit, step, inclusive = rounding.ceiling(spare_micros * rounding.step // MICRO)
    fee, price = rated.connect_fee, rated.slices[0].price
    if price.units == 0:
        return 0  # so it is the fee that is too dear
    budget = (limit * fee.denominator - fee.numerator * step) * price.scale * price.per_s
    cost = step * fee.denominator * price.units
    left_s = (budget if inclusive else budget - 1) // cost  # the most whole seconds of money
    if left_s < 0:
        return 0
    for line in rated.slices:
        if line.bucket is None:
            if line.seconds > left_s:
                return line.from_s + left_s
            left_s -= line.seconds
    return rated.billed_s


def common_end_s(spare: Fraction, prices: Iterable[Price]) -> int | None:
    """
    Return after how many seconds *spare* is used up by calls that all go on, or None for never.

    *prices* are those of every call, ongoing and new; *spare* is the balance
    less what ongoing calls owe by now and less the connect fees of new ones.
    """
    per_second = sum((price.cost(1) for price in prices), ZERO)
    if spare <= 0:
        return 0
    return floor(spare / per_second) if per_second else None
