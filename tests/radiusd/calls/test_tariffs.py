"""Whose price it is: deck's, plan's or account's own; free lists, jurisdictions, what inbound calls earn."""

from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any

import pytest

from radiusd.calls.claims import ServiceKind
from radiusd.calls.directory import Directory, OnNet
from radiusd.errors import Refusal
from rating.bands import Band
from rating.decks import Deck
from rating.increments import DurationRounding
from rating.jurisdiction import Jurisdiction
from rating.money import Mode, Rounding
from rating.prices import Price
from rating.rates import PLAIN
from tests.builders import (
    NOW,
    a_deck,
    a_directory,
    a_plan,
    a_rate,
    a_service,
    a_stop,
    an_account,
    an_attempt,
    claims_of,
    seconds,
)
from tests.desk import Desk

DID = ServiceKind.DID
LONDON = "442071838750"


def charge(plan: Any, account: Any = None, duration_s: float = 60, **call: Any) -> Any:
    """Return the record of a call of the trunk ``tg1`` with *plan* that ends now."""
    desk = Desk(a_directory(a_service(plan=plan, account=account or an_account())))
    desk.post(a_stop(NOW, duration_s, **call))
    (cdr,) = desk.cdrs
    return cdr


def test_own_prices_come_before_the_decks():
    """
    Of one prefix the account's, then the plan's; a longer prefix of the deck still wins.
    """
    deck = a_deck(a_rate("44", "0.01"), a_rate("4479", "0.09"))
    plan = a_plan(deck=deck, overrides=Deck.of([a_rate("44", "0.02")]))
    account = an_account(overrides=Deck.of([a_rate("44", "0.03")]))

    assert 20_000 == charge(plan).total_micros
    assert 30_000 == charge(plan, account).total_micros
    assert "account" == charge(plan, account).rating["price_of"]
    assert 90_000 == charge(plan, account, called="447911123456").total_micros
    assert "price_of" not in charge(plan, account, called="447911123456").rating


def test_an_own_price_may_block_or_open_a_destination():
    """
    A prefix that the deck does not have, and one that this customer may not call.
    """
    plan = a_plan(deck=a_deck(a_rate("44", "0.01")))
    account = an_account(overrides=Deck.of([a_rate("881", "5.00"), a_rate("442", blocked=True)]))

    assert 5_000_000 == charge(plan, account, called="8816123456").total_micros
    refused = charge(plan, account)
    assert ("unrated", Refusal.DESTINATION_BLOCKED.word) == (refused.status, refused.reason)


def test_a_plans_increments_do_not_bend_own_prices():
    """
    The deck's rates are counted as the plan says, a price that was agreed as it was agreed.
    """
    plan = a_plan(initial_s=60, increment_s=60)
    account = an_account(overrides=Deck.of([a_rate("44", "0.06", initial=1, increment=1)]))

    assert 60_000 == charge(plan, duration_s=10).total_micros
    assert 10_000 == charge(plan, account, duration_s=10).total_micros


@pytest.mark.parametrize(
    ("on_net", "called", "total_micros"),
    [
        (OnNet.RATED, "15125550101", 60_000),
        (OnNet.ACCOUNT, "15125550101", 0),
        (OnNet.ACCOUNT, "15125550202", 60_000),
        (OnNet.SITE, "15125550202", 0),
        (OnNet.SITE, LONDON, 60_000),
    ],
)
def test_calls_to_our_own_numbers_may_be_free(on_net, called, total_micros):
    """
    Within the account, to all of ours, or never; the record says why.
    """
    plan = a_plan(on_net=on_net)
    directory = a_directory(
        a_service(plan=plan),
        a_service(DID, "15125550101", 2, plan=plan),
        a_service(DID, "15125550202", 3, plan=plan, account=an_account(2)),
    )
    desk = Desk(directory)
    desk.post(a_stop(NOW, 60, called=called, calling=""))

    (cdr,) = [cdr for cdr in desk.cdrs if cdr.role == "out"]
    assert total_micros == cdr.total_micros
    assert ("free" in cdr.rating) is (total_micros == 0)


def test_a_plan_lets_destinations_be_free():
    """
    The free list comes before any price.
    """
    cdr = charge(a_plan(free_prefixes=("4420", "1800")))

    assert (0, {"free": "the plan lets calls to this destination be free"}) == (cdr.total_micros, cdr.rating)


@pytest.mark.parametrize(
    ("calling", "called", "found", "total_micros"),
    [
        ("15125550100", "12145550100", "intrastate", 30_000),
        ("15125550100", "12125550100", "interstate", 10_000),
        ("442071838750", "12125550100", "interstate", 10_000),  # the plan's word for what nobody knows
    ],
)
def test_the_state_decides_the_price(calling, called, found, total_micros):
    """
    The jurisdiction is on the record, with the price that it has.
    """
    prices = {
        Jurisdiction.INTERSTATE: Price.of("0.01"),
        Jurisdiction.INTRASTATE: Price.of("0.03"),
        Jurisdiction.INDETERMINATE: Price.of("0.05"),
    }
    rate = a_rate("1", "0.02", rules=replace(PLAIN, jurisdiction=prices))
    plan = a_plan(deck=a_deck(rate), indeterminate_as=Jurisdiction.INTERSTATE)
    service = a_service(plan=plan)
    desk = Desk(
        Directory(1, [(service, claims_of(service))], {"512": "TX", "214": "TX", "212": "NY"})
    )
    desk.post(a_stop(NOW, 60, calling=calling, called=called))

    (cdr,) = desk.cdrs
    assert (found, total_micros) == (cdr.rating["jurisdiction"], cdr.total_micros)


