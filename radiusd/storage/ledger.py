"""Read the rows that a batch needs, under its accounts' locks, and write what has changed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from radiusd.calls.books import Books, Missing
from radiusd.calls.facts import read_facts
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
    read_booked,
)
from radiusd.storage.database import Connection, Prepared

_SPECIAL_TYPES = {
    "call_key": "bytea",
    "call_id": "uuid",
    "id": "uuid",
    "flags": "text[]",
    "accounts": "bigint[]",
    "held_buckets": "json",
    "match": "json",
    "rating": "json",
    "cost": "json",
    "gauges": "json",
}
_TYPES = {int: "bigint", str: "text", bool: "boolean", datetime: "timestamptz"}


class Boot(Row):
    """When a client said Accounting-On or -Off."""

    client_id: int
    nas: str
    booted_at: datetime


def _columns(row: type[Row]) -> dict[str, str]:
    """Return the columns of a row class with their types in PostgreSQL."""
    columns = {}
    for field in msgspec.structs.fields(row):
        plain = getattr(field.type, "__args__", (field.type,))[0]
        columns[field.name] = _SPECIAL_TYPES.get(field.name) or _TYPES[plain]
    return columns


def _records(row: type[Row], place: int = 1) -> str:
    """Return the rows in the JSON argument at *place* as a table ``r``."""
    return f"json_to_recordset(${place}) AS r({_definitions(row)})"


def _definitions(row: type[Row]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in _columns(row).items())


def _insert(name: str, table: str, row: type[Row], key: Sequence[str] = ()) -> Prepared:
    return Prepared(name, ("json",), _inserting(table, row, key))


def _inserting(table: str, row: type[Row], key: Sequence[str] = (), place: int = 1) -> str:
    """Return an INSERT of all columns; with *key*, a row that is there already is replaced."""
    columns = list(_columns(row))
    names = ", ".join(columns)
    sql = f"INSERT INTO {table} ({names}) SELECT {names} FROM {_records(row, place)}"
    if key:
        changes = ", ".join(f"{name} = EXCLUDED.{name}" for name in columns if name not in key)
        sql += f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}"
    return sql


def _delete(name: str, table: str, row: type[Row], key: Sequence[str]) -> Prepared:
    same = " AND ".join(f"t.{column} = r.{column}" for column in key)
    return Prepared(name, ("json",), f"DELETE FROM {table} t USING {_records(row)} WHERE {same}")


def _update(name: str, table: str, row: type[Row], key: Sequence[str], columns: Sequence[str]) -> Prepared:
    same = " AND ".join(f"t.{column} = r.{column}" for column in key)
    changes = ", ".join(f"{column} = r.{column}" for column in columns)
    return Prepared(name, ("json",), f"UPDATE {table} t SET {changes} FROM {_records(row)} WHERE {same}")


ASK_AGAIN = """
    ON CONFLICT (account_id, call_id) DO UPDATE
    SET reason = EXCLUDED.reason, phase = 'ask', due_at = EXCLUDED.due_at, again_at = NULL
    WHERE disconnect.again_at <= EXCLUDED.asked_at
