"""Which files and records were taken: the rows behind import, rollback and the reports of a source."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
from psycopg2.extensions import cursor as Cursor

from radiusd.storage.database import Connection
from radiusd.storage.told_records import RecordOutcome

KEPT_OCTETS = 2000
"""Of what was set aside so many octets are kept; the place leads to the rest."""


class TakenRecord(NamedTuple):
    """A record that is in the books."""

    key: bytes
    outcome: RecordOutcome
    begun_at: datetime
    number: int | None


class Aside(NamedTuple):
    """What could not be read, and where it stands."""

    place: int
    line: int | None
    field: str
    reason: str
    octets: bytes


class AsideRow(NamedTuple):
    """
    What could not be read, for whoever looks for it in the file.

    *octet* is that of the unpacked file; *line* is None of a format without lines. *content* is the
    beginning of what stands there, in hexadecimal where it is no text.
    """

    octet: int
    line: int | None
    field: str
    reason: str
    content: str


class FileRow(NamedTuple):
    """A file, and what came of its records."""

    id: str
    source: str
    name: str
    state: str
    received: int
    accepted: int
    duplicate: int
    set_aside: int
    passed_over: int
    unmatched: int
    unrated: int
    begun_at: datetime
    ended_at: datetime | None


class Totals(NamedTuple):
    """What came from a source, over files that are in the books, and when the last one was begun."""

    files: int = 0
    received: int = 0
    accepted: int = 0
    duplicate: int = 0
    set_aside: int = 0
    passed_over: int = 0
    unmatched: int = 0
    unrated: int = 0
    last_file_at: datetime | None = None


# One key at a time, which LIMIT says: else all records of the file or the source are read for each batch, by
# what PostgreSQL has counted of other ones.
_KNOWN = """
SELECT key FROM unnest(%s::bytea[]) AS key
CROSS JOIN LATERAL (SELECT FROM record WHERE source_id = %s AND record_key = key LIMIT 1) AS known
"""
_FORGET = """
DELETE FROM record WHERE ctid = ANY (ARRAY(
    SELECT place FROM unnest(%s::bytea[]) AS key CROSS JOIN LATERAL (
        SELECT ctid AS place, file_id FROM record WHERE source_id = %s AND record_key = key LIMIT 1
    ) AS known WHERE file_id = %s::uuid
))
"""
# Literals of arrays cost a twentieth of what a list of tuples does that psycopg2 has to write.
_NOTE_TAKEN = """
WITH told AS MATERIALIZED (
    SELECT * FROM unnest(%s::bytea[], %s::bytea[], %s::integer[], %s::timestamptz[], %s::bigint[], %s::text[])
        AS told(record_key, call_key, seq, begun_at, number, queued)
), noted AS (
    INSERT INTO record (source_id, record_key, file_id, call_key, seq, begun_at, number)
    SELECT %s, record_key, %s::uuid, call_key, seq, begun_at, number FROM told
    ON CONFLICT DO NOTHING RETURNING record_key
), counted AS (
    SELECT count(*) AS accepted, count(*) FILTER (WHERE queued = 'unmatched') AS unmatched,
        count(*) FILTER (WHERE queued = 'unrated') AS unrated
    FROM noted JOIN told USING (record_key)
)
UPDATE record_file SET accepted = record_file.accepted + counted.accepted,
    unmatched = record_file.unmatched + counted.unmatched, unrated = record_file.unrated + counted.unrated
