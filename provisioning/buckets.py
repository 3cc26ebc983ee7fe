"""Buckets: the included minutes that a plan grants each period, for some destinations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg2.extensions import cursor as Cursor

from provisioning import names
from provisioning.admin import Action, Admin, Change, compare, record
from provisioning.destinations import destination_set_id
from provisioning.plans import LONGEST_INCREMENT_S, read_plan
from provisioning.rows import save
from radiusd.calls.directory import Cycle
from radiusd.errors import BadInput, Conflict, NotFound
from rating.buckets import Direction, Partial

if TYPE_CHECKING:
    from provisioning.pools import Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """
    Included time of *plan*.

    *destinations* names a destination set; None: every destination. Buckets of higher *priority* pay first.
    *clock_initial_s* and *clock_increment_s*, both or neither, count time in place of what the rate says.
    *shared* among the services of an account, or each service has its own. *cycle*: filled on the first of
    the month, or on the day of the service's activation. *prorate*: by the days of the period that the
    service holds. Up to *rollover_cap_s* of what is unused may be used for *rollover_periods* more. *partial*
    skip leaves alone what cannot pay a whole increment; *exhausted* block refuses what money would pay.
    """

    plan: str
    name: str
    seconds: int
    destinations: str | None = None
    priority: int = 0
    clock_initial_s: int | None = None
    clock_increment_s: int | None = None
    shared: str = "service"
    cycle: str = "calendar"
    prorate: bool = False
    rollover_cap_s: int | None = None
    rollover_periods: int = 0
    direction: str = "out"
    partial: str = "split"
    exhausted: str = "pay"

    @property
    def key(self) -> str:
        """What an admin calls the bucket."""
        return f"{self.plan}/{self.name}"


HELPS = {
    "destinations": "Destination set that it pays for; new buckets: every destination.",
    "priority": "Buckets of higher priority pay first. New buckets: 0.",
    "clock_initial_s": "First step in seconds that it counts, in place of the rate's increments.",
    "clock_increment_s": "Following steps in seconds; with --clock-initial-s.",
    "shared": "One for each service, or one for all services of an account. New buckets: service.",
    "cycle": "Filled on the first of the month, or on the day of the activation. New buckets: calendar.",
    "prorate": "Only for the days of the period on which the service holds.",
    "rollover_cap_s": "Seconds that roll over at most.",
    "rollover_periods": "Periods for which unused seconds stay. New buckets: 0.",
    "direction": "Calls that it pays for. New buckets: out.",
    "partial": "Whether it pays part of an increment. New buckets: split.",
    "exhausted": "Whether money pays when it is empty, or the call is refused. New buckets: pay.",
}


MOST_PERIODS = 12  # that unused minutes may roll over
WORDS: Mapping[str, tuple[str, ...]] = {
    "shared": ("service", "account"),
    "cycle": (Cycle.CALENDAR.value, Cycle.ANNIVERSARY.value),
    "direction": names.words(Direction),
    "partial": names.words(Partial),
    "exhausted": ("pay", "block"),
}
"""What the fields of closed sets may say."""


def add_bucket(txn: Cursor, bucket: Bucket, admin: Admin) -> Change:
    """Add *bucket* to its plan. Raises Conflict when it exists."""
    if bucket.name in _read(txn, bucket.plan):
        raise Conflict(f"bucket {bucket.key} exists already; change it with set")
    return set_bucket(txn, bucket, admin)


def set_bucket(txn: Cursor, bucket: Bucket, admin: Admin) -> Change:
    """Make the bucket be as *bucket* says. Months that have begun keep the seconds that they were given."""
    change = put_bucket(txn, bucket)
    record(txn, admin, [change])
    return change


def remove_bucket(txn: Cursor, plan: str, name: str, admin: Admin) -> Change:
    """Take the bucket from its plan: calls that begin from now on draw nothing from it. Raises NotFound."""
    found = _read(txn, plan).get(name)
    if found is None:
        raise NotFound(f"bucket {plan}/{name} does not exist")
    change = delete_bucket(txn, *found)
    record(txn, admin, [change])
    return change


def put_bucket(txn: Cursor, bucket: Bucket) -> Change:
    """Make the bucket be as *bucket* says; the caller records the change."""
    columns = _columns(txn, bucket)
    row_id, current = _read(txn, bucket.plan).get(bucket.name, (None, None))
    change = compare("bucket", bucket.key, current, bucket)
    if change:
        plan_id, _ = read_plan(txn, bucket.plan)
        save(txn, "plan_bucket", row_id, {**columns, "plan_id": plan_id})
    return change


def keep_only(txn: Cursor, plan: str, wanted: set[str]) -> list[Change]:
    """Delete the plan's buckets that *wanted* does not name; the caller records the changes."""
    return [delete_bucket(txn, *found) for name, found in _read(txn, plan).items() if name not in wanted]


