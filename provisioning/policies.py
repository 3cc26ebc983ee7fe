"""Policies: where accounts and services may call and when, at what price, and what a burst looks like."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from psycopg2.extensions import cursor as Cursor

from provisioning import names
from provisioning.admin import Admin, Change, compare, record
from provisioning.amounts import MICRO_DECIMALS, NANO_DECIMALS, amount_of, micros, nanos
from provisioning.rows import save
from radiusd.errors import BadInput, Conflict, NotFound

if TYPE_CHECKING:  # accounts and services import us, and the reader of rules is slow to load
    from radiusd.calls.policies import Level

MOST = 200
"""The highest level of a guard: so many called numbers are remembered of an account."""

HIGHEST_CPS = Decimal(100_000)
_LEVEL = re.compile(r"([0-9]{1,3}|-)/([0-9]{1,3}|-)", re.ASCII)
_NUMBER = re.compile(r"[0-9*#]{2,15}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """
    Rules that many accounts and services may share.

    *barred* and *allowed* are rules ``PLACE [DAYS] [HOURS]``; *dear* are places. The guards are levels
    ``WARN/BLOCK``, either of which may be ``-``, within *window_s*.
    """

    name: str
    barred: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    max_price: Decimal | None = None
    max_call_cost: Decimal | None = None
    distinct_numbers: str | None = None
    sequential_numbers: str | None = None
    dear_calls: str | None = None
    dear: tuple[str, ...] = ()
    window_s: int = 60
    block_s: int = 300
    emergency: tuple[str, ...] = ()


HELPS = {
    "barred": "Where nobody may call: PLACE, PLACE sat,sun or PLACE mon-fri 18:00-08:00.",
    "allowed": "Where one may call, in the same form; when there are any, nowhere else.",
    "max_price": "Highest price of a minute; new: no limit.",
    "max_call_cost": "Most that one call may cost; new: no limit.",
    "distinct_numbers": "WARN/BLOCK: so many different numbers within the window, as 20/40 or 20/-.",
    "sequential_numbers": "WARN/BLOCK: so many numbers that follow each other.",
    "dear_calls": "WARN/BLOCK: so many calls to dear destinations.",
    "dear": "Dear destination: prefix or destination set.",
    "window_s": "Seconds that the guards look back; new: 60.",
    "block_s": "Seconds that they refuse calls when they have closed; new: 300.",
    "emergency": "Number that nothing bars but full channels, beside the destination set 'emergency'.",
}


def add_policy(txn: Cursor, policy: Policy, admin: Admin) -> Change:
    """Add *policy*. Raises Conflict when it exists."""
    if _read(txn, policy.name) is not None:
        raise Conflict(f"policy {policy.name} exists already; change it with set")
    return set_policy(txn, policy, admin)


def set_policy(txn: Cursor, policy: Policy, admin: Admin) -> Change:
    """Make the policy be as *policy* says, whether it exists or not."""
    admin.require("plans:write")
    change = put_policy(txn, policy)
    record(txn, admin, [change])
    return change


def put_policy(txn: Cursor, policy: Policy) -> Change:
    """Make the policy be as *policy* says; the caller records the change. Raises BadInput."""
    policy, columns = _checked(policy, _destination_sets(txn))
    found = _read(txn, policy.name)
    row_id, current = (None, None) if found is None else found
    change = compare("policy", policy.name, current, policy)
    if change:
        save(txn, "policy", row_id, columns)
    return change


def list_policies(txn: Cursor) -> list[Policy]:
    """Return all policies by name."""
    txn.execute(SELECT + " ORDER BY name")
    return [_policy_of(txn, row) for row in txn.fetchall()]


def read_policy(txn: Cursor, name: str) -> Policy:
    """Return the policy *name*. Raises NotFound."""
    found = _read(txn, name)
    if found is None:
        raise NotFound(f"policy {name} does not exist; add it first")
    return found[1]


def policy_id(txn: Cursor, field: str, name: str | None) -> int | None:
    """Return the id of the policy that *field* names, None when it names none. Raises NotFound."""
    if name is None:
        return None
    found = _read(txn, name)
    if found is None:
        raise NotFound(f"{field}: policy {name} does not exist; add it first")
    return found[0]


def cps_milli(field: str, value: Decimal | None) -> int | None:
    """Return calls per second as thousandths, as they are kept; None as None. Raises BadInput."""
    if value is None:
        return None
    milli = value * 1000
    if not 0 < value <= HIGHEST_CPS or milli != int(milli):
        raise BadInput(f"{field}: {value} is not from 0.001 to {HIGHEST_CPS} with up to three decimals")
    return int(milli)


def cps_of(milli: int | None) -> Decimal | None:
    """Return thousandths of a call per second as an admin writes them."""
    return None if milli is None else Decimal(milli).scaleb(-3)


SELECT = """
SELECT id, name, barred, allowed, max_price_nano, max_call_micros, distinct_warn, distinct_block,
    sequential_warn, sequential_block, dear_warn, dear_block, dear, window_s, block_s, emergency
