"""
Compare a supplier's call records with ours: what only one side has, and where time or money differ.

Both sides are read in the order of time and laid side by side; only calls that may still find their
counterpart are in memory, so that months of any size can be compared.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from heapq import merge
from itertools import count
from typing import Any, NamedTuple

from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from provisioning.amounts import parse_amount
from provisioning.suppliers import read_supplier
from radiusd.calls.matching import digits
from radiusd.errors import BadInput
from radiusd.records.events import meaning_of
from radiusd.records.packed import open_records
from radiusd.records.record import Entry, RecordError, SetAside
from radiusd.records.registry import FORMATS
from radiusd.storage.record_sources import load_source

BATCH = 1000
ZERO = Decimal(0)
KINDS = ("agrees", "duration", "price", "only_theirs", "only_ours")


Within = Callable[[datetime], bool]

_OURS = """
SELECT connect_at, calling, called, (duration_ms + 999) / 1000,
    trim_scale(cost_micros::numeric / 1000000)
FROM cdr WHERE started_at >= %(since)s - interval '1 day' AND started_at < %(until)s
    AND connect_at >= %(since)s AND connect_at < %(until)s
    AND (supplier_id = %(supplier)s AND status IN ('answered', 'unrated')
        OR status = 'unmatched' AND %(supplier)s = (
            SELECT supplier_id FROM supplier_trunk t
            WHERE trunk = trunk_out AND (t.client_id = cdr.client_id OR t.client_id IS NULL)
            ORDER BY t.client_id NULLS LAST LIMIT 1))
ORDER BY connect_at
"""
"""Calls that went to a supplier, whoever pays them: also those without a price, and those of nobody."""


class Side(NamedTuple):
    """A call as one side has it."""

    at: datetime  # answered
    calling: str
    called: str
    seconds: int
    amount: Decimal | None


class Finding(NamedTuple):
    """
    A call of which the two sides differ.

    *kind*: only_theirs, only_ours, duration or price. *difference* is what they charge beyond what we expect.
    """

    kind: str
    at: datetime
    calling: str
    called: str
    their_seconds: int | None
    our_seconds: int | None
    their_amount: Decimal | None
    our_amount: Decimal | None
    difference: Decimal | None


@dataclass(slots=True)
class Limits:
    """How far the sides may differ and still agree."""

    clock_s: int = 60  # between their clock and ours
    seconds: int = 1
    amount: Decimal = ZERO


@dataclass(slots=True)
class Totals:
    """What a comparison came to."""

    kinds: Counter[str] = field(default_factory=Counter)
    difference: Decimal = ZERO
    set_aside: int = 0


def compare(
    theirs: Iterable[Side],
    ours: Iterable[Side],
    limits: Limits,
    totals: Totals,
    within: Within = lambda at: True,
) -> Iterator[Finding]:
    """
    Yield where *theirs* and *ours*, both in the order of time, differ; count everything in *totals*.

    Only calls are judged whose answer, by their clock where they have it, is *within* the time that is asked.
    """
    number = count()  # so that no two tie, and sides are never compared
    order = merge(
        ((side.at, next(number), True, side) for side in theirs),
        ((side.at, next(number), False, side) for side in ours),
    )
    clock = timedelta(seconds=limits.clock_s)
    waiting: deque[tuple[Side, bool]] = deque()
    matched: set[int] = set()
    by_number: dict[str, list[tuple[Side, bool]]] = {}
    for at, _, is_theirs, side in order:
        while waiting and waiting[0][0].at < at - clock:
            yield from _leave(waiting.popleft(), by_number, matched, limits, totals, within)
        found = _counterpart(by_number.get(side.called, []), side, is_theirs)
        if found is None:
            waiting.append((side, is_theirs))
            by_number.setdefault(side.called, []).append((side, is_theirs))
            continue
        _forget(by_number, found)
        matched.add(id(found[0]))
        pair = (side, found[0]) if is_theirs else (found[0], side)
        if within(pair[0].at):
            yield from _judge(*pair, limits, totals)
    while waiting:
        yield from _leave(waiting.popleft(), by_number, matched, limits, totals, within)


def _counterpart(
    candidates: list[tuple[Side, bool]], side: Side, is_theirs: bool
) -> tuple[Side, bool] | None:
    """Return the other side's call to the same number that is most like *side*: by caller, then length."""
    others = [each for each in candidates if each[1] is not is_theirs]
    return min(
        others,
        key=lambda each: (each[0].calling != side.calling, abs(each[0].seconds - side.seconds)),
        default=None,
    )


def _leave(
    left: tuple[Side, bool],
    by_number: dict[str, list[tuple[Side, bool]]],
    matched: set[int],
    limits: Limits,
    totals: Totals,
    within: Within,
) -> Iterator[Finding]:
    """Yield a call whose counterpart cannot come any more, unless it has come."""
    side, is_theirs = left
    if id(side) in matched:
        matched.remove(id(side))
        return
    _forget(by_number, left)
    if within(side.at):
        yield from _judge(side if is_theirs else None, None if is_theirs else side, limits, totals)


