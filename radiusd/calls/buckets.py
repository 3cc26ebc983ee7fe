"""The included minutes that may pay for a call: whose, in which period, and what rolled over into it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from radiusd.calls.books import Books
from radiusd.calls.directory import Allowance, Cycle
from radiusd.calls.matching import Party
from radiusd.calls.rows import BucketRow
from rating.buckets import Bucket
from rating.periods import local_date, period_of, prorated_seconds, rolled_seconds

SHARED = 0
"""The service of buckets that are the whole account's."""

FOREVER = datetime(9999, 12, 31, tzinfo=UTC)
_LONGEST_MONTH = timedelta(days=32)
_SECOND = timedelta(seconds=1)


def allowances_of(party: Party) -> list[tuple[Allowance, int]]:
    """Return what may pay for calls of *party*, each with the service whose it is, or SHARED."""
    service = party.service
    owner_id = service.owner.id
    found = [
        (allowance, SHARED if allowance.shared else owner_id)
        for allowance in party.plan.given.by_role[party.role]
    ]
    for allowance in service.account.given.by_role[party.role]:
        named = allowance.services
        if named is None or owner_id in named or service.id in named:
            found.append((allowance, SHARED))
    return found


def owners_of(party: Party) -> set[int]:
    """Return whose buckets a call of *party* may draw from."""
    return {owner for _, owner in allowances_of(party)}


def looks_back(party: Party, begun_at: datetime) -> datetime:
    """Return since when buckets must be loaded for a call of *party*: rolled minutes come from before."""
    if not (party.plan.given.rolls_over or party.service.account.given.rolls_over):
        return begun_at
    periods = max((allowance.rollover_periods for allowance, _ in allowances_of(party)), default=0)
    return begun_at - periods * _LONGEST_MONTH


def blocks(party: Party, called: str) -> bool:
    """Tell whether the call may last no longer than included minutes pay for it."""
    if not (party.plan.given.blocks or party.service.account.given.blocks):
        return False
    found = (allowance for allowance, _ in allowances_of(party) if allowance.blocks)
    return any(called.startswith(allowance.prefixes) for allowance in found)


def buckets_of(
    books: Books, party: Party, called: str, begin: datetime, end: datetime, own: dict[str, int]
) -> list[Bucket]:
    """
    Return the buckets that may pay for a call to *called* between *begin* and *end*.

    What the call itself holds (*own*, seconds by bucket) is free for it; what others hold is not.
    Rows of periods that nobody has used yet are made.
    """
    found: list[Bucket] = []
    for allowance, owner in allowances_of(party):
        if called.startswith(allowance.prefixes) and _in_force(allowance, begin, end):
            held = _Held(books, party, allowance, owner)
            for start, stop in _periods(allowance, party, begin, end):
                found += (_bucket(allowance, row, own) for row in held.rows(start, stop, begin))
    return found


def owner_of_bucket(bucket_id: str) -> int:
    """Return the service whose bucket it is, or SHARED."""
    return int(bucket_id.split("/", 1)[0])


def _in_force(allowance: Allowance, begin: datetime, end: datetime) -> bool:
    """Tell whether the allowance holds at any moment of a call."""
    ended = allowance.valid_to is not None and allowance.valid_to <= begin
    return not ended and (allowance.valid_from is None or allowance.valid_from <= end)


def bucket(allowance: Allowance, bucket_id: str, seconds: int, start: datetime, stop: datetime) -> Bucket:
    """Return the bucket of *allowance* in the period from *start* to *stop* that has *seconds* for a call."""
    clock = allowance.clock_increment_s
    return Bucket(
        id=bucket_id,
        seconds=seconds,
        priority=allowance.priority,
        prefixes=allowance.prefixes,
        valid_from=max(start, allowance.valid_from or start),
        valid_to=min(stop, allowance.valid_to or stop),
        initial_s=allowance.clock_initial_s if clock else None,
        increment_s=clock,
        partial=allowance.partial,
        direction=allowance.direction,
    )


def _bucket(allowance: Allowance, row: BucketRow, own: dict[str, int]) -> Bucket:
    seconds = max(0, row.free_s + own.get(row.bucket_id, 0))
    return bucket(allowance, row.bucket_id, seconds, row.period_start, row.period_end)


def key_of_bucket(bucket_id: str) -> str:
    """Return the key of the allowance whose bucket it is."""
    return bucket_id.split("/")[1].partition("+")[0]


def _periods(
    allowance: Allowance, party: Party, begin: datetime, end: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """Yield the periods of *allowance* that a call between *begin* and *end* is in."""
    if allowance.cycle is Cycle.ONCE:
        yield allowance.valid_from or begin, allowance.valid_to or FOREVER
        return
    zone, anchor_day = party.service.account.zone, _anchor_day(allowance, party)
    moment = begin
    while True:
        start, stop = _period_around(_quarter(moment), zone, anchor_day)
        yield start, stop
        if stop >= end:
            return
        moment = stop + _SECOND


def _anchor_day(allowance: Allowance, party: Party) -> int:
    if allowance.cycle is not Cycle.ANNIVERSARY:
        return 1
    anchor = allowance.valid_from or party.service.owner.activated_at
    return local_date(anchor, party.service.account.zone).day


@lru_cache(maxsize=10_000)
def _period_around(quarter: datetime, zone: ZoneInfo, anchor_day: int) -> tuple[datetime, datetime]:
    return period_of(quarter, zone, anchor_day)


def _quarter(moment: datetime) -> datetime:
    """Return the quarter of an hour of *moment*: every zone's midnight begins one: it has one period."""
    return moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)


