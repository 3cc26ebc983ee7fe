"""Add many accounts in one transaction: what exists is asked for at once, what is new is written together."""

from __future__ import annotations

from collections.abc import Iterable

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from provisioning.accounts import Account, add_account, new_account, permit
from provisioning.admin import Admin, Change, record
from radiusd.errors import Conflict

AT_ONCE = 500


class AccountDesk:
    """
    Adds accounts as :func:`provisioning.accounts.add_account` does; *codes* are those that may be added.

    They are there when :meth:`write` returns, which the caller calls at the end.
    """

    def __init__(self, txn: Cursor, admin: Admin, codes: Iterable[str]) -> None:
        self._txn = txn
        self._admin = admin
        txn.execute("SELECT code FROM account WHERE code = ANY(%s)", (list(codes),))
        self._taken = {code for (code,) in txn.fetchall()}
        self._waiting: list[dict[str, object]] = []

    def add(self, account: Account) -> Change:
        """Add *account*. Raises as :func:`provisioning.accounts.add_account`."""
        if account.code in self._taken:
            raise Conflict(f"account {account.code} exists already; change it with set")
        if account.reseller is not None or account.is_limited or self._admin.is_bound:
            self.write()  # what it refers to, or is counted from, must be there
            change = add_account(self._txn, account, self._admin)
        else:
            permit(self._txn, account, None, self._admin)
            columns, change = new_account(self._txn, account)
            record(self._txn, self._admin, [change])
            self._waiting.append(columns)
        self._taken.add(account.code)
        return change

    def write(self) -> None:
        """Write the accounts that wait, each with its balance, which calls lock."""
        if not self._waiting:
            return
        names = list(self._waiting[0])
        statement = sql.SQL(
            "WITH added AS (INSERT INTO account ({}) VALUES %s RETURNING id)"
            " INSERT INTO balance (account_id) SELECT id FROM added"
        ).format(sql.SQL(", ").join(map(sql.Identifier, names)))
        rows = [tuple(columns[name] for name in names) for columns in self._waiting]
        execute_values(self._txn, statement.as_string(self._txn), rows, page_size=AT_ONCE)
        self._waiting.clear()
