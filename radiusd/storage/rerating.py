"""Rate ended calls again, account by account, under the locks that live calls take; and take it back."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby, islice

import msgspec
import psycopg2
from psycopg2.extensions import cursor as Cursor

from radiusd.calls import charging, settlement
from radiusd.calls.books import Books, Missing
from radiusd.calls.context import Context
from radiusd.calls.directory import Directory
from radiusd.calls.rerating import Rerated, Result, Wanted, changes, charge_of, joined, rerate, swap
from radiusd.calls.rows import NOBODY, CallRow, Cdr, Charge
from radiusd.errors import Conflict
from radiusd.storage.catalogue import Catalogue
from radiusd.storage.database import AGAIN, BlockingConnection, finish
from radiusd.storage.ids import EPOCH, uuid7_text
from radiusd.storage.journal import HINDSIGHT, MOST_ROUNDS
from radiusd.storage.ledger import STATEMENTS, Needs, load
from radiusd.storage.ledger_writes import write

AT_ONCE = 500
"""Calls in one transaction of an account without included minutes; with them, order counts, and it is one."""

MOST_TRIES = 20

_MILLISECOND = timedelta(milliseconds=1)
_read_charge = msgspec.json.Decoder(Charge).decode
_read_cdr = msgspec.json.Decoder(Cdr).decode
_encode = msgspec.json.encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """
    Which calls are meant; None is any.

    From *since* (inclusive) to *until* (exclusive), by their set-up; *month*, such as ``2026-10``, where the
    account is. *prefix*: what the prefix that rated them begins with. *deck* and *version* rated them.
    """

    account: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    month: str | None = None
    prefix: str | None = None
    deck: str | None = None
    version: int | None = None


SELECTED = """
    FROM cdr
    JOIN account ON account.id = cdr.account_id
    LEFT JOIN deck_version ON deck_version.id = cdr.deck_version_id
    LEFT JOIN deck ON deck.id = deck_version.deck_id
    WHERE cdr.status = 'answered'
      AND (%(account)s IS NULL OR account.code = %(account)s)
      AND (%(since)s IS NULL OR cdr.started_at >= %(since)s::timestamptz)
      AND (%(until)s IS NULL OR cdr.started_at < %(until)s::timestamptz)
      AND (%(month)s IS NULL OR (
          cdr.started_at >= (%(month)s || '-01')::timestamp AT TIME ZONE account.timezone
          AND cdr.started_at
              < ((%(month)s || '-01')::timestamp + interval '1 month') AT TIME ZONE account.timezone
      ))
      AND (%(prefix)s IS NULL OR starts_with(cdr.prefix, %(prefix)s))
      AND (%(deck)s IS NULL OR deck.name = %(deck)s)
      AND (%(version)s IS NULL OR deck_version.number = %(version)s)
