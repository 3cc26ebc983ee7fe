"""Accounts: who pays, in which currency, and how much they may owe."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg2.extensions import cursor as Cursor

from provisioning import names
from provisioning.admin import Admin, Change, compare, record
from provisioning.amounts import MICRO_DECIMALS, amount_of, fee, micros
from provisioning.holidays import calendar_id
from provisioning.moments import zone_named
from provisioning.pages import ALL, Page
from provisioning.policies import cps_milli, cps_of, policy_id
from provisioning.roles import Actor, Role, reached_accounts, require_account
from provisioning.rows import number, update
from provisioning.spending import begin_counting
from radiusd.errors import BadInput, Conflict, Forbidden, NotFound

CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
STATUSES = ("active", "suspended")
ZERO = Decimal(0)
PROVIDERS_OWN = ("credit_limit", "postpaid", "policy", "daily_limit", "monthly_limit")
"""Fields that guard the provider's money: resellers leave them as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """
    Who pays.

    *credit_limit* is how far the balance may go below zero; with *postpaid*, money sets no limit.
    *max_channels* None: no limit; so of *max_cps*, calls per second, *daily_limit* and *monthly_limit*, what
    calls may cost by its clock. *reseller* is the account of the reseller whose customer it is; None: ours.
    """

    code: str
    name: str = ""
    reseller: str | None = None
    currency: str
    timezone: str = "UTC"
    postpaid: bool = False
    credit_limit: Decimal = ZERO
    max_channels: int | None = None
    status: str = "active"
    holidays: str | None = None  # the calendar by which bands for holidays hold
    policy: str | None = None  # where it may call, and what a burst looks like
    max_cps: Decimal | None = None
    daily_limit: Decimal | None = None
    monthly_limit: Decimal | None = None

    @property
    def is_limited(self) -> bool:
        """Whether what its calls cost is counted by day or month."""
        return self.daily_limit is not None or self.monthly_limit is not None


HELPS = {
    "name": "Name for people.",
    "reseller": "Account of the reseller whose customer it is; new accounts: ours.",
    "timezone": "Where its days and months begin, like America/Chicago. New accounts: UTC.",
    "postpaid": "Money sets no limit.",
    "credit_limit": "How far the balance may go below zero. New accounts: 0, prepaid.",
    "max_channels": "Most calls at once; new accounts: no limit.",
    "max_cps": "Most calls per second, as 2.5; new accounts: no limit.",
    "policy": "Where it may call, and what a burst looks like; new accounts: anywhere.",
    "daily_limit": "What its calls may cost in a day; new accounts: no limit.",
    "monthly_limit": "What they may cost in a month; new accounts: no limit.",
    "status": "A suspended account's calls are refused.",
    "holidays": "Holiday calendar by which its rates have bands; new accounts: none.",
}
NEW_HELPS = {"currency": "ISO 4217, like USD; it never changes.", **HELPS}
WORDS = {"status": STATUSES}


def add_account(txn: Cursor, account: Account, admin: Admin) -> Change:
    """Add *account* with a balance of zero, below a reseller who adds it. Raises Conflict when it exists."""
    admin.require("accounts:write")
    if admin.role is Role.RESELLER and account.reseller is None:
        account = replace(account, reseller=admin.account)
    permit(txn, account, None, admin)
    change = _put(txn, account, None, admin.now)
    record(txn, admin, [change])
    return change


def set_account(txn: Cursor, account: Account, admin: Admin) -> Change:
    """
    Make the account be as *account* says, whether it exists or not.

    Raises:
        Forbidden: A reseller changes its own account, or how far one of its customers may owe.
    """
    found = find_account(txn, account.code)
    permit(txn, account, found, admin)
    change = _put(txn, account, found, admin.now)
    record(txn, admin, [change])
    return change


def put_account(txn: Cursor, account: Account, now: datetime) -> Change:
    """Make the account be as *account* says; the caller records the change."""
    return _put(txn, account, find_account(txn, account.code), now)


def columns_of(txn: Cursor, account: Account, current: Account | None) -> tuple[dict[str, object], Change]:
    """
    Return the columns of *account*, which the caller writes, and the change from *current*, None being new.

    Raises:
        BadInput: A field is wrong, or cannot become so.
    """
    columns = {
        **_columns(account),
        "currency": currency("currency", account.currency),
        "reseller_id": _reseller_id(txn, account),
        "holidays_id": calendar_id(txn, "holidays", account.holidays),
        "policy_id": policy_id(txn, "policy", account.policy),
    }
    if current is not None and current.currency != account.currency:
        raise Conflict(
            f"currency: account {account.code} is kept in {current.currency} for good; "
            f"add another account for {account.currency}"
        )
    return columns, compare("account", account.code, current, account)


def _put(txn: Cursor, account: Account, found: Found | None, now: datetime) -> Change:
    row_id, current = (None, None) if found is None else found
    columns, change = columns_of(txn, account, current)
    if change:
        if row_id is None:
            account_id = _insert(txn, columns)
        else:
            account_id = row_id
            update(txn, "account", row_id, columns)
        if account.is_limited:
            begin_counting(txn, account_id, zone_named("timezone", account.timezone), now)
    return change


def _insert(txn: Cursor, columns: Mapping[str, object]) -> int:
    """
    Insert an account, and the balance's row that calls lock: a hot table, so no foreign key makes it.

    Raises:
        Conflict: It exists.
    """
    names_, places = ", ".join(columns), ", ".join(["%s"] * len(columns))
    txn.execute(
        f"WITH added AS (INSERT INTO account ({names_}) VALUES ({places}) ON CONFLICT (code) DO NOTHING"
        " RETURNING id) INSERT INTO balance (account_id) SELECT id FROM added RETURNING account_id",
        tuple(columns.values()),
    )
    if not txn.rowcount:  # asked no earlier: of ten thousand, each question counts
        raise Conflict(f"account {columns['code']} exists already; change it with set")
    return number(txn)


def list_accounts(txn: Cursor, actor: Actor | None = None, page: Page = ALL) -> list[Account]:
    """Return the accounts that *actor* reaches, None being the operator, by code; only those of *page*."""
    if actor is not None:
        actor.require("accounts:read")
    reached = None if actor is None else reached_accounts(txn, actor)
    txn.execute(
        SELECT
        + " WHERE (%(reached)s::bigint[] IS NULL OR account.id = ANY(%(reached)s::bigint[]))"
        + " AND account.code > %(after)s ORDER BY account.code LIMIT %(limit)s",
        {"reached": reached, "after": page.after_text, "limit": page.limit},
    )
    return [_account_of(row[1:]) for row in txn.fetchall()]


def find_accounts(txn: Cursor, codes: Sequence[str]) -> dict[str, Found]:
    """Return those of the accounts *codes* that there are."""
    txn.execute(SELECT + " WHERE account.code = ANY(%s)", (list(codes),))
    return {row[1]: (row[0], _account_of(row[1:])) for row in txn.fetchall()}


def find_account(txn: Cursor, code: str) -> Found | None:
    """Return the id and the account *code*, None when there is none."""
    txn.execute(SELECT + " WHERE account.code = %s", (code,))
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


Found = tuple[int, Account]
"""An account and its id."""

SELECT = """
SELECT account.id, account.code, account.name, reseller.code, account.currency, account.timezone,
    account.credit_limit_micros, account.max_channels, account.status, holiday_calendar.name, policy.name,
    account.max_cps_milli, account.daily_limit_micros, account.monthly_limit_micros
