"""Read the suppliers, their egress trunks and the exchange rates as a worker knows them."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from psycopg2.extensions import cursor as Cursor

from radiusd.calls.rate_decks import RateDeck
from radiusd.calls.suppliers import Carriers, Exchange, Guard, Supplier
from rating.money import Mode, Rounding


def load_carriers(txn: Cursor, decks: Mapping[int, RateDeck]) -> Carriers:
    """Return the suppliers by their trunks."""
    txn.execute(
        "SELECT id, code, deck_id, timezone, rounding_decimals, rounding_mode, guard FROM supplier"
    )
    suppliers = {
        supplier_id: Supplier(
            id=supplier_id,
            code=code,
            deck=decks[deck_id],
            zone=ZoneInfo(timezone),
            rounding=Rounding(decimals, Mode(mode)),
            guard=Guard(guard),
        )
        for supplier_id, code, deck_id, timezone, decimals, mode, guard in txn.fetchall()
    }
    txn.execute("SELECT client_id, trunk, supplier_id FROM supplier_trunk")
    by_trunk = {(client_id, trunk): suppliers[owner_id] for client_id, trunk, owner_id in txn.fetchall()}
    txn.execute("SELECT base, quote, effective_at, price_nano FROM exchange_rate")
    return Carriers(by_trunk, Exchange(txn.fetchall()))