"""


def select_calls(txn: Cursor, scope: Scope) -> list[Wanted]:
    """Return the payers of answered calls that *scope* means, by account."""
    txn.execute(
        """
        SELECT cdr.account_id, cdr.role, cdr.call_id::text, call.call_key::text, call.seq, call.client_id,
               cdr.started_at, cdr.destination"""
        + SELECTED.replace("FROM cdr", "FROM cdr JOIN call ON call.call_id = cdr.call_id", 1)
        + " ORDER BY cdr.account_id, cdr.started_at, cdr.call_id, cdr.role",
        asdict(scope),
    )
    names = Wanted.__struct_fields__
    order = ("account_id", "role", "call_id", "call_key", "seq", "client_id", "started_at", "destination")
    assert set(names) == set(order)
    return [Wanted(**dict(zip(order, row, strict=True))) for row in txn.fetchall()]


class Rerater:
    """
    Rates calls again over a connection that blocks, beside running servers.

    Raises:
        psycopg2.Error: The database cannot be reached.
    """

    def __init__(self, dsn: str, catalogue: Catalogue, now: datetime, randomness: random.Random) -> None:
        self._connection = BlockingConnection(dsn, STATEMENTS)
        self._directory: Directory = catalogue.directory
        self._clients = {client.id: client for client in catalogue.clients.clients}
        self._now = now
        self._random = randomness
        self._contexts: dict[int, Context] = {}
        services = catalogue.directory.services.values()
        self._with_buckets = {service.account.id for service in services if service.plan.buckets}

    def new_id(self) -> str:
        """Return a new id of this moment."""
        return uuid7_text((self._now - EPOCH) // _MILLISECOND, self._random.getrandbits(74))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def preview(self, wanted: Sequence[Wanted], *, redraw: bool) -> Iterator[Rerated]:
        """Yield what would come of each of *wanted*; nothing is written."""
        for part in self._parts(wanted, redraw):
            yield from self._in_books(part, partial(self._rerate, part, redraw), None)

    def apply(self, wanted: Sequence[Wanted], rerating_id: str, *, redraw: bool) -> Iterator[Rerated]:
        """Rate *wanted* again, each account committed by itself, and yield what came of each."""
        for part in self._parts(wanted, redraw):
            yield from self._in_books(
                part, partial(self._rerate, part, redraw), partial(_noting, rerating_id)
            )

    def undo(self, rerating_id: str) -> Iterator[Rerated]:
        """
        Book again what a rerating has replaced, each account committed by itself, and yield what was done.

        Raises:
            Conflict: A call was charged anew since, or its minutes have been used by others.
        """
        rows = finish(self._connection.run(_UNDO, (rerating_id,)))
        for _, group in groupby(rows, key=lambda row: row[0]):
            kept = [_Kept(*row) for row in group]
            part = [each.wanted for each in kept]
            yield from self._in_books(part, partial(self._undo, kept), partial(_unnoting, rerating_id))

    def _parts(self, wanted: Sequence[Wanted], redraw: bool) -> Iterator[list[Wanted]]:
        """Yield what goes into one transaction: an account, or a part of it where order does not count."""
        for account_id, group in groupby(wanted, key=lambda each: each.account_id):
            calls = iter(group)
            size = None if redraw or self._has_minutes(account_id) else AT_ONCE
            while part := list(islice(calls, size)):
                yield part

    def _has_minutes(self, account_id: int) -> bool:
        account = self._directory.accounts.get(account_id)
        return account is None or bool(account.allowances) or account_id in self._with_buckets

    def _rerate(self, part: Sequence[Wanted], redraw: bool, books: Books) -> list[Rerated]:
        return rerate(books, part, self._context, redraw=redraw)

    def _context(self, client_id: int) -> Context | None:
        if client_id not in self._contexts:
            client = self._clients.get(client_id)
            if client is None:
                return None
            self._contexts[client_id] = Context(self._directory, client, self._now, self.new_id)
        return self._contexts[client_id]

    def _in_books(
        self,
        part: Sequence[Wanted],
        decide: Callable[[Books], list[Rerated]],
        note: Callable[[list[Rerated]], tuple[str, str]] | None,
    ) -> list[Rerated]:
        """Return what *decide* made of the books, committed with a *note*; without one, nothing is kept."""
        for last in (*(False,) * MOST_TRIES, True):
            try:
                return finish(self._decide(part, decide, note))
            except psycopg2.Error as error:
                finish(self._connection.run("ROLLBACK"))
                if error.pgcode not in AGAIN or last:
                    raise
        raise AssertionError

    async def _decide(
        self,
        part: Sequence[Wanted],
        decide: Callable[[Books], list[Rerated]],
        note: Callable[[list[Rerated]], tuple[str, str]] | None,
    ) -> list[Rerated]:
        txn = self._connection
        needs = Needs(min(each.started_at for each in part) - HINDSIGHT)
        needs.keys.update(each.call_key for each in part)
        needs.accounts.update({each.account_id for each in part} | {NOBODY})
        for _ in range(MOST_ROUNDS):
            try:
                books, _ = await load(txn, needs)
                done = decide(books)
            except Missing as missing:
                needs.accounts |= missing.accounts
                needs.services |= missing.services
                needs.since = min(needs.since, missing.since)
                await txn.run("ROLLBACK")
                continue
            except BaseException:
                await txn.run("ROLLBACK")
                raise
            if note is None or not any(changes(done)):
                await txn.run("ROLLBACK")
                return done
            await txn.run(*_as_run(note(done)))
            await write(txn, books)
            return done
        raise RuntimeError(f"{len(part)} calls asked for more rows in each of {MOST_ROUNDS} rounds")

    def _undo(self, kept: Sequence[_Kept], books: Books) -> list[Rerated]:
        missing: list[Missing] = []
        found: list[tuple[_Kept, CallRow, Charge, Context]] = []
        for each in kept:
            try:
                found.append(self._find_again(books, each))
            except Missing as error:
                missing.append(error)
        if missing:
            raise joined(missing)
        for _, row, after, context in found:
            charging.reverse(books, row, after, context)
        for each, row, after, context in found:
            before = _read_charge(each.before)
            _require_free(books, each, before)
            charging.post_again(books, row, before, context)
            books.put_cdr(_read_cdr(each.cdr))
            swap(row, after, before)
            books.change_call(row)
        return [each.outcome(after) for each, _, after, _ in found]

    def _find_again(self, books: Books, each: _Kept) -> tuple[_Kept, CallRow, Charge, Context]:
        wanted = each.wanted
        row = next((row for row in books.calls[wanted.call_key] if row.seq == wanted.seq), None)
        made = None if row is None else charge_of(row, wanted.account_id, wanted.role)
        context = self._context(wanted.client_id)
        if row is None or made is None or context is None or made != _read_charge(each.after):
            raise Conflict(f"call {wanted.call_id} was charged anew since; undo that first")
        before = _read_charge(each.before)
        both = msgspec.structs.replace(row.charges, charges=(*row.charges.charges, before))
        settlement.require(books, row, (), both, (), row.begun_at)
        return each, row, made, context


class _Kept(msgspec.Struct):
    """A row of *rerated*, as its SELECT has it."""

    account_id: int
    role: str
    call_id: str
    call_key: str
    seq: int
    client_id: int
    started_at: datetime
    before: str
    after: str
    cdr: str

    @property
    def wanted(self) -> Wanted:
        """Return which call it is."""
        return Wanted(
            account_id=self.account_id,
            role=self.role,
            call_id=self.call_id,
            call_key=self.call_key,
            seq=self.seq,
            client_id=self.client_id,
            started_at=self.started_at,
            destination="",
        )

    def outcome(self, after: Charge) -> Rerated:
        """Return that *after* has given way to what was booked before it."""
        return Rerated(
            wanted=self.wanted,
            result=Result.CHANGED,
            before=after,
            after=_read_charge(self.before),
            destination=_read_cdr(self.cdr).destination,
        )


_UNDO = """
    SELECT account_id, role, call_id::text, call_key::text, seq, client_id, started_at, before, after,
           cdr::text
    FROM rerated WHERE rerating_id = %s AND NOT undone ORDER BY account_id, started_at, call_id, role
