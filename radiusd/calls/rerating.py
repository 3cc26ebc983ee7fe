"""
Rate ended calls again by what their tariffs say now: reversals and new charges, never edits.

Who pays, by which service and plan, stays as it was at the time of the call. A call whose tariff has not
changed is left alone, so that doing it twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from enum import Enum
from typing import Any

import msgspec

from radiusd.calls import charging, settlement
from radiusd.calls.books import Books, Missing
from radiusd.calls.context import Context
from radiusd.calls.facts import Call, add_up
from radiusd.calls.matching import Match, Party
from radiusd.calls.pricing import Cost, price
from radiusd.calls.rows import BucketRow, CallRow, Charge
from radiusd.calls.sessions import State
from radiusd.calls.tariffs import Tariff


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """One payer of an ended call that is to be rated again, as its record says."""

    account_id: int
    role: str
    call_id: str
    call_key: str
    seq: int
    client_id: int
    started_at: datetime
    destination: str


class Result(Enum):
    """What came of it."""

    SAME = "same"
    CHANGED = "changed"
    KEPT = "kept"  # it cannot be rated again; the reason is told


class Rerated(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one payer of a call: what was booked for it, and what is now."""

    wanted: Wanted
    result: Result
    reason: str = ""
    before: Charge | None = None
    after: Charge | None = None
    destination: str = ""


FindContext = Callable[[int], Context | None]


class _Case(msgspec.Struct, kw_only=True):
    """All that rating one payer's call again needs."""

    wanted: Wanted
    row: CallRow
    call: Call
    party: Party
    match: Match
    made: Charge
    terms: Tariff
    context: Context

    def price(self, books: Books) -> Cost:
        """Return what it costs with the minutes in *books*."""
        call = self.call
        told = (call.identity.calling, self.match.called, call.begun_at, call.connect_at or call.begun_at)
        return price(books, self.party, self.terms, *told, call.duration_ms or 0)

    def was(self, cost: Cost) -> bool:
        """Tell whether that is what was booked."""
        made = self.made
        booked = made.total_micros, made.outpayment_micros, made.buckets
        if booked != (cost.total_micros, cost.outpayment_micros, cost.buckets):
            return False
        paid = charging.supplier_cost(self.call, self.party, self.match, made, self.context)
        owed = (paid.supplier_id, paid.micros) if paid else (None, 0)
        return (made.supplier_id, made.cost_micros) == owed

    def note(self, books: Books, seconds_sign: int) -> None:
        """Give back the seconds that were booked, or take them again; no posting tells of it."""
        for bucket_id, seconds in self.made.buckets.items():
            books.bucket(self.made.account_id, bucket_id).used_s += seconds_sign * seconds


def rerate(
    books: Books, wanted: Sequence[Wanted], find_context: FindContext, *, redraw: bool = False
) -> list[Rerated]:
    """
    Rate calls of one account again, in the order of their answers, and return what came of each.

    Calls whose price follows otherwise from the very seconds that they drew give these back, and draw anew,
    one after the other. *redraw*: all of them do, as when buckets have changed.

    Raises:
        Missing: Rows that it needs are not loaded.
    """
    found, kept = _cases(books, wanted, find_context)
    cases = sorted(found, key=lambda case: (case.call.connect_at or case.call.begun_at, case.wanted.call_id))
    moved = [case for case in cases if redraw or not case.was(case.price(_own_draws(books, case.made)))]
    for case in moved:
        case.note(books, -1)
    done = {id(case): _settle(books, case) for case in moved}
    unchanged = (_same(case) for case in cases if id(case) not in done)
    return [*kept, *done.values(), *unchanged]


def _same(case: _Case) -> Rerated:
    destination = case.wanted.destination
    return Rerated(wanted=case.wanted, result=Result.SAME, before=case.made, destination=destination)


def _settle(books: Books, case: _Case) -> Rerated:
    """Rate one call with the minutes that are free now, and book the difference as reversal and charge."""
    cost = case.price(books)
    case.note(books, +1)
    if case.was(cost):
        return _same(case)
    row, context = case.row, case.context
    charging.reverse(books, row, case.made, context)
    after = charging.charge(books, row, case.call, case.party, case.match, context, again=True)
    swap(row, case.made, after)
    books.change_call(row)
    return Rerated(
        wanted=case.wanted,
        result=Result.CHANGED,
        before=case.made,
        after=after,
        destination=cost.destination,
    )


