"""What a new version of a deck keeps of the one before: prices until others begin, prefixes that stay."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values


class Closing(NamedTuple):
    """From *at* on, a prefix has no rate of its own any more."""

    prefix: str
    origin: str
    at: datetime


def end_closed(txn: Cursor, version_id: int, closings: Sequence[Closing]) -> bool:
    """
    End the version's own rates where its file closes their prefix later on.

    Returns whether one begins at the very instant of a closing: then the file contradicts itself.
    """
    if not closings:
        return False
    txn.execute(
        'CREATE TEMP TABLE closing (prefix text COLLATE "C", origin text COLLATE "C", at timestamptz)'
        " ON COMMIT DROP"
    )
    execute_values(txn, "INSERT INTO closing (prefix, origin, at) VALUES %s", closings, page_size=1000)
    txn.execute("ANALYZE closing")
    txn.execute(
        """
        UPDATE rate SET expires_at = least(rate.expires_at, closed.at)
        FROM (
            SELECT r.prefix, r.origin, r.effective_at, min(c.at) AS at FROM rate AS r
            JOIN closing AS c ON c.prefix = r.prefix AND c.origin = r.origin AND c.at > r.effective_at
            WHERE r.deck_version_id = %(version)s GROUP BY r.prefix, r.origin, r.effective_at
        ) AS closed
        WHERE rate.deck_version_id = %(version)s AND rate.prefix = closed.prefix
          AND rate.origin = closed.origin AND rate.effective_at = closed.effective_at
        """,
        {"version": version_id},
    )
    txn.execute(
        "SELECT EXISTS (SELECT FROM rate r JOIN closing c USING (prefix, origin)"
        " WHERE r.deck_version_id = %s AND r.effective_at = c.at)",
        (version_id,),
    )
    ((contradicts,),) = txn.fetchall()
    txn.execute("DROP TABLE closing")
    return bool(contradicts)


def take_over(
    txn: Cursor,
    version_id: int,
    base_id: int,
    begin: datetime,
    closings: Sequence[Closing],
    *,
    everything: bool,
) -> None:
    """
    Give the version what it keeps of the rates of its base, from *begin* on.

    A rate of the base is kept until the first date that the version's file names for its prefix: a new price,
    or a closing. It ends there if what follows ends, too, so that it does not come back. Of prefixes that the
    file does not name, *everything* is kept, or nothing.
    """
    txn.execute(
        'CREATE TEMP TABLE succession (prefix text COLLATE "C", origin text COLLATE "C", at timestamptz,'
        " ends boolean) ON COMMIT DROP"
    )
    execute_values(
        txn,
        "INSERT INTO succession (prefix, origin, at, ends) VALUES %s",
        [(*closing, True) for closing in closings],
        page_size=1000,
    )
    txn.execute(
        "INSERT INTO succession SELECT DISTINCT ON (prefix, origin) prefix, origin, effective_at,"
        " expires_at IS NOT NULL FROM rate WHERE deck_version_id = %s ORDER BY prefix, origin, effective_at",
        (version_id,),
    )
    txn.execute("ANALYZE succession")
    txn.execute(
        """
        INSERT INTO rate (deck_version_id, prefix, description, price_nano, connect_fee_micros, initial_s,
                          increment_s, effective_at, expires_at, blocked, origin, rules)
        SELECT %(version)s, old.prefix, description, price_nano, connect_fee_micros, initial_s, increment_s,
               effective_at, CASE WHEN ends THEN least(expires_at, at) ELSE expires_at END,
               blocked, old.origin, rules
        FROM rate AS old
        LEFT JOIN (
            SELECT DISTINCT ON (prefix, origin) prefix, origin, at, ends FROM succession
            ORDER BY prefix, origin, at, ends
        ) AS first ON first.prefix = old.prefix AND first.origin = old.origin
        WHERE old.deck_version_id = %(base)s
          AND CASE
              WHEN at IS NULL THEN %(everything)s
              ELSE effective_at < at AND at > %(begin)s AND (expires_at IS NULL OR expires_at > %(begin)s)
          END
        """,
        {"version": version_id, "base": base_id, "begin": begin, "everything": everything},
    )
    txn.execute("DROP TABLE succession")
