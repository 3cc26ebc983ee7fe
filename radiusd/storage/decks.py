"""Rate decks as a worker rates with them: read once a version, and shared by every snapshot after that."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from radiusd.calls.directory import RateDeck
from rating.decks import Deck

FETCH_ROWS = 20_000  # rows that one round trip brings: a deck of a million never lies in memory twice

Versions = dict[int, list[tuple[datetime, int, Deck]]]


def load_decks(
    connection: Connection, txn: Cursor, known: Mapping[int, Deck]
) -> tuple[dict[int, RateDeck], dict[int, Deck]]:
    """
    Return the decks by their id, and the rates by their version's id.

    A version never changes, so its rates are taken from *known* when they are there.
    """
    txn.execute("SELECT id, deck_id, active_from FROM deck_version ORDER BY active_from DESC, number DESC")
    rates: dict[int, Deck] = {}
    versions: Versions = {}
    for version_id, deck_id, active_from in txn.fetchall():
        deck = known.get(version_id)
        rates[version_id] = _load_rates(connection, version_id) if deck is None else deck
        versions.setdefault(deck_id, []).append((active_from, version_id, rates[version_id]))
    txn.execute("SELECT id, name, currency FROM deck")
    decks = {
        deck_id: RateDeck(deck_id, name, currency, tuple(versions.get(deck_id, ())))
        for deck_id, name, currency in txn.fetchall()
    }
    return decks, rates


def _load_rates(connection: Connection, version_id: int) -> Deck:
    with connection.cursor(name="rates_of_version") as rows:  # named: the server keeps the rows
        rows.itersize = FETCH_ROWS
        rows.execute(
            "SELECT prefix, description, price_nano, connect_fee_micros, initial_s, increment_s,"
            " effective_at, expires_at, blocked FROM rate WHERE deck_version_id = %s"
            " ORDER BY prefix, effective_at",
            (version_id,),
        )
        return Deck.build(rows)
