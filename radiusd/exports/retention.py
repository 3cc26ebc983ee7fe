"""
Months of CDRs and of the ledger that are kept elsewhere: exported, proved to be so, detached, and dropped.

A month is detached only when the file has been read again and says the same as the table, and dropped only
when it still does. What the books need of it, its sums, is carried.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, NamedTuple

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from radiusd.errors import BadInput, Conflict
from radiusd.exports.files import (
    MANIFEST,
    verify,
    with_period,
    write_manifest,
    write_whole,
)
from radiusd.exports.month_tables import (
    LOCK_WAIT,
    RELATIONS,
    TIMES,
    TRIES,
    bounds,
    partition_name,
    partitions,
)
from radiusd.exports.writers import Written
from radiusd.storage.traffic_sums import begin_anew

YOUNGEST = timedelta(days=62)
"""Since the end of a month that may be detached: its calls have ended, and were corrected and paid."""


class Month(NamedTuple):
    """A month of one relation."""

    relation: str
    month: date
    records: int
    state: str  # attached, exported, detached, dropped
    file: str
    sha256: str


def parse_month(text: str) -> date:
    """Return the first day of a month written ``2025-01``. Raises BadInput."""
    try:
        if len(text) != 7:
            raise ValueError
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise BadInput(f"{text!r} is no month like 2025-01") from None


def months(txn: Cursor, *, counted: bool = True) -> list[Month]:
    """
    Return all months that there are or were, oldest first.

    Rows of attached ones are counted, which takes seconds where there are millions; else they are as many
    as PostgreSQL believes.
    """
    txn.execute(
        """
        SELECT relation, month, records,
               CASE WHEN dropped_at IS NOT NULL THEN 'dropped' WHEN detached_at IS NOT NULL THEN 'detached'
                    ELSE 'exported' END, file, sha256
        FROM retained_month
        """
    )
    found = {(row[0], row[1]): Month(*row) for row in txn.fetchall()}
    for relation in RELATIONS:
        for month, name in partitions(txn, relation):
            if (relation, month) not in found:
                rows = f"SELECT greatest(0, reltuples)::bigint FROM pg_class WHERE oid = '{name}'::regclass"
                txn.execute(f"SELECT count(*) FROM {name}" if counted else rows)
                found[relation, month] = Month(relation, month, _one(txn), "attached", "", "")
    return sorted(found.values(), key=lambda each: (each.month, each.relation))


def retain(connection: Connection, month: date, folder: Path, now: datetime) -> list[Month]:
    """
    Export both relations of *month* into *folder*, prove the files, and detach both in one transaction.

    Repeated, it goes on where it was interrupted; files that are there and right are not written again.

    Raises:
        BadInput: The month is too young, not the oldest that is left, or the folder cannot be written.
        Conflict: The table changed meanwhile, or calls held its lock all the time: try again.
    """
    with connection, connection.cursor() as txn:
        _require_may_leave(txn, month, now)
    made = [_export(connection, relation, month, folder, now) for relation in RELATIONS]
    attached = [each for each in made if each.state == "exported"]
    _detach_between_calls(connection, attached, now)
    # Nobody writes to a detached table: what is proved now stays so.
    try:
        with connection, connection.cursor() as txn:
            for each in made:
                if each.state != "dropped":
                    _prove_table(txn, _detached_name(each.relation, month), each)
    except Conflict:
        with connection, connection.cursor() as txn:
            _attach_again(txn, month)
        raise
    return [each._replace(state="detached") if each in attached else each for each in made]


def drop(connection: Connection, month: date, now: datetime) -> list[Month]:
    """
    Drop the detached tables of *month*, after comparing them with their files.

    Raises:
        BadInput: It is not detached, or a file is not as its manifest says.
        Conflict: Table and file differ: nothing is dropped.
    """
    with connection, connection.cursor() as txn:
        dropped = []
        for relation in RELATIONS:
            retained = _retained(txn, relation, month)
            if retained is None or retained.state not in ("detached", "dropped"):
                raise BadInput(f"{relation} of {month:%Y-%m} is not detached: do 'tollwire db retain' first")
            if retained.state == "detached":
                _prove_file(retained)
                table = _detached_name(relation, month)
                txn.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
                _prove_table(txn, table, retained)
                txn.execute(f"DROP TABLE {table}")
                txn.execute(
                    "UPDATE retained_month SET dropped_at = %s WHERE relation = %s AND month = %s",
                    (now, relation, month),
                )
            dropped.append(retained._replace(state="dropped"))
        return dropped


def _export(connection: Connection, relation: str, month: date, folder: Path, now: datetime) -> Month:
    """Write the file of one relation, unless it is there already and right."""
    with connection, connection.cursor() as txn:
        retained = _retained(txn, relation, month)
    if retained is not None:
        if retained.state == "exported" and not Path(retained.file).exists():
            retained = None  # somebody has taken it away: write it again
        else:
            _prove_file(retained)
            return retained
    if not folder.is_dir():
        raise BadInput(f"folder {folder} is not there: make it, and let this user write in it")
    path = folder / f"{partition_name(relation, month)}.copy.gz"
    start, end = bounds(month)
    name = partition_name(relation, month)
    # In PostgreSQL's own text format a row is a line, whatever is in it.
    copy = f"COPY (SELECT * FROM {name} ORDER BY account_id, {TIMES[relation]}) TO STDOUT WITH (HEADER)"
    with _snapshot(connection), connection.cursor() as txn:
        count, content = _content(txn, name)

        def write(out: BinaryIO) -> Written:
            with gzip.GzipFile("", "wb", fileobj=out, mtime=0) as packed:
                txn.copy_expert(copy, packed)
            return Written(count)

        _, manifest = write_whole(path, write)
    manifest = with_period(manifest, relation, start, end, now)
    write_manifest(path, manifest)
    made = Month(relation, month, count, "exported", str(path.absolute()), manifest.sha256)
    _prove_file(made)
    with connection, connection.cursor() as txn:
        txn.execute(
            "INSERT INTO retained_month (relation, month, records, file, sha256, content, exported_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (relation, month) DO UPDATE SET"
            " records = EXCLUDED.records, file = EXCLUDED.file, sha256 = EXCLUDED.sha256,"
            " content = EXCLUDED.content, exported_at = EXCLUDED.exported_at",
            (relation, month, count, made.file, made.sha256, content, now),
        )
    return made


def _detach_between_calls(connection: Connection, months: Sequence[Month], now: datetime) -> None:
    """Detach *months* as soon as calls leave a moment for it. Raises Conflict."""
    for _ in range(TRIES):
        try:
            with connection, connection.cursor() as txn:
                _detach(txn, months, now)
            return
        except psycopg2.errors.LockNotAvailable:
            continue
        except Conflict:
            with connection, connection.cursor() as txn:  # the files are too old: the next run writes others
                txn.execute("DELETE FROM retained_month WHERE detached_at IS NULL")
            raise
    raise Conflict(f"calls held the tables {TRIES} times: try again in a calmer hour")


def _detach(txn: Cursor, months: Sequence[Month], now: datetime) -> None:
    """
    Detach months whose files have been proved, and carry their sums.

    The locks that calls wait for come last, and are held for the catalogue's sake only.
    """
    for each in months:
        name = partition_name(each.relation, each.month)
        _prove_table(txn, name, each)
        if each.relation == "posting":
            _carry(txn, name, each.month)
        txn.execute(
            "UPDATE retained_month SET detached_at = %s WHERE relation = %s AND month = %s",
            (now, each.relation, each.month),
        )
    txn.execute("SELECT set_config('lock_timeout', %s, true)", (LOCK_WAIT,))
    for each in months:
        name = partition_name(each.relation, each.month)
        detached = _detached_name(each.relation, each.month)
        txn.execute(
            f"ALTER TABLE {each.relation} DETACH PARTITION {name};"
            f" ALTER TABLE {name} RENAME TO {detached};"
            f" COMMENT ON TABLE {detached} IS 'internal: a month of {each.relation} that left the books'"
        )


def _attach_again(txn: Cursor, month: date) -> None:
    """Undo a detachment: something was written in the moment before it."""
    start, end = bounds(month)
    for relation in RELATIONS:
        name, detached = partition_name(relation, month), _detached_name(relation, month)
        txn.execute(
            f"ALTER TABLE {detached} RENAME TO {name};"
            f" ALTER TABLE {relation} ATTACH PARTITION {name}"
            f" FOR VALUES FROM ('{start.isoformat()}') TO ('{end.isoformat()}');"
            f" COMMENT ON TABLE {name} IS 'hot: account_id; one month of {relation}'"
        )
    txn.execute("DELETE FROM retained_month WHERE month = %s", (month,))
    txn.execute("DELETE FROM carried WHERE month = %s", (month,))
    begin_anew(txn)  # what was added up meanwhile lacks the month


def _carry(txn: Cursor, name: str, month: date) -> None:
    """Keep the sums that balances, buckets and recurring charges are compared with."""
    txn.execute(
        f"""
        INSERT INTO carried (account_id, month, what, amount)
        SELECT account_id, %(month)s, 'micros', sum(amount_micros) FROM {name} GROUP BY account_id
        UNION ALL
        SELECT account_id, %(month)s, 'bucket ' || bucket_id, sum(seconds)
        FROM {name} WHERE bucket_id IS NOT NULL GROUP BY account_id, bucket_id
        UNION ALL
        SELECT account_id, %(month)s, 'recurring ' || service_id, sum(amount_micros)
        FROM {name} WHERE kind = 'recurring' GROUP BY account_id, service_id
        """,
        {"month": month},
    )


def _require_may_leave(txn: Cursor, month: date, now: datetime) -> None:
    _, end = bounds(month)
    if end + YOUNGEST > now:
        raise BadInput(
            f"{month:%Y-%m} ended less than {YOUNGEST.days} days ago: its calls may still be corrected"
        )
    for relation in RELATIONS:
        there = dict(partitions(txn, relation))
        retained = _retained(txn, relation, month)
        if month not in there and retained is None:
            name = partition_name(relation, month)
            raise BadInput(f"there is no {name}: 'tollwire db months' lists what there is")
        older = sorted(each for each in there if each < month)
        if older:
            raise BadInput(f"{older[0]:%Y-%m} is still there: months leave one by one, oldest first")
        # Those of months that have left already came late, and are nobody's month any more.
        txn.execute(
            f"SELECT count(*), min({TIMES[relation]}) FROM {relation}_default"
            f" WHERE {TIMES[relation]} < %s AND {TIMES[relation]} >= ("
            "    SELECT coalesce((max(month) + interval '1 month') AT TIME ZONE 'UTC', '-infinity')"
            "    FROM retained_month WHERE detached_at IS NOT NULL"
            ")",
            (end,),
        )
        [(count, first)] = txn.fetchall()
        if count:
            raise BadInput(
                f"{relation}_default holds {count} rows from before {end:%Y-%m-%d}, which would be left"
                f" behind; 'tollwire db make-month {first.astimezone(UTC):%Y-%m}' gives the oldest of them"
                " a table of their own"
            )


def _prove_file(retained: Month) -> None:
    """Read the file again: it is as its manifest says, and has as many lines as it has records."""
    path = Path(retained.file)
    manifest = verify(path.with_name(path.name + MANIFEST))
    with gzip.open(path, "rb") as file:
        lines = sum(1 for _ in file) - 1  # the first one names the columns
    said = (manifest.sha256, manifest.records)
    if said != (retained.sha256, retained.records) or lines != retained.records:
        raise Conflict(
            f"{path}: {lines} records, its manifest says {manifest.records},"
            f" and when it was written there were {retained.records}"
        )


def _prove_table(txn: Cursor, table: str, retained: Month) -> None:
    count, content = _content(txn, table)
    txn.execute(
        "SELECT content FROM retained_month WHERE relation = %s AND month = %s",
        (retained.relation, retained.month),
    )
    if count != retained.records:
        raise Conflict(
            f"{table} has {count} records, {retained.file} has {retained.records}: nothing was taken away"
        )
    if content != _one(txn):
        raise Conflict(f"{table} has other records than {retained.file}: nothing was taken away")


def _content(txn: Cursor, table: str) -> tuple[int, int]:
    """Return how many rows a table has, and the sum of their hashes, which no order changes."""
    txn.execute(f"SELECT count(*), coalesce(sum(hashtextextended(one::text, 0)), 0) FROM {table} AS one")
    [(count, content)] = txn.fetchall()
    return count, content


def _retained(txn: Cursor, relation: str, month: date) -> Month | None:
    txn.execute(
        "SELECT relation, month, records, CASE WHEN dropped_at IS NOT NULL THEN 'dropped'"
        " WHEN detached_at IS NOT NULL THEN 'detached' ELSE 'exported' END, file, sha256"
        " FROM retained_month WHERE relation = %s AND month = %s",
        (relation, month),
    )
    row = txn.fetchone()
    return None if row is None else Month(*row)


def _detached_name(relation: str, month: date) -> str:
    return f"{partition_name(relation, month)}_detached"


def _one(txn: Cursor) -> int:
    [(value,)] = txn.fetchall()
    return value  # type: ignore[no-any-return]  # a count


@contextmanager
def _snapshot(connection: Connection) -> Iterator[None]:
    """Let all statements of the block see one moment."""
    connection.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)
    try:
        yield
    finally:
        connection.rollback()
        connection.set_session(isolation_level="DEFAULT", readonly=False)
