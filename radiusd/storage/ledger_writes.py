"""Write the rows that a batch has changed: a few statements, sent with the commit in one round trip."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar, cast

import msgspec

from radiusd.calls.books import Books
from radiusd.calls.rows import (
    Balance,
    BucketRow,
    CallColumns,
    CallRow,
    Cdr,
    CdrKey,
    CdrNote,
    Channel,
    Disconnect,
    Posting,
    QueueEntry,
    QueueKey,
    Row,
    Session,
    SessionChange,
    SessionKey,
    TimeChange,
)
from radiusd.storage.database import Connection, Prepared, Quotable
from radiusd.storage.row_sql import columns_of, definitions, deleting, inserting, standing_in, updating


class _Write(NamedTuple):
    """One way to write rows that come as JSON: its SQL, given the place of its first argument."""

    name: str
    sql: Callable[[int], str]
    arguments: int = 1

    @property
    def alone(self) -> Prepared:
        """Return the statement that does this and nothing else."""
        return Prepared(self.name, ("json",) * self.arguments, self.sql(1))


class _Together(NamedTuple):
    """
    Writes into different tables, sent as one statement: a small batch costs mostly its statements.

    It is sent for batches that have something to write for each of *needed*.
    """

    writes: tuple[_Write, ...]
    needed: tuple[_Write, ...]
    statement: Prepared
    execute: str


def _together(name: str, writes: tuple[_Write, ...], needed: tuple[_Write, ...]) -> _Together:
    steps, place = [], 1
    for write in writes:
        steps.append(write.sql(place))
        place += write.arguments
    *first, last = steps
    named = ", ".join(f"step{number} AS ({step})" for number, step in enumerate(first))
    statement = Prepared(name, ("json",) * (place - 1), f"WITH {named} {last}")
    return _Together(writes, needed, statement, statement.execute)


def _insert(name: str, table: str, row: type[Row], key: Sequence[str] = ()) -> _Write:
    return _Write(name, lambda place: inserting(table, row, place, key))


def _delete(name: str, table: str, row: type[Row], key: Sequence[str]) -> _Write:
    return _Write(name, lambda place: deleting(table, row, place, key))


def _update(name: str, table: str, row: type[Row], key: Sequence[str], columns: Sequence[str]) -> _Write:
    return _Write(name, lambda place: updating(table, row, place, key, columns))


ASK_AGAIN = """
    ON CONFLICT (account_id, call_id) DO UPDATE
    SET reason = EXCLUDED.reason, phase = 'ask', due_at = EXCLUDED.due_at, again_at = NULL
    WHERE disconnect.again_at <= EXCLUDED.asked_at
"""
"""A switch that was asked to end a call is asked once more only when its answer left that open."""

_TELL_AGAIN = """
    ON CONFLICT (account_id, call_id) DO UPDATE
    SET reason = EXCLUDED.reason, timeout_s = EXCLUDED.timeout_s, asked_at = EXCLUDED.asked_at,
        phase = 'ask', due_at = EXCLUDED.due_at, tries = 0, outcome = '', error_cause = NULL, detail = '',
        answered_at = NULL
    WHERE time_change.timeout_s <> EXCLUDED.timeout_s
        AND (time_change.phase = 'ask' OR time_change.outcome = 'ack')