FROM policy
"""


def _checked(policy: Policy, sets: Mapping[str, Sequence[str]]) -> tuple[Policy, dict[str, Any]]:
    """Return *policy* in one spelling, and its columns."""
    from radiusd.calls.policies import read_rule

    policy = replace(
        policy,
        name=names.name("name", policy.name),
        barred=_each("barred", policy.barred, lambda text: read_rule(text, sets).text),
        allowed=_each("allowed", policy.allowed, lambda text: read_rule(text, sets).text),
        dear=_each("dear", policy.dear, lambda text: _place(text.strip(), sets)),
        emergency=_each("emergency", policy.emergency, _emergency),
    )
    distinct = _level("distinct_numbers", policy.distinct_numbers)
    sequential = _level("sequential_numbers", policy.sequential_numbers)
    dear = _level("dear_calls", policy.dear_calls)
    if dear.most and not policy.dear:
        raise BadInput("dear: name the destinations that dear_calls counts")
    if min(filter(None, sequential), default=2) < 2:
        raise BadInput("sequential_numbers: one number is no sequence; begin at 2")
    return policy, {
        "name": policy.name,
        "barred": list(policy.barred),
        "allowed": list(policy.allowed),
        "max_price_nano": nanos("max_price", policy.max_price),
        "max_call_micros": _money("max_call_cost", policy.max_call_cost),
        **_level_columns("distinct", distinct),
        **_level_columns("sequential", sequential),
        **_level_columns("dear", dear),
        "dear": list(policy.dear),
        "window_s": names.whole("window_s", policy.window_s, 1, 3600),
        "block_s": names.whole("block_s", policy.block_s, 1, 86400),
        "emergency": list(policy.emergency),
    }


def _each(field: str, texts: Sequence[str], read: Callable[[str], str]) -> tuple[str, ...]:
    """Return what *read* makes of each of *texts*, in their order, each once."""
    try:
        return tuple(dict.fromkeys(read(text) for text in texts))
    except ValueError as error:
        raise BadInput(f"{field}: {error}") from error


def _place(text: str, sets: Mapping[str, Sequence[str]]) -> str:
    from radiusd.calls.policies import read_place

    read_place(text, sets)
    return text


def _emergency(text: str) -> str:
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{text[:20]!r} is no number as it is dialled, like 112; write 2 to 15 digits")
    return text


def _level(field: str, text: str | None) -> Level:
    """Return the level in ``20/40``, ``20/-`` or ``-/40``."""
    from radiusd.calls.policies import Level

    if text is None:
        return Level(None, None)
    found = _LEVEL.fullmatch(text)
    if found is None:
        raise BadInput(f"{field}: {text[:20]!r} is not WARN/BLOCK, like 20/40, 20/- or -/40")
    warn, block = (None if part == "-" else int(part) for part in found.groups())
    if any(not 0 < part <= MOST for part in (warn, block) if part is not None):
        raise BadInput(f"{field}: {text}: each is from 1 to {MOST}")
    if warn is not None and block is not None and warn > block:
        raise BadInput(f"{field}: {text}: it would block before it warns")
    return Level(warn, block)


def _level_columns(name: str, level: Level) -> dict[str, int | None]:
    return {f"{name}_warn": level.warn, f"{name}_block": level.block}


def _money(field: str, value: Decimal | None) -> int | None:
    if value is None:
        return None
    found = micros(field, value)
    if found < 0:
        raise BadInput(f"{field}: {value} is negative")
    return found


def _destination_sets(txn: Cursor) -> dict[str, Sequence[str]]:
    txn.execute("SELECT name, prefixes FROM destination_set")
    return dict(txn.fetchall())


def _read(txn: Cursor, name: str) -> tuple[int, Policy] | None:
    txn.execute(SELECT + " WHERE name = %s", (name,))
    row = txn.fetchone()
    return None if row is None else (row[0], _policy_of(txn, row))


def _policy_of(txn: Cursor, row: tuple[Any, ...]) -> Policy:
    columns = {column.name: value for column, value in zip(txn.description or (), row, strict=True)}

    def level(name: str) -> str | None:
        warn, block = columns[f"{name}_warn"], columns[f"{name}_block"]
        return None if warn is None and block is None else f"{warn or '-'}/{block or '-'}"

    return Policy(
        name=columns["name"],
        barred=tuple(columns["barred"]),
        allowed=tuple(columns["allowed"]),
        max_price=amount_of(columns["max_price_nano"], NANO_DECIMALS),
        max_call_cost=amount_of(columns["max_call_micros"], MICRO_DECIMALS),
        distinct_numbers=level("distinct"),
        sequential_numbers=level("sequential"),
        dear_calls=level("dear"),
        dear=tuple(columns["dear"]),
        window_s=columns["window_s"],
        block_s=columns["block_s"],
        emergency=tuple(columns["emergency"]),
    )
