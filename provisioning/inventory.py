"""The inventory of numbers: what each is, in which state, and whose. What each was, its history tells."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg2.extensions import cursor as Cursor

from provisioning import names, numbers
from provisioning.accounts import currency as checked_currency
from provisioning.admin import Admin, Change, audit, compare
from provisioning.amounts import MICRO_DECIMALS, amount_of, micros
from provisioning.number_follow import follow
from provisioning.roles import Actor, reached_accounts
from radiusd.errors import BadInput, Conflict, Forbidden, NotFound

NEW_STATES = ("available", "porting_in", "blocked")
"""In which a number may be added."""

STATES = (
    "available",
    "reserved",
    "assigned",
    "aging",
    "porting_in",
    "porting_out",
    "blocked",
    "retired",
)
COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
FEATURE = re.compile(r"[a-z0-9_]{1,20}", re.ASCII)
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """
    A telephone number that we may sell, in its *currency*; *supplier* and costs are for our eyes only.

    *features* are words such as voice, sms and fax. *cost_currency* None: as the price.
    """

    number: str
    country: str = ""
    area: str = ""
    rate_centre: str = ""
    supplier: str = ""
    currency: str
    setup_price: Decimal = ZERO
    monthly_price: Decimal = ZERO
    cost_currency: str | None = None
    setup_cost: Decimal | None = ZERO
    monthly_cost: Decimal | None = ZERO
    features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StockedNumber(Number):
    """A number and how it stands. *until*: when it is free again; *released*: when its services end."""

    state: str
    account: str | None = None
    until: datetime | None = None
    released: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step in a number's history."""

    number: str
    at: datetime
    by: str
    before: str
    after: str
    account: str | None
    until: datetime | None


HELPS = {
    "country": "Two capital letters, like US.",
    "area": "Town or area.",
    "rate_centre": "Rate centre.",
    "supplier": "Who we have it from.",
    "currency": "Of its prices: ISO 4217, like USD.",
    "setup_price": "What a customer pays once.",
    "monthly_price": "What a customer pays a month.",
    "cost_currency": "Of what we pay; new numbers: as the prices.",
    "setup_cost": "What we pay once.",
    "monthly_cost": "What we pay a month.",
    "features": "A word like voice, sms or fax.",
}


def add_number(txn: Cursor, number: Number, admin: Admin, state: str = "available") -> Change:
    """Add *number* to the inventory. Raises Conflict when it is there."""
    admin.require("numbers:write")
    require_provider(admin)
    number = normalised(number)
    if state not in NEW_STATES:
        raise BadInput(f"state: a new number is {', '.join(NEW_STATES)}, not {state[:20]}")
    if _find(txn, number.number) is not None:
        raise Conflict(f"number {number.number} is in the inventory already; change it with set")
    columns = {
        **columns_of(number),
        "state": state,
        "changed_at": admin.now,
        "changed_by": admin.name,
    }
    txn.execute(
        f"INSERT INTO number ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))})",
        tuple(columns.values()),
    )
    follow(txn, [number.number], admin)  # an account may have had it before there was an inventory
    change = compare("number", number.number, None, number)
    audit(txn, admin, [change])
    return change


def set_number(txn: Cursor, number: Number, admin: Admin) -> Change:
    """Make the number's fields be as *number* says; its state has verbs of its own. Raises NotFound."""
    admin.require("numbers:write")
    require_provider(admin)
    number = normalised(number)
    current = _plain(read_number(txn, number.number))
    change = compare("number", number.number, current, number)
    if change:
        columns = columns_of(number)
        txn.execute(
            f"UPDATE number SET {', '.join(f'{name} = %s' for name in columns)} WHERE number = %s",
            (*columns.values(), number.number),
        )
        audit(txn, admin, [change])
    return change


def read_number(txn: Cursor, number: str, actor: Actor | None = None) -> StockedNumber:
    """Return *number* as *actor* may see it. Raises NotFound."""
    found = _find(txn, numbers.e164("number", number))
    if found is not None and actor is not None:
        actor.require("numbers:read")
        reached = reached_accounts(txn, actor)
        if reached is not None:
            found = _for_customers(found, _codes(txn, reached))
    if found is None:
        raise NotFound(f"number {number} is not in the inventory; add it first")
    return found