"""


def _require_free(books: Books, each: _Kept, before: Charge) -> None:
    for bucket_id, seconds in before.buckets.items():
        row = books.buckets.get((before.account_id, bucket_id))
        if row is None or row.free_s < seconds:
            raise Conflict(
                f"call {each.call_id} had drawn {seconds} s from {bucket_id}, and others have used them since"
            )


def _noting(rerating_id: str, done: Sequence[Rerated]) -> tuple[str, str]:
    """Return the statement that keeps what is about to be replaced, and its rows."""
    rows = [
        {
            **{name: getattr(each.wanted, name) for name in _KEY},
            "call_key": each.wanted.call_key,
            "seq": each.wanted.seq,
            "client_id": each.wanted.client_id,
            "before": _encode(each.before).decode(),
            "after": _encode(each.after).decode(),
        }
        for each in changes(done)
    ]
    sql = f"""
        INSERT INTO rerated (account_id, rerating_id, call_id, role, call_key, seq, client_id, started_at,
                             before, after, cdr)
        SELECT r.account_id, '{rerating_id}', r.call_id, r.role, r.call_key, r.seq, r.client_id, r.started_at,
               r.before, r.after, row_to_json(cdr)
        FROM json_to_recordset(%s::json) AS r(
            account_id bigint, started_at timestamptz, call_id uuid, role text, call_key bytea, seq integer,
            client_id bigint, before text, after text
        ) JOIN cdr USING (account_id, started_at, call_id, role)
    """
    return sql, _encode(rows).decode()


_KEY = ("account_id", "started_at", "call_id", "role")


def _unnoting(rerating_id: str, done: Sequence[Rerated]) -> tuple[str, str]:
    rows = [{name: getattr(each.wanted, name) for name in _KEY} for each in done]
    sql = f"""
        UPDATE rerated SET undone = true
        FROM json_to_recordset(%s::json) AS r(
            account_id bigint, started_at timestamptz, call_id uuid, role text
        )
        WHERE rerated.account_id = r.account_id AND rerated.rerating_id = '{rerating_id}'
          AND rerated.call_id = r.call_id AND rerated.role = r.role
    """
    return sql, _encode(rows).decode()


def _as_run(noted: tuple[str, str]) -> tuple[str, Sequence[object]]:
    return noted[0], (noted[1],)
