"""
Numbers follow their services: what a service has is assigned, and what no service has any more ages.

:func:`follow` runs wherever a service with a number was changed, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg2.extensions import cursor as Cursor

from provisioning.admin import Admin, Change
from provisioning.number_steps import Row, freed, lock, step
from radiusd.errors import Conflict


@dataclass(frozen=True, slots=True)
class _Holder:
    """A service that has a number now or later."""

    account_id: int
    account: str
    activated_at: datetime
    ended_at: datetime | None


def follow(txn: Cursor, changed: Collection[str], admin: Admin) -> list[Change]:
    """
    Bring those of the numbers *changed* that are in the inventory in line with their services.

    A number that a service has is assigned to its account; one whose last service has ended ages. What
    happened is in the numbers' history; it is returned, too.

    Raises:
        Conflict: A service has a number that is not for its account.
    """
    rows = lock(txn, changed, missing_ok=True)
    holders = _holders(txn, [row.number for row in rows], admin.now)
    return [change for row in rows if (change := _followed(txn, row, holders.get(row.number, []), admin))]


def stocked(txn: Cursor, wanted: Collection[str]) -> set[str]:
    """Return those of the numbers that are in the inventory."""
    txn.execute("SELECT number FROM number WHERE number = ANY(%s)", (list(wanted),))
    return {number for (number,) in txn.fetchall()}


def _holders(txn: Cursor, wanted: Sequence[str], now: datetime) -> dict[str, list[_Holder]]:
    """Return the services, by number, that have one of the numbers now or later, earliest first."""
    found: dict[str, list[_Holder]] = {}
    if wanted:
        txn.execute(
            "SELECT s.name, s.account_id, a.code, s.activated_at, s.ended_at FROM service s"
            " JOIN account a ON a.id = s.account_id WHERE s.name = ANY(%s) AND s.kind IN ('did', 'virtual')"
            " AND (s.ended_at IS NULL OR s.ended_at > %s) ORDER BY s.activated_at",
            (list(wanted), now),
        )
        for name, *holder in txn.fetchall():
            found.setdefault(name, []).append(_Holder(*holder))
    return found


def _followed(txn: Cursor, row: Row, holders: list[_Holder], admin: Admin) -> Change | None:
    """Bring one number in line with the services that have it."""
    if not holders:
        return _aged(txn, row, admin) if row.state == "assigned" else None
    account_id, account = holders[0].account_id, holders[0].account
    if row.state == "assigned" and any(holder.account_id == row.account_id for holder in holders):
        assert row.account_id is not None
        account_id, account = row.account_id, row.account or ""
    elif row.state == "porting_out" and row.account_id == account_id:
        return None  # it stays on its way out until an admin says otherwise
    elif row.state != "assigned":
        _refuse_untakeable(row, account_id, account, admin)
        if row.is_lapsed(admin.now):
            row = freed(txn, row, admin)
    ends = [holder.ended_at for holder in holders if holder.account_id == account_id]
    release_at = None if None in ends else max(end for end in ends if end is not None)
    if (row.state, row.account_id, row.release_at) == ("assigned", account_id, release_at):
        return None
    change = step(txn, row, admin, state="assigned", account_id=account_id, release_at=release_at)
    return change if change.fields else None


def _refuse_untakeable(row: Row, account_id: int, account: str, admin: Admin) -> None:
    """Raise Conflict when a service of the account may not have a number that stands as *row* says."""
    fits = (
        row.state in ("available", "porting_in")
        or row.is_lapsed(admin.now)
        or (row.state == "reserved" and row.reserved_for == account)
        or (row.state == "aging" and row.account_id == account_id)
    )
    if not fits:
        raise Conflict(
            f"number: {row.number} is {row.how} in the inventory; choose another, or free it first"
        )


def _aged(txn: Cursor, row: Row, admin: Admin) -> Change:
    """Put a number that nobody has any more into quarantine."""
    txn.execute(
        "SELECT days FROM quarantine WHERE country IN ('', (SELECT country FROM number WHERE number = %s))"
        " ORDER BY country DESC LIMIT 1",
        (row.number,),
    )
    (found,) = txn.fetchall()
    until = admin.now + timedelta(days=found[0])
    return step(txn, row, admin, state="aging", account_id=row.account_id, until=until)
