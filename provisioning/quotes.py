"""What a call would cost under a plan, before anybody makes it: rated by the engine that rates real calls."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg2.extensions import cursor as Cursor

from provisioning import numbers
from provisioning.roles import Actor, reached_accounts
from radiusd.errors import BadInput, NotFound
from rating.deck_builder import LONGEST_PREFIX
from rating.decks import Deck
from rating.engine import rate_call
from rating.increments import LONGEST_S
from rating.money import Mode, Rounding
from rating.rates import Rate
from rating.ratings import Rating


@dataclass(frozen=True, slots=True)
class Quote:
    """A call's price; included minutes are left out, for a plan has none but each service its own."""

    deck: str
    version: int
    currency: str
    rate: Rate
    rating: Rating


def quote(txn: Cursor, plan: str, called: str, duration_s: int, at: datetime, calling: str = "") -> Quote:
    """
    Return what a call of *duration_s* to *called*, answered at *at*, costs under *plan*.

    Raises:
        NotFound: There is no such plan, its deck is empty, or it has no rate for the number.
        BadInput: The destination is blocked, or an argument is wrong.
    """
    number = numbers.e164("to", called)
    if not 0 <= duration_s <= LONGEST_S:
        raise BadInput(f"seconds: {duration_s} is not from 0 to {LONGEST_S}")
    terms = _terms(txn, plan, at)
    rate = _rates(txn, terms["version_id"], number).lookup(number, at, calling)
    if rate is None:
        raise NotFound(f"to: deck {terms['deck']} has no rate for {number} at {at:%Y-%m-%d}; import one")
    if rate.blocked:
        raise BadInput(f"to: prefix {rate.prefix} is blocked in deck {terms['deck']}")
    if terms["initial_s"] is not None:
        rate = rate.with_increments(terms["initial_s"], terms["increment_s"])
    rounding = Rounding(terms["rounding_decimals"], Mode(terms["rounding_mode"]))
    rating = rate_call(rate, called=number, answer_at=at, duration_s=duration_s, rounding=rounding)
    return Quote(terms["deck"], terms["number"], terms["currency"], rate, rating)


def _terms(txn: Cursor, plan: str, at: datetime) -> dict[str, Any]:
    """Return the plan's fields with its deck's version for *at*, chosen as for a real call."""
    txn.execute(
        "SELECT p.initial_s, p.increment_s, p.rounding_decimals, p.rounding_mode, d.name AS deck, d.currency,"
        " v.id AS version_id, v.number, v.active_from FROM plan p JOIN deck d ON d.id = p.deck_id"
        " LEFT JOIN deck_version v ON v.deck_id = d.id WHERE p.code = %s"
        " ORDER BY v.active_from DESC, v.number DESC",
        (plan,),
    )
    names = [column.name for column in txn.description or ()]
    versions = [dict(zip(names, row, strict=True)) for row in txn.fetchall()]
    if not versions:
        raise NotFound(f"plan {plan} does not exist; add it first")
    if versions[0]["version_id"] is None:
        raise NotFound(f"deck {versions[0]['deck']} has no rates; import some")
    return next((version for version in versions if version["active_from"] <= at), versions[-1])


def _rates(txn: Cursor, version_id: int, number: str) -> Deck:
    """Return a deck of the rates that could be the number's: those of its prefixes."""
    prefixes = [number[:length] for length in range(min(len(number), LONGEST_PREFIX) + 1)]
    txn.execute(
        "SELECT prefix, description, price_nano, connect_fee_micros, initial_s, increment_s, effective_at,"
        " expires_at, blocked FROM rate WHERE deck_version_id = %s AND prefix = ANY(%s) ORDER BY prefix",
        (version_id, prefixes),
    )
    return Deck.build(txn.fetchall())


def quote_for(
    txn: Cursor,
    actor: Actor,
    plan: str,
    called: str,
    duration_s: int,
    at: datetime,
    calling: str = "",
) -> Quote:
    """
    Return what :func:`quote` does, to who may know.

    Raises:
        NotFound: As :func:`quote`; or no service that *actor* reaches is on the plan.
        Forbidden: *actor* may not look at calls.
    """
    actor.require("calls:read")
    reached = reached_accounts(txn, actor)
    if reached is not None and not actor.may("plans:read"):
        txn.execute(
            "SELECT 1 FROM service s JOIN plan p ON p.id = s.plan_id"
            " WHERE p.code = %s AND s.account_id = ANY(%s) LIMIT 1",
            (plan, reached),
        )
        if txn.fetchone() is None:
            raise NotFound(f"plan {plan} does not exist; add it first")
    return quote(txn, plan, called, duration_s, at, calling)
