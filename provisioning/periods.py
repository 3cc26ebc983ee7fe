"""Closed periods: calls that are invoiced, and not rated again unless somebody insists."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg2.extensions import cursor as Cursor

from provisioning.accounts import read_account
from provisioning.admin import Action, Admin, Change, FieldChange, audit, shown
from provisioning.roles import Actor, reached_accounts

EVERY_ACCOUNT = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedPeriod:
    """Calls set up before *closed_until* are invoiced. *account* empty: every account's."""

    account: str
    closed_until: datetime


def close_period(txn: Cursor, until: datetime, account: str | None, admin: Admin) -> Change:
    """
    Close what is before *until*, for one account or for all; an earlier moment opens again what was closed.

    Raises:
        NotFound: There is no such account.
    """
    account_id = EVERY_ACCOUNT if account is None else read_account(txn, account)[0]
    txn.execute("SELECT closed_until FROM closed_period WHERE account_id = %s", (account_id,))
    before = next((row[0] for row in txn.fetchall()), None)
    txn.execute(
        "INSERT INTO closed_period VALUES (%s, %s) ON CONFLICT (account_id) DO UPDATE"
        " SET closed_until = EXCLUDED.closed_until",
        (account_id, until),
    )
    action = Action.UNCHANGED if before == until else Action.CHANGED
    field = FieldChange("closed_until", shown(before), shown(until))
    change = Change(action, "period", account or "all", (field,) if before != until else ())
    if change:
        audit(txn, admin, [change])
    return change


def list_closed(txn: Cursor, actor: Actor | None = None) -> list[ClosedPeriod]:
    """Return what is closed of the accounts that *actor* reaches, and of all accounts at once first."""
    reached = None if actor is None else reached_accounts(txn, actor)
    txn.execute(
        "SELECT coalesce(account.code, ''), closed_until FROM closed_period"
        " LEFT JOIN account ON account.id = account_id"
        " WHERE %(reached)s::bigint[] IS NULL OR account_id = ANY(%(reached)s::bigint[] || %(every)s::bigint)"
        " ORDER BY account_id",
        {"reached": reached, "every": EVERY_ACCOUNT},
    )
    return [ClosedPeriod(account=code, closed_until=until) for code, until in txn.fetchall()]


def closed_until(txn: Cursor) -> dict[int, datetime]:
    """Return until when each account is closed, by its id; EVERY_ACCOUNT for all."""
    txn.execute("SELECT account_id, closed_until FROM closed_period")
    return dict(txn.fetchall())
