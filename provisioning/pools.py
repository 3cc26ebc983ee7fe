"""Pools: included minutes of one account, once or each period, for all or some of its services."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import tzinfo

from psycopg2.extensions import cursor as Cursor

from provisioning import buckets, names
from provisioning.accounts import read_account
from provisioning.admin import Action, Admin, Change, compare, record
from provisioning.buckets import grant_columns
from provisioning.destinations import destination_set_id
from provisioning.moments import Moment, instant, zone_named
from provisioning.rows import save
from radiusd.calls.directory import Cycle
from radiusd.errors import BadInput, Conflict, NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """
    Included time of *account*, from *valid_from* up to, not including, *valid_to*.

    *services* name those that share it, as numbers, extensions, trunks or networks; none: all of the
    account's. *cycle* once: given once; else anew each period, which begins on the first of the month or on
    the day of the month of *valid_from*. Other fields are those of a plan's bucket.
    """

    account: str
    name: str
    seconds: int
    valid_from: Moment
    valid_to: Moment | None = None
    services: tuple[str, ...] = ()
    destinations: str | None = None
    priority: int = 0
    clock_initial_s: int | None = None
    clock_increment_s: int | None = None
    cycle: str = "once"
    prorate: bool = False
    rollover_cap_s: int | None = None
    rollover_periods: int = 0
    direction: str = "out"
    partial: str = "split"
    exhausted: str = "pay"

    @property
    def key(self) -> str:
        """What an admin calls the pool."""
        return f"{self.account}/{self.name}"


HELPS = {
    "valid_from": "From when on; a day begins where the account is.",
    "valid_to": "Until when, not included.",
    "services": "A service that shares it: number, extension, trunk or network. None named: all.",
    **{field: text for field, text in buckets.HELPS.items() if field not in ("shared", "cycle")},
    "cycle": "Given once, or anew each month. New pools: once.",
}


WORDS: Mapping[str, tuple[str, ...]] = {
    **{field: words for field, words in buckets.WORDS.items() if field != "shared"},
    "cycle": names.words(Cycle),
}
"""What the fields of closed sets may say."""


def add_pool(txn: Cursor, pool: Pool, admin: Admin) -> Change:
    """Add *pool* to its account. Raises Conflict when it exists."""
    if pool.name in _read(txn, pool.account):
        raise Conflict(f"pool {pool.key} exists already; change it with set")
    return set_pool(txn, pool, admin)


def set_pool(txn: Cursor, pool: Pool, admin: Admin) -> Change:
    """Make the pool be as *pool* says. Periods that have begun keep the seconds that they were given."""
    change = put_pool(txn, pool)
    record(txn, admin, [change])
    return change


def put_pool(txn: Cursor, pool: Pool) -> Change:
    """Make the pool be as *pool* says; the caller records the change."""
    account_id, account = read_account(txn, pool.account)
    pool = _normalised(pool, zone_named("timezone", account.timezone))
    columns = {
        **grant_columns(pool),
        "cycle": names.word("cycle", pool.cycle, WORDS["cycle"]),
        "destination_set_id": destination_set_id(txn, "destinations", pool.destinations),
        "services": _service_ids(txn, account_id, pool) if pool.services else None,
        "valid_from": pool.valid_from,
        "valid_to": pool.valid_to,
    }
    row_id, current = _read(txn, pool.account).get(pool.name, (None, None))
    change = compare("pool", pool.key, current, pool)
    if change:
        save(txn, "account_bucket", row_id, {**columns, "account_id": account_id})
    return change


def remove_pool(txn: Cursor, account: str, name: str, admin: Admin) -> Change:
    """Take the pool from its account: calls that begin from now on draw nothing from it. Raises NotFound."""
    found = _read(txn, account).get(name)
    if found is None:
        raise NotFound(f"pool {account}/{name} does not exist")
    txn.execute("DELETE FROM account_bucket WHERE id = %s", (found[0],))
    change = Change(Action.REMOVED, "pool", found[1].key)
    record(txn, admin, [change])
    return change


def list_pools(txn: Cursor, account: str | None = None) -> list[Pool]:
    """Return the pools of *account*, or of all accounts."""
    txn.execute(SELECT + " WHERE %s::text IS NULL OR a.code = %s ORDER BY a.code, b.name", (account, account))
    return [_pool_of(row[1:]) for row in txn.fetchall()]


SELECT = """
SELECT b.id, a.code, b.name, b.included_s, b.valid_from, b.valid_to,
    array(SELECT s.name FROM service s WHERE s.id = ANY (b.services) ORDER BY s.name),
    d.name, b.priority, b.clock_initial_s, b.clock_increment_s, b.cycle, b.prorate, b.rollover_cap_s,
    b.rollover_periods, b.direction, b.partial, b.exhausted
FROM account_bucket b JOIN account a ON a.id = b.account_id
LEFT JOIN destination_set d ON d.id = b.destination_set_id
"""


def _read(txn: Cursor, account: str) -> dict[str, tuple[int, Pool]]:
    """Return the pools of *account* with their ids, by name. Raises NotFound when there is no account."""
    read_account(txn, account)
    txn.execute(SELECT + " WHERE a.code = %s", (account,))
    return {row[2]: (row[0], _pool_of(row[1:])) for row in txn.fetchall()}


def _pool_of(row: tuple[object, ...]) -> Pool:
    pool = Pool(**dict(zip(Pool.__slots__, row, strict=True)))  # type: ignore[arg-type]  # SELECT's order
    return replace(pool, services=tuple(sorted(set(pool.services))))  # a number may have been there before


def _normalised(pool: Pool, zone: tzinfo) -> Pool:
    valid_from = instant("valid_from", pool.valid_from, zone)
    valid_to = None if pool.valid_to is None else instant("valid_to", pool.valid_to, zone)
    if valid_to is not None and valid_to <= valid_from:
        raise BadInput(f"valid_to: {pool.valid_to} is not after valid_from, {pool.valid_from}")
    if pool.cycle == Cycle.ONCE and (pool.prorate or pool.rollover_periods):
        raise BadInput("cycle: minutes that are given once have no periods to prorate or to roll over into")
    return replace(pool, valid_from=valid_from, valid_to=valid_to, services=tuple(sorted(set(pool.services))))


def _service_ids(txn: Cursor, account_id: int, pool: Pool) -> list[int]:
    """Return the ids of the services that *pool* names. Raises NotFound for the first that is not there."""
    txn.execute(
        "SELECT name, id FROM service WHERE account_id = %s AND name = ANY (%s) ORDER BY id",
        (account_id, list(pool.services)),
    )
    found = txn.fetchall()
    known = {name for name, _ in found}
    for name in pool.services:
        if name not in known:
            raise NotFound(f"services: account {pool.account} has no service {name}; add it first")
    return [service_id for _, service_id in found]
