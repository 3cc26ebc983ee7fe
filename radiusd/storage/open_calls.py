"""Which calls are open: of a client that has booted, or whose time for a look has come."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from radiusd.storage.database import Connection

MOST_EXPIRED = 500
"""Calls looked after in one go; the next ones follow a second later."""


class OpenCall(NamedTuple):
    """A call to do something with. *call_key* as PostgreSQL writes octets."""

    client_id: int
    call_key: str
    seq: int
    begun_at: datetime


async def note_boot(txn: Connection, client_id: int, nas: str, booted_at: datetime) -> None:
    """Write down that a client (or *nas* behind it) has booted; the same boot again changes nothing."""
    await txn.run(
        "INSERT INTO client_boot VALUES (%s, %s, %s) ON CONFLICT DO NOTHING", (client_id, nas, booted_at)
    )


async def open_calls_of(txn: Connection, client_id: int, before: datetime) -> list[OpenCall]:
    """Return a client's open calls that began before a moment."""
    rows = await txn.run(
        """
        SELECT DISTINCT client_id, call_key::text, seq, setup_at
        FROM session WHERE client_id = %s AND setup_at < %s
        """,
        (client_id, before),
    )
    return [OpenCall(*row) for row in rows]


async def expired_calls(txn: Connection, now: datetime) -> list[OpenCall]:
    """Return open calls whose lease or time to start is over, the longest overdue first."""
    rows = await txn.run(
        """
        SELECT client_id, call_key::text, seq, min(setup_at)
        FROM session WHERE expires_at <= %s
        GROUP BY client_id, call_key, seq ORDER BY min(expires_at) LIMIT %s
        """,
        (now, MOST_EXPIRED),
    )
    return [OpenCall(*row) for row in rows]
