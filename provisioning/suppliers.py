"""Suppliers: who carries our calls over which trunks, at which prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from psycopg2.extensions import cursor as Cursor

from provisioning import names
from provisioning.admin import Admin, Change, compare, record
from provisioning.moments import zone_named
from provisioning.rows import save
from radiusd.calls.suppliers import Guard
from radiusd.errors import Conflict, NotFound
from rating.money import Mode

MAX_DECIMALS = 6  # the books keep micro-units


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplier:
    """
    Who carries calls for us, at the prices of *deck*, in its currency.

    *trunks* are egress trunks as clients name them: ``tg9``, or ``sbc1/tg9`` on one client only. *guard* says
    what becomes of calls that would lose money: nothing (off), a flag on their records, or refused.
    """

    code: str
    name: str = ""
    deck: str
    trunks: tuple[str, ...] = ()
    timezone: str = "UTC"
    rounding_decimals: int = 4
    rounding_mode: str = "half_up"
    guard: str = "off"


HELPS = {
    "name": "Name for people.",
    "deck": "Deck of what it charges us, in its currency.",
    "trunks": "Egress trunk that leads to it: TRUNK, or CLIENT/TRUNK.",
    "timezone": "Where its bands of the day are. New suppliers: UTC.",
    "rounding_decimals": "Decimals that it rounds a call to, 0 to 6. New suppliers: 4.",
    "rounding_mode": "Which way. New suppliers: half_up.",
    "guard": "What becomes of calls that would lose money. New suppliers: off.",
}


WORDS: Mapping[str, tuple[str, ...]] = {"rounding_mode": names.words(Mode), "guard": names.words(Guard)}
"""What the fields of closed sets may say."""


def add_supplier(txn: Cursor, supplier: Supplier, admin: Admin) -> Change:
    """Add *supplier*. Raises Conflict when it exists."""
    if find_supplier(txn, supplier.code) is not None:
        raise Conflict(f"supplier {supplier.code} exists already; change it with set")
    return set_supplier(txn, supplier, admin)


def set_supplier(txn: Cursor, supplier: Supplier, admin: Admin) -> Change:
    """Make the supplier be as *supplier* says, whether it exists or not."""
    change = put_supplier(txn, supplier)
    record(txn, admin, [change])
    return change


def put_supplier(txn: Cursor, supplier: Supplier) -> Change:
    """Make the supplier be as *supplier* says; the caller records the change."""
    supplier = replace(supplier, trunks=tuple(sorted(set(supplier.trunks))))
    columns = _columns(txn, supplier)
    trunks = [_trunk(txn, text) for text in supplier.trunks]
    found = find_supplier(txn, supplier.code)
    row_id, current = (None, None) if found is None else found
    change = compare("supplier", supplier.code, current, supplier)
    if change:
        row_id = save(txn, "supplier", row_id, columns)
        txn.execute("DELETE FROM supplier_trunk WHERE supplier_id = %s", (row_id,))
        for client_id, trunk in trunks:
            _claim(txn, row_id, client_id, trunk)
    return change


def list_suppliers(txn: Cursor) -> list[Supplier]:
    """Return all suppliers by code."""
    txn.execute(SELECT + " ORDER BY s.code")
    return [_supplier_of(row[1:]) for row in txn.fetchall()]


def find_supplier(txn: Cursor, code: str) -> tuple[int, Supplier] | None:
    """Return the id and the supplier *code*, None when there is none."""
    txn.execute(SELECT + " WHERE s.code = %s", (code,))
    row = txn.fetchone()
    return None if row is None else (row[0], _supplier_of(row[1:]))


def read_supplier(txn: Cursor, code: str) -> tuple[int, Supplier]:
    """Return the id and the supplier *code*. Raises NotFound."""
    found = find_supplier(txn, code)
    if found is None:
        raise NotFound(f"supplier {code} does not exist; add it first")
    return found


SELECT = """
SELECT s.id, s.code, s.name, d.name,
    array(
        SELECT coalesce(c.name || '/', '') || t.trunk
        FROM supplier_trunk t LEFT JOIN client c ON c.id = t.client_id WHERE t.supplier_id = s.id
    ),
    s.timezone, s.rounding_decimals, s.rounding_mode, s.guard
FROM supplier s JOIN deck d ON d.id = s.deck_id
"""


def _columns(txn: Cursor, supplier: Supplier) -> dict[str, object]:
    """Return all columns. Raises BadInput when a field is wrong."""
    zone_named("timezone", supplier.timezone)
    txn.execute("SELECT id FROM deck WHERE name = %s", (supplier.deck,))
    row = txn.fetchone()
    if row is None:
        raise NotFound(f"deck: deck {supplier.deck} does not exist; import it first")
    words = {field: names.word(field, getattr(supplier, field), known) for field, known in WORDS.items()}
    return {
        **words,
        "code": names.name("code", supplier.code),
        "name": names.prose("name", supplier.name),
        "deck_id": row[0],
        "timezone": supplier.timezone,
        "rounding_decimals": names.whole("rounding_decimals", supplier.rounding_decimals, 0, MAX_DECIMALS),
    }


def _trunk(txn: Cursor, text: str) -> tuple[int | None, str]:
    """Return the client, None for any, and the trunk of ``sbc1/tg9`` or ``tg9``. Raises NotFound."""
    client, slash, trunk = text.rpartition("/")
    names.name("trunks", trunk)
    if not slash:
        return None, trunk
    txn.execute("SELECT id FROM client WHERE name = %s", (client,))
    row = txn.fetchone()
    if row is None:
        raise NotFound(f"trunks: client {client} does not exist; add it first")
    return int(row[0]), trunk


def _claim(txn: Cursor, supplier_id: int, client_id: int | None, trunk: str) -> None:
    txn.execute(
        "SELECT s.code FROM supplier_trunk t JOIN supplier s ON s.id = t.supplier_id"
        " WHERE t.client_id IS NOT DISTINCT FROM %s AND t.trunk = %s",
        (client_id, trunk),
    )
    row = txn.fetchone()
    if row is not None:
        raise Conflict(f"trunks: {trunk} leads to supplier {row[0]} already; take it from there first")
    txn.execute(
        "INSERT INTO supplier_trunk (supplier_id, client_id, trunk) VALUES (%s, %s, %s)",
        (supplier_id, client_id, trunk),
    )


def _supplier_of(row: tuple[Any, ...]) -> Supplier:
    supplier = Supplier(**dict(zip(Supplier.__slots__, row, strict=True)))  # SELECT's order
    return replace(supplier, trunks=tuple(sorted(supplier.trunks)))
