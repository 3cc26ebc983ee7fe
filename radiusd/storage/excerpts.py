"""The part of the catalogue that a few calls need, for the command line, which lives for one answer."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from psycopg2.extensions import cursor as Cursor

from radiusd.calls.directory import Directory
from radiusd.calls.rate_decks import RateDeck
from radiusd.storage.decks import RATE_COLUMNS, load_origins, load_overrides, rates_of
from radiusd.storage.services import load_accounts, load_plans, load_services, load_states
from rating.deck_builder import LONGEST_PREFIX
from rating.decks import Deck
from rating.origins import Origin


def load_excerpt(txn: Cursor, numbers: Iterable[str], services: Collection[int] | None = None) -> Directory:
    """
    Return a directory in which decks have just the rates that could be those of *numbers*.

    *services* None: all of them; else these and, of virtual numbers, their primary DIDs.
    """
    origins = load_origins(txn)
    decks = _load_decks(txn, numbers, origins)
    plans = load_plans(txn, decks, load_overrides(txn, "plan", origins))
    accounts = load_accounts(txn, load_overrides(txn, "account", origins))
    found = load_services(txn, accounts, plans, None if services is None else _with_primaries(txn, services))
    return Directory(0, found, load_states(txn), plans)


def _with_primaries(txn: Cursor, services: Collection[int]) -> list[int]:
    txn.execute(
        "SELECT primary_id FROM service WHERE id = ANY (%s) AND primary_id IS NOT NULL", (list(services),)
    )
    return sorted({*services, *(primary_id for (primary_id,) in txn.fetchall())})


def _load_decks(txn: Cursor, numbers: Iterable[str], origins: Mapping[str, Origin]) -> dict[int, RateDeck]:
    txn.execute("SELECT id, deck_id, active_from FROM deck_version ORDER BY active_from DESC, number DESC")
    versions = txn.fetchall()
    rates = _load_rates(txn, [version_id for version_id, _, _ in versions], numbers, origins)
    of_deck: dict[int, list[tuple[datetime, int, Deck]]] = {}
    for version_id, deck_id, active_from in versions:
        of_deck.setdefault(deck_id, []).append((active_from, version_id, rates[version_id]))
    txn.execute("SELECT id, name, currency FROM deck")
    return {
        deck_id: RateDeck(deck_id, name, currency, tuple(of_deck.get(deck_id, ())))
        for deck_id, name, currency in txn.fetchall()
    }


def _load_rates(
    txn: Cursor, version_ids: list[int], numbers: Iterable[str], origins: Mapping[str, Origin]
) -> dict[int, Deck]:
    prefixes = {number[:length] for number in numbers for length in range(LONGEST_PREFIX + 1)}
    txn.execute(
        f"SELECT deck_version_id, {RATE_COLUMNS} FROM rate"
        " WHERE deck_version_id = ANY (%s) AND prefix = ANY (%s) ORDER BY prefix, effective_at",
        (version_ids, sorted(prefixes)),
    )
    rows: dict[int, list[tuple[Any, ...]]] = {version_id: [] for version_id in version_ids}
    for version_id, *row in txn.fetchall():
        rows[version_id].append(tuple(row))
    return {version_id: Deck.build(rates_of(found, origins)) for version_id, found in rows.items()}
