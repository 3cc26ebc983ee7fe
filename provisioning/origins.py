"""Origin groups: callers, by the beginning of their number, for whom rates may differ."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg2.extensions import cursor as Cursor

from provisioning import names, numbers
from provisioning.admin import Admin, Change, compare, record
from provisioning.rows import save
from radiusd.errors import BadInput, Conflict


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginGroup:
    """
    Callers whose number begins with one of *prefixes*.

    *invalid*: also those whose number is missing, is not numeric, or has fewer than 7 or more than 15 digits.
    """

    name: str
    prefixes: tuple[str, ...] = ()
    invalid: bool = False


def add_origin(txn: Cursor, group: OriginGroup, admin: Admin) -> Change:
    """Add *group*. Raises Conflict when it exists."""
    if _read(txn, group.name) is not None:
        raise Conflict(f"origin group {group.name} exists already; change it with set")
    return set_origin(txn, group, admin)


def set_origin(txn: Cursor, group: OriginGroup, admin: Admin) -> Change:
    """Make the group be as *group*, whether it exists or not. Rates that name it follow at once."""
    change = put_origin(txn, group)
    record(txn, admin, [change])
    return change


def put_origin(txn: Cursor, group: OriginGroup) -> Change:
    """Make the group be as *group*; the caller records the change."""
    prefixes = tuple(sorted({numbers.prefix("prefixes", prefix) for prefix in group.prefixes}))
    if not prefixes and not group.invalid:
        raise BadInput("prefixes: give at least one prefix, or say that it is for invalid callers")
    group = OriginGroup(name=names.name("name", group.name), prefixes=prefixes, invalid=group.invalid)
    found = _read(txn, group.name)
    row_id, current = (None, None) if found is None else found
    change = compare("origin", group.name, current, group)
    if change:
        values = {"name": group.name, "prefixes": list(prefixes), "invalid": group.invalid}
        save(txn, "origin_group", row_id, values)
    return change


def list_origins(txn: Cursor) -> list[OriginGroup]:
    """Return all groups by name."""
    txn.execute("SELECT name, prefixes, invalid FROM origin_group ORDER BY name")
    return [
        OriginGroup(name=name, prefixes=tuple(prefixes), invalid=invalid)
        for name, prefixes, invalid in txn.fetchall()
    ]


def _read(txn: Cursor, name: str) -> tuple[int, OriginGroup] | None:
    txn.execute("SELECT id, prefixes, invalid FROM origin_group WHERE name = %s", (name,))
    row = txn.fetchone()
    if row is None:
        return None
    return row[0], OriginGroup(name=name, prefixes=tuple(row[1]), invalid=row[2])
