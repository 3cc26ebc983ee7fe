"""Add and change many accounts in one transaction: what there is is read at once, and written together."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_batch, execute_values

from provisioning.accounts import Account, add_account, columns_of, find_accounts, permit, set_account
from provisioning.admin import Admin, Change, record
from radiusd.errors import Conflict, NotFound

AT_ONCE = 500
Columns = dict[str, object]


class AccountDesk:
    """
    Adds and changes the accounts *codes* as :mod:`provisioning.accounts` does.

    They are so when :meth:`write` returns, which the caller calls at the end.
    """

    def __init__(self, txn: Cursor, admin: Admin, codes: Sequence[str]) -> None:
        self._txn = txn
        self._admin = admin
        found = find_accounts(txn, codes)
        self._ids = {code: account_id for code, (account_id, _) in found.items()}
        self._known = {code: account for code, (_, account) in found.items()}
        self._new: list[Columns] = []
        self._changed: list[tuple[int, Columns]] = []

    def current(self, code: str) -> Account:
        """Return an account as it is, or will be. Raises NotFound."""
        if code not in self._known:
            raise NotFound(f"account {code} does not exist; add it first")
        return self._known[code]

    def add(self, account: Account) -> Change:
        """Add *account*. Raises as :func:`provisioning.accounts.add_account`."""
        if account.code in self._known:
            raise Conflict(f"account {account.code} exists already; change it with set")
        if self._stands_alone(account):
            columns, change = self._columns(account, None)
            self._new.append(columns)
        else:
            self.write()
            change = add_account(self._txn, account, self._admin)
        self._known[account.code] = account
        return change

    def set(self, account: Account) -> Change:
        """Change *account*, which there is. Raises as :func:`provisioning.accounts.set_account`."""
        current = self.current(account.code)
        if self._stands_alone(account) and account.code in self._ids:
            columns, change = self._columns(account, current)
            if change:
                self._changed.append((self._ids[account.code], columns))
        else:
            self.write()
            change = set_account(self._txn, account, self._admin)
        self._known[account.code] = account
        return change

    def _stands_alone(self, account: Account) -> bool:
        """Tell whether *account* may be written later: nobody asks for it meanwhile."""
        return account.reseller is None and not account.is_limited and not self._admin.is_bound

    def _columns(self, account: Account, current: Account | None) -> tuple[Columns, Change]:
        permit(self._txn, account, None, self._admin)
        columns, change = columns_of(self._txn, account, current)
        record(self._txn, self._admin, [change])
        return columns, change

    def write(self) -> None:
        """Write what waits; a new account with its balance, which calls lock."""
        if self._new:
            names = list(self._new[0])
            statement = sql.SQL(
                "WITH added AS (INSERT INTO account ({}) VALUES %s RETURNING id)"
                " INSERT INTO balance (account_id) SELECT id FROM added"
            ).format(_names(names))
            rows = [tuple(columns[name] for name in names) for columns in self._new]
            execute_values(self._txn, statement.as_string(self._txn), rows, page_size=AT_ONCE)
        if self._changed:
            names = list(self._changed[0][1])
            statement = sql.SQL("UPDATE account SET ({}) = ROW({}) WHERE id = %s").format(
                _names(names), sql.SQL(", ").join([sql.Placeholder()] * len(names))
            )
            rows = [(*(columns[name] for name in names), row_id) for row_id, columns in self._changed]
            execute_batch(self._txn, statement, rows, page_size=AT_ONCE)
        self._new.clear()
        self._changed.clear()


def _names(names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))
