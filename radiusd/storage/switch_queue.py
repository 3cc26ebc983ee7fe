"""
What switches must be asked about calls that are up: who is next, and what came of it.

A row is taken by one server at a time, for as long as a request may take; when that server dies, another
takes it after that. A switch may so be asked twice, which changes nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from psycopg2.extensions import cursor

from radiusd.calls.facts import Events, read_facts
from radiusd.storage.database import Connection

TAKEN_FOR = timedelta(seconds=45)
"""How long one server has a row to itself: longer than a request is waited for."""

KEPT_FOR = timedelta(days=90)


class Queue(StrEnum):
    """What switches are asked for; the value is the table's name."""

    CUTS = "disconnect"  # to end a call
    TIMES = "time_change"  # to let a call last for another time


_TIMEOUT = {Queue.CUTS: "NULL::integer", Queue.TIMES: "d.timeout_s"}


class Later(NamedTuple):
    """When a switch is asked again: at *ask_at*; from *again_at* on, if the call must still end then."""

    ask_at: datetime | None = None
    again_at: datetime | None = None


class Wanted(NamedTuple):
    """
    A call whose switch is to be asked, or (*phase* ``close``) has said that it is over.

    *timeout_s*: the time that it is to be given, from its answer; None in the queue of calls to be cut.
    *connect_at*: when it was answered, as far as its switch has told. *is_open*: we still hold it to be up.
    """

    account_id: int
    call_id: str
    call_key: str
    seq: int
    client_id: int
    begun_at: datetime
    reason: str
    timeout_s: int | None
    phase: str
    tries: int
    answered_at: datetime | None
    events: Events
    is_open: bool
    connect_at: datetime | None

    @property
    def queue(self) -> Queue:
        """Where it comes from."""
        return Queue.CUTS if self.timeout_s is None else Queue.TIMES


async def take_due(txn: Connection, queue: Queue, now: datetime, most: int) -> list[Wanted]:
    """Take what is due, the longest overdue first: nobody else gets it before :data:`TAKEN_FOR` is over."""
    rows = await txn.run(
        f"""
        WITH due AS MATERIALIZED (
            SELECT account_id, call_id FROM {queue} WHERE phase <> 'done' AND due_at <= %s
            ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED
        )
        UPDATE {queue} d SET due_at = %s, tries = d.tries + (d.phase = 'ask')::integer
        FROM due JOIN {queue} o USING (account_id, call_id) JOIN call c USING (call_key, seq)
            LEFT JOIN LATERAL (
                SELECT true AS is_open, max(connect_at) AS connect_at FROM session s
                WHERE s.account_id = o.account_id AND s.call_id = o.call_id HAVING count(*) > 0
            ) held ON true
        WHERE d.account_id = due.account_id AND d.call_id = due.call_id
        RETURNING d.account_id, d.call_id::text, d.call_key::text, d.seq, d.client_id, d.begun_at, d.reason,
            {_TIMEOUT[queue]}, d.phase, d.tries, d.answered_at, c.facts, held.is_open IS NOT NULL,
            held.connect_at
        """,
        (now, most, now + TAKEN_FOR),
    )
    return [
        Wanted._make([*columns, read_facts(facts), is_open, connect_at])
        for *columns, facts, is_open, connect_at in rows
    ]


async def note_outcome(
    txn: Connection,
    wanted: Wanted,
    outcome: str,
    now: datetime,
    *,
    error_cause: int | None = None,
    detail: str = "",
    close_at: datetime | None = None,
    later: Later | None = None,
) -> None:
    """
    Write down what came of asking; nothing when another time is wanted meanwhile, which is asked for next.

    *close_at*: the switch says that the call is over, and by then we do, too. *later*: when to ask again.
    """
    ask_at, again_at = later or Later()
    phase = "close" if close_at else "ask" if ask_at else "done"
    is_time = wanted.queue is Queue.TIMES
    same, again = (f"AND timeout_s = {wanted.timeout_s:d}", "") if is_time else ("", ", again_at = %s")
    await txn.run(
        f"""
        UPDATE {wanted.queue} SET outcome = %s, error_cause = %s, detail = %s, answered_at = %s, phase = %s,
            due_at = coalesce(%s::timestamptz, due_at){again}
        WHERE account_id = %s AND call_id = %s::uuid AND phase = 'ask' {same}
        """,
        (
            *(outcome, error_cause, detail, now, phase, close_at or ask_at),
            *(() if is_time else (again_at,)),
            *(wanted.account_id, wanted.call_id),
        ),
    )


async def note_closed(txn: Connection, wanted: Wanted) -> None:
    """Write down that nothing is left to do."""
    await txn.run(
        f"UPDATE {wanted.queue} SET phase = 'done'"
        " WHERE account_id = %s AND call_id = %s::uuid AND phase = 'close'",
        (wanted.account_id, wanted.call_id),
    )


def asked_lines(
    txn: cursor, queue: Queue, account: str | None, call_id: str | None, most: int
) -> list[tuple[Any, ...]]:
    """
    Return what switches were asked, the latest first, for admins.

    Returns:
        asked_at, account, client, reason, (of TIMES alone: timeout_s,) phase, tries, outcome, error_cause,
        detail, answered_at, call_id.
    """
    timeout = "d.timeout_s, " if queue is Queue.TIMES else ""
    txn.execute(
        f"""
        SELECT d.asked_at, a.code, c.name, d.reason, {timeout}d.phase, d.tries, d.outcome, d.error_cause,
               d.detail, d.answered_at, d.call_id::text
        FROM {queue} d LEFT JOIN account a ON a.id = d.account_id LEFT JOIN client c ON c.id = d.client_id
        WHERE (%(account)s::text IS NULL OR a.code = %(account)s)
          AND (%(call_id)s::uuid IS NULL OR d.call_id = %(call_id)s::uuid)
        ORDER BY d.asked_at DESC, d.call_id DESC LIMIT %(most)s
        """,
        {"account": account, "call_id": call_id, "most": most},
    )
    return txn.fetchall()


async def forget_old(txn: Connection, now: datetime) -> None:
    """Remove what was settled long ago."""
    for queue in Queue:
        await txn.run(f"DELETE FROM {queue} WHERE phase = 'done' AND asked_at < %s", (now - KEPT_FOR,))
    await txn.run("DELETE FROM credit_seen WHERE seen_at < %s", (now - KEPT_FOR,))