def read_history(txn: Cursor, number: str, actor: Actor) -> list[Step]:
    """Return what has become of *number*, oldest first; bound actors see only numbers and steps of theirs."""
    found = read_number(txn, number, actor)
    reached = reached_accounts(txn, actor)
    txn.execute(
        "SELECT h.number, h.at, h.by, h.before, h.after, a.code, h.until FROM number_history h"
        " LEFT JOIN account a ON a.id = h.account_id"
        " WHERE h.number = %(number)s"
        " AND (%(reached)s::bigint[] IS NULL OR h.account_id = ANY(%(reached)s::bigint[])) ORDER BY h.id",
        {"number": found.number, "reached": reached},
    )
    return [Step(**dict(zip(Step.__slots__, row, strict=True))) for row in txn.fetchall()]


def normalised(number: Number) -> Number:
    """Return *number* with one spelling of everything. Raises BadInput."""
    if number.country and not COUNTRY.fullmatch(number.country):
        raise BadInput(f"country: {number.country[:20]!r} is none; write two capital letters, like US")
    for feature in number.features:
        if not FEATURE.fullmatch(feature):
            raise BadInput(f"features: {feature[:20]!r} is none; write a word like voice, sms or fax")
    checked_currency("currency", number.currency)
    cost_currency = number.cost_currency or number.currency
    for name in ("setup_price", "monthly_price", "setup_cost", "monthly_cost"):
        amount = getattr(number, name)
        if amount is not None and micros(name, amount) < 0:
            raise BadInput(f"{name}: {amount} is negative; a price is 0 or more")
    return replace(
        number,
        number=numbers.e164("number", number.number),
        area=names.prose("area", number.area),
        rate_centre=names.prose("rate_centre", number.rate_centre),
        supplier=names.prose("supplier", number.supplier),
        cost_currency=checked_currency("cost_currency", cost_currency),
        features=tuple(sorted(set(number.features))),
    )


def columns_of(number: Number) -> dict[str, Any]:
    """Return the columns of a normalised number, but its state's."""
    return {
        "number": number.number,
        "country": number.country,
        "area": number.area,
        "rate_centre": number.rate_centre,
        "supplier": number.supplier,
        "currency": number.currency,
        "setup_price_micros": micros("setup_price", number.setup_price),
        "monthly_price_micros": micros("monthly_price", number.monthly_price),
        "cost_currency": number.cost_currency,
        "setup_cost_micros": micros("setup_cost", number.setup_cost or ZERO),
        "monthly_cost_micros": micros("monthly_cost", number.monthly_cost or ZERO),
        "features": list(number.features),
    }


SELECT = """
SELECT n.number, n.country, n.area, n.rate_centre, n.supplier, n.currency, n.setup_price_micros,
    n.monthly_price_micros, n.cost_currency, n.setup_cost_micros, n.monthly_cost_micros, n.features,
    n.state, coalesce(a.code, CASE WHEN n.reserved_for = r.code THEN r.code END), n.until, n.release_at
FROM number n LEFT JOIN account a ON a.id = n.account_id LEFT JOIN account r ON r.code = n.reserved_for
"""


def number_of(row: Sequence[Any], *, ours: bool = True) -> StockedNumber:
    """Return the number in a row of :data:`SELECT`; not *ours*: without what customers are not told."""
    prices = [amount_of(row[at], MICRO_DECIMALS) or ZERO for at in (6, 7, 9, 10)]
    return StockedNumber(
        number=row[0],
        country=row[1],
        area=row[2],
        rate_centre=row[3],
        supplier=row[4] if ours else "",
        currency=row[5],
        setup_price=prices[0],
        monthly_price=prices[1],
        cost_currency=row[8] if ours else None,
        setup_cost=prices[2] if ours else None,
        monthly_cost=prices[3] if ours else None,
        features=tuple(row[11]),
        state=row[12],
        account=row[13],
        until=row[14],
        released=row[15],
    )


def require_provider(admin: Admin) -> None:
    """Return when *admin* is no reseller or customer. Raises Forbidden."""
    if admin.is_bound:
        raise Forbidden("the inventory is the provider's; numbers of it can be reserved and assigned")


def _plain(number: StockedNumber) -> Number:
    return Number(**{name: getattr(number, name) for name in Number.__slots__})


def _find(txn: Cursor, number: str) -> StockedNumber | None:
    txn.execute(SELECT + " WHERE n.number = %s", (number,))
    row = txn.fetchone()
    return None if row is None else number_of(row)


def _for_customers(number: StockedNumber, codes: Collection[str]) -> StockedNumber | None:
    """Return what a bound actor may know of *number*: what is for sale, or of its own."""
    if number.state != "available" and number.account not in codes:
        return None
    return replace(number, supplier="", cost_currency=None, setup_cost=None, monthly_cost=None)


def _codes(txn: Cursor, account_ids: Sequence[int]) -> set[str]:
    txn.execute("SELECT code FROM account WHERE id = ANY(%s)", (list(account_ids),))
    return {code for (code,) in txn.fetchall()}
