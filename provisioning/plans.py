"""Plans: which deck prices a service's calls, how time is counted and money rounded."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg2.extensions import cursor as Cursor

from provisioning import names
from provisioning.admin import Admin, Change, compare, record
from provisioning.rows import save
from radiusd.errors import BadInput, Conflict, NotFound
from rating.money import Mode

MAX_DECIMALS = 6  # the books keep micro-units
LONGEST_INCREMENT_S = 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    How calls are priced.

    *inbound_deck* None: inbound calls cost nothing. *initial_s* and *increment_s*, both or neither, count
    time in place of what each rate says.
    """

    code: str
    name: str = ""
    deck: str
    inbound_deck: str | None = None
    initial_s: int | None = None
    increment_s: int | None = None
    rounding_decimals: int = 4
    rounding_mode: str = "half_up"


def add_plan(txn: Cursor, plan: Plan, admin: Admin) -> Change:
    """Add *plan*. Raises Conflict when it exists."""
    if find_plan(txn, plan.code) is not None:
        raise Conflict(f"plan {plan.code} exists already; change it with set")
    return set_plan(txn, plan, admin)


def set_plan(txn: Cursor, plan: Plan, admin: Admin) -> Change:
    """Make the plan be as *plan* says, whether it exists or not. Open calls keep what they began with."""
    change = put_plan(txn, plan)
    record(txn, admin, [change])
    return change


def put_plan(txn: Cursor, plan: Plan) -> Change:
    """Make the plan be as *plan* says; the caller records the change."""
    columns = _columns(plan)
    deck_id, currency = _deck(txn, "deck", plan.deck)
    inbound_id, inbound_currency = (
        (None, currency) if plan.inbound_deck is None else _deck(txn, "inbound_deck", plan.inbound_deck)
    )
    if inbound_currency != currency:
        raise Conflict(
            f"inbound_deck: {plan.inbound_deck} is in {inbound_currency}, deck {plan.deck} in {currency}; "
            "a plan has one currency"
        )
    found = find_plan(txn, plan.code)
    row_id, current = (None, None) if found is None else found
    change = compare("plan", plan.code, current, plan)
    if change:
        if row_id is not None:
            _keep_currency(txn, row_id, currency)
        save(txn, "plan", row_id, {**columns, "deck_id": deck_id, "inbound_deck_id": inbound_id})
    return change


def list_plans(txn: Cursor) -> list[Plan]:
    """Return all plans by code."""
    txn.execute(SELECT + " ORDER BY p.code")
    return [_plan_of(row[1:]) for row in txn.fetchall()]


def find_plan(txn: Cursor, code: str) -> tuple[int, Plan] | None:
    """Return the id and the plan *code*, None when there is none."""
    txn.execute(SELECT + " WHERE p.code = %s", (code,))
    row = txn.fetchone()
    return None if row is None else (row[0], _plan_of(row[1:]))


def read_plan(txn: Cursor, code: str) -> tuple[int, Plan]:
    """Return the id and the plan *code*. Raises NotFound."""
    found = find_plan(txn, code)
    if found is None:
        raise NotFound(f"plan {code} does not exist; add it first")
    return found


SELECT = """
SELECT p.id, p.code, p.name, d.name, i.name, p.initial_s, p.increment_s, p.rounding_decimals, p.rounding_mode
FROM plan p JOIN deck d ON d.id = p.deck_id LEFT JOIN deck i ON i.id = p.inbound_deck_id
"""


def _columns(plan: Plan) -> dict[str, object]:
    """Return the columns that need no look-up. Raises BadInput when a field is wrong."""
    if (plan.initial_s is None) != (plan.increment_s is None):
        raise BadInput("increment_s: give initial_s and increment_s, or neither to count as each rate says")
    modes = [mode.value for mode in Mode]
    if plan.rounding_mode not in modes:
        raise BadInput(f"rounding_mode: {plan.rounding_mode!r} is none of {', '.join(modes)}")
    return {
        "code": names.name("code", plan.code),
        "name": names.prose("name", plan.name),
        "initial_s": names.whole("initial_s", plan.initial_s, 1, LONGEST_INCREMENT_S),
        "increment_s": names.whole("increment_s", plan.increment_s, 1, LONGEST_INCREMENT_S),
        "rounding_decimals": names.whole("rounding_decimals", plan.rounding_decimals, 0, MAX_DECIMALS),
        "rounding_mode": plan.rounding_mode,
    }


def _deck(txn: Cursor, field: str, name: str) -> tuple[int, str]:
    txn.execute("SELECT id, currency FROM deck WHERE name = %s", (name,))
    row = txn.fetchone()
    if row is None:
        raise NotFound(f"{field}: deck {name} does not exist; import it first")
    return row[0], row[1]


def _keep_currency(txn: Cursor, plan_id: int, currency: str) -> None:
    """Refuse a deck whose currency is not that of the accounts which have the plan."""
    txn.execute(
        "SELECT a.code, a.currency FROM service s JOIN account a ON a.id = s.account_id"
        " WHERE s.plan_id = %s AND a.currency <> %s LIMIT 1",
        (plan_id, currency),
    )
    row = txn.fetchone()
    if row is not None:
        raise Conflict(f"deck: it is in {currency}, and account {row[0]}, which has this plan, in {row[1]}")


def _plan_of(row: tuple[object, ...]) -> Plan:
    return Plan(**dict(zip(Plan.__slots__, row, strict=True)))  # type: ignore[arg-type]  # as SELECT names them
