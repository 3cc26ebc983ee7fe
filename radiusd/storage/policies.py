"""Read policies, and who keeps to which: where accounts and services may call, how fast, and for how much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg2.extensions import cursor as Cursor

from radiusd.calls.policies import Guards, Level, Policy, read_place, read_rule

EMERGENCY_SET = "emergency"
"""The destination set whose prefixes are, taken as whole numbers, the emergency numbers of every account."""


@dataclass(frozen=True, slots=True)
class Policies:
    """Policies by id, and the emergency numbers: of everybody, and of those who keep to a policy."""

    by_id: Mapping[int, Policy] = field(default_factory=dict)
    emergency: Mapping[int | None, frozenset[str]] = field(default_factory=lambda: {None: frozenset()})


def load_policies(txn: Cursor) -> Policies:
    """Return all policies. Destination sets cannot be removed, so every rule still means something."""
    txn.execute("SELECT name, prefixes FROM destination_set")
    sets: dict[str, Sequence[str]] = dict(txn.fetchall())
    everybody = frozenset(sets.get(EMERGENCY_SET, ()))
    txn.execute(
        "SELECT id, name, barred, allowed, max_price_nano, max_call_micros, distinct_warn, distinct_block,"
        " sequential_warn, sequential_block, dear_warn, dear_block, dear, window_s, block_s, emergency"
        " FROM policy"
    )
    names = [column.name for column in txn.description or ()]
    by_id: dict[int, Policy] = {}
    emergency: dict[int | None, frozenset[str]] = {None: everybody}
    for row in txn.fetchall():
        columns = dict(zip(names, row, strict=True))
        by_id[columns["id"]] = policy_of(columns, sets)
        emergency[columns["id"]] = everybody | set(columns["emergency"])
    return Policies(by_id, emergency)


def policy_of(columns: Mapping[str, Any], sets: Mapping[str, Sequence[str]]) -> Policy:
    """Return the policy of a row. Raises ValueError when a rule of it means nothing."""
    levels = {
        name: Level(columns[f"{name}_warn"], columns[f"{name}_block"])
        for name in ("distinct", "sequential", "dear")
    }
    dear = [prefix for place in columns["dear"] for prefix in read_place(place, sets)]
    guards = Guards(
        **levels, dear_prefixes=tuple(dear), window_s=columns["window_s"], block_s=columns["block_s"]
    )
    return Policy(
        name=columns["name"],
        barred=tuple(read_rule(text, sets) for text in columns["barred"]),
        allowed=tuple(read_rule(text, sets) for text in columns["allowed"]),
        max_price_nano=columns["max_price_nano"],
        max_call_micros=columns["max_call_micros"],
        guards=guards if any(level.most for level in levels.values()) else None,
    )
