"""Taxes: what statements add, which accounts owe it, and which services are exempt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from psycopg2.extensions import cursor as Cursor

from provisioning import names
from provisioning.accounts import read_account
from provisioning.admin import Admin, Change, compare, record
from provisioning.amounts import MICRO_DECIMALS, NANO_DECIMALS, amount_of, fee, nanos
from provisioning.rows import save
from radiusd.errors import BadInput, Conflict, NotFound

CHARGED = ("usage", "recurring", "adjustment")
"""Kinds of postings that a tax may be a share of; a reversal is one of what it takes back."""
MAX_DECIMALS = 6
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tax:
    """
    *percent* of what an account is charged in postings of *kinds*, and *fixed* for each service or statement.

    *rounding* by posting rounds each line's share, else that of their sum; half up, to *decimals*.
    *accounts* owe it; *exempt* services, as numbers, trunks and so on, are left out.
    """

    name: str
    percent: Decimal = ZERO
    fixed: Decimal = ZERO
    fixed_per: str = "statement"
    kinds: tuple[str, ...] = ("usage", "recurring")
    rounding: str = "statement"
    decimals: int = 2
    accounts: tuple[str, ...] = ()
    exempt: tuple[str, ...] = ()


WORDS: Mapping[str, tuple[str, ...]] = {
    "fixed_per": ("statement", "service"),
    "rounding": ("statement", "posting"),
}
"""What the fields of closed sets may say."""

HELPS = {
    "percent": "Share of what is charged.",
    "fixed": "Fixed amount, in the account's currency.",
    "fixed_per": "For each statement, or each service with charges. New taxes: statement.",
    "kinds": "Kind of posting that it is a share of. New taxes: usage and recurring.",
    "rounding": "Whether the share is rounded once, or for each posting. New taxes: statement.",
    "decimals": "Decimals that it is rounded to, half up. New taxes: 2.",
    "accounts": "Account that owes it.",
    "exempt": "Service whose charges it leaves out.",
}
"""What the fields mean, beside the name."""


def add_tax(txn: Cursor, tax: Tax, admin: Admin) -> Change:
    """Add *tax*. Raises Conflict when it exists."""
    if find_tax(txn, tax.name) is not None:
        raise Conflict(f"tax {tax.name} exists already; change it with set")
    return set_tax(txn, tax, admin)


def set_tax(txn: Cursor, tax: Tax, admin: Admin) -> Change:
    """Make the tax be as *tax* says, whether it exists or not. Statements made from now on follow."""
    change = put_tax(txn, tax)
    record(txn, admin, [change])
    return change


def put_tax(txn: Cursor, tax: Tax) -> Change:
    """Make the tax be as *tax* says; the caller records the change."""
    tax = replace(
        tax,
        kinds=tuple(sorted(set(tax.kinds))),
        accounts=tuple(sorted(set(tax.accounts))),
        exempt=tuple(sorted(set(tax.exempt))),
    )
    columns = _columns(tax)
    accounts = [read_account(txn, code)[0] for code in tax.accounts]
    exempt = _services(txn, tax.exempt)
    found = find_tax(txn, tax.name)
    row_id, current = (None, None) if found is None else found
    change = compare("tax", tax.name, current, tax)
    if change:
        row_id = save(txn, "tax", row_id, columns)
        txn.execute("DELETE FROM account_tax WHERE tax_id = %s", (row_id,))
        txn.execute("INSERT INTO account_tax SELECT unnest(%s::bigint[]), %s", (accounts, row_id))
        txn.execute("DELETE FROM service_exemption WHERE tax_id = %s", (row_id,))
        txn.execute("INSERT INTO service_exemption SELECT unnest(%s::bigint[]), %s", (exempt, row_id))
    return change


def list_taxes(txn: Cursor, account: str | None = None) -> list[Tax]:
    """Return the taxes that *account* owes, or all."""
    txn.execute(
        SELECT + " WHERE %(account)s::text IS NULL OR t.id IN (SELECT x.tax_id FROM account_tax x"
        " JOIN account a ON a.id = x.account_id WHERE a.code = %(account)s) ORDER BY t.name",
        {"account": account},
    )
    return [_tax_of(row[1:]) for row in txn.fetchall()]


def find_tax(txn: Cursor, name: str) -> tuple[int, Tax] | None:
    """Return the id and the tax *name*, None when there is none."""
    txn.execute(SELECT + " WHERE t.name = %s", (name,))
    row = txn.fetchone()
    return None if row is None else (row[0], _tax_of(row[1:]))


def read_tax(txn: Cursor, name: str) -> tuple[int, Tax]:
    """Return the id and the tax *name*. Raises NotFound."""
    found = find_tax(txn, name)
    if found is None:
        raise NotFound(f"tax {name} does not exist; add it first")
    return found


SELECT = """
SELECT t.id, t.name, t.percent_nano, t.fixed_micros, t.fixed_per, t.kinds, t.rounding, t.decimals,
    array(SELECT a.code FROM account_tax x JOIN account a ON a.id = x.account_id WHERE x.tax_id = t.id),
    array(SELECT s.name FROM service_exemption e JOIN service s ON s.id = e.service_id WHERE e.tax_id = t.id)
FROM tax t
"""


def _columns(tax: Tax) -> dict[str, object]:
    """Return all columns. Raises BadInput when a field is wrong."""
    if not tax.percent and not tax.fixed:
        raise BadInput("percent: a tax takes a share or a fixed amount; give one of them")
    for kind in tax.kinds:
        names.word("kinds", kind, CHARGED)
    words = {field: names.word(field, getattr(tax, field), known) for field, known in WORDS.items()}
    return {
        **words,
        "name": names.name("name", tax.name),
        "percent_nano": nanos("percent", tax.percent),
        "fixed_micros": fee("fixed", tax.fixed),
        "kinds": list(tax.kinds),
        "decimals": names.whole("decimals", tax.decimals, 0, MAX_DECIMALS),
    }


def _services(txn: Cursor, wanted: tuple[str, ...]) -> list[int]:
    """Return the ids of the services *wanted*. Raises NotFound for the first that is not there."""
    txn.execute("SELECT name, id FROM service WHERE name = ANY (%s) ORDER BY id", (list(wanted),))
    found = txn.fetchall()
    known = {name for name, _ in found}
    for name in wanted:
        if name not in known:
            raise NotFound(f"exempt: there is no service {name}; add it first")
    return [service_id for _, service_id in found]


def _tax_of(row: tuple[Any, ...]) -> Tax:
    name, percent_nano, fixed_micros, fixed_per, kinds, rounding, decimals, accounts, exempt = row
    return Tax(
        name=name,
        percent=amount_of(percent_nano, NANO_DECIMALS) or ZERO,
        fixed=amount_of(fixed_micros, MICRO_DECIMALS) or ZERO,
        fixed_per=fixed_per,
        kinds=tuple(kinds),
        rounding=rounding,
        decimals=decimals,
        accounts=tuple(sorted(accounts)),
        exempt=tuple(sorted(set(exempt))),
    )
