"""Plans: which deck prices a service's calls, how time is counted and money rounded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg2.extensions import cursor as Cursor

from provisioning import names
from provisioning.admin import Admin, Change, compare, record
from provisioning.amounts import MICRO_DECIMALS, amount_of, fee
from provisioning.destinations import destination_set_id
from provisioning.rows import save
from radiusd.calls.directory import Cycle, OnNet
from radiusd.errors import BadInput, Conflict, NotFound
from rating.increments import DurationRounding
from rating.jurisdiction import Jurisdiction
from rating.money import Mode

MAX_DECIMALS = 6  # the books keep micro-units
ZERO = Decimal(0)
LONGEST_INCREMENT_S = 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    How calls are priced.

    *inbound_deck* None: inbound calls cost nothing; *outpayment_deck* says what they earn the customer.
    *initial_s* and *increment_s*, both or neither, count time in place of what each rate says. *on_net* says
    which calls to our own numbers are free, *free* names the destination set that is. *indeterminate_as* is
    the price of calls whose state nobody knows; *duration_rounding* makes whole seconds. Each service on the
    plan owes *monthly_fee* for each month, which begins on the first or on the day of its activation
    (*fee_cycle*), by its days with *prorate_fees*; and once *setup_fee*.
    """

    code: str
    name: str = ""
    deck: str
    inbound_deck: str | None = None
    initial_s: int | None = None
    increment_s: int | None = None
    rounding_decimals: int = 4
    rounding_mode: str = "half_up"
    outpayment_deck: str | None = None
    on_net: str = "rated"
    free: str | None = None
    indeterminate_as: str = "indeterminate"
    duration_rounding: str = "up"
    monthly_fee: Decimal = ZERO
    setup_fee: Decimal = ZERO
    fee_cycle: str = "calendar"
    prorate_fees: bool = True
    lrn_dip_fee: Decimal = ZERO  # of a call whose numbers were looked up


HELPS = {
    "name": "Name for people.",
    "deck": "Deck that prices outbound calls.",
    "inbound_deck": "Deck that prices inbound calls; new plans: they cost nothing.",
    "initial_s": "First increment in seconds, in place of what each rate says.",
    "increment_s": "Following increments in seconds; with --initial-s.",
    "rounding_decimals": "Decimals that a call's charge is rounded to, 0 to 6. New plans: 4.",
    "rounding_mode": "Which way. New plans: half_up.",
    "outpayment_deck": "Deck that says what inbound calls earn the customer; new plans: nothing.",
    "on_net": "Which calls to numbers of ours are free: none, the account's own, all. New plans: rated.",
    "free": "Destination set that costs nothing; new plans: none.",
    "indeterminate_as": "Price of US calls whose state nobody knows. New plans: indeterminate.",
    "monthly_fee": "Due each month for each service. New plans: 0.",
    "setup_fee": "Due once for each service. New plans: 0.",
    "fee_cycle": "Months of the calendar, or from the day of the activation. New plans: calendar.",
    "prorate_fees": "By the days of the month on which a service holds. New plans: yes.",
    "lrn_dip_fee": "On top of a call whose numbers were looked up. New plans: 0.",
    "duration_rounding": "How fractions of a second become whole ones. New plans: up.",
}


WORDS: Mapping[str, tuple[str, ...]] = {
    "rounding_mode": names.words(Mode),
    "on_net": names.words(OnNet),
    "indeterminate_as": names.words(Jurisdiction),
    "duration_rounding": names.words(DurationRounding),
    "fee_cycle": (Cycle.CALENDAR.value, Cycle.ANNIVERSARY.value),
}
"""What the fields of closed sets may say."""


def add_plan(txn: Cursor, plan: Plan, admin: Admin) -> Change:
    """Add *plan*. Raises Conflict when it exists."""
    if find_plan(txn, plan.code) is not None:
        raise Conflict(f"plan {plan.code} exists already; change it with set")
    return set_plan(txn, plan, admin)