"""
"""A switch that was asked to end a call is asked once more only when its answer left that open."""

_SESSION_KEY = ("account_id", "call_id", "role")
_CDR_KEY = ("account_id", "started_at", "call_id", "role")

LOCK_ACCOUNTS = Prepared(
    "lock_accounts",
    ("bigint[]",),
    "SELECT 1 FROM balance WHERE account_id = ANY ($1) ORDER BY account_id FOR UPDATE",
)
LOAD = Prepared(
    "load_batch",
    ("bigint[]", "bytea[]", "bigint[]", "timestamptz", "bigint[]"),
    """
    WITH known AS MATERIALIZED (
        SELECT call_key, seq, call_id, client_id, state, begun_at, ended_at, accounts FROM call
        WHERE call_key = ANY ($2)
    )
    SELECT 'Balance', row_to_json(b)::text, NULL::text, NULL::text
        FROM balance b WHERE account_id = ANY ($1)
    UNION ALL SELECT 'CallRow', row_to_json(k)::text, c.facts, c.charges
        FROM known k JOIN call c USING (call_key, seq)
    UNION ALL SELECT 'Session', row_to_json(s)::text, NULL, NULL
        FROM known k JOIN session s ON s.account_id = ANY (k.accounts) AND s.call_id = k.call_id
    UNION ALL SELECT 'Channel', row_to_json(c)::text, NULL, NULL
        FROM channel c WHERE account_id = ANY ($1) AND service_id = ANY ($3)
    UNION ALL SELECT 'BucketRow', row_to_json(u)::text, NULL, NULL
        FROM bucket u WHERE account_id = ANY ($1) AND service_id = ANY ($3) AND period_end > $4
    UNION ALL SELECT 'Boot', row_to_json(o)::text, NULL, NULL
        FROM client_boot o WHERE client_id = ANY ($5) AND booted_at > $4
    """,
)

_WRITES: dict[type[Row], Prepared] = {
    SessionChange: _update(
        "change_session",
        "session",
        SessionChange,
        _SESSION_KEY,
        (
            "state",
            "connect_at",
            "granted_s",
            "held_s_until",
            "expires_at",
            "held_micros",
            "held_buckets",
        ),
    ),
    Cdr: _insert("put_cdr", "cdr", Cdr, _CDR_KEY),
    CdrNote: _update(
        "note_cdr",
        "cdr",
        CdrNote,
        _CDR_KEY,
        (
            *("remote_ip", "trunk_in", "trunk_out", "cause", "sip_code", "release_side", "flags", "match"),
            *("supplier_id", "cost_micros", "margin_micros", "cost"),
        ),
    ),
    QueueEntry: _insert("put_queue", "queue", QueueEntry, _SESSION_KEY),
    Disconnect: Prepared("put_disconnect", ("json",), f"{_inserting('disconnect', Disconnect)} {ASK_AGAIN}"),
}
_COUNTERS = (Balance, Channel, BucketRow)
# In one statement, since most batches change them all, and a small one costs mostly its statements.
_PUT_COUNTERS = Prepared(
    "put_counters",
    ("json", "json", "json"),
    f"""
    WITH balances AS ({_inserting("balance", Balance, ("account_id",))}),
    channels AS ({_inserting("channel", Channel, ("account_id", "service_id"), 2)})
    {_inserting("bucket", BucketRow, ("account_id", "bucket_id"), 3)}
    """,
)
_CALL_TYPES = ("json", "json", "json")
_CALLS = f"""
    ROWS FROM (
        json_to_recordset($1) AS ({_definitions(CallColumns)}),
        json_array_elements_text($2), json_array_elements_text($3)
    ) AS r({", ".join(_columns(CallColumns))}, facts, charges)
