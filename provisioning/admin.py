"""Who changes the catalogue, and the record that every change leaves."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from provisioning.roles import Actor, require_change
from radiusd.storage.catalogue_versions import touch
from radiusd.storage.ids import RANDOM_BYTES, uuid7

if TYPE_CHECKING:
    from radiusd.storage.secrets import Sealer

MASK = "***"


@dataclass(frozen=True, slots=True)
class Admin(Actor):
    """Who makes a change, when, and the seal for the secrets in it. Without a role, the operator."""

    now: datetime
    sealer: Sealer
    later: Later | None = field(default=None, kw_only=True)


@dataclass(slots=True)
class Later:
    """Changes of a transaction with many, recorded together at its end: a statement for each is slow."""

    changes: list[Change] = field(default_factory=list)
    touches: bool = False  # whether workers are to be told


class Action(Enum):
    """What became of the thing that a change is about."""

    ADDED = "added"
    CHANGED = "changed"
    ENDED = "ended"
    REMOVED = "removed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field before and after; empty text: not set. Secrets are masked."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to one thing: *noun* and *key* name it as the command line does."""

    action: Action
    noun: str
    key: str
    fields: tuple[FieldChange, ...] = ()
    warnings: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Tell whether anything changed."""
        return self.action is not Action.UNCHANGED


class Secret:
    """A secret that an admin typed: it never shows itself. Empty ones do not exist."""

    __slots__ = ("octets",)

    def __init__(self, octets: bytes) -> None:
        self.octets = octets

    def __repr__(self) -> str:
        return MASK


def compare(noun: str, key: str, before: object | None, after: Any, *more: FieldChange) -> Change:
    """
    Return what turns *before*, None when it is new, into *after*: two dataclasses of one kind.

    *more* are changed fields that the dataclasses cannot tell: secrets.
    """
    assert is_dataclass(after)
    changed = tuple(
        FieldChange(field.name, "" if before is None else shown(getattr(before, field.name)), text)
        for field in fields(after)
        if not isinstance(getattr(after, field.name), Secret)
        and (text := shown(getattr(after, field.name)))
        != ("" if before is None else shown(getattr(before, field.name)))
    )
    if before is None:
        return Change(Action.ADDED, noun, key, changed + more)
    return Change(Action.CHANGED if changed or more else Action.UNCHANGED, noun, key, changed + more)


def shown(value: object) -> str:
    """Return a field's value as an admin would write it; empty when it is not set."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case Decimal():
            return plain_decimal(value)
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case tuple():
            return ", ".join(shown(item) for item in value)
        case Mapping():
            return ", ".join(f"{name}={shown(item)}" for name, item in sorted(value.items()))
        case _:
            return str(value)


def plain_decimal(value: Decimal) -> str:
    """Return *value* without exponent and needless zeros: 10, 0.0125."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def begin(txn: Cursor) -> None:
    """
    Wait until no other change of the catalogue is under way, and keep others waiting until we commit.

    Call it first: two changes that lock each other's rows in another order would be a deadlock.
    """
    txn.execute("SELECT version FROM catalogue_version FOR UPDATE")


def record(txn: Cursor, admin: Admin, changes: Iterable[Change]) -> None:
    """
    Write the audit rows of *changes*, and tell the workers that the catalogue has a new version.

    Does nothing when nothing changed.
    """
    made = [change for change in changes if change]
    if not made:
        return
    audit(txn, admin, made)
    if admin.later is None:
        touch(txn, admin.now)
    else:
        admin.later.touches = True


def record_later(txn: Cursor, admin: Admin) -> None:
    """Record what *admin* has left for later; the last thing that its transaction does."""
    assert admin.later is not None, "it is at work on many changes"
    later, admin = admin.later, replace(admin, later=None)
    if later.changes:
        audit(txn, admin, later.changes)
    if later.touches:
        touch(txn, admin.now)


def audit(txn: Cursor, admin: Admin, changes: Iterable[Change], *, own: bool = False) -> None:
    """
    Write the audit rows of *changes*: none is made without them, so the role is looked at here at the latest.

    *own*: they are about the admin's own name, which everybody guards for themselves.

    Raises:
        Forbidden: The admin may not make one of them; roll *txn* back.
    """
    changes = list(changes)
    for noun in {change.noun for change in changes if not own}:
        require_change(admin, noun)
    if admin.later is not None:
        admin.later.changes += changes
        return
    rows = [
        (
            str(uuid7(admin.now, os.urandom(RANDOM_BYTES))),
            admin.now,
            admin.name,
            admin.role.value,
            admin.address,
            change.key,
            f"{change.noun} {change.action.value}",
            json.dumps(
                {
                    "key": change.key,
                    "fields": {field.name: [field.before, field.after] for field in change.fields},
                }
            ),
        )
        for change in changes
    ]
    execute_values(
        txn,
        "INSERT INTO audit (id, at, actor, role, address, key, action, detail) VALUES %s",
        rows,
        page_size=500,
    )