FROM account LEFT JOIN account AS reseller ON reseller.id = account.reseller_id
LEFT JOIN holiday_calendar ON holiday_calendar.id = account.holidays_id
LEFT JOIN policy ON policy.id = account.policy_id
"""


def permit(txn: Cursor, account: Account, found: Found | None, admin: Admin) -> None:
    """Return when *admin* may make *account* be so, which is *found* now. Raises Forbidden, NotFound."""
    admin.require("accounts:write")
    if not admin.is_bound:
        return
    if account.code == admin.account:
        raise Forbidden(f"account {account.code} is your own; its provider changes it")
    if found is not None:
        require_account(txn, admin, account.code)
    if account.reseller is None:
        raise Forbidden("reseller: an account of yours stays below yours")
    require_account(txn, admin, account.reseller, "reseller")
    current = Account(code=account.code, currency=account.currency) if found is None else found[1]
    for field in PROVIDERS_OWN:
        if getattr(account, field) != getattr(current, field):
            raise Forbidden(f"{field}: what an account may owe and spend is its provider's to say")


def _reseller_id(txn: Cursor, account: Account) -> int | None:
    """Return the id of the account's reseller. Raises Conflict when the account stands above it."""
    if account.reseller is None:
        return None
    txn.execute(
        "WITH RECURSIVE up AS (SELECT id, code, reseller_id FROM account WHERE code = %s"
        " UNION SELECT a.id, a.code, a.reseller_id FROM account a JOIN up ON a.id = up.reseller_id)"
        " SELECT id, code FROM up",
        (account.reseller,),
    )
    above = {code: account_id for account_id, code in txn.fetchall()}
    if account.reseller not in above:
        raise NotFound(f"reseller: account {account.reseller} does not exist; add it first")
    if account.code in above:
        raise Conflict(f"reseller: account {account.reseller} is below {account.code}, or is it")
    return int(above[account.reseller])


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
        "max_cps_milli": cps_milli("max_cps", account.max_cps),
        "daily_limit_micros": fee("daily_limit", account.daily_limit),
        "monthly_limit_micros": fee("monthly_limit", account.monthly_limit),
    }


def _account_of(row: tuple[Any, ...]) -> Account:
    code, name, reseller, currency_code, timezone, limit, max_channels, status, holidays, *admission = row
    policy, max_cps_milli, daily_limit, monthly_limit = admission
    return Account(
        code=code,
        name=name,
        reseller=reseller,
        currency=currency_code,
        timezone=timezone,
        postpaid=limit is None,
        credit_limit=amount_of(limit or 0, MICRO_DECIMALS) or ZERO,
        max_channels=max_channels,
        status=status,
        holidays=holidays,
        policy=policy,
        max_cps=cps_of(max_cps_milli),
        daily_limit=amount_of(daily_limit, MICRO_DECIMALS),
        monthly_limit=amount_of(monthly_limit, MICRO_DECIMALS),
    )
