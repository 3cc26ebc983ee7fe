"""
A step of a number from one state to another.

The law of states is the database's (``number_step``): what it does not hold is impossible, whoever asks.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NoReturn

import psycopg2.errors
from psycopg2.extensions import cursor as Cursor

from provisioning import numbers
from provisioning.admin import Action, Admin, Change, FieldChange, shown
from radiusd.errors import Conflict, NotFound


@dataclass(frozen=True, slots=True)
class Row:
    """What decides about a number's next step."""

    number: str
    state: str
    account_id: int | None
    reserved_for: str | None
    until: datetime | None
    release_at: datetime | None
    account: str | None

    def is_lapsed(self, now: datetime) -> bool:
        """Tell whether its reservation is over."""
        return self.state == "reserved" and self.until is not None and self.until <= now

    @property
    def how(self) -> str:
        """How it stands, in words."""
        until = "" if self.until is None else f" until {shown(self.until)}"
        return f"{self.state.replace('_', ' ')}{until}"


def lock(txn: Cursor, wanted: Collection[str], *, missing_ok: bool = False) -> list[Row]:
    """Return the rows of the numbers, locked in one order. Raises NotFound when one is missing."""
    plain = [numbers.e164("number", number) for number in wanted]
    txn.execute(
        "SELECT n.number, n.state, n.account_id, n.reserved_for, n.until, n.release_at, a.code FROM number n"
        " LEFT JOIN account a ON a.id = n.account_id"
        " WHERE n.number = ANY(%s) ORDER BY n.number FOR UPDATE OF n",
        (plain,),
    )
    rows = [Row(*row) for row in txn.fetchall()]
    missing = set(plain) - {row.number for row in rows}
    if missing and not missing_ok:
        raise NotFound(f"number {min(missing)} is not in the inventory; add it first")
    return rows


def step(
    txn: Cursor,
    row: Row,
    admin: Admin,
    *,
    state: str,
    account_id: int | None = None,
    reserved_for: str | None = None,
    until: datetime | None = None,
    release_at: datetime | None = None,
) -> Change:
    """Do a step that the law allows. Raises Conflict when it does not."""
    try:
        txn.execute(
            "UPDATE number SET state = %s, account_id = %s, reserved_for = %s, until = %s, release_at = %s,"
            " quiet_since = %s, changed_at = %s, changed_by = %s WHERE number = %s",
            (
                state,
                account_id,
                reserved_for,
                until,
                release_at,
                admin.now if state == "aging" else None,
                admin.now,
                admin.name,
                row.number,
            ),
        )
    except psycopg2.errors.CheckViolation as error:
        _refuse(row, state, error)
    fields = [FieldChange("state", row.state, state)] if state != row.state else []
    if until != row.until:
        fields.append(FieldChange("until", shown(row.until), shown(until)))
    if reserved_for != row.reserved_for:
        fields.append(FieldChange("reserved_for", shown(row.reserved_for), shown(reserved_for)))
    if account_id != row.account_id:
        txn.execute("SELECT code FROM account WHERE id = %s", (account_id,))
        found = txn.fetchone()
        fields.append(FieldChange("account", shown(row.account), shown(found and found[0])))
    return Change(Action.CHANGED, "number", row.number, tuple(fields))


def _refuse(row: Row, state: str, error: Exception) -> NoReturn:
    wanted = state.replace("_", " ")
    raise Conflict(f"state: number {row.number} is {row.how}, and from that it cannot be {wanted}") from error


def freed(txn: Cursor, row: Row, admin: Admin) -> Row:
    """Return the row of a reservation that has lapsed, made available."""
    step(txn, row, admin, state="available")
    return replace(row, state="available", reserved_for=None, until=None)


def masked(change: Change) -> Change:
    """Return *change* without the secret of the sign-up that holds the reservation."""
    return replace(
        change,
        fields=tuple(
            FieldChange(field.name, field.before and "***", field.after and "***")
            if field.name == "reserved_for"
            else field
            for field in change.fields
        ),
    )