def set_plan(txn: Cursor, plan: Plan, admin: Admin) -> Change:
    """Make the plan be as *plan* says, whether it exists or not. Open calls keep what they began with."""
    change = put_plan(txn, plan, admin.now)
    record(txn, admin, [change])
    return change


def put_plan(txn: Cursor, plan: Plan, now: datetime) -> Change:
    """
    Make the plan be as *plan* says; the caller records the change.

    Fees that a plan gets later are not due for the time before *now*.
    """
    columns = _columns(plan)
    deck_id, currency = _deck(txn, "deck", plan.deck)
    references = {
        "deck_id": deck_id,
        "inbound_deck_id": _deck_beside(txn, "inbound_deck", plan, currency),
        "outpayment_deck_id": _deck_beside(txn, "outpayment_deck", plan, currency),
        "free_set_id": destination_set_id(txn, "free", plan.free),
    }
    found = find_plan(txn, plan.code)
    row_id, current = (None, None) if found is None else found
    change = compare("plan", plan.code, current, plan)
    if change:
        if row_id is not None:
            _keep_currency(txn, row_id, currency)
        if current is not None and not (current.monthly_fee or current.setup_fee):
            columns["fees_from"] = now
        save(txn, "plan", row_id, {**columns, **references})
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
SELECT p.id, p.code, p.name, d.name, i.name, p.initial_s, p.increment_s, p.rounding_decimals, p.rounding_mode,
    o.name, p.on_net, f.name, p.indeterminate_as, p.duration_rounding, p.monthly_fee_micros,
    p.setup_fee_micros, p.fee_cycle, p.prorate_fees, p.lrn_dip_micros
FROM plan p JOIN deck d ON d.id = p.deck_id
LEFT JOIN deck i ON i.id = p.inbound_deck_id LEFT JOIN deck o ON o.id = p.outpayment_deck_id
LEFT JOIN destination_set f ON f.id = p.free_set_id
"""


def _columns(plan: Plan) -> dict[str, object]:
    """Return the columns that need no look-up. Raises BadInput when a field is wrong."""
    if (plan.initial_s is None) != (plan.increment_s is None):
        raise BadInput("increment_s: give initial_s and increment_s, or neither to count as each rate says")
    words = {field: names.word(field, getattr(plan, field), known) for field, known in WORDS.items()}
    return {
        **words,
        "monthly_fee_micros": fee("monthly_fee", plan.monthly_fee),
        "setup_fee_micros": fee("setup_fee", plan.setup_fee),
        "prorate_fees": plan.prorate_fees,
        "lrn_dip_micros": fee("lrn_dip_fee", plan.lrn_dip_fee),
        "code": names.name("code", plan.code),
        "name": names.prose("name", plan.name),
        "initial_s": names.whole("initial_s", plan.initial_s, 1, LONGEST_INCREMENT_S),
        "increment_s": names.whole("increment_s", plan.increment_s, 1, LONGEST_INCREMENT_S),
        "rounding_decimals": names.whole("rounding_decimals", plan.rounding_decimals, 0, MAX_DECIMALS),
    }


def _deck(txn: Cursor, field: str, name: str) -> tuple[int, str]:
    txn.execute("SELECT id, currency FROM deck WHERE name = %s", (name,))
    row = txn.fetchone()
    if row is None:
        raise NotFound(f"{field}: deck {name} does not exist; import it first")
    return row[0], row[1]


def _deck_beside(txn: Cursor, field: str, plan: Plan, currency: str) -> int | None:
    """Return the id of another deck of the plan, which has one currency."""
    name = getattr(plan, field)
    if name is None:
        return None
    deck_id, its_currency = _deck(txn, field, name)
    if its_currency != currency:
        raise Conflict(
            f"{field}: {name} is in {its_currency}, deck {plan.deck} in {currency}; a plan has one currency"
        )
    return deck_id


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
    values: dict[str, Any] = dict(zip(Plan.__slots__, row, strict=True))  # as SELECT names them
    for name in ("monthly_fee", "setup_fee", "lrn_dip_fee"):
        values[name] = amount_of(values[name], MICRO_DECIMALS)
    return Plan(**values)
