"""Payments and adjustments: immutable postings, and the balance that is their sum."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum

from psycopg2.extensions import cursor as Cursor

from provisioning import names
from provisioning.accounts import read_account
from provisioning.admin import Action, Admin, Change, FieldChange, audit, shown
from provisioning.amounts import MICRO_DECIMALS, amount_of, micros
from provisioning.pages import ALL, Page
from provisioning.roles import Actor, reached_accounts
from radiusd.errors import BadInput, Conflict
from radiusd.storage.ids import RANDOM_BYTES, uuid7


class PostingKind(Enum):
    """What an admin may post."""

    PAYMENT = "payment"  # the customer paid: never negative
    ADJUSTMENT = "adjustment"  # we correct, up or down


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """
    Money for an account, in its currency.

    With a *reference*, such as an invoice's number, it is posted once however often it is asked for.
    """

    account: str
    amount: Decimal
    kind: PostingKind = PostingKind.PAYMENT
    reference: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What an account has; *held* is reserved by its open calls, and part of *balance*."""

    account: str
    currency: str
    balance: Decimal
    held: Decimal
    channels: int


def post(txn: Cursor, posting: Posting, admin: Admin) -> Change:
    """
    Add *posting* to its account's ledger and balance.

    Raises:
        NotFound: The account does not exist.
        Conflict: Its reference was posted with another amount.
    """
    admin.require("balances:write")
    change = put_posting(txn, posting, admin)
    if change:  # no version is raised: workers read balances from the books, not from the catalogue
        audit(txn, admin, [change])
    return change


def put_posting(txn: Cursor, posting: Posting, admin: Admin) -> Change:
    """Post as :func:`post` does; the caller records the change."""
    amount = _checked_amount(posting)
    account_id, account = read_account(txn, posting.account)
    # The account's lock, as every change of an account takes it first.
    txn.execute("SELECT balance_micros FROM balance WHERE account_id = %s FOR UPDATE", (account_id,))
    (row,) = txn.fetchall()
    if posting.reference and _was_posted(txn, account_id, amount, posting):
        return Change(Action.UNCHANGED, "balance", posting.account)
    posting_id = str(uuid7(admin.now, os.urandom(RANDOM_BYTES)))
    txn.execute(
        "INSERT INTO posting (account_id, posted_at, id, kind, amount_micros, location, note)"
        " VALUES (%s, %s, %s, %s, %s, '', %s)",
        (account_id, admin.now, posting_id, posting.kind.value, amount, posting.note),
    )
    txn.execute(
        "UPDATE balance SET balance_micros = balance_micros + %s WHERE account_id = %s", (amount, account_id)
    )
    if posting.reference:
        txn.execute(
            "INSERT INTO posting_reference (account_id, reference, amount_micros, posted_at)"
            " VALUES (%s, %s, %s, %s)",
            (account_id, posting.reference, amount, admin.now),
        )
    before, after = (shown(amount_of(sum_, MICRO_DECIMALS)) for sum_ in (row[0], row[0] + amount))
    field = FieldChange("balance", f"{before} {account.currency}", f"{after} {account.currency}")
    return Change(Action.CHANGED, "balance", posting.account, (field, FieldChange("note", "", posting.note)))


def list_balances(
    txn: Cursor, account: str | None = None, actor: Actor | None = None, page: Page = ALL
) -> list[Balance]:
    """Return the balances of *account*, or of all that *actor* reaches, by account; only those of *page*."""
    if actor is not None:
        actor.require("balances:read")
    txn.execute(
        "SELECT a.code, a.currency, b.balance_micros, b.held_micros, b.channels"
        " FROM account a JOIN balance b ON b.account_id = a.id"
        " WHERE (%(account)s IS NULL OR a.code = %(account)s)"
        " AND (%(reached)s::bigint[] IS NULL OR a.id = ANY(%(reached)s::bigint[]))"
        " AND a.code > %(after)s ORDER BY a.code LIMIT %(limit)s",
        {
            "account": account,
            "reached": None if actor is None else reached_accounts(txn, actor),
            "after": page.after_text,
            "limit": page.limit,
        },
    )
    return [
        Balance(
            account=code,
            currency=currency,
            balance=Decimal(balance).scaleb(-MICRO_DECIMALS),
            held=Decimal(held).scaleb(-MICRO_DECIMALS),
            channels=channels,
        )
        for code, currency, balance, held, channels in txn.fetchall()
    ]


def _checked_amount(posting: Posting) -> int:
    """Return the amount in micro-units. Raises BadInput when a field is wrong."""
    amount = micros("amount", posting.amount)
    if amount == 0:
        raise BadInput("amount: 0 changes nothing; give another amount")
    if amount < 0 and posting.kind is PostingKind.PAYMENT:
        raise BadInput(f"amount: a payment of {posting.amount} takes money; post it as an adjustment")
    names.prose("note", posting.note)
    names.prose("reference", posting.reference)
    return amount


def _was_posted(txn: Cursor, account_id: int, amount: int, posting: Posting) -> bool:
    txn.execute(
        "SELECT amount_micros, posted_at FROM posting_reference WHERE account_id = %s AND reference = %s",
        (account_id, posting.reference),
    )
    row: tuple[int, datetime] | None = txn.fetchone()
    if row is None:
        return False
    if row[0] != amount:
        raise Conflict(
            f"reference: {posting.reference} was posted for account {posting.account} on "
            f"{row[1]:%Y-%m-%d} with {shown(amount_of(row[0], MICRO_DECIMALS))}; "
            "post the difference as an adjustment of its own"
        )
    return True
