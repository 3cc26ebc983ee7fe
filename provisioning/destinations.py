"""Destination sets: the prefixes that a bucket of included minutes pays for."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg2.extensions import cursor as Cursor

from provisioning import names, numbers
from provisioning.admin import Admin, Change, compare, record
from provisioning.rows import save
from radiusd.errors import BadInput, Conflict, NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationSet:
    """A named set of prefixes."""

    name: str
    prefixes: tuple[str, ...]


def add_destination_set(txn: Cursor, wanted: DestinationSet, admin: Admin) -> Change:
    """Add the set *wanted*. Raises Conflict when it exists."""
    if _read(txn, wanted.name) is not None:
        raise Conflict(f"destination set {wanted.name} exists already; change it with set")
    return set_destination_set(txn, wanted, admin)


def set_destination_set(txn: Cursor, wanted: DestinationSet, admin: Admin) -> Change:
    """Make the set be as *wanted*, whether it exists or not."""
    change = put_destination_set(txn, wanted)
    record(txn, admin, [change])
    return change


def put_destination_set(txn: Cursor, wanted: DestinationSet) -> Change:
    """Make the set be as *wanted*; the caller records the change."""
    prefixes = {numbers.prefix("prefixes", prefix) for prefix in wanted.prefixes}
    if not prefixes:
        raise BadInput("prefixes: give at least one prefix")
    wanted = DestinationSet(name=names.name("name", wanted.name), prefixes=tuple(sorted(prefixes)))
    found = _read(txn, wanted.name)
    row_id, current = (None, None) if found is None else found
    change = compare("destination", wanted.name, current, wanted)
    if change:
        save(txn, "destination_set", row_id, {"name": wanted.name, "prefixes": list(wanted.prefixes)})
    return change


def list_destination_sets(txn: Cursor) -> list[DestinationSet]:
    """Return all sets by name."""
    txn.execute("SELECT name, prefixes FROM destination_set ORDER BY name")
    return [DestinationSet(name=name, prefixes=tuple(prefixes)) for name, prefixes in txn.fetchall()]


def destination_set_id(txn: Cursor, field: str, name: str | None) -> int | None:
    """Return the id of the set that *field* names, None when it names none. Raises NotFound."""
    if name is None:
        return None
    found = _read(txn, name)
    if found is None:
        raise NotFound(f"{field}: destination set {name} does not exist; add it first")
    return found[0]


def _read(txn: Cursor, name: str) -> tuple[int, DestinationSet] | None:
    txn.execute("SELECT id, prefixes FROM destination_set WHERE name = %s", (name,))
    row = txn.fetchone()
    return None if row is None else (row[0], DestinationSet(name=name, prefixes=tuple(row[1])))
