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
    or a closing. Of prefixes that the file does not name, *everything* is kept, or nothing.
    """
    txn.execute(
        'CREATE TEMP TABLE succession (prefix text COLLATE "C", origin text COLLATE "C", at timestamptz,'
        " closes boolean) ON COMMIT DROP"
    )
    execute_values(
        txn,
        "INSERT INTO succession (prefix, origin, at, closes) VALUES %s",
        [(*closing, True) for closing in closings],
        page_size=1000,
    )
    txn.execute(
        "INSERT INTO succession SELECT prefix, origin, min(effective_at), false FROM rate"
        " WHERE deck_version_id = %s GROUP BY prefix, origin",
        (version_id,),
    )
    txn.execute("ANALYZE succession")
    txn.execute(
        """
        INSERT INTO rate (deck_version_id, prefix, description, price_nano, connect_fee_micros, initial_s,
                          increment_s, effective_at, expires_at, blocked, origin, rules)
        SELECT %(version)s, old.prefix, description, price_nano, connect_fee_micros, initial_s, increment_s,
               effective_at, CASE WHEN closes THEN least(expires_at, at) ELSE expires_at END,
               blocked, old.origin, rules
        FROM rate AS old
        LEFT JOIN (
            SELECT DISTINCT ON (prefix, origin) prefix, origin, at, closes FROM succession
            ORDER BY prefix, origin, at, closes
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
