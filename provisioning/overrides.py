"""Overrides: the price of one prefix that a plan or an account has of its own, in place of its deck's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from psycopg2.extensions import cursor as Cursor

from provisioning.accounts import read_account
from provisioning.admin import Action, Admin, Change, compare, plain_decimal, record, shown
from provisioning.amounts import amount_of
from provisioning.moments import Moment, instant
from provisioning.plans import read_plan
from provisioning.rate_files import ALWAYS, Problems, Rate, read_rate
from provisioning.rate_rules import RULE_COLUMNS, cells_of
from provisioning.roles import Actor, require_account
from provisioning.rows import save
from radiusd.errors import BadInput, NotFound

NANO_DECIMALS, MICRO_DECIMALS = 9, 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """
    The price of *prefix* per minute, for *plan* or for *account*; ``*`` is every destination.

    *rules* are the further columns of a rate file: ``min_charge``, ``bands`` and so on.
    """

    prefix: str
    plan: str | None = None
    account: str | None = None
    rate: Decimal | None = None
    initial: int = 1
    increment: int = 1
    connect_fee: Decimal = Decimal(0)
    description: str = ""
    effective: Moment | None = None
    expires: Moment | None = None
    blocked: bool = False
    origin: str = ""
    rules: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What an admin calls it: whose it is, and its prefix."""
        whose = f"plan {self.plan}" if self.plan is not None else f"account {self.account}"
        return f"{whose}/{self.prefix or '*'}"


HELPS = {
    "rate": "Price per minute; left out only with --blocked.",
    "initial": "First increment in seconds. [default: 1]",
    "increment": "Following increments in seconds. [default: 1]",
    "connect_fee": "Charged once an answered call. [default: 0]",
    "description": "Name of the destination.",
    "effective": "From when on; left out: always.",
    "expires": "Until when, not included.",
    "blocked": "Refuse calls to the prefix.",
    "origin": "Only for callers of this origin group.",
    "rules": "A further column of a rate file, like min_charge=0.05.",
}


def set_override(txn: Cursor, override: Override, admin: Admin) -> Change:
    """Make the price be as *override* says, whether there is one from the same moment on or not."""
    change = put_override(txn, override)
    record(txn, admin, [change])
    return change


def put_override(txn: Cursor, override: Override) -> Change:
    """Make the price be as *override* says; the caller records the change."""
    owner = _owner(txn, override.plan, override.account)
    rate = _checked(txn, override)
    wanted = _override_of(override.plan, override.account, rate)
    found = _read(txn, owner, rate)
    row_id, current = (None, None) if found is None else found
    change = compare("override", wanted.key, current, wanted)
    if change:
        save(txn, "rate_override", row_id, {**owner, **{name: getattr(rate, name) for name in COLUMNS}})
    return change


def remove_overrides(
    txn: Cursor, plan: str | None, account: str | None, prefix: str, admin: Admin
) -> list[Change]:
    """Take away the prices that a plan or account has for *prefix*. Raises NotFound when it has none."""
    owner = _owner(txn, plan, account)
    digits = "" if prefix == "*" else prefix
    txn.execute(
        "DELETE FROM rate_override WHERE plan_id IS NOT DISTINCT FROM %(plan_id)s"
        " AND account_id IS NOT DISTINCT FROM %(account_id)s AND prefix = %(prefix)s RETURNING effective_at",
        {**owner, "prefix": digits},
    )
    key = Override(prefix=digits, plan=plan, account=account).key
    changes = [Change(Action.REMOVED, "override", key) for _ in txn.fetchall()]
    if not changes:
        raise NotFound(f"prefix: there is no price of {key}; 'tollwire override list' shows them")
    record(txn, admin, changes)
    return changes


def end_overrides(
    txn: Cursor, plan: str | None, account: str | None, prefix: str, admin: Admin, at: Moment | None = None
) -> list[Change]:
    """
    End the prices that a plan or account has for *prefix* at the moment *at* (a day: in UTC), or now.

    What was rated with them stays explained. Prices that begin later go on as they are.

    Raises:
        NotFound: It has none at that moment.
    """
    moment = admin.now if at is None else instant("at", at, UTC)
    digits = "" if prefix == "*" else prefix
    _owner(txn, plan, account)
    changes = [
        put_override(txn, replace(each, expires=moment))
        for each in list_overrides(txn, plan, account)
        if each.prefix == digits and _holds(each, moment)
    ]
    if not changes:
        key = Override(prefix=digits, plan=plan, account=account).key
        raise NotFound(f"prefix: {key} has no price at that moment; 'tollwire override list' shows them")
    record(txn, admin, changes)
    return changes


def _holds(override: Override, at: datetime) -> bool:
    """Tell whether a price that was read from the database holds at the moment *at*."""
    begun = override.effective is None or instant("effective", override.effective, UTC) < at
    return begun and (override.expires is None or instant("expires", override.expires, UTC) > at)


