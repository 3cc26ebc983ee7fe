"""Find a call by any of its names: ours, or those its sender uses."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from psycopg2.extensions import cursor

from radiusd.calls.choosing import call_key, group_key
from radiusd.storage.ids import EPOCH

SPANS = (timedelta(hours=1), timedelta(hours=6), timedelta(days=2))
"""How far from the moment of its id a call may have begun, the likeliest first."""


class CallTrail(NamedTuple):
    """Where a call is written down: its events (*facts*) and what was booked (*charges*), as JSON."""

    call_id: str
    client: str | None
    state: str
    begun_at: datetime
    ended_at: datetime | None
    accounts: list[int]
    facts: str
    charges: str


def find_calls(txn: cursor, name: str, limit: int, since: datetime | None = None) -> list[CallTrail]:
    """
    Return the calls that *name* may mean, newest first, *limit* at the most.

    It is our call id, or what the sender calls the call or one of its legs: Call-ID, conference id,
    Acct-Session-Id. What is not the call's own name is looked for in those begun from *since* on; None: in
    all, which takes long where there are millions.
    """
    txn.execute("SELECT id, settings ->> 'call_group' FROM client")
    clients = txn.fetchall()
    keys = [call_key(client_id, name) for client_id, _ in clients]
    keys += [group_key(group, name) for group in {group for _, group in clients if group}]
    txn.execute(_TRAIL.format("call.call_key = ANY(%(keys)s::bytea[])"), {"keys": keys, "limit": limit})
    # The rest has no index: a leg's id is only in the events. They are searched as text first, which spares
    # parsing them.
    return _trails(txn) or _by_our_id(txn, name, limit) or _search(txn, name, limit, since)


def _by_our_id(txn: cursor, name: str, limit: int) -> list[CallTrail]:
    """Return the call whose id is *name*, if it began around the moment that the id tells, as most have."""
    call_id = _uuid(name)
    if call_id is None or UUID(call_id).version != 7:
        return []
    made_at = EPOCH + timedelta(milliseconds=UUID(call_id).int >> 80)  # RFC 9562, 5.7
    for span in SPANS:
        txn.execute(
            _TRAIL.format(
                "call.call_id = %(call_id)s::uuid AND call.begun_at BETWEEN %(since)s AND %(until)s"
            ),
            {"call_id": call_id, "since": made_at - span, "until": made_at + span, "limit": limit},
        )
        found = _trails(txn)
        if found:
            return found
    return []


def _uuid(name: str) -> str | None:
    try:
        return str(UUID(name))
    except ValueError:
        return None


def _search(txn: cursor, name: str, limit: int, since: datetime | None) -> list[CallTrail]:
    txn.execute(
        _TRAIL.format(
            "(%(since)s::timestamptz IS NULL OR call.begun_at >= %(since)s) AND ("
            " call.call_id = %(call_id)s::uuid"
            " OR (strpos(call.facts::text, to_json(%(name)s::text)::text) > 0"
            "     AND EXISTS (SELECT FROM jsonb_array_elements(call.facts::jsonb) AS event"
            "                 WHERE %(name)s IN (event ->> 6, event ->> 7))))"
        ),
        {"name": name, "call_id": _uuid(name), "limit": limit, "since": since},
    )
    return _trails(txn)


_TRAIL = """
    SELECT call.call_id::text, client.name, call.state, call.begun_at, call.ended_at, call.accounts,
           call.facts::text, call.charges::text
    FROM call LEFT JOIN client ON client.id = call.client_id
    WHERE ({})
      -- What only leads to another call; as text first, which spares parsing it.
      AND (strpos(call.charges, '"joined"') = 0 OR NOT charges::jsonb ? 'joined')
    ORDER BY call.begun_at DESC LIMIT %(limit)s
"""


def _trails(txn: cursor) -> list[CallTrail]:
    return [CallTrail(*row) for row in txn.fetchall()]
