"""Accounts: who pays, in which currency, and how much they may owe."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from psycopg2.extensions import cursor as Cursor

from provisioning import names
from provisioning.admin import Admin, Change, compare, record
from provisioning.amounts import MICRO_DECIMALS, amount_of, micros
from provisioning.moments import zone_named
from provisioning.rows import save
from radiusd.errors import BadInput, Conflict, NotFound

CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
STATUSES = ("active", "suspended")
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """
    Who pays.

    *credit_limit* is how far the balance may go below zero; with *postpaid*, money sets no limit.
    *max_channels* None: no limit.
    """

    code: str
    name: str = ""
    currency: str
    timezone: str = "UTC"
    postpaid: bool = False
    credit_limit: Decimal = ZERO
    max_channels: int | None = None
    status: str = "active"


def add_account(txn: Cursor, account: Account, admin: Admin) -> Change:
    """Add *account* with a balance of zero. Raises Conflict when it exists."""
    if find_account(txn, account.code) is not None:
        raise Conflict(f"account {account.code} exists already; change it with set")
    return set_account(txn, account, admin)


def set_account(txn: Cursor, account: Account, admin: Admin) -> Change:
    """Make the account be as *account* says, whether it exists or not."""
    change = put_account(txn, account)
    record(txn, admin, [change])
    return change


def put_account(txn: Cursor, account: Account) -> Change:
    """Make the account be as *account* says; the caller records the change."""
    account = replace(account, currency=currency("currency", account.currency))
    columns = _columns(account)
    found = find_account(txn, account.code)
    row_id, current = (None, None) if found is None else found
    if current is not None and current.currency != account.currency:
        raise Conflict(
            f"currency: account {account.code} is kept in {current.currency} for good; "
            f"add another account for {account.currency}"
        )
    change = compare("account", account.code, current, account)
    if change:
        account_id = save(txn, "account", row_id, columns)
        if row_id is None:  # the row that calls lock; a hot table, so no foreign key makes it
            txn.execute("INSERT INTO balance (account_id) VALUES (%s)", (account_id,))
    return change


def list_accounts(txn: Cursor) -> list[Account]:
    """Return all accounts by code."""
    txn.execute(SELECT + " ORDER BY code")
    return [_account_of(row[1:]) for row in txn.fetchall()]


def find_account(txn: Cursor, code: str) -> tuple[int, Account] | None:
    """Return the id and the account *code*, None when there is none."""
    txn.execute(SELECT + " WHERE code = %s", (code,))
    row = txn.fetchone()
    return None if row is None else (row[0], _account_of(row[1:]))


def read_account(txn: Cursor, code: str) -> tuple[int, Account]:
    """Return the id and the account *code*. Raises NotFound."""
    found = find_account(txn, code)
    if found is None:
        raise NotFound(f"account {code} does not exist; add it first")
    return found


def currency(field: str, code: str) -> str:
    """Return the currency *code*, three capital letters as ISO 4217 has them. Raises BadInput."""
    if not CURRENCY.fullmatch(code):
        raise BadInput(f"{field}: {code[:20]!r} is no currency; write its three capital letters, like USD")
    return code


SELECT = "SELECT id, code, name, currency, timezone, credit_limit_micros, max_channels, status FROM account"


def _columns(account: Account) -> dict[str, object]:
    """Return the columns of *account*. Raises BadInput when a field is wrong."""
    zone_named("timezone", account.timezone)
    if account.status not in STATUSES:
        raise BadInput(f"status: {account.status!r} is neither {' nor '.join(STATUSES)}")
    limit = micros("credit_limit", account.credit_limit)
    if limit < 0:
        raise BadInput(f"credit_limit: {account.credit_limit} is negative; 0 stops at an empty balance")
    if account.postpaid and limit:
        raise BadInput("credit_limit: a postpaid account has none; leave out credit_limit or postpaid")
    return {
        "code": names.name("code", account.code),
        "name": names.prose("name", account.name),
        "currency": account.currency,
        "timezone": account.timezone,
        "credit_limit_micros": None if account.postpaid else limit,
        "max_channels": names.whole("max_channels", account.max_channels, 0),
        "status": account.status,
    }


def _account_of(row: tuple[Any, ...]) -> Account:
    code, name, currency_code, timezone, limit, max_channels, status = row
    return Account(
        code=code,
        name=name,
        currency=currency_code,
        timezone=timezone,
        postpaid=limit is None,
        credit_limit=amount_of(limit or 0, MICRO_DECIMALS) or ZERO,
        max_channels=max_channels,
        status=status,
    )
