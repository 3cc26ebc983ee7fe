"""What calls cost us: by the trunk that they leave over, in whatever currency, and what the guard refuses."""

from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest

from radiusd.calls.directory import Directory
from radiusd.calls.events import Leg
from radiusd.calls.rows import CdrNote
from radiusd.calls.suppliers import Carriers, Exchange, Guard, Supplier
from radiusd.errors import Refusal
from rating.money import Rounding
from tests.builders import (
    LONG_AGO,
    NOW,
    UTC_ZONE,
    a_deck,
    a_plan,
    a_rate,
    a_service,
    a_stop,
    an_account,
    an_attempt,
    claims_of,
)
from tests.desk import Desk


def a_supplier(*rates: Any, id: int = 1, guard: Guard = Guard.OFF, currency: str = "USD") -> Supplier:
    """Return a supplier with *rates* (by default 0.02 a minute to anywhere)."""
    deck = a_deck(*(rates or (a_rate(price="0.02"),)), id=90 + id)
    if currency != "USD":
        deck = type(deck)(deck.id, deck.name, currency, deck.versions)
    return Supplier(id, f"carrier{id}", deck, UTC_ZONE, Rounding(), guard)


def a_desk(*suppliers: Supplier, exchange: Exchange | None = None, **account: Any) -> Desk:
    """Return books of a trunk at 0.06 a minute; supplier 1 is behind egress trunk ``out1``, and so on."""
    service = a_service(plan=a_plan(), account=an_account(**account))
    by_trunk = {(None, f"out{supplier.id}"): supplier for supplier in suppliers}
    carriers = Carriers(by_trunk, exchange)
    return Desk(Directory(1, [(service, claims_of(service))], carriers=carriers))


def test_a_call_carries_cost_and_margin():
    """
    A minute at 0.06 that costs 0.02 leaves 0.04; the supplier is owed in a line of its own.
    """
    desk = a_desk(a_supplier())
    desk.post(a_stop(NOW, 60, trunk_out="out1"))

    (cdr,) = desk.cdrs
    assert (1, 20_000, 40_000) == (cdr.supplier_id, cdr.cost_micros, cdr.margin_micros)
    assert ["usage", "cost"] == [line.kind for line in desk.postings]
    assert (0, 20_000) == (desk.postings[1].amount_micros, desk.postings[1].cost_micros)
    assert -60_000 == desk.balance().balance_micros


@pytest.mark.parametrize("call", [{"trunk_out": ""}, {"trunk_out": "other"}])
def test_calls_over_other_trunks_have_no_cost(call):
    """
    Nobody is owed, and the margin is not known.
    """
    desk = a_desk(a_supplier())
    desk.post(a_stop(NOW, 60, **call))

    (cdr,) = desk.cdrs
    assert (None, None, None) == (cdr.supplier_id, cdr.cost_micros, cdr.margin_micros)


def test_other_currencies_are_exchanged_by_the_rate_of_the_answer():
    """
    0.02 EUR at 1.25 are 0.025 USD; the rate stands in the explanation.
    """
    rates = Exchange([("EUR", "USD", LONG_AGO, 1_250_000_000), ("EUR", "USD", NOW + timedelta(days=1), 1)])
    desk = a_desk(a_supplier(currency="EUR"), exchange=rates)
    desk.post(a_stop(NOW, 60, trunk_out="out1"))

    (cdr,) = desk.cdrs
    assert (20_000, 35_000) == (cdr.cost_micros, cdr.margin_micros)
    assert cdr.cost is not None
    assert "1.25" == cdr.cost["exchange_rate"]


def test_an_exchange_rate_serves_both_ways():
    """
    One euro is 1.25 dollars, so a dollar is 0.8 euros; nobody knows pounds.
    """
    rates = Exchange([("EUR", "USD", LONG_AGO, 1_250_000_000)])

    assert Fraction(4, 5) == rates.rate("USD", "EUR", NOW)
    assert 1 == rates.rate("GBP", "GBP", NOW)
    assert None is rates.rate("GBP", "USD", NOW)
    assert None is rates.rate("EUR", "USD", LONG_AGO - timedelta(days=1))


