"""Clients whose packets somebody watches, and the newest of these packets, for some minutes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from psycopg2.extensions import cursor

from radiusd.storage.database import Connection

MOST_PACKETS = 500
"""So many are kept of each client, the newest."""

KEPT_FOR = timedelta(minutes=15)


class PacketRow(NamedTuple):
    """A packet as it is kept: *request* and *reply* are sealed, an empty reply is none."""

    client_id: int
    id: str
    at: datetime
    port_kind: str
    host: str
    port: int
    outcome: str
    reason: str
    took_us: int | None
    request: bytes
    reply: bytes


class WatchRow(NamedTuple):
    """A watch of a client's packets: since and until when, who asked for it, how many were left out."""

    begun_at: datetime
    until: datetime
    asked_by: str
    left_out: int


async def watched_clients(control: Connection, now: datetime) -> dict[int, float]:
    """Return until when each client is watched that is, in seconds since 1970."""
    rows = await control.run(
        "SELECT client_id, extract(epoch FROM until)::float8 FROM client_watch WHERE until > %s", (now,)
    )
    return dict(rows)


async def write_packets(
    control: Connection, rows: Sequence[PacketRow], left_out: Mapping[int, int]
) -> None:
    """Write *rows*, and count what was *left_out* of each client."""
    if rows:
        columns = [list(column) for column in zip(*rows, strict=True)]
        places = ", ".join(f"%s::{kind}[]" for kind in _KINDS)
        await control.run(
            f"INSERT INTO watched_packet ({', '.join(PacketRow._fields)}) SELECT * FROM unnest({places})"
            " ON CONFLICT DO NOTHING",
            columns,
        )
    for client_id, count in left_out.items():
        await control.run(
            "UPDATE client_watch SET left_out = left_out + %s WHERE client_id = %s", (count, client_id)
        )


async def forget_packets(control: Connection, now: datetime) -> None:
    """Remove old packets, and of each client those that more than enough newer ones have followed."""
    await control.run("DELETE FROM watched_packet WHERE at < %s", (now - KEPT_FOR,))
    await control.run(
        "DELETE FROM watched_packet w USING ("
        "  SELECT client_id, id FROM ("
        "    SELECT client_id, id, row_number() OVER (PARTITION BY client_id ORDER BY id DESC) AS place"
        "    FROM watched_packet) AS placed WHERE place > %s) AS old"
        " WHERE w.client_id = old.client_id AND w.id = old.id",
        (MOST_PACKETS,),
    )
    await control.run("DELETE FROM client_watch WHERE until < %s", (now - KEPT_FOR,))


def begin_watch(txn: cursor, client_id: int, asked_by: str, now: datetime, until: datetime) -> None:
    """Watch a client from now on *until* a moment; a watch that goes on only lasts longer."""
    txn.execute(
        "INSERT INTO client_watch (client_id, begun_at, until, asked_by) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (client_id) DO UPDATE SET until = greatest(client_watch.until, EXCLUDED.until),"
        " begun_at = CASE WHEN client_watch.until > EXCLUDED.begun_at THEN client_watch.begun_at"
        " ELSE EXCLUDED.begun_at END, asked_by = EXCLUDED.asked_by,"
        " left_out = CASE WHEN client_watch.until > EXCLUDED.begun_at THEN client_watch.left_out ELSE 0 END",
        (client_id, now, until, asked_by),
    )


def end_watch(txn: cursor, client_id: int, now: datetime) -> bool:
    """End the watch of a client; tell whether there was one."""
    txn.execute(
        "UPDATE client_watch SET until = %s WHERE client_id = %s AND until > %s", (now, client_id, now)
    )
    return txn.rowcount > 0


def watch_of(txn: cursor, client_id: int) -> WatchRow | None:
    """Return the newest watch of a client, ended or not, None when it is long ago."""
    txn.execute(
        "SELECT begun_at, until, asked_by, left_out FROM client_watch WHERE client_id = %s", (client_id,)
    )
    row = txn.fetchone()
    return None if row is None else WatchRow(*row)


def packets_of(txn: cursor, client_id: int, after: str | None, limit: int) -> list[PacketRow]:
    """Return the first packets of a client *after* the one of that id, or the newest; oldest first."""
    if after is None:
        txn.execute(
            f"SELECT {_COLUMNS} FROM watched_packet WHERE client_id = %s ORDER BY id DESC LIMIT %s",
            (client_id, limit),
        )
        return [_row(row) for row in reversed(txn.fetchall())]
    txn.execute(
        f"SELECT {_COLUMNS} FROM watched_packet WHERE client_id = %s AND id > %s::uuid ORDER BY id LIMIT %s",
        (client_id, after, limit),
    )
    return [_row(row) for row in txn.fetchall()]


def packet_of(txn: cursor, client_id: int, packet_id: str) -> PacketRow | None:
    """Return one packet of a client, None when it is forgotten."""
    txn.execute(
        f"SELECT {_COLUMNS} FROM watched_packet WHERE client_id = %s AND id = %s::uuid",
        (client_id, packet_id),
    )
    row = txn.fetchone()
    return None if row is None else _row(row)


_KINDS = (
    *("bigint", "uuid", "timestamptz", "text", "text", "integer", "text", "text", "bigint"),
    *("bytea", "bytea"),
)
_COLUMNS = ", ".join("id::text" if name == "id" else name for name in PacketRow._fields)


def _row(row: tuple[Any, ...]) -> PacketRow:
    return PacketRow._make((*row[:-2], bytes(row[-2]), bytes(row[-1])))