@lru_cache(maxsize=10_000)
def _day(start: datetime, zone: ZoneInfo) -> str:
    return local_date(start, zone).isoformat()


class _Held:
    """The rows of one allowance at one owner."""

    def __init__(self, books: Books, party: Party, allowance: Allowance, owner: int) -> None:
        self.books = books
        self.allowance = allowance
        self.owner = owner
        self.account_id = party.service.account.id
        self.zone = party.service.account.zone
        self.anchor_day = _anchor_day(allowance, party)
        holder = None if owner == SHARED else party.service.owner
        self.activated_at = holder.activated_at if holder else allowance.valid_from
        self.ended_at = holder.ended_at if holder else allowance.valid_to

    def rows(self, start: datetime, stop: datetime, begin: datetime) -> Iterator[BucketRow]:
        """
        Yield the row of a period, and before it those of the seconds that rolled over into it.

        They roll when the first call that begins in the period asks for them: what is left of a month is not
        taken from the calls that are still in it.
        """
        periods = self.allowance.rollover_periods
        if periods and begin >= start:
            for origin, previous in self._before(start, periods):
                row = self._rolled(origin, start, stop, previous)
                if row is not None:
                    yield row
        yield self._first(start, stop)

    def _first(self, start: datetime, stop: datetime) -> BucketRow:
        """Return the row of the seconds that were given for the period itself."""
        row = self._row(self._id(start))
        if row is None:
            return self._make(self._id(start), start, stop, self._included(start, stop))
        if self.allowance.prorate and self.ended_at is not None and self.ended_at < stop:
            # It ended after the row was made; what is spent stays spent.
            spent = row.used_s + row.held_s + row.rolled_s
            fewer = max(spent, self._included(start, stop))
            if fewer < row.included_s:
                self.books.bucket(self.account_id, row.bucket_id).included_s = fewer
        return row

    def _included(self, start: datetime, stop: datetime) -> int:
        allowance, zone = self.allowance, self.zone
        if not allowance.prorate or allowance.cycle is Cycle.ONCE:
            return allowance.included_s
        first, after = local_date(start, zone), local_date(stop, zone)
        return prorated_seconds(
            allowance.included_s, first, after, zone, self.activated_at, _last_instant(self.ended_at)
        )

    def _before(self, start: datetime, periods: int) -> list[tuple[datetime, datetime]]:
        """Return the *periods* before the one from *start*, oldest first, each with the last of them."""
        starts: list[datetime] = []
        moment = start
        for _ in range(periods):
            moment, _ = _period_around(_quarter(moment - _SECOND), self.zone, self.anchor_day)
            starts.append(moment)
        return [(origin, starts[0]) for origin in reversed(starts)]

    def _rolled(
        self, origin: datetime, start: datetime, stop: datetime, previous: datetime
    ) -> BucketRow | None:
        """Return the row of what was given in the period from *origin* and rolled into that from *start*."""
        bucket_id = self._id(start, origin)
        row = self._row(bucket_id)
        if row is not None:
            return row
        if origin == previous:
            source = self._row(self._id(origin))
        else:
            before, _ = _period_around(_quarter(previous - _SECOND), self.zone, self.anchor_day)
            source = self._rolled(origin, previous, start, before)
        if source is None:
            return None  # nobody was given anything then
        seconds = rolled_seconds(max(0, source.free_s), self.allowance.rollover_cap_s)
        if seconds:
            self.books.bucket(self.account_id, source.bucket_id).rolled_s += seconds
        return self._make(bucket_id, start, stop, seconds)

    def _id(self, start: datetime, origin: datetime | None = None) -> str:
        """Return a bucket's id. Of equal rank, rolled seconds are used before others, the oldest first."""
        rolled = "" if origin is None else f"+{_day(origin, self.zone)}"
        return f"{self.owner}/{self.allowance.key}{rolled}/{_day(start, self.zone)}"

    def _row(self, bucket_id: str) -> BucketRow | None:
        return self.books.buckets.get((self.account_id, bucket_id))

    def _make(self, bucket_id: str, start: datetime, stop: datetime, included_s: int) -> BucketRow:
        row = self.books.buckets[self.account_id, bucket_id] = BucketRow(
            account_id=self.account_id,
            bucket_id=bucket_id,
            service_id=self.owner,
            plan_bucket_id=int(self.allowance.key) if self.allowance.key.isdigit() else 0,
            period_start=start,
            period_end=stop,
            included_s=included_s,
        )
        self.books.bucket(self.account_id, bucket_id)
        return row


def _last_instant(ended_at: datetime | None) -> datetime | None:
    """Return the last instant of a service: one that ends at midnight was not active on that day."""
    return None if ended_at is None else ended_at - timedelta(microseconds=1)


