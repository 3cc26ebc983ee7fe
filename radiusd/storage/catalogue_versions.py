"""The catalogue's version: what a change raises, and a worker polls."""

from __future__ import annotations

from datetime import datetime

from psycopg2.extensions import cursor as Cursor

CHANNEL = "tollwire_catalogue"  # NOTIFY is a hint that spares waiting; the version in the table is the truth


def catalogue_version(txn: Cursor) -> int:
    """Return the catalogue's version: what a worker polls."""
    txn.execute("SELECT version FROM catalogue_version")
    row = txn.fetchone()
    assert row is not None, "the migration put one row there, and nothing deletes it"
    return int(row[0])


def touch(txn: Cursor, now: datetime) -> int:
    """
    Raise the catalogue's version and return it; workers load the catalogue after the commit.

    The row stays locked until then: provisioning changes happen one after the other.
    """
    txn.execute(
        "UPDATE catalogue_version SET version = version + 1, changed_at = %s"
        " RETURNING version, pg_notify(%s, version::text)",
        (now, CHANNEL),
    )
    row = txn.fetchone()
    assert row is not None, "the migration put one row there, and nothing deletes it"
    return int(row[0])
