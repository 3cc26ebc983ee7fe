"""Decks of a site file: the rates that stand in it, and those that the books have."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC

from psycopg2.extensions import cursor as Cursor

from provisioning.admin import Action, Admin, Change
from provisioning.amounts import MICRO_DECIMALS, NANO_DECIMALS, amount_of
from provisioning.decks import RATE_COLUMNS, Deck, DeckVersion, put_deck, version_at
from provisioning.moments import instant
from provisioning.rate_files import ALWAYS
from provisioning.rate_rules import cells_of_document
from provisioning.rows import number
from provisioning.site_file import SiteDeck

ALIKE = (
    "prefix, description, CASE WHEN blocked THEN 0 ELSE price_nano END, connect_fee_micros, initial_s,"
    " increment_s, effective_at, expires_at, blocked, origin, rules::jsonb"
)
"""What two rates must have in common to be one: what a blocked prefix would cost is not told."""


def put_site_deck(txn: Cursor, deck: SiteDeck, admin: Admin) -> Change:
    """
    Make the rates of *deck* its version from its moment on, unless these hold then, wherever they came from.

    The caller records the change.
    """
    active_from = None if deck.active_from is None else instant("active_from", deck.active_from, UTC)
    txn.execute("SELECT 1 FROM deck WHERE name = %s", (deck.name,))
    held = version_at(txn, deck.name, active_from or admin.now) if txn.fetchone() else None
    txn.execute("SAVEPOINT before_deck")
    named = Deck(name=deck.name, currency=deck.currency)
    change = put_deck(txn, named, deck.source, admin, active_from, unless_held=True)
    if change.action is Action.CHANGED and held is not None and _newest_is_like(txn, held):
        txn.execute("ROLLBACK TO SAVEPOINT before_deck")
        change = Change(Action.UNCHANGED, "deck", deck.name)
    txn.execute("RELEASE SAVEPOINT before_deck")
    return change


def _newest_is_like(txn: Cursor, version: DeckVersion) -> bool:
    """Tell whether the newest version of a deck has the very rates of *version*."""
    txn.execute(
        "SELECT v.id FROM deck_version v JOIN deck d ON d.id = v.deck_id WHERE d.name = %(name)s"
        " ORDER BY v.number = %(number)s DESC, v.number DESC LIMIT 2",
        {"name": version.deck, "number": version.number},
    )
    before, newest = (version_id for (version_id,) in txn.fetchall())
    rates = f"SELECT {ALIKE} FROM rate WHERE deck_version_id = "
    txn.execute(
        f"SELECT count(*) FROM (({rates}%(new)s EXCEPT ALL {rates}%(old)s)"
        f" UNION ALL ({rates}%(old)s EXCEPT ALL {rates}%(new)s)) differing",
        {"new": newest, "old": before},
    )
    return number(txn) == 0


def rates_of(txn: Cursor, version: DeckVersion) -> Iterator[dict[str, object]]:
    """Yield the rates of a deck's version, in the fields of a site file that say something."""
    txn.execute(
        f"SELECT {RATE_COLUMNS} FROM rate WHERE deck_version_id = (SELECT v.id FROM deck_version v"
        " JOIN deck d ON d.id = v.deck_id WHERE d.name = %s AND v.number = %s)"
        ' ORDER BY prefix COLLATE "C", effective_at, origin COLLATE "C"',
        (version.deck, version.number),
    )
    for row in txn:
        prefix, description, price, fee, initial, increment, effective, expires, blocked, origin, rules = row
        cells = {
            "prefix": prefix or "*",
            "description": description,
            "rate": None if blocked else amount_of(price, NANO_DECIMALS),
            "connect_fee": amount_of(fee, MICRO_DECIMALS) or None,
            "initial": initial,
            "increment": increment,
            "effective": None if effective == ALWAYS else effective,
            "expires": expires,
            "blocked": blocked or None,
            "origin": origin,
            **cells_of_document(rules or {}),
        }
        yield {name: value for name, value in cells.items() if value not in (None, "")}