def _forget(by_number: dict[str, list[tuple[Side, bool]]], each: tuple[Side, bool]) -> None:
    called = each[0].called
    by_number[called] = [other for other in by_number[called] if other[0] is not each[0]]
    if not by_number[called]:
        del by_number[called]


def _judge(theirs: Side | None, ours: Side | None, limits: Limits, totals: Totals) -> Iterator[Finding]:
    """Yield what is to be said of a call; nothing when the sides agree."""
    side = ours or theirs
    assert side is not None, "one of the sides has it"
    difference = None
    if theirs is None or theirs.amount is not None:
        difference = (ZERO if theirs is None else theirs.amount or ZERO) - (
            ZERO if ours is None else ours.amount or ZERO
        )
    kind = _kind(theirs, ours, difference, limits)
    totals.kinds[kind] += 1
    if kind == "agrees":
        return
    totals.difference += difference or ZERO
    yield Finding(
        kind,
        side.at,
        side.calling,
        side.called,
        theirs.seconds if theirs else None,
        ours.seconds if ours else None,
        theirs.amount if theirs else None,
        ours.amount if ours else None,
        difference,
    )


def _kind(theirs: Side | None, ours: Side | None, difference: Decimal | None, limits: Limits) -> str:
    if theirs is None:
        return "only_ours"
    if ours is None:
        return "only_theirs"
    if abs(theirs.seconds - ours.seconds) > limits.seconds:
        return "duration"
    return "price" if difference is not None and abs(difference) > limits.amount else "agrees"


class Dispute:
    """A supplier's file beside our records of its calls, in one connection."""

    def __init__(self, connection: Connection, supplier: str, source: str, price: str) -> None:
        self._connection = connection
        self._price = price
        self.totals = Totals()
        with connection.cursor() as txn:
            self._supplier_id, _ = read_supplier(txn, supplier)
            self._source = found = load_source(txn, source)
            txn.execute(
                "CREATE TEMP TABLE their_call (at timestamptz, calling text, called text, seconds integer,"
                " amount numeric) ON COMMIT DROP"
            )
        self._meaning = meaning_of(found.id, found.client_id, found.shares_calls, found.meaning)

    def findings(self, path: str, since: datetime, until: datetime, limits: Limits) -> Iterator[Finding]:
        """
        Yield where the supplier's file *path* and our records differ, of calls answered within the time.

        Raises:
            BadInput: The file cannot be read, or has no such price; or no time lies between the two.
        """
        if until <= since:
            raise BadInput("until: it is not behind since; nothing lies between them")
        clock = timedelta(seconds=limits.clock_s)
        # A call at the edge is within by one clock and not by the other: both sides are read beyond it.
        widely: dict[str, Any] = {"since": since - clock, "until": until + clock}
        with self._connection.cursor() as txn:
            batch: list[Side] = []
            for side in self._theirs(path):
                if widely["since"] <= side.at < widely["until"]:
                    batch.append(side)
                if len(batch) >= BATCH:
                    execute_values(txn, "INSERT INTO their_call VALUES %s", batch)
                    batch = []
            if batch:
                execute_values(txn, "INSERT INTO their_call VALUES %s", batch)
        theirs = self._stream(
            "theirs", "SELECT at, calling, called, seconds, amount FROM their_call ORDER BY at", {}
        )
        ours = self._stream("ours", _OURS, {**widely, "supplier": self._supplier_id})
        yield from compare(theirs, ours, limits, self.totals, lambda at: since <= at < until)

    def _stream(self, name: str, query: str, values: Mapping[str, object]) -> Iterator[Side]:
        with self._connection.cursor(name=name) as stream:
            stream.itersize = BATCH
            stream.execute(query, values)
            for at, calling, called, seconds, amount in stream:
                yield Side(at, digits(calling), digits(called), seconds, amount)

    def _theirs(self, path: str) -> Iterator[Side]:
        """Yield the answered calls in the supplier's file, with what they cost."""
        found = FORMATS[self._source.format]
        settings = {name: value for name, value in self._source.settings.items() if name in found.settings}
        with open_records(path) as (unpacked, _):
            for outcome in found.read(unpacked, settings):
                if isinstance(outcome, SetAside):
                    self.totals.set_aside += 1
                elif isinstance(outcome, Entry) and outcome.record.answered:
                    yield self._side(outcome, path)

    def _side(self, entry: Entry, path: str) -> Side:
        try:
            event = self._meaning.event(entry)
        except RecordError as error:
            raise BadInput(f"{path}:{entry.line}: {error}") from error
        seconds = -(-(event.duration_ms or 0) // 1000)
        amount = None
        if self._price:
            if self._price not in entry.fields:
                raise BadInput(f"{path}:{entry.line}: there is no column {self._price}")
            amount = parse_amount(f"{path}:{entry.line}: {self._price}", entry.fields[self._price] or "0")
        at = event.connect_at or event.event_at - timedelta(seconds=seconds)
        return Side(at, digits(event.calling), digits(event.called), seconds, amount)