FROM counted WHERE id = %s::uuid
"""
_NOTE_ASIDE = """
INSERT INTO record_aside (file_id, place, line, field, reason, octets)
SELECT %s::uuid, (aside->>0)::bigint, (aside->>1)::bigint, aside->>2, aside->>3, decode(aside->>4, 'hex')
FROM json_array_elements(%s) AS aside
ON CONFLICT DO NOTHING
"""
_encode = msgspec.json.Encoder().encode

_COLUMNS = """
f.id::text, s.name, f.name, f.state, f.received, f.accepted, f.duplicate, f.set_aside, f.passed_over,
f.unmatched, f.unrated, f.begun_at, f.ended_at
"""


def begin_file(txn: Cursor, file_id: str, source_id: int, digest: bytes, name: str, now: datetime) -> FileRow:
    """Return the file that has *digest*: a new one, or as it was left."""
    txn.execute(
        "INSERT INTO record_file (id, source_id, digest, name, state, begun_at)"
        " VALUES (%s, %s, %s, %s, 'importing', %s) ON CONFLICT (source_id, digest) DO NOTHING",
        (file_id, source_id, digest, name, now),
    )
    txn.execute(
        f"SELECT {_COLUMNS} FROM record_file f JOIN source s ON s.id = f.source_id"
        " WHERE f.source_id = %s AND f.digest = %s",
        (source_id, digest),
    )
    row = txn.fetchone()
    assert row is not None, "it was inserted just now, or before"
    return FileRow(*row)


def set_state(txn: Cursor, file_id: str, state: str, ended_at: datetime | None) -> None:
    """Say how far a file has come."""
    txn.execute(
        "UPDATE record_file SET state = %s, ended_at = %s WHERE id = %s::uuid", (state, ended_at, file_id)
    )


async def known_keys(notes: Connection, source_id: int, keys: Sequence[bytes]) -> set[bytes]:
    """Return those of *keys* whose records were taken before."""
    rows = await notes.run(_KNOWN, (_array(f'"\\\\x{key.hex()}"' for key in keys), source_id))
    return {bytes(key) for (key,) in rows}


async def note(
    notes: Connection, source_id: int, file_id: str, taken: Sequence[TakenRecord], aside: Iterable[Aside]
) -> None:
    """Note that records are in the books, once each, and keep what could not be read; both or nothing."""
    told = (
        _array(f'"\\\\x{each.key.hex()}"' for each in taken),
        _array(f'"\\{each.outcome.call_key}"' for each in taken),
        _array(str(each.outcome.seq) for each in taken),
        _array(each.begun_at.isoformat() for each in taken),
        _array("NULL" if each.number is None else str(each.number) for each in taken),
        _array(each.outcome.queued or '""' for each in taken),
    )
    kept = [
        (each.place, each.line, _shown(each.field), _shown(each.reason), each.octets[:KEPT_OCTETS].hex())
        for each in aside
    ]
    # Statements that are sent together are one transaction.
    await notes.run(
        f"{_NOTE_TAKEN}; {_NOTE_ASIDE}",
        (*told, source_id, file_id, file_id, file_id, _encode(kept).decode()),
    )


def _array(elements: Iterable[str]) -> str:
    """Return the literal of an array; *elements* are written as there."""
    return "{" + ",".join(elements) + "}"


def _shown(text: str) -> str:
    return text.replace("\0", "\ufffd")  # which PostgreSQL's text has not


def list_asides(txn: Cursor, file_id: str, most: int | None = None, after: int = -1) -> list[AsideRow]:
    """Return what could not be read in a file, in its order, up to *most* of what begins behind *after*."""
    txn.execute(
        "SELECT place, line, field, reason, octets FROM record_aside"
        " WHERE file_id = %s::uuid AND place > %s ORDER BY place LIMIT %s",
        (file_id, after, most),
    )
    return [
        AsideRow(place, line, field, reason, _content(bytes(octets), line is not None))
        for place, line, field, reason, octets in txn.fetchall()
    ]


def _content(octets: bytes, is_text: bool) -> str:
    """Return *octets* as text of one line; in hexadecimal when they stand in no text and are none."""
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        text = octets.decode("latin-1")
    return " ".join(text.split()) if is_text or text.isprintable() else octets.hex(" ")


def end_file(
    txn: Cursor, file_id: str, records: int, set_aside: int, passed_over: int, *, now: datetime
) -> None:
    """Say that a file was read to its end, and what was in it."""
    txn.execute(
        "UPDATE record_file SET state = 'imported', ended_at = %s, received = %s, duplicate = %s - accepted,"
        " set_aside = %s, passed_over = %s WHERE id = %s::uuid",
        (now, records + set_aside, records, set_aside, passed_over, file_id),
    )


def find_files(
    txn: Cursor,
    source: str = "",
    name: str = "",
    limit: int | None = None,
    after: tuple[datetime, str] | None = None,
) -> list[FileRow]:
    """Return files, the newest first; *name*: of one name or id. *after*: of one, its begin and id."""
    begun_at, file_id = after or (None, None)
    txn.execute(
        f"SELECT {_COLUMNS} FROM record_file f JOIN source s ON s.id = f.source_id"
        " WHERE (%(source)s = '' OR s.name = %(source)s)"
        " AND (%(name)s = '' OR f.name = %(name)s OR f.id::text = %(name)s)"
        " AND (%(begun_at)s IS NULL OR (f.begun_at, f.id) < (%(begun_at)s::timestamptz, %(id)s::uuid))"
        " ORDER BY f.begun_at DESC, f.id DESC LIMIT %(limit)s",
        {"source": source, "name": name, "limit": limit, "begun_at": begun_at, "id": file_id},
    )
    return [FileRow(*row) for row in txn.fetchall()]


def records_of(txn: Cursor, file_id: str, most: int) -> list[tuple[bytes, str, int, datetime]]:
    """Return up to *most* records that a file has brought: key, the call's key and number, its beginning."""
    txn.execute(
        "SELECT record_key, call_key::text, seq, begun_at FROM record"
        " WHERE file_id = %s::uuid LIMIT %s",
        (file_id, most),
    )
    return [(bytes(key), call_key, seq, begun_at) for key, call_key, seq, begun_at in txn.fetchall()]