def test_an_unknown_rate_leaves_the_margin_open():
    """
    What the supplier gets is known, what it leaves is not; the record says why.
    """
    desk = a_desk(a_supplier(currency="EUR"))
    desk.post(a_stop(NOW, 60, trunk_out="out1"))
    (cdr,) = desk.cdrs
    assert (20_000, None) == (cdr.cost_micros, cdr.margin_micros)

    desk = a_desk(a_supplier(a_rate("33")))
    desk.post(a_stop(NOW, 60, trunk_out="out1"))
    (cdr,) = desk.cdrs
    assert (0, None) == (cdr.cost_micros, cdr.margin_micros)
    assert {"supplier": "carrier1", "reason": "no rate in its deck"} == cdr.cost


def test_a_leg_that_is_told_of_later_brings_the_cost_alone():
    """
    The answer leg is charged; the originate leg, later, says where the call went: the customer's line stays.
    """
    desk = a_desk(a_supplier())
    desk.post(a_stop(NOW, 60, leg=Leg.ANSWER, leg_id="a"))
    desk.post(a_stop(NOW, 60, leg=Leg.ORIGINATE, leg_id="o", trunk_in="", trunk_out="out1"))

    assert ["usage", "cost"] == [line.kind for line in desk.postings]
    assert [] == list(desk.books.changed[CdrNote])
    (cdr,) = desk.cdrs
    assert (1, 20_000, 40_000) == (cdr.supplier_id, cdr.cost_micros, cdr.margin_micros)


def test_a_correction_takes_the_cost_back_too():
    """
    A longer Stop: reversed and booked anew, and the supplier is owed for the longer call, once.
    """
    desk = a_desk(a_supplier())
    desk.post(a_stop(NOW, 60, trunk_out="out1"), a_stop(NOW + timedelta(seconds=60), 120, trunk_out="out1"))

    assert 40_000 == sum(line.cost_micros for line in desk.postings)
    assert -120_000 == desk.balance().balance_micros


def test_a_loss_is_flagged_where_somebody_guards():
    """
    A minute at 0.06 that costs 0.10.
    """
    dear = a_rate(price="0.10")
    for guard, flags in ((Guard.OFF, []), (Guard.FLAG, ["loss"]), (Guard.REFUSE, ["loss"])):
        desk = a_desk(a_supplier(dear, guard=guard))
        desk.post(a_stop(NOW, 60, trunk_out="out1"))
        (cdr,) = desk.cdrs
        assert (flags, -40_000) == (cdr.flags, cdr.margin_micros)


@pytest.mark.parametrize(
    ("suppliers", "trunk_out", "refusal"),
    [
        ((a_supplier(a_rate(price="0.10"), guard=Guard.REFUSE),), "", Refusal.WOULD_LOSE),
        ((a_supplier(a_rate(price="0.10"), guard=Guard.REFUSE),), "out1", Refusal.WOULD_LOSE),
        ((a_supplier(a_rate(price="0.10"), guard=Guard.REFUSE),), "elsewhere", Refusal.WOULD_LOSE),
        ((a_supplier(a_rate(price="0.10"), guard=Guard.FLAG),), "out1", None),
        ((a_supplier(a_rate(price="0.06"), guard=Guard.REFUSE),), "out1", None),
        # One that is cheap enough is there: only an attempt that names the dear one would lose.
        (
            (
                a_supplier(a_rate(price="0.10"), guard=Guard.REFUSE),
                a_supplier(a_rate(price="0.01"), id=2, guard=Guard.REFUSE),
            ),
            "",
            None,
        ),
        (
            (
                a_supplier(a_rate(price="0.10"), guard=Guard.REFUSE),
                a_supplier(a_rate(price="0.01"), id=2, guard=Guard.REFUSE),
            ),
            "out1",
            Refusal.WOULD_LOSE,
        ),
    ],
)
def test_the_guard_refuses_what_would_lose(suppliers, trunk_out, refusal):
    """
    By the trunk that the attempt names, else by the cheapest of those that guard.
    """
    assert refusal is a_desk(*suppliers).ask(an_attempt(trunk_out=trunk_out)).refusal