"""
"""A new time overtakes the one before; a switch that takes none for a call is told no other of it."""

_SESSION_KEY = ("account_id", "call_id", "role")
_CDR_KEY = ("account_id", "started_at", "call_id", "role")


def _calls(place: int) -> str:
    return f"""
        ROWS FROM (
            json_to_recordset(${place}) AS ({definitions(CallColumns)}),
            json_array_elements(${place + 1}), json_array_elements(${place + 2})
        ) AS r({", ".join(columns_of(CallColumns))}, facts, charges)
    """


def _adding_calls(place: int) -> str:
    # Without ON CONFLICT: when two nodes begin the same call at once, one of them tries again.
    names = f"{', '.join(columns_of(CallColumns))}, facts, charges"
    return f"INSERT INTO call ({names}) SELECT * FROM {_calls(place)}"


def _changing_calls(place: int) -> str:
    return f"""
        UPDATE call t
        SET state = r.state, begun_at = r.begun_at, ended_at = r.ended_at, accounts = r.accounts,
            facts = r.facts, charges = r.charges
        FROM {_calls(place)} {standing_in("call", ("call_key", "seq"))}
    """


_ADD_CALL = _Write("add_call", _adding_calls, 3)
_CHANGE_CALL = _Write("change_call", _changing_calls, 3)
_REMOVE_CDR = _delete("remove_cdr", "cdr", CdrKey, _CDR_KEY)
_END_SESSION = _delete("end_session", "session", SessionKey, _SESSION_KEY)
_MEND = _delete("mend", "queue", QueueKey, _SESSION_KEY)
_ADD_SESSION = _insert("add_session", "session", Session)
_CHANGE_SESSION = _update(
    "change_session",
    "session",
    SessionChange,
    _SESSION_KEY,
    ("state", "connect_at", "granted_s", "held_s_until", "expires_at", "held_micros", "held_buckets"),
)
_PUT_BALANCE = _insert("put_balance", "balance", Balance, ("account_id",))
_PUT_CHANNEL = _insert("put_channel", "channel", Channel, ("account_id", "service_id"))
_PUT_BUCKET = _insert("put_bucket", "bucket", BucketRow, ("account_id", "bucket_id"))
_PUT_CDR = _insert("put_cdr", "cdr", Cdr, _CDR_KEY)
_NOTE_CDR = _update(
    "note_cdr",
    "cdr",
    CdrNote,
    _CDR_KEY,
    (
        *("remote_ip", "trunk_in", "trunk_out", "cause", "sip_code", "release_side", "flags", "match"),
        *("supplier_id", "cost_micros", "margin_micros", "cost"),
    ),
)
_PUT_QUEUE = _insert("put_queue", "queue", QueueEntry, _SESSION_KEY)
_PUT_DISCONNECT = _Write(
    "put_disconnect", lambda place: f"{inserting('disconnect', Disconnect, place)} {ASK_AGAIN}"
)
_PUT_TIME = _Write("put_time", lambda place: f"{inserting('time_change', TimeChange, place)} {_TELL_AGAIN}")
_ADD_POSTING = _insert("add_posting", "posting", Posting)

# What is removed goes before what takes its place.
_BEFORE = (_REMOVE_CDR, _END_SESSION, _MEND)
_COUNTERS = (_PUT_BALANCE, _PUT_CHANNEL, _PUT_BUCKET)
_AFTER = (
    *(_ADD_CALL, _CHANGE_CALL, _ADD_SESSION, _CHANGE_SESSION, *_COUNTERS),
    *(_PUT_CDR, _NOTE_CDR, _PUT_QUEUE, _PUT_DISCONNECT, _PUT_TIME, _ADD_POSTING),
)
_TOGETHER = (
    _together(
        "end_calls",
        (_CHANGE_CALL, _END_SESSION, *_COUNTERS, _PUT_CDR, _ADD_POSTING),
        needed=(_CHANGE_CALL, _PUT_BALANCE, _PUT_CDR),
    ),
    _together(
        "add_ended_calls",
        (_ADD_CALL, *_COUNTERS, _PUT_CDR, _ADD_POSTING),
        needed=(_ADD_CALL, _PUT_BALANCE, _PUT_CDR),
    ),
    _together("begin_calls", (_ADD_CALL, _ADD_SESSION, *_COUNTERS), needed=(_ADD_CALL, _ADD_SESSION)),
    _together("report_calls", (_CHANGE_CALL, _CHANGE_SESSION), needed=(_CHANGE_CALL, _CHANGE_SESSION)),
    _together("put_counters", _COUNTERS, needed=(_PUT_BALANCE,)),
)
_ALONE = {write: write.alone.execute for write in (*_BEFORE, *_AFTER)}

WRITES = (*(write.alone for write in _ALONE), *(together.statement for together in _TOGETHER))
"""What a connection must have prepared to write."""

Argument = str | Quotable
_RowT = TypeVar("_RowT", bound=Row)
_encode = msgspec.json.Encoder().encode
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


async def write(txn: Connection, books: Books) -> None:
    """Write what has changed and commit, in one round trip."""
    told = _arguments(books)
    steps: list[str] = []
    args: list[Argument] = []

    def send(writes: Collection[_Write]) -> None:
        for write in writes:
            if write in told:
                steps.append(_ALONE[write])
                args.extend(told.pop(write))

    for together in _TOGETHER:
        if all(write in told for write in together.needed):
            send([write for write in _BEFORE if write not in together.writes])
            steps.append(together.execute)
            for write in together.writes:
                args += told.pop(write, _NOTHING[write.arguments])
    send(_BEFORE)
    send(_AFTER)
    await txn.run("; ".join((*steps, "COMMIT")), args)


_NOTHING = {count: ("[]",) * count for count in (1, 3)}


def _arguments(books: Books) -> dict[_Write, Sequence[Argument]]:
    """Return the arguments of each write that has something to write."""
    changed = books.changed
    told: dict[_Write, Sequence[Argument]] = {}
    if books.new_calls:
        told[_ADD_CALL] = _call_arguments(_in_order(books.new_calls))
    if changed[CallRow]:
        told[_CHANGE_CALL] = _call_arguments(_in_order(cast("dict[Any, CallRow]", changed[CallRow])))
    rows_of: tuple[tuple[_Write, Mapping[Any, Row]], ...] = (
        (_REMOVE_CDR, books.replaced_cdrs),
        (_END_SESSION, books.ended_sessions),
        (_MEND, books.mended),
        (_ADD_SESSION, books.new_sessions),
        (_CHANGE_SESSION, changed[SessionChange]),
        (_PUT_BALANCE, changed[Balance]),
        (_PUT_CHANNEL, changed[Channel]),
        (_PUT_BUCKET, changed[BucketRow]),
        (_PUT_CDR, changed[Cdr]),
        (_NOTE_CDR, changed[CdrNote]),
        (_PUT_QUEUE, changed[QueueEntry]),
        (_PUT_DISCONNECT, changed[Disconnect]),
        (_PUT_TIME, changed[TimeChange]),
    )
    for write, rows in rows_of:
        if rows:
            told[write] = (_text(_in_order(rows)),)
    if books.postings:
        told[_ADD_POSTING] = (_text(books.postings),)
    return told


def _text(rows: Iterable[Row]) -> Quotable:
    """Return rows as JSON for PostgreSQL, whose text has no NUL. One inside a column's own JSON stays."""
    octets = _encode(rows)
    return Quotable(_NUL.sub(rb"\1\\ufffd", octets) if b"\\u0000" in octets else octets)


def _call_arguments(rows: list[CallRow]) -> tuple[Quotable, Quotable, Quotable]:
    """Return the arguments of the statements that write calls: columns, facts, charges."""
    columns = [
        CallColumns(
            call_key=row.call_key,
            seq=row.seq,
            call_id=row.call_id,
            client_id=row.client_id,
            state=row.state,
            begun_at=row.begun_at,
            ended_at=row.ended_at,
            accounts=row.accounts,
        )
        for row in rows
    ]
    facts, charges = [row.facts for row in rows], [row.charges for row in rows]
    return Quotable(_encode(columns)), Quotable(_encode(facts)), Quotable(_encode(charges))


def _in_order(rows: Mapping[Any, _RowT]) -> list[_RowT]:
    """Return rows by key, so that every batch locks in one order."""
    return [rows[key] for key in sorted(rows)]