def delete_bucket(txn: Cursor, row_id: int, bucket: Bucket) -> Change:
    """Delete a row of ``plan_bucket``; what months have used of it stays in the books."""
    txn.execute("DELETE FROM plan_bucket WHERE id = %s", (row_id,))
    return Change(Action.REMOVED, "bucket", bucket.key)


def list_buckets(txn: Cursor, plan: str | None = None) -> list[Bucket]:
    """Return the buckets of *plan*, or of all plans."""
    txn.execute(SELECT + " WHERE %s IS NULL OR p.code = %s ORDER BY p.code, b.name", (plan, plan))
    return [_bucket_of(row[1:]) for row in txn.fetchall()]


SELECT = """
SELECT b.id, p.code, b.name, b.included_s, d.name, b.priority, b.clock_initial_s, b.clock_increment_s,
    b.shared, b.cycle, b.prorate, b.rollover_cap_s, b.rollover_periods, b.direction, b.partial, b.exhausted
FROM plan_bucket b JOIN plan p ON p.id = b.plan_id LEFT JOIN destination_set d ON d.id = b.destination_set_id
"""


def _read(txn: Cursor, plan: str) -> dict[str, tuple[int, Bucket]]:
    """Return the buckets of *plan* with their ids, by name. Raises NotFound when there is no such plan."""
    read_plan(txn, plan)
    txn.execute(SELECT + " WHERE p.code = %s", (plan,))
    return {row[2]: (row[0], _bucket_of(row[1:])) for row in txn.fetchall()}


def _bucket_of(row: tuple[object, ...]) -> Bucket:
    return Bucket(**dict(zip(Bucket.__slots__, row, strict=True)))  # type: ignore[arg-type]  # SELECT's order


def _columns(txn: Cursor, bucket: Bucket) -> dict[str, object]:
    """Return all columns but the plan's. Raises BadInput when a field is wrong."""
    if bucket.shared == "account" and (bucket.cycle != Cycle.CALENDAR or bucket.prorate):
        raise BadInput(
            "shared: services of one account begin on different days; an account's bucket has the calendar's "
            "cycle and is not prorated (or give it to the account itself: tollwire pool add)"
        )
    return {
        **grant_columns(bucket),
        "shared": names.word("shared", bucket.shared, WORDS["shared"]),
        "cycle": names.word("cycle", bucket.cycle, WORDS["cycle"]),
        "destination_set_id": destination_set_id(txn, "destinations", bucket.destinations),
    }


def grant_columns(bucket: Bucket | Pool) -> dict[str, object]:
    """Return the columns that all buckets have. Raises BadInput when a field is wrong."""
    if (bucket.clock_initial_s is None) != (bucket.clock_increment_s is None):
        raise BadInput("clock_increment_s: give clock_initial_s and clock_increment_s, or neither")
    if bucket.rollover_cap_s is not None and not bucket.rollover_periods:
        raise BadInput("rollover_periods: nothing rolls over without; give it, or leave out rollover_cap_s")
    return {
        "name": names.name("name", bucket.name),
        "included_s": names.whole("seconds", bucket.seconds, 0),
        "priority": names.whole("priority", bucket.priority, -1000, 1000),
        "clock_initial_s": names.whole("clock_initial_s", bucket.clock_initial_s, 1, LONGEST_INCREMENT_S),
        "clock_increment_s": names.whole(
            "clock_increment_s", bucket.clock_increment_s, 1, LONGEST_INCREMENT_S
        ),
        "prorate": bucket.prorate,
        "rollover_cap_s": names.whole("rollover_cap_s", bucket.rollover_cap_s, 0),
        "rollover_periods": names.whole("rollover_periods", bucket.rollover_periods, 0, MOST_PERIODS),
        "direction": names.word("direction", bucket.direction, WORDS["direction"]),
        "partial": names.word("partial", bucket.partial, WORDS["partial"]),
        "exhausted": names.word("exhausted", bucket.exhausted, WORDS["exhausted"]),
    }