def overrides_for(txn: Cursor, actor: Actor, plan: str | None, account: str | None) -> list[Override]:
    """
    Return the prices of one plan, of one account, or all of them, as far as *actor* may see them.

    Raises:
        BadInput: The actor is bound to an account and names none.
        NotFound: There is no such plan or account, or the actor does not reach it.
        Forbidden: The actor may not read prices.
    """
    actor.require("plans:read")
    if plan is not None:
        read_plan(txn, plan)
    if account is not None:
        require_account(txn, actor, account, "account")
        read_account(txn, account)
    elif actor.is_bound:
        raise BadInput("account: it is missing")
    return list_overrides(txn, plan, account)


def list_overrides(txn: Cursor, plan: str | None = None, account: str | None = None) -> list[Override]:
    """Return the prices of one plan, of one account, or all of them."""
    txn.execute(
        SELECT + " WHERE (%(plan)s::text IS NULL OR p.code = %(plan)s)"
        " AND (%(account)s::text IS NULL OR a.code = %(account)s)"
        " ORDER BY p.code, a.code, o.prefix, o.effective_at",
        {"plan": plan, "account": account},
    )
    return [_override_of(row[1], row[2], _rate_of(row[3:])) for row in txn.fetchall()]


COLUMNS = tuple(column for column in Rate._fields if column != "closed")  # a deck's rows may end others
SELECT = f"""
SELECT o.id, p.code, a.code, {", ".join(f"o.{column}" for column in COLUMNS)}
FROM rate_override o LEFT JOIN plan p ON p.id = o.plan_id LEFT JOIN account a ON a.id = o.account_id
"""


def _owner(txn: Cursor, plan: str | None, account: str | None) -> dict[str, int | None]:
    if (plan is None) == (account is None):
        raise BadInput("plan: say whose price it is, with either a plan or an account")
    if plan is not None:
        return {"plan_id": read_plan(txn, plan)[0], "account_id": None}
    assert account is not None
    return {"plan_id": None, "account_id": read_account(txn, account)[0]}


def _checked(txn: Cursor, override: Override) -> Rate:
    """Return the override as a rate. Raises BadInput when a field is wrong."""
    for name in override.rules:
        if name not in RULE_COLUMNS:
            raise BadInput(f"rules: {name[:40]!r} is none of {', '.join(RULE_COLUMNS)}")
    cells = {
        **override.rules,
        "prefix": override.prefix or "*",
        "description": override.description,
        "rate": "" if override.rate is None else plain_decimal(override.rate),
        "connect_fee": plain_decimal(override.connect_fee),
        "initial": str(override.initial),
        "increment": str(override.increment),
        "effective": shown(override.effective),
        "expires": shown(override.expires),
        "blocked": shown(override.blocked),
        "origin": override.origin,
    }
    problems = Problems("")
    rate = read_rate(cells, 0, problems)
    if rate is None:
        raise BadInput("\n".join(text.removeprefix(":0: ") for text in problems.found))
    if rate.origin:
        txn.execute("SELECT 1 FROM origin_group WHERE name = %s", (rate.origin,))
        if txn.fetchone() is None:
            raise NotFound(f"origin: there is no group of callers {rate.origin[:40]!r}; add it first")
    return rate


def _read(txn: Cursor, owner: Mapping[str, int | None], rate: Rate) -> tuple[int, Override] | None:
    txn.execute(
        SELECT + " WHERE o.plan_id IS NOT DISTINCT FROM %s AND o.account_id IS NOT DISTINCT FROM %s"
        " AND o.prefix = %s AND o.effective_at = %s AND o.origin = %s",
        (owner["plan_id"], owner["account_id"], rate.prefix, rate.effective_at, rate.origin),
    )
    row = txn.fetchone()
    return None if row is None else (row[0], _override_of(row[1], row[2], _rate_of(row[3:])))


def _rate_of(columns: tuple[Any, ...]) -> Rate:
    *plain, rules = columns
    text = None if rules is None else json.dumps(rules, sort_keys=True)
    return Rate(**dict(zip(COLUMNS, (*plain, text), strict=True)))


def _override_of(plan: str | None, account: str | None, rate: Rate) -> Override:
    effective: datetime | None = None if rate.effective_at == ALWAYS else rate.effective_at
    return Override(
        prefix=rate.prefix,
        plan=plan,
        account=account,
        rate=amount_of(rate.price_nano, NANO_DECIMALS),
        initial=rate.initial_s,
        increment=rate.increment_s,
        connect_fee=amount_of(rate.connect_fee_micros, MICRO_DECIMALS) or Decimal(0),
        description=rate.description,
        effective=effective,
        expires=rate.expires_at,
        blocked=rate.blocked,
        origin=rate.origin,
        rules=cells_of(rate.rules),
    )
