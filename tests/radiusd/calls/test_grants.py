"""What is granted is what will be charged: to the second, whatever the plan, the minutes and the money."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from radiusd.calls.directory import Directory
from rating.bands import Band
from rating.money import Mode, Rounding, Scope
from rating.prices import Price
from rating.rates import PLAIN, Rate, Rules
from rating.steps import Step
from tests.builders import (
    NOW,
    a_bucket,
    a_client,
    a_deck,
    a_directory,
    a_plan,
    a_rate,
    a_service,
    a_stop,
    an_account,
    an_attempt,
    seconds,
)
from tests.desk import Desk

LONGEST_S = 1200
prices = st.sampled_from(["0", "0.01", "0.06", "0.6", "0.0137", "1.2"])
increments = st.sampled_from([(1, 1), (6, 6), (30, 6), (60, 60), (60, 1)])


@st.composite
def rules(draw: st.DrawFn) -> Rules:
    """Draw what few rates have; prices do not fall as a call grows longer."""
    late = Band("late", 12 * 3600 + 300, 86400, price=Price.of(draw(prices)))
    later = Step(draw(st.integers(1, 600)), Price.of(draw(prices)))
    bands = (late,) if draw(st.booleans()) else ()
    steps = (later,) if draw(st.booleans()) else ()
    return replace(
        PLAIN,
        bands=bands,
        steps=steps,
        free_s=draw(st.sampled_from([0, 0, 30])),
        grace_s=draw(st.sampled_from([0, 0, 5])),
        min_charge=Fraction(draw(st.sampled_from(["0", "0", "0.05"]))),
        surcharge_percent=Fraction(draw(st.sampled_from([0, 0, 10]))),
        connect_fee_on_included=draw(st.booleans()),
    )


@st.composite
def rates(draw: st.DrawFn) -> Rate:
    """Draw a rate to anywhere."""
    initial, following = draw(increments)
    fee = draw(st.sampled_from(["0", "0.02"]))
    return a_rate("", draw(prices), initial=initial, increment=following, fee=fee, rules=draw(rules()))


@st.composite
def offers(draw: st.DrawFn) -> Directory:
    """Draw a trunk of a prepaid account with some plan."""
    buckets: list[Any] = [
        a_bucket(number, draw(st.integers(0, 400)), priority=draw(st.integers(0, 1)))
        for number in range(1, draw(st.integers(0, 2)) + 1)
    ]
    mode, scope = draw(st.sampled_from(Mode)), draw(st.sampled_from(Scope))
    rounding = Rounding(draw(st.sampled_from([2, 4])), mode, scope)
    plan = a_plan(1, *buckets, deck=a_deck(draw(rates())), rounding=rounding)
    return a_directory(a_service(plan=plan, account=an_account(credit_limit_micros=0)))


def charged(directory: Directory, duration_s: int) -> int:
    """Return what a call of that length costs when it has ended."""
    desk = Desk(directory)
    desk.post(a_stop(NOW + seconds(duration_s), duration_s, connect_at=NOW))
    return -desk.balance().balance_micros


@settings(max_examples=60, deadline=None)
@given(offers(), st.integers(0, 3_000_000))
def test_the_grant_is_the_longest_call_that_the_money_pays(directory, money_micros):
    """
    A call of the granted time costs no more than there is, one of a second more does, or nothing bounds it.
    """
    desk = Desk(directory, a_client(max_call_s=LONGEST_S))
    desk.pay(money_micros)
    decision = desk.ask(an_attempt(NOW))

    granted_s = decision.session_timeout_s or 0
    assert (granted_s == 0) is (decision.refusal is not None)
    if granted_s:
        assert charged(directory, granted_s) <= money_micros
        assert desk.balance().held_micros == charged(directory, granted_s)
    if granted_s < LONGEST_S:
        assert charged(directory, granted_s + 1) > money_micros
