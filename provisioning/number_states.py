"""What admins do with numbers of the inventory: reserve, free, block, port, retire."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from psycopg2.extensions import cursor as Cursor

from provisioning import numbers
from provisioning.admin import Action, Admin, Change, audit
from provisioning.inventory import read_number, require_provider
from provisioning.number_steps import freed, lock, masked, step
from provisioning.roles import require_account
from radiusd.errors import BadInput, Conflict

CHOSEN = ("available", "assigned", "porting_in", "porting_out", "blocked", "retired")
"""
States that an admin may choose; the others come about by reserving, assigning and releasing. Assigned is
chosen only to take back that a number is ported out.
"""

LONGEST_RESERVATION = timedelta(days=366)


def choose_state(txn: Cursor, chosen: Sequence[str], state: str, admin: Admin) -> list[Change]:
    """
    Put the numbers *chosen* into *state*, all or none.

    Raises:
        Conflict: The law knows no such step from where one of them is.
        NotFound: One is not in the inventory.
    """
    admin.require("numbers:write")
    require_provider(admin)
    if state not in CHOSEN:
        raise BadInput(f"state: {state[:20]!r} is none of {', '.join(CHOSEN)}")
    changes = []
    for row in lock(txn, chosen):
        if row.state == state:
            changes.append(Change(Action.UNCHANGED, "number", row.number))
            continue
        if state == "assigned" and row.state != "porting_out":
            raise Conflict(f"state: number {row.number} is {row.how}; give it a did to assign it")
        keeps = row.account_id if state in ("assigned", "porting_out") else None
        changes.append(step(txn, row, admin, state=state, account_id=keeps))
    audit(txn, admin, [change for change in changes if change])
    return changes


def reserve(
    txn: Cursor, number: str, holder: str, ttl: timedelta, admin: Admin, *, sign_up: bool = False
) -> Change:
    """
    Keep *number* for *holder*, an account's code or with *sign_up* a secret of its own, for as long as *ttl*.

    Whoever holds it may prolong it. A reservation needs nobody to end it.

    Raises:
        NotFound: It is not in the inventory.
        Conflict: It is not available.
    """
    admin.require("numbers:write")
    if not timedelta() < ttl <= LONGEST_RESERVATION:
        raise BadInput(f"for: a reservation lasts up to {LONGEST_RESERVATION.days} days")
    if not sign_up:
        require_account(txn, admin, holder, "account")
    (row,) = lock(txn, [number])
    if row.is_lapsed(admin.now):
        row = freed(txn, row, admin)
    if row.state != "available" and not (row.state == "reserved" and row.reserved_for == holder):
        raise Conflict(f"number: {row.number} is {row.how}")
    change = step(txn, row, admin, state="reserved", reserved_for=holder, until=admin.now + ttl)
    audit(txn, admin, [masked(change) if sign_up else change])
    return change


def reserve_any(
    txn: Cursor,
    candidates: Iterable[str],
    holder: str,
    ttl: timedelta,
    admin: Admin,
    *,
    sign_up: bool = False,
) -> str:
    """
    Reserve the first of *candidates* that nobody takes at this moment, and return it.

    Raises:
        Conflict: All are taken; look for others.
    """
    wanted = [numbers.e164("number", candidate) for candidate in candidates]
    txn.execute(
        "SELECT number FROM number WHERE number = ANY(%s) AND state = 'available'"
        " ORDER BY array_position(%s, number) LIMIT 1 FOR UPDATE SKIP LOCKED",
        (wanted, wanted),
    )
    row = txn.fetchone()
    if row is None:
        raise Conflict("number: all of them were taken at this moment; look for others")
    reserve(txn, row[0], holder, ttl, admin, sign_up=sign_up)
    return str(row[0])


def free(txn: Cursor, number: str, admin: Admin, holder: str | None = None) -> Change:
    """
    End the reservation of *number*, which *holder* has; None: whoever has it.

    Raises:
        NotFound: It is not in the inventory, as far as the admin sees it.
        Conflict: It is not reserved.
    """
    admin.require("numbers:write")
    if admin.is_bound:
        read_number(txn, number, admin)
    (row,) = lock(txn, [number])
    if row.state != "reserved" or (holder is not None and row.reserved_for != holder):
        raise Conflict(f"number: {row.number} is {row.how}")
    if admin.is_bound:
        require_account(txn, admin, row.reserved_for or "", "number")
    change = step(txn, row, admin, state="available")
    audit(txn, admin, [masked(change) if holder is not None else change])
    return change


def is_held_by(txn: Cursor, number: str, secret: str, now: datetime) -> bool:
    """
    Tell whether *number* is held for the sign-up that knows *secret*.

    What is reserved for an account is held by no secret: its code is known to many.
    """
    txn.execute(
        "SELECT 1 FROM number WHERE number = %s AND state = 'reserved' AND reserved_for = %s AND until > %s"
        " AND NOT EXISTS (SELECT FROM account WHERE code = reserved_for)",
        (numbers.e164("number", number), secret, now),
    )
    return txn.fetchone() is not None


def pass_reservation(txn: Cursor, number: str, holder: str, account: str) -> bool:
    """Let a sign-up's reservation be that of the *account* which it has made; False when it has lapsed."""
    txn.execute(
        "UPDATE number SET reserved_for = %s WHERE number = %s AND state = 'reserved' AND reserved_for = %s"
        " RETURNING 1",
        (account, numbers.e164("number", number), holder),
    )
    return txn.fetchone() is not None
