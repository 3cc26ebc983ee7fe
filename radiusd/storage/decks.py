"""Rate decks as a worker rates with them: read once a version, and shared by every snapshot after that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from radiusd.calls.rate_decks import RateDeck
from rating.deck_builder import Row
from rating.decks import Deck
from rating.notation import whole_rate
from rating.origins import Origin
from rating.rates import Rate

FETCH_ROWS = 20_000  # rows that one round trip brings: a deck of a million never lies in memory twice

RATE_COLUMNS = (
    "prefix, description, price_nano, connect_fee_micros, initial_s, increment_s,"
    " effective_at, expires_at, blocked, origin, rules"
)

Versions = dict[int, list[tuple[datetime, int, Deck]]]


def load_decks(
    connection: Connection, txn: Cursor, known: Mapping[int, Deck], origins: Mapping[str, Origin]
) -> tuple[dict[int, RateDeck], dict[int, Deck]]:
    """
    Return the decks by their id, and the rates by their version's id; *origins* are the groups of callers.

    A version never changes, so its rates are taken from *known* when they are there.
    """
    txn.execute("SELECT id, deck_id, active_from FROM deck_version ORDER BY active_from DESC, number DESC")
    rates: dict[int, Deck] = {}
    versions: Versions = {}
    for version_id, deck_id, active_from in txn.fetchall():
        deck = known.get(version_id)
        rates[version_id] = _load_rates(connection, version_id, origins) if deck is None else deck
        versions.setdefault(deck_id, []).append((active_from, version_id, rates[version_id]))
    txn.execute("SELECT id, name, currency FROM deck")
    decks = {
        deck_id: RateDeck(deck_id, name, currency, tuple(versions.get(deck_id, ())))
        for deck_id, name, currency in txn.fetchall()
    }
    return decks, rates


def load_origins(txn: Cursor) -> dict[str, Origin]:
    """Return the groups of callers by their name."""
    txn.execute("SELECT name, prefixes, invalid FROM origin_group")
    return {name: Origin(name, tuple(prefixes), invalid) for name, prefixes, invalid in txn.fetchall()}


def load_overrides(txn: Cursor, owner: str, origins: Mapping[str, Origin]) -> dict[int, Deck]:
    """Return the prices of single prefixes that plans or accounts (*owner*) have of their own, by owner."""
    txn.execute(
        f"SELECT {owner}_id, {RATE_COLUMNS} FROM rate_override WHERE {owner}_id IS NOT NULL"
        f" ORDER BY {owner}_id, prefix, effective_at"
    )
    rows: dict[int, list[tuple[Any, ...]]] = {}
    for owner_id, *row in txn.fetchall():
        rows.setdefault(owner_id, []).append(tuple(row))
    return {owner_id: Deck.build(rates_of(found, origins)) for owner_id, found in rows.items()}


def _load_rates(connection: Connection, version_id: int, origins: Mapping[str, Origin]) -> Deck:
    with connection.cursor(name="rates_of_version") as rows:  # named: the server keeps the rows
        rows.itersize = FETCH_ROWS
        rows.execute(
            f"SELECT {RATE_COLUMNS} FROM rate WHERE deck_version_id = %s ORDER BY prefix, effective_at",
            (version_id,),
        )
        return Deck.build(rates_of(rows, origins))


def rates_of(rows: Iterable[tuple[Any, ...]], origins: Mapping[str, Origin]) -> Iterator[Row | Rate]:
    """Yield rows of RATE_COLUMNS as a deck takes them: plain ones as columns, those with rules whole."""
    for row in rows:
        origin, rules = row[9], row[10]
        if origin or rules:
            yield whole_rate(row[:9], origin, rules or {}, origins)
        else:
            yield row[:9]