"""
# An INSERT without ON CONFLICT: when two nodes begin the same call at once, one of them tries again.
_ADD_CALL = Prepared(
    "add_call",
    _CALL_TYPES,
    f"INSERT INTO call ({', '.join(_columns(CallColumns))}, facts, charges) SELECT * FROM {_CALLS}",
)
_CHANGE_CALL = Prepared(
    "change_call",
    _CALL_TYPES,
    f"""
    UPDATE call t
    SET state = r.state, begun_at = r.begun_at, ended_at = r.ended_at, accounts = r.accounts,
        facts = r.facts, charges = r.charges
    FROM {_CALLS} WHERE t.call_key = r.call_key AND t.seq = r.seq
    """,
)
_ADD_SESSION = _insert("add_session", "session", Session)
_ADD_POSTING = _insert("add_posting", "posting", Posting)
_END_SESSION = _delete("end_session", "session", SessionKey, _SESSION_KEY)
_REMOVE_CDR = _delete("remove_cdr", "cdr", CdrKey, _CDR_KEY)
_MEND = _delete("mend", "queue", QueueKey, _SESSION_KEY)

STATEMENTS = (
    LOCK_ACCOUNTS,
    LOAD,
    _PUT_COUNTERS,
    *_WRITES.values(),
    _ADD_CALL,
    _CHANGE_CALL,
    _ADD_SESSION,
    _ADD_POSTING,
    _END_SESSION,
    _REMOVE_CDR,
    _MEND,
)
"""What a connection must have prepared to carry the ledger."""

_LOADED: tuple[type[Row], ...] = (Balance, CallRow, Session, Channel, BucketRow, Boot)
_decoders = {row.__name__: msgspec.json.Decoder(row) for row in _LOADED}
_encode = msgspec.json.Encoder().encode
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


class Needs:
    """What must be locked and loaded for a batch."""

    def __init__(self, since: datetime) -> None:
        self.accounts: set[int] = set()
        self.services: set[int] = set()
        self.keys: set[str] = set()
        self.clients: set[int] = set()
        self.since = since


async def load(txn: Connection, needs: Needs) -> tuple[Books, dict[tuple[int, str], list[datetime]]]:
    """
    Begin a transaction, lock, and return the books of a batch and when its clients booted.

    Accounts are locked in the order of their numbers, everywhere. Who changes a call has all of its accounts
    locked, so their locks protect its row as well. Each statement sees what was committed before it began:
    what is read after the locks is what they protect.

    Raises:
        Missing: A call has accounts that are not locked yet.
    """
    accounts = _array(sorted(needs.accounts))
    rows = await txn.run(
        f"BEGIN; {LOCK_ACCOUNTS.execute}; {LOAD.execute}",
        (
            accounts,
            accounts,
            _array(sorted(needs.keys)),
            _array(sorted(needs.services)),
            needs.since,
            _array(sorted(needs.clients)),
        ),
    )
    books = Books(set(needs.accounts), set(needs.services), needs.since, set(needs.keys))
    boots: dict[tuple[int, str], list[datetime]] = {}
    unlocked: set[int] = set()
    for kind, text, facts, charges in rows:
        row = _decoders[kind].decode(text)
        if isinstance(row, Boot):
            boots.setdefault((row.client_id, row.nas), []).append(row.booted_at)
            continue
        if isinstance(row, CallRow):
            row.facts, row.charges = read_facts(facts), read_booked(charges)
            unlocked.update(row.accounts)
        books.load(row)
    unlocked -= needs.accounts
    if unlocked:
        raise Missing(unlocked, set(), needs.since)
    return books, boots


async def held_elsewhere(txn: Connection, needs: Needs) -> tuple[set[str], set[int]]:
    """
    Return which calls, by key, and which accounts of *needs* somebody else has locked now.

    A call counts as locked when one of its accounts is. Nothing stays locked by asking.
    """
    keys = _array(sorted(needs.keys))
    rows = await txn.run(
        "BEGIN; SELECT call_key::text, accounts FROM call WHERE call_key = ANY (%s::bytea[])", (keys,)
    )
    calls = {key: set(accounts) for key, accounts in rows}
    accounts = _array(sorted(needs.accounts.union(*calls.values())))
    there = "SELECT account_id FROM balance WHERE account_id = ANY (%s::bigint[])"
    all_accounts = {account for (account,) in await txn.run(there, (accounts,))}
    free = {account for (account,) in await txn.run(f"{there} FOR UPDATE SKIP LOCKED", (accounts,))}
    rows = await txn.run(
        "SELECT call_key::text FROM call WHERE call_key = ANY (%s::bytea[]) FOR UPDATE SKIP LOCKED", (keys,)
    )
    await txn.run("ROLLBACK")
    locked = all_accounts - free
    return {key for key in calls if (key,) not in rows or calls[key] & locked}, locked


async def write(txn: Connection, books: Books) -> None:
    """Write what has changed and commit, in one round trip."""
    steps: list[str] = []
    args: list[str] = []

    def add(statement: Prepared, rows: Iterable[Row]) -> None:
        text = _encode(list(rows)).decode()
        if text != "[]":
            steps.append(statement.execute)
            # PostgreSQL's text has no NUL. One inside a column's own JSON is escaped twice, and stays.
            args.append(_NUL.sub(r"\1\\ufffd", text) if "\\u0000" in text else text)

    for statement, calls in ((_ADD_CALL, books.new_calls), (_CHANGE_CALL, books.changed[CallRow])):
        if calls:
            steps.append(statement.execute)
            args += _call_arguments(_in_order(calls))
    add(_REMOVE_CDR, _in_order(books.replaced_cdrs))
    add(_END_SESSION, _in_order(books.ended_sessions))
    add(_MEND, _in_order(books.mended))
    add(_ADD_SESSION, _in_order(books.new_sessions))
    counters = [_encode(_in_order(books.changed[row])).decode() for row in _COUNTERS]
    if any(text != "[]" for text in counters):
        steps.append(_PUT_COUNTERS.execute)
        args += counters
    for row, statement in _WRITES.items():
        add(statement, _in_order(books.changed[row]))
    add(_ADD_POSTING, books.postings)
    await txn.run("; ".join((*steps, "COMMIT")), args)


def _call_arguments(rows: list[Row]) -> tuple[str, str, str]:
    """Return the arguments of the statements that write calls: columns, facts, charges."""
    columns, facts, charges = [], [], []
    for row in rows:
        assert isinstance(row, CallRow)
        columns.append(
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
        )
        facts.append(_encode(row.facts).decode())
        charges.append(_encode(row.charges).decode())
    return _encode(columns).decode(), _encode(facts).decode(), _encode(charges).decode()


def _in_order(rows: Mapping[Any, Row]) -> list[Row]:
    """Return rows by key, so that every batch locks in one order."""
    return [rows[key] for key in sorted(rows)]


def _array(values: Sequence[object]) -> str:
    """Return numbers or hexadecimal keys as an array literal."""
    return "{" + ",".join(str(value).replace("\\", "\\\\") for value in values) + "}"
