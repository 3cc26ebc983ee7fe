"""Read the rows that a batch needs, under its accounts' locks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from radiusd.calls.books import Books, Missing
from radiusd.calls.facts import read_facts
from radiusd.calls.rows import Balance, BucketRow, CallRow, Channel, Row, Session, read_booked
from radiusd.storage.database import Connection, Prepared
from radiusd.storage.ledger_writes import WRITES


class Boot(Row):
    """When a client said Accounting-On or -Off."""

    client_id: int
    nas: str
    booted_at: datetime


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
        FROM known k CROSS JOIN LATERAL (
            SELECT facts, charges FROM call WHERE call_key = k.call_key AND seq = k.seq LIMIT 1
        ) AS c
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

_LOCK_AND_LOAD = f"BEGIN; {LOCK_ACCOUNTS.execute}; {LOAD.execute}"

STATEMENTS = (LOCK_ACCOUNTS, LOAD, *WRITES)
"""What a connection must have prepared to carry the ledger."""

_LOADED: tuple[type[Row], ...] = (Balance, CallRow, Session, Channel, BucketRow, Boot)
_decoders = {row.__name__: msgspec.json.Decoder(row) for row in _LOADED}


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
        _LOCK_AND_LOAD,
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


def _array(values: Sequence[object]) -> str:
    """Return numbers or hexadecimal keys as an array literal."""
    return "{" + ",".join(str(value).replace("\\", "\\\\") for value in values) + "}"
