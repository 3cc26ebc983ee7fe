"""
Calls that a switch must be asked to hang up: who is next, what came of it, and what the state asks for.

A row is taken by one server at a time, for as long as a request may take; when that server dies, another
takes it after that. A switch may so be asked twice, which changes nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from psycopg2.extensions import cursor

from radiusd.calls.facts import Events, read_facts
from radiusd.storage.database import Connection
from radiusd.storage.ledger_writes import ASK_AGAIN

TAKEN_FOR = timedelta(seconds=45)
"""How long one server has a row to itself: longer than a request is waited for."""

KEPT_FOR = timedelta(days=90)

_COLUMNS = "account_id, call_id, call_key, seq, client_id, begun_at, reason, asked_at, due_at"


class Wanted(NamedTuple):
    """
    A call whose switch is to be asked, or (*phase* ``close``) has said that it is over.

    *is_open*: we still hold it to be up.
    """

    account_id: int
    call_id: str
    call_key: str
    seq: int
    client_id: int
    begun_at: datetime
    reason: str
    phase: str
    tries: int
    answered_at: datetime | None
    events: Events
    is_open: bool


async def take_due(txn: Connection, now: datetime, most: int) -> list[Wanted]:
    """Take what is due, the longest overdue first: nobody else gets it before :data:`TAKEN_FOR` is over."""
    rows = await txn.run(
        """
        WITH due AS MATERIALIZED (
            SELECT account_id, call_id FROM disconnect WHERE phase <> 'done' AND due_at <= %s
            ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED
        )
        UPDATE disconnect d SET due_at = %s, tries = d.tries + (d.phase = 'ask')::integer
        FROM due JOIN disconnect o USING (account_id, call_id) JOIN call c USING (call_key, seq)
        WHERE d.account_id = due.account_id AND d.call_id = due.call_id
        RETURNING d.account_id, d.call_id::text, d.call_key::text, d.seq, d.client_id, d.begun_at, d.reason,
            d.phase, d.tries, d.answered_at, c.facts, EXISTS (
                SELECT FROM session s WHERE s.account_id = d.account_id AND s.call_id = d.call_id
            )
        """,
        (now, most, now + TAKEN_FOR),
    )
    return [Wanted._make([*columns, read_facts(facts), is_open]) for *columns, facts, is_open in rows]


async def note_outcome(
    txn: Connection,
    wanted: Wanted,
    outcome: str,
    now: datetime,
    *,
    error_cause: int | None = None,
    detail: str = "",
    close_at: datetime | None = None,
    again_at: datetime | None = None,
) -> None:
    """
    Write down what came of asking.

    *close_at*: the switch says that the call is over, and by then we do, too. *again_at*: from when it may be
    asked again.
    """
    await txn.run(
        """
        UPDATE disconnect SET outcome = %s, error_cause = %s, detail = %s, answered_at = %s,
            phase = CASE WHEN %s::timestamptz IS NULL THEN 'done' ELSE 'close' END,
            due_at = coalesce(%s::timestamptz, due_at), again_at = %s
        WHERE account_id = %s AND call_id = %s::uuid AND phase = 'ask'
        """,
        (
            outcome,
            error_cause,
            detail,
            now,
            close_at,
            close_at,
            again_at,
            wanted.account_id,
            wanted.call_id,
        ),
    )


async def note_closed(txn: Connection, wanted: Wanted) -> None:
    """Write down that nothing is left to do."""
    await txn.run(
        "UPDATE disconnect SET phase = 'done'"
        " WHERE account_id = %s AND call_id = %s::uuid AND phase = 'close'",
        (wanted.account_id, wanted.call_id),
    )


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
        WHERE s.state = 'started' AND c.cut_off = 'disconnect'
            AND w.holds AND w.reason = ANY (c.cut_off_for)
        ORDER BY s.account_id, s.call_id, w.number
        {ASK_AGAIN} RETURNING 1
        """,
        (now,),
    )
    return len(rows)


async def forget_old(txn: Connection, now: datetime) -> None:
    """Remove what was settled long ago."""
    await txn.run("DELETE FROM disconnect WHERE phase = 'done' AND asked_at < %s", (now - KEPT_FOR,))


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
    txn.execute(
        """
        SELECT d.asked_at, a.code, c.name, d.reason, d.phase, d.tries, d.outcome, d.error_cause, d.detail,
               d.answered_at, d.call_id::text
        FROM disconnect d LEFT JOIN account a ON a.id = d.account_id LEFT JOIN client c ON c.id = d.client_id
        WHERE (%(account)s::text IS NULL OR a.code = %(account)s)
          AND (%(call_id)s::uuid IS NULL OR d.call_id = %(call_id)s::uuid)
        ORDER BY d.asked_at DESC, d.call_id DESC LIMIT %(most)s
        """,
        {"account": account, "call_id": call_id, "most": most},
    )
    return [CutLine(*row) for row in txn.fetchall()]


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
    if cut_off != "disconnect":
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
