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


def find_calls(txn: cursor, name: str, limit: int) -> list[CallTrail]:
    """
    Return the calls that *name* may mean, newest first, *limit* at the most.

    It is our call id, or what the sender calls the call or one of its legs: Call-ID, conference id,
    Acct-Session-Id.
    """
    txn.execute("SELECT id, settings ->> 'call_group' FROM client")
    clients = txn.fetchall()
    keys = [call_key(client_id, name) for client_id, _ in clients]
    keys += [group_key(group, name) for group in {group for _, group in clients if group}]
    txn.execute(_TRAIL.format("call.call_key = ANY(%(keys)s::bytea[])"), {"keys": keys, "limit": limit})
    # The rest has no index: a leg's id is only in the events. They are searched as text first, which spares
    # parsing them.
    return _trails(txn) or _by_our_id(txn, name, limit) or _search(txn, name, limit)


def _by_our_id(txn: cursor, name: str, limit: int) -> list[CallTrail]:
    """Return the call whose id is *name*, if it began around the moment that the id tells, as most have."""
    try:
        call_id = UUID(name)
    except ValueError:
        return []
    if call_id.version != 7:
        return []
    made_at = EPOCH + timedelta(milliseconds=call_id.int >> 80)  # RFC 9562, 5.7
    for span in SPANS:
        txn.execute(
            _TRAIL.format(
                "call.call_id = %(call_id)s::uuid AND call.begun_at BETWEEN %(since)s AND %(until)s"
            ),
            {"call_id": str(call_id), "since": made_at - span, "until": made_at + span, "limit": limit},
        )
        found = _trails(txn)
        if found:
            return found
    return []


def _search(txn: cursor, name: str, limit: int) -> list[CallTrail]:
    txn.execute(
        _TRAIL.format(
            "call.call_id::text = lower(%(name)s)"
            " OR (strpos(call.facts::text, to_json(%(name)s::text)::text) > 0"
            "     AND EXISTS (SELECT FROM jsonb_array_elements(call.facts::jsonb) AS event"
            "                 WHERE %(name)s IN (event ->> 6, event ->> 7)))"
        ),
        {"name": name, "limit": limit},
    )
    return _trails(txn)


_TRAIL = """
    SELECT call.call_id::text, client.name, call.state, call.begun_at, call.ended_at, call.accounts,
           call.facts::text, call.charges::text
    FROM call LEFT JOIN client ON client.id = call.client_id
    WHERE ({}) AND NOT charges::jsonb ? 'joined'  -- which only leads to another call
    ORDER BY call.begun_at DESC LIMIT %(limit)s
"""


def _trails(txn: cursor) -> list[CallTrail]:
    return [CallTrail(*row) for row in txn.fetchall()]
