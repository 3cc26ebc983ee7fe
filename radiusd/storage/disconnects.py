"""Calls that a switch must be asked to hang up: by state, by an admin's word; and what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from psycopg2.extensions import cursor

from radiusd.storage.database import Connection
from radiusd.storage.ledger_writes import ASK_AGAIN
from radiusd.storage.switch_queue import Queue, asked_lines

_COLUMNS = "account_id, call_id, call_key, seq, client_id, begun_at, reason, asked_at, due_at"


async def ask_by_state(txn: Connection, now: datetime) -> int:
    """
    Have calls cut whose account is suspended, which were part of a burst when its guards closed, or whose
    service has ended; where their clients take that.

    It goes by what is so now, so it may run at any time, and what a kill has undone is done the next time.
    """
    rows = await txn.run(
        f"""
        INSERT INTO disconnect ({_COLUMNS})
        SELECT DISTINCT ON (s.account_id, s.call_id) s.account_id, s.call_id, s.call_key, s.seq, s.client_id,
            s.setup_at, w.reason, t.now, t.now
        FROM session s CROSS JOIN (SELECT %s::timestamptz AS now) t JOIN client c ON c.id = s.client_id
            JOIN account a ON a.id = s.account_id
            JOIN balance b ON b.account_id = s.account_id LEFT JOIN service v ON v.id = s.service_id
            CROSS JOIN LATERAL (VALUES
                (1, 'suspended', a.status = 'suspended'),
                (2, 'fraud', s.role = 'out' AND (b.gauges ->> 'blocked_until')::timestamptz > t.now
                    AND s.setup_at >= (b.gauges ->> 'blocked_from')::timestamptz),
                (3, 'service_ended', v.ended_at <= t.now)
            ) AS w (number, reason, holds)
        WHERE s.state = 'started' AND c.cut_off <> 'none'
            AND w.holds AND w.reason = ANY (c.cut_off_for)
        ORDER BY s.account_id, s.call_id, w.number
        {ASK_AGAIN} RETURNING 1
        """,
        (now,),
    )
    return len(rows)


class CutLine(NamedTuple):
    """One call that was or is to be cut, for admins."""

    asked_at: datetime
    account: str | None
    client: str | None
    reason: str
    phase: str
    tries: int
    outcome: str
    error_cause: int | None
    detail: str
    answered_at: datetime | None
    call_id: str


def cut_lines(
    txn: cursor, *, account: str | None = None, call_id: str | None = None, most: int = 100
) -> list[CutLine]:
    """Return what switches were asked to end, the latest first."""
    return [CutLine(*row) for row in asked_lines(txn, Queue.CUTS, account, call_id, most)]


def ask_by_hand(txn: cursor, call_id: str, now: datetime) -> str | None:
    """
    Have the switch asked to end an open call, whatever it was asked before.

    Returns:
        Why it cannot be asked; None: it will be, by whichever server takes it. No row: the call is not open.
    """
    txn.execute(
        "SELECT s.state, c.name, c.cut_off FROM session s LEFT JOIN client c ON c.id = s.client_id"
        " WHERE s.call_id = %s::uuid LIMIT 1",
        (call_id,),
    )
    found = txn.fetchone()
    if found is None:
        return "the call is not open"
    state, client, cut_off = found
    if cut_off == "none":
        return f"client {client} has cut_off = none"
    if state != "started":
        return "the switch has not told of the call yet"
    txn.execute(
        f"""
        INSERT INTO disconnect ({_COLUMNS})
        SELECT s.account_id, s.call_id, s.call_key, s.seq, s.client_id, s.setup_at, 'admin', %(now)s, %(now)s
        FROM session s WHERE s.call_id = %(call)s::uuid ORDER BY s.account_id LIMIT 1
        ON CONFLICT (account_id, call_id) DO UPDATE
        SET reason = 'admin', asked_at = EXCLUDED.asked_at, phase = 'ask', due_at = EXCLUDED.due_at,
            outcome = '', error_cause = NULL, detail = '', answered_at = NULL, again_at = NULL
        """,
        {"now": now, "call": call_id},
    )
    return None