def forget(txn: Cursor, source_id: int, file_id: str, keys: Sequence[bytes]) -> None:
    """Forget records, which are out of the books."""
    txn.execute(_FORGET, (list(keys), source_id, file_id))


def clear_asides(txn: Cursor, file_id: str) -> None:
    """Forget what could not be read in a file, which is to be read once more."""
    txn.execute("DELETE FROM record_aside WHERE file_id = %s::uuid", (file_id,))


def clear_counts(txn: Cursor, file_id: str) -> None:
    """Count a file's records from the beginning."""
    txn.execute(
        "UPDATE record_file SET received = 0, accepted = 0, duplicate = 0, set_aside = 0, passed_over = 0,"
        " unmatched = 0, unrated = 0 WHERE id = %s::uuid",
        (file_id,),
    )


def totals(txn: Cursor, sources: Sequence[str], since: datetime | None = None) -> dict[str, Totals]:
    """
    Return what came from each of *sources*, in files that were begun *since* then.

    It adds up what is counted per file, and reads no record.
    """
    txn.execute(
        "SELECT s.name, count(*), sum(f.received)::bigint, sum(f.accepted)::bigint,"
        " sum(f.duplicate)::bigint, sum(f.set_aside)::bigint, sum(f.passed_over)::bigint,"
        " sum(f.unmatched)::bigint, sum(f.unrated)::bigint, max(f.begun_at)"
        " FROM record_file f JOIN source s ON s.id = f.source_id WHERE s.name = ANY(%s)"
        " AND f.state <> 'rolled back' AND (%s IS NULL OR f.begun_at >= %s::timestamptz) GROUP BY s.name",
        (list(sources), since, since),
    )
    found = {name: Totals(*counts) for name, *counts in txn.fetchall()}
    return {name: found.get(name, Totals()) for name in sources}


def gaps(txn: Cursor, source_id: int, most: int) -> list[tuple[int, int]]:
    """Return where running numbers are missing: the first and the last of each gap."""
    txn.execute(
        "SELECT number + 1, next - 1 FROM (SELECT number, lead(number) OVER (ORDER BY number) AS next"
        " FROM record WHERE source_id = %s AND number IS NOT NULL) AS told WHERE next > number + 1"
        " ORDER BY number LIMIT %s",
        (source_id, most),
    )
    return [(first, last) for first, last in txn.fetchall()]
