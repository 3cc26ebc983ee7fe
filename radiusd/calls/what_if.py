"""
Rate calls that are over as if another deck or plan had held, and add up the difference. Nothing is booked.

Both sides are replayed in the same way, by the tariff of today and by the draft, each with included minutes
of its own: so the difference is the tariffs', not that of the order in which calls were once settled.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import cast

import msgspec

from radiusd.calls.books import Books
from radiusd.calls.buckets import key_of_bucket
from radiusd.calls.directory import Account, Directory, Plan
from radiusd.calls.matching import Party, digits
from radiusd.calls.pricing import NOTHING, Cost, price
from radiusd.calls.rate_decks import RateDeck
from radiusd.calls.tariffs import AS_DIALLED, Ported, Tariff, tariff
from rating.decks import Deck
from rating.rates import ALWAYS, Rate


class PastCall(msgspec.Struct, frozen=True, gc=False):
    """An answered call of one payer, as its record says."""

    account_id: int
    role: str
    service_id: int
    channel_service_id: int | None
    plan_id: int
    calling: str
    called: str
    setup_at: datetime
    answer_at: datetime
    duration_ms: int
    booked_micros: int
    margin_micros: int | None
    destination: str
    ported: dict[str, str] | None = None  # what look-ups told of its numbers


class AsOf:
    """A deck as it stands at one moment, whenever it is asked for."""

    def __init__(self, deck: Deck, at: datetime) -> None:
        self._deck = deck
        self._at = at

    def lookup(self, number: str, at: datetime, calling: str | None = None) -> Rate | None:
        """Return the rate for *number* at the one moment."""
        return self._deck.lookup(number, self._at, calling)

    def nearest(self, number: str, at: datetime) -> str:
        """Return how far into *number* the deck has anything."""
        return self._deck.nearest(number, self._at)


def as_of(name: str, currency: str, rates: Deck, at: datetime) -> RateDeck:
    """Return a deck that holds for all time what *rates* hold at a moment."""
    return RateDeck(0, name, currency, ((ALWAYS, 0, cast(Deck, AsOf(rates, at))),))


class Draft(msgspec.Struct, frozen=True):
    """
    What would be otherwise: calls priced by the deck *instead_of* would be priced by *deck*.

    Or, with *plan*, calls of services on the plan *instead_of* (empty: on any) would be on that one.
    """

    instead_of: str
    deck: RateDeck | None = None
    plan: Plan | None = None

    def of(self, plan: Plan) -> Plan:
        """Return the plan that *plan* would be; itself when the draft does not concern it."""
        if self.plan is not None:
            return self.plan if self.instead_of in ("", plan.code) else plan
        if self.deck is None:
            return plan
        outbound = self.deck if plan.deck.name == self.instead_of else plan.deck
        inbound = plan.inbound_deck
        if inbound is not None and inbound.name == self.instead_of:
            inbound = self.deck
        if outbound is plan.deck and inbound is plan.inbound_deck:
            return plan
        return replace(plan, deck=outbound, inbound_deck=inbound)


class Sum(msgspec.Struct):
    """Calls added up. Amounts in micro-units; *margin* of the calls whose cost is known."""

    calls: int = 0
    now_micros: int = 0
    draft_micros: int = 0
    margin_micros: int = 0
    margin_draft_micros: int = 0
    unrated: int = 0  # calls that the draft has no rate for, or blocks

    def add(self, other: Sum) -> None:
        """Add another sum to this one."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class BucketSum(msgspec.Struct):
    """Included seconds that calls would draw."""

    now_s: int = 0
    draft_s: int = 0


class Sums:
    """What a draft comes to: by account and destination, and by bucket; *booked_micros* once, by currency."""

    def __init__(self) -> None:
        self.by_account: dict[tuple[str, str], Sum] = defaultdict(Sum)  # currency, account
        self.by_destination: dict[tuple[str, str], Sum] = defaultdict(Sum)  # currency, destination
        self.by_bucket: dict[tuple[str, str], BucketSum] = defaultdict(BucketSum)  # account, bucket
        self.booked_micros: dict[str, int] = defaultdict(int)

    def total(self, currency: str) -> Sum:
        """Return the sum over all accounts of a currency."""
        found = Sum()
        for (of, _), part in self.by_account.items():
            if of == currency:
                found.add(part)
        return found

    def merge(self, other: Sums) -> None:
        """Take over what was added up elsewhere."""
        for mine, theirs in (
            (self.by_account, other.by_account),
            (self.by_destination, other.by_destination),
        ):
            for key, part in theirs.items():
                mine[key].add(part)
        for key, seconds in other.by_bucket.items():
            self.by_bucket[key].now_s += seconds.now_s
            self.by_bucket[key].draft_s += seconds.draft_s
        for currency, micros in other.booked_micros.items():
            self.booked_micros[currency] += micros