def swap(row: CallRow, before: Charge, after: Charge) -> None:
    """Let a call remember another charge in the place of one that was reversed."""
    charges = tuple(after if made is before else made for made in row.charges.charges)
    row.charges = msgspec.structs.replace(row.charges, charges=charges)


def _cases(
    books: Books, wanted: Sequence[Wanted], find_context: FindContext
) -> tuple[list[_Case], list[Rerated]]:
    cases, kept = [], []
    missing: list[Missing] = []
    for each in wanted:
        try:
            case = _case(books, each, find_context)
        except Missing as error:
            missing.append(error)
            continue
        if isinstance(case, _Case):
            cases.append(case)
        else:
            kept.append(Rerated(wanted=each, result=Result.KEPT, reason=case))
    if missing:
        raise joined(missing)
    return cases, kept


def joined(missing: Sequence[Missing]) -> Missing:
    """Return what several decisions lack as one."""
    accounts: set[int] = set().union(*(error.accounts for error in missing))
    services: set[int] = set().union(*(error.services for error in missing))
    return Missing(accounts, services, min(error.since for error in missing))


def _case(books: Books, wanted: Wanted, find_context: FindContext) -> _Case | str:
    """Return the case of *wanted*, or why there is none."""
    row = next((row for row in books.calls[wanted.call_key] if row.seq == wanted.seq), None)
    made = None if row is None else charge_of(row, wanted.account_id, wanted.role)
    context = find_context(wanted.client_id)
    if row is None or made is None or State(row.state) is not State.ENDED:
        return "its events are not kept any more, or it is open again"
    if context is None:
        return "the client that reported it is not provisioned any more"
    booked = row.charges
    call = add_up(row.facts, authorized=booked.authorized, verified=booked.verified, closing=booked.closing)
    found = settlement.match_call(call, booked, context)
    party = _party(found, made, context)
    if party is None:
        return "its service is not provisioned any more"
    settlement.require(books, row, (party,), booked, (), call.begun_at)
    match = Match((party,), found.called, None, found.trace)
    terms = context.tariff(party, call, match.called, call.connect_at or call.begun_at)
    if terms.refusal is not None:
        return terms.detail
    return _Case(
        wanted=wanted,
        row=row,
        call=call,
        party=party,
        match=match,
        made=made,
        terms=terms,
        context=context,
    )


def charge_of(row: CallRow, account_id: int, role: str) -> Charge | None:
    """Return what a call has booked for one payer."""
    charges = row.charges.charges
    return next((made for made in charges if (made.account_id, made.role) == (account_id, role)), None)


def _party(found: Match, made: Charge, context: Context) -> Party | None:
    """Return who paid: service, plan, channel and location as they were booked."""
    directory = context.directory
    party = found.party(made.role)
    service = directory.services.get(made.service_id or 0)
    if service is None:
        return None
    if party is None or party.service is not service:
        party = Party(made.role, service, None, service.owner.plan)
    plan = directory.plans.get(made.plan_id or 0, party.plan)
    channel = directory.services.get(made.channel_service_id or 0)
    if service.location != made.location:
        service = replace(service, location=made.location)
    return msgspec.structs.replace(party, service=service, channel=channel, plan=plan)


class _OwnDraws(dict[tuple[int, str], BucketRow]):
    """Buckets that hold nothing but what one charge has drawn from them."""

    def __init__(self, books: Books, made: Charge) -> None:
        super().__init__()
        self._rows = books.buckets
        self._draws = made.buckets

    def get(self, key: tuple[int, str], default: Any = None) -> Any:
        row = super().get(key)
        if row is None and key in self._rows:
            row = self[key] = msgspec.structs.replace(self._rows[key])
        return default if row is None else row

    def __setitem__(self, key: tuple[int, str], row: BucketRow) -> None:
        row.included_s = self._draws.get(key[1], 0)
        row.used_s = row.held_s = row.rolled_s = 0
        super().__setitem__(key, row)

    def __getitem__(self, key: tuple[int, str]) -> BucketRow:
        row = self.get(key)
        if row is None:
            raise KeyError(key)
        return row  # type: ignore[no-any-return]


def _own_draws(books: Books, made: Charge) -> Books:
    scratch = Books(books.locked, books.served, books.since)
    scratch.buckets = _OwnDraws(books, made)
    return scratch


def changes(results: Sequence[Rerated]) -> Iterator[Rerated]:
    """Yield what has changed."""
    return (each for each in results if each.result is Result.CHANGED)
