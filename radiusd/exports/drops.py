"""Scheduled exports: which periods are due, and each of them written once into its folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec
from psycopg2.extensions import connection as Connection

from radiusd.errors import BadInput
from radiusd.exports.columns import parse_columns
from radiusd.exports.files import (
    MANIFEST,
    Manifest,
    this_machine,
    verify,
    with_period,
    write_manifest,
    write_whole,
)
from radiusd.exports.template import Export
from radiusd.exports.writers import (
    SUFFIXES,
    WRITERS,
    Records,
    Written,
    write_tap,
)
from radiusd.records.tap_batch import TapBatch
from radiusd.storage.reports import CdrFilter, require_account, stream_cdrs

MOST_AT_ONCE = 400
"""Periods of one export that one run writes: after a long stop the rest waits for the next."""

_LOCK = 0x746F6C65  # "tole": one run at a time on one database


class Drop(NamedTuple):
    """A period of an export that was written."""

    name: str
    period_start: datetime
    period_end: datetime
    file: str
    records: int
    octets: int
    sha256: str
    made_at: datetime
    made_on: str


def drops(
    connection: Connection,
    name: str | None = None,
    limit: int | None = 100,
    after: tuple[datetime, str] | None = None,
) -> list[Drop]:
    """Return what was written, newest first; *after* is the beginning of a period and its export."""
    start, export = after or (None, None)
    with connection.cursor() as txn:
        txn.execute(
            "SELECT name, period_start, period_end, file, records, octets, sha256, made_at, made_on"
            " FROM export_drop WHERE (%(name)s IS NULL OR name = %(name)s)"
            " AND (%(start)s IS NULL OR period_start < %(start)s::timestamptz"
            " OR (period_start = %(start)s::timestamptz AND name > %(export)s))"
            " ORDER BY period_start DESC, name LIMIT %(limit)s",
            {"name": name, "limit": limit, "start": start, "export": export},
        )
        return [Drop(*row) for row in txn.fetchall()]


def make_due(
    connection: Connection, exports: Sequence[Export], now: datetime, told: Callable[[Drop], None]
) -> None:
    """
    Write every period that is over and not written yet, oldest first; nothing while another process does.

    An export that fails does not keep the others from being written.

    Raises:
        BadInput: What could not be written, and why; all others were.
    """
    problems = []
    with _alone(connection) as is_alone:
        if not is_alone:
            return
        for export in exports:
            if not export.every:
                continue
            try:
                for start, end in _due(connection, export, now):
                    told(_make(connection, export, start, end, now))
            except BadInput as error:
                connection.rollback()
                problems.append(f"export {export.name}: {error}")
    if problems:
        raise BadInput("; ".join(problems))


def write_records(export: Export, batch: TapBatch, records: Records, out: BinaryIO) -> Written:
    """Write *records* in the form and columns of *export*; *batch* is what a TAP file says besides."""
    if export.format == "tap":
        return write_tap(out, batch, records)
    return WRITERS[export.format](out, parse_columns(export.columns), records)


def _write_period(
    connection: Connection, export: Export, since: datetime, until: datetime, batch: TapBatch, out: BinaryIO
) -> Written:
    wanted = CdrFilter(
        account=export.account or None,
        status=export.status or None,
        number=export.number or None,
        since=since,
        until=until,
    )
    with connection.cursor() as txn:
        require_account(txn, wanted)
    return write_records(export, batch, stream_cdrs(connection, wanted), out)


def next_due(exports: Sequence[Export], now: datetime) -> datetime | None:
    """Return when the next period of any export becomes due after *now*."""
    moments = []
    for export in exports:
        if export.every:
            wait = timedelta(seconds=export.wait_s)
            moments.append(export.period_after(export.period_of(now - wait)) + wait)
    return min(moments, default=None)


def _due(connection: Connection, export: Export, now: datetime) -> list[tuple[datetime, datetime]]:
    """Return the periods of *export* to write: after the last one that was, else from its first day."""
    with connection.cursor() as txn:
        txn.execute("SELECT max(period_end) FROM export_drop WHERE name = %s", (export.name,))
        [(last,)] = txn.fetchall()
    connection.commit()
    wait = timedelta(seconds=export.wait_s)
    start = last or export.first_day()
    if start is None:
        start = export.period_of(export.period_of(now - wait) - timedelta(seconds=1))  # the last whole one
    start = export.period_of(start)
    due: list[tuple[datetime, datetime]] = []
    while len(due) < MOST_AT_ONCE and (end := export.period_after(start)) + wait <= now:
        due.append((start, end))
        start = end
    return due


def _make(connection: Connection, export: Export, start: datetime, end: datetime, now: datetime) -> Drop:
    """Write one period, its manifest, and then the row that says so; after a kill, the whole again."""
    folder = Path(export.folder)
    if not folder.is_dir():
        raise BadInput(f"folder {folder} is not there: make it, and let this user write in it")
    with connection.cursor() as txn:
        txn.execute("SELECT count(*) FROM export_drop WHERE name = %s", (export.name,))
        [(count,)] = txn.fetchall()
    path = folder / file_name(export, start)
    manifest = _finished(path, export, start, end)
    if manifest is None:
        batch = TapBatch(
            sender=export.tap.sender,
            recipient=export.tap.recipient,
            sequence=export.sequence(count),
            created_at=now,
            is_test=export.tap.is_test,
        )
        _, manifest = write_whole(path, partial(_write_period, connection, export, start, end, batch))
        manifest = with_period(manifest, export.name, start, end, now)
        write_manifest(path, manifest)
    found = (manifest.records, manifest.octets, manifest.sha256)
    drop = Drop(export.name, start, end, str(path), *found, now, this_machine())
    with connection.cursor() as txn:
        txn.execute("INSERT INTO export_drop VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)", drop)
    connection.commit()
    return drop


def file_name(export: Export, start: datetime) -> str:
    """Return the name of a period's file: the export's and the period's, in the export's own time."""
    local = start.astimezone(export.zone())
    written = {"hour": "%Y-%m-%dT%H%z", "day": "%Y-%m-%d", "month": "%Y-%m"}[export.every or "day"]
    return f"{export.name}_{local.strftime(written)}{SUFFIXES[export.format]}"


def _finished(path: Path, export: Export, start: datetime, end: datetime) -> Manifest | None:
    """Return the manifest of a period that a run before us has written without living to say so."""
    where = path.with_name(path.name + MANIFEST)
    if not where.exists():
        return None
    try:
        manifest = verify(where)
    except BadInput:
        return None
    expected = with_period(manifest, export.name, start, end, start)
    expected = msgspec.structs.replace(expected, made_at=manifest.made_at)
    return manifest if manifest == expected else None


@contextmanager
def _alone(connection: Connection) -> Iterator[bool]:
    """Tell whether no other process is at it, and keep others away; the lock ends with the connection."""
    with connection.cursor() as txn:
        txn.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,))
        [(is_alone,)] = txn.fetchall()
    connection.commit()
    try:
        yield is_alone
    finally:
        if is_alone:
            connection.rollback()
            with connection.cursor() as txn:
                txn.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))
            connection.commit()