class _Side:
    """One side of the comparison: its minutes, as the calls so far have left them."""

    def __init__(self, since: datetime) -> None:
        self.books = Books(set(), set(), since)

    def price(self, call: PastCall, called: str, party: Party, terms: Tariff, minutes: bool) -> Cost:
        """Return what the call costs here, and draw its minutes."""
        if terms.free or terms.refusal is not None:
            return NOTHING
        cost = price(
            self.books, party, terms, call.calling, called, call.setup_at, call.answer_at, call.duration_ms
        )
        if minutes:
            for bucket_id, seconds in cost.buckets.items():
                self.books.bucket(party.service.account.id, bucket_id).used_s += seconds
        return cost


class Replay:
    """Replays calls, those of an account in the order of their answers, and adds them up in *sums*."""

    def __init__(self, directory: Directory, draft: Draft, since: datetime) -> None:
        self._directory = directory
        self._draft = draft
        self._since = since
        self._account_id = 0
        self._now, self._then = _Side(since), _Side(since)
        self._parties = lru_cache(maxsize=100_000)(self._find_parties)
        self.sums = Sums()

    def run(self, calls: Iterable[PastCall], told: Callable[[int], None] | None = None) -> Sums:
        """Replay *calls*; every thousand, tell how many that were."""
        for number, call in enumerate(calls, 1):
            self._replay(call)
            if told is not None and not number % 1000:
                told(number)
        return self.sums

    def _replay(self, call: PastCall) -> None:
        found = self._parties(call.role, call.service_id, call.channel_service_id, call.plan_id)
        if found is None:
            return
        now, then, tech_prefixes = found
        if call.account_id != self._account_id:  # minutes are of one account
            self._account_id = call.account_id
            self._now, self._then = _Side(self._since), _Side(self._since)
        called = digits(call.called)
        for tech_prefix in tech_prefixes:
            if called.startswith(tech_prefix):
                called = called.removeprefix(tech_prefix)
                break
        ported = Ported(**call.ported) if call.ported else AS_DIALLED
        asked = (call.calling, called, call.setup_at, call.answer_at, self._directory, ported)
        terms = tariff(now, *asked)
        other = terms if then is now else tariff(then, *asked)
        minutes = bool(now.plan.buckets or then.plan.buckets or now.service.account.allowances)
        before = self._now.price(call, called, now, terms, minutes)
        if not minutes and then.plan.rounding == now.plan.rounding and _alike(terms, other):
            after = before
        else:
            after = self._then.price(call, called, then, other, minutes)
        self._add(call, now.service.account, before, after, other)

    def _find_parties(
        self, role: str, service_id: int, channel_id: int | None, plan_id: int
    ) -> tuple[Party, Party, Sequence[str]] | None:
        """Return who pays, on the plan of today and on the draft's, and what stands before numbers."""
        service = self._directory.services.get(service_id)
        if service is None:
            return None
        channel = self._directory.services.get(channel_id or 0)
        plan = self._directory.plans.get(plan_id, service.owner.plan)
        now = Party(role, service, channel, plan)
        draft = self._draft.of(plan)
        then = now if draft is plan else Party(role, service, channel, draft)
        prefixes = [each.tech_prefix for each in (service, channel) if each is not None and each.tech_prefix]
        return now, then, prefixes

    def _add(self, call: PastCall, account: Account, before: Cost, after: Cost, terms: Tariff) -> None:
        change = after.total_micros - before.total_micros
        known = call.margin_micros is not None
        margin = call.margin_micros or 0
        part = Sum(
            calls=1,
            now_micros=before.total_micros,
            draft_micros=after.total_micros,
            margin_micros=margin,
            margin_draft_micros=margin + change if known else 0,
            unrated=int(terms.refusal is not None),
        )
        sums = self.sums
        sums.by_account[account.currency, account.code].add(part)
        sums.by_destination[account.currency, call.destination].add(part)
        sums.booked_micros[account.currency] += call.booked_micros
        for bucket_id, seconds in before.buckets.items():
            sums.by_bucket[account.code, key_of_bucket(bucket_id)].now_s += seconds
        for bucket_id, seconds in after.buckets.items():
            sums.by_bucket[account.code, key_of_bucket(bucket_id)].draft_s += seconds


def _alike(terms: Tariff, other: Tariff) -> bool:
    """Tell whether two tariffs price any call alike when no minutes pay."""
    if terms is other:
        return True
    if terms.rate is None or other.rate is None:
        return False
    return _bare(terms, terms.rate) == _bare(other, other.rate)


def _bare(terms: Tariff, rate: Rate) -> Tariff:
    """Return a tariff without what its rate is called and from when it holds, which changes no price."""
    bare = rate._replace(prefix="", effective_at=ALWAYS, expires_at=None, description="")
    return msgspec.structs.replace(terms, rate=bare, deck_version_id=None, detail="", source="")
