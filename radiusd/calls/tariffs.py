"""What a call costs one of its payers: plan, deck version, rate, and the buckets that may pay."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

from radiusd.calls.books import Books
from radiusd.calls.directory import PlanBucket
from radiusd.calls.matching import Party
from radiusd.calls.rows import BucketRow
from radiusd.errors import Refusal
from rating.buckets import Bucket
from rating.engine import rate_call
from rating.increments import PER_SECOND, Increment
from rating.money import Mode, Rounding
from rating.periods import period_of
from rating.prices import Price
from rating.rates import ALWAYS, Rate
from rating.ratings import Rating


class Tariff(msgspec.Struct, frozen=True, gc=False):
    """How one payer's call is rated; neither rate nor refusal: it is free (inbound, internal)."""

    rate: Rate | None
    deck_version_id: int | None
    refusal: Refusal | None
    detail: str  # for the queue: the smallest fix

    @property
    def free(self) -> bool:
        """Tell whether the call costs nothing."""
        return self.rate is None and self.refusal is None


FREE = Tariff(None, None, None, "")


def tariff(party: Party, calling: str, called: str, setup_at: datetime, answer_at: datetime) -> Tariff:
    """
    Return how *party* pays for a call to *called*.

    The deck version is that of the set-up; in it, the price in force at the answer holds for the whole call.
    """
    deck = party.plan.deck if party.role == "out" else party.plan.inbound_deck
    if party.internal:
        return FREE
    if deck is None:
        return FREE
    version = deck.at(setup_at)
    if version is None:
        return Tariff(None, None, Refusal.NO_RATE, f"deck {deck.name} has no rates; import some")
    version_id, rates = version
    rate = rates.lookup(called, answer_at, calling)
    if rate is None and party.role == "in":
        return FREE  # an inbound deck names what costs, toll-free numbers say
    if rate is None:
        nearest = rates.nearest(called, answer_at)
        detail = (
            f"no rate for {called} in deck {deck.name} at {answer_at:%Y-%m-%d}; nearest prefix {nearest!r}"
        )
        return Tariff(None, version_id, Refusal.NO_RATE, detail)
    if rate.blocked:
        detail = f"prefix {rate.prefix} is blocked in deck {deck.name}"
        return Tariff(None, version_id, Refusal.DESTINATION_BLOCKED, detail)
    if party.plan.initial_s is not None and party.plan.increment_s is not None:
        rate = rate.with_increments(party.plan.initial_s, party.plan.increment_s)
    return Tariff(rate, version_id, None, "")


def buckets_of(
    books: Books, party: Party, called: str, begin: datetime, end: datetime, own: dict[str, int]
) -> list[Bucket]:
    """
    Return the buckets that may pay for a call to *called* between *begin* and *end*.

    What the call itself holds (*own*, seconds by bucket) is free for it; what others hold is not.
    Rows of periods that nobody has used yet are made.
    """
    if party.role != "out":
        return []
    found = []
    for plan_bucket in party.plan.buckets:
        if called.startswith(plan_bucket.prefixes):
            found += _periods(books, party, plan_bucket, begin, end, own)
    return found


def _periods(
    books: Books,
    party: Party,
    plan_bucket: PlanBucket,
    begin: datetime,
    end: datetime,
    own: dict[str, int],
) -> list[Bucket]:
    zone = party.service.account.zone
    found = []
    moment = begin
    while True:
        start, stop = _period_around(_quarter(moment), zone)
        row = _row(books, party, plan_bucket, start, stop)
        clock = plan_bucket.clock_increment_s
        found.append(
            Bucket(
                id=row.bucket_id,
                seconds=max(0, row.free_s + own.get(row.bucket_id, 0)),
                priority=plan_bucket.priority,
                prefixes=plan_bucket.prefixes,
                valid_from=start,
                valid_to=stop,
                initial_s=plan_bucket.clock_initial_s if clock else None,
                increment_s=clock,
            )
        )
        if stop >= end:
            return found
        moment = stop + timedelta(seconds=1)


@lru_cache(maxsize=10_000)
def _period_around(quarter: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    return period_of(quarter, zone)


def _quarter(moment: datetime) -> datetime:
    """Return the quarter of an hour of *moment*: every zone's midnight begins one: it has one period."""
    return moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)


def _row(books: Books, party: Party, plan_bucket: PlanBucket, start: datetime, stop: datetime) -> BucketRow:
    account_id, owner = party.service.account.id, party.service.owner
    bucket_id = f"{owner.id}/{plan_bucket.id}/{start:%Y-%m-%d}"
    row = books.buckets.get((account_id, bucket_id))
    if row is None:
        row = books.buckets[account_id, bucket_id] = BucketRow(
            account_id=account_id,
            bucket_id=bucket_id,
            service_id=owner.id,
            plan_bucket_id=plan_bucket.id,
            period_start=start,
            period_end=stop,
            included_s=plan_bucket.included_s,
        )
        books.bucket(account_id, bucket_id)
    return row


def owner_of_bucket(bucket_id: str) -> int:
    """Return the service whose bucket it is."""
    return int(bucket_id.split("/", 1)[0])


def additional_rate(party: Party) -> Callable[[int], Rating] | None:
    """Return how a virtual number's additional charge is rated, None when there is none."""
    nano = party.service.additional_charge_nano
    if party.role != "out" or not nano:
        return None
    increment = Increment(party.plan.initial_s or 1, party.plan.increment_s or 1)
    return _flat(nano, increment, party.plan.rounding)


def outpayment_rate(party: Party) -> Callable[[int], Rating] | None:
    """Return how inbound seconds earn the customer its out-payment, None when they do not."""
    nano = party.service.owner.outpayment_nano
    if party.role != "in" or not nano:
        return None
    return _flat(nano, PER_SECOND, Rounding(party.plan.rounding.decimals, Mode.DOWN))


def _flat(nano_per_60_s: int, increment: Increment, rounding: Rounding) -> Callable[[int], Rating]:
    rate = Rate(prefix="", price=Price.nano(nano_per_60_s), increment=increment)

    def rated(duration_s: int) -> Rating:
        return rate_call(rate, called="", answer_at=ALWAYS, duration_s=duration_s, rounding=rounding)

    return rated