def test_holidays_are_the_accounts():
    """
    On a day of its calendar the band with H holds, in its zone.
    """
    band = Band("holiday", 0, 86400, frozenset(), True, Price.of("0.01"))
    plan = a_plan(deck=a_deck(a_rate(rules=replace(PLAIN, bands=(band,)))))

    assert 60_000 == charge(plan).total_micros
    assert 10_000 == charge(plan, an_account(holidays=frozenset({date(2026, 11, 20)}))).total_micros


def test_the_grant_knows_bands_too():
    """
    A prepaid call over the turn of a band is granted, to the second, what its price allows.
    """
    night = Band("night", 0, 12 * 3600, price=Price.of("0.60"))
    plan = a_plan(deck=a_deck(a_rate("", "6.00", rules=replace(PLAIN, bands=(night,)))))
    desk = Desk(a_directory(a_service(plan=plan, account=an_account(credit_limit_micros=0))))
    desk.pay(1_600_000)

    decision = desk.ask(an_attempt(NOW - seconds(60)))
    assert 70 == decision.session_timeout_s  # 60 s at 0.01, then 10 s at 0.10


@pytest.mark.parametrize(
    ("rounding", "billed_s"),
    [(DurationRounding.UP, 61), (DurationRounding.DOWN, 60), (DurationRounding.HALF_UP, 60)],
)
def test_a_plan_makes_whole_seconds_its_way(rounding, billed_s):
    """
    60.4 seconds are 61, or 60.
    """
    assert billed_s == charge(a_plan(duration_rounding=rounding), duration_s=60.4).billed_s


def test_a_rates_own_rounding_comes_before_the_plans():
    """
    As the law has it: unless the rate says otherwise.
    """
    rules = replace(PLAIN, rounding=Rounding(2, Mode.UP))
    plan = a_plan(deck=a_deck(a_rate("", "0.061", rules=rules)))

    assert 70_000 == charge(plan).total_micros


def earned(did: dict[str, Any], plan: dict[str, Any], duration_s: float = 61) -> int:
    """Return what an inbound call earns the customer, in micro-units."""
    number = a_service(DID, "18445550100", 2, plan=a_plan(**plan), **did)
    desk = Desk(a_directory(number))
    desk.post(a_stop(NOW, duration_s, called="18445550100", calling="12125550100", trunk_in=""))
    return desk.balance().balance_micros


def test_inbound_calls_earn_by_number_or_by_deck():
    """
    The number's own price first, in its increments, at most so much a call, rounded down.
    """
    deck = a_deck(a_rate("1844", "0.004", initial=60, increment=60), id=9)

    assert 8_000 == earned({}, {"outpayment_deck": deck})
    assert 6_100 == earned({"outpayment_nano": 6_000_000}, {"outpayment_deck": deck})
    in_minutes = {"outpayment_nano": 6_000_000, "outpayment_initial_s": 60, "outpayment_increment_s": 60}
    assert 12_000 == earned(in_minutes, {})
    assert 10_000 == earned({**in_minutes, "outpayment_max_micros": 10_000}, {})
    assert 0 == earned({}, {"outpayment_deck": a_deck(a_rate("44"), id=9)})


def test_what_is_earned_is_rounded_by_its_own_rate():
    """
    An out-payment deck may round otherwise than down.
    """
    rules = replace(PLAIN, rounding=Rounding(2, Mode.UP))
    deck = a_deck(a_rate("1844", "0.004", rules=rules), id=9)

    assert 10_000 == earned({}, {"outpayment_deck": deck})


def test_fractions_are_kept_for_grace():
    """
    Grace looks at raw seconds: 3 are within 3, a millisecond more is billed as 4.
    """
    rules = replace(PLAIN, grace_s=3)
    plan = a_plan(deck=a_deck(a_rate(rules=rules)))

    assert 0 == charge(plan, duration_s=3).total_micros
    assert 4_000 == charge(plan, duration_s=3.001).total_micros


def test_a_ported_number_is_priced_where_it_is_now():
    """
    By its LRN, with the fee of the look-up on top; the record shows both.
    """
    plan = a_plan(deck=a_deck(a_rate("1", "0.06"), a_rate("1214555", "0.03")), lrn_dip=Fraction("0.0001"))

    cdr = charge(plan, called="12145550100", lrn="2125550100")
    assert ("1", 60_100, "0.0001") == (cdr.prefix, cdr.total_micros, cdr.rating["call"]["dip_fees"])
    assert {"lrn": "2125550100"} == cdr.rating["ported"]
    assert ("1214555", 30_000) == (charge(plan, called="12145550100").prefix, 30_000)


def test_payphones_cost_a_surcharge_to_toll_free_numbers():
    """
    By the ANI II digits of the caller's line.
    """
    plan = a_plan(deck=a_deck(a_rate(rules=replace(PLAIN, payphone_surcharge=Fraction("0.60")))))

    assert 660_000 == charge(plan, called="18005550100", ii="27").total_micros
    assert 60_000 == charge(plan, called="18005550100", ii="0").total_micros
    assert 60_000 == charge(plan, called="12145550100", ii="27").total_micros


def test_lrns_decide_the_state():
    """
    A Texan number that was ported to New York calls Texas.
    """
    prices = {Jurisdiction.INTERSTATE: Price.of("0.01"), Jurisdiction.INTRASTATE: Price.of("0.03")}
    plan = a_plan(deck=a_deck(a_rate("1", "0.02", rules=replace(PLAIN, jurisdiction=prices))))
    service = a_service(plan=plan)
    directory = Directory(1, [(service, claims_of(service))], {"512": "TX", "214": "TX", "212": "NY"})
    desk = Desk(directory)
    desk.post(a_stop(NOW, 60, called="12145550100", calling_lrn="12125550100"))

    assert "interstate" == desk.cdrs[0].rating["jurisdiction"]
