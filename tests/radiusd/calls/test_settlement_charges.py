"""What one call is charged: to whom, by which plan and price, from which month's minutes."""

from datetime import datetime, timedelta

import pytest

from radiusd.calls.events import Leg, Status
from rating.decks import Deck
from tests.builders import (
    LONG_AGO,
    NOW,
    a_bucket,
    a_client,
    a_deck,
    a_directory,
    a_failure,
    a_plan,
    a_rate,
    a_service,
    a_start,
    a_stop,
    a_virtual,
    an_account,
    an_attempt,
    seconds,
)
from tests.desk import Desk
from tests.radiusd.calls.desks import DID, settled


def test_a_stop_alone_is_a_complete_record() -> None:
    """
    Charged in full, and no channel is left counted (L087).
    """
    desk = settled([a_stop(NOW, 61)])

    (cdr,) = desk.cdrs
    assert ("answered", 61_000, 61, 61_000) == (cdr.status, cdr.duration_ms, cdr.billed_s, cdr.total_micros)
    assert (0, []) == (desk.used(), desk.sessions)


def test_raw_milliseconds_are_rounded_up_once() -> None:
    """
    60.001 s are 61.
    """
    assert [61_000] == [cdr.total_micros for cdr in settled([a_stop(NOW, 60.001)]).cdrs]


def test_an_unanswered_call_costs_nothing() -> None:
    """
    Failed, busy, cancelled: a CDR without a charge.
    """
    desk = settled([a_failure(cause=17, sip_code=486)])

    assert [("failed", 17, 486, 0)] == [
        (cdr.status, cdr.cause, cdr.sip_code, cdr.total_micros) for cdr in desk.cdrs
    ]
    assert ([], []) == (desk.postings, desk.queue)


def test_set_up_only_then_nothing() -> None:
    """
    A call that rang and was given up: Yate's Start, and a Stop of no time.
    """
    desk = settled([a_start(NOW, status=Status.SETUP, connect_at=None), a_stop(NOW + seconds(9), 0)])

    assert ["failed"] == [cdr.status for cdr in desk.cdrs]
    assert 0 == desk.balance().channels


def test_service_plan_and_price_hold_for_the_whole_call() -> None:
    """
    The customer gets another plan while the call is up, and a late leg is told after that.
    """
    old, new = a_plan(1), a_plan(2, deck=a_deck(a_rate("", "6.00"), id=2))
    desk = Desk(a_directory(a_service(plan=old), a_service(DID, "1", 9, plan=old)))
    desk.post(a_start(NOW, leg=Leg.ANSWER, leg_id="1"))
    desk.directory = a_directory(a_service(plan=new), a_service(DID, "1", 9, plan=old))

    desk.post(a_stop(NOW + seconds(60), 60, leg=Leg.ANSWER, leg_id="1"))
    assert [60_000] == [cdr.total_micros for cdr in desk.cdrs]
    desk.post(a_stop(NOW + seconds(61), 61, leg=Leg.ORIGINATE, leg_id="2", trunk_out="x"))
    assert [60_000] == [cdr.total_micros for cdr in desk.cdrs]


def test_the_deck_version_of_the_set_up_holds() -> None:
    """
    A new version becomes active while the phone rings.
    """
    cheap, dear = Deck.of([a_rate()]), Deck.of([a_rate("", "6.00")])
    deck = a_deck(versions=[(NOW, 2, dear), (LONG_AGO, 1, cheap)])
    desk = Desk(a_directory(a_service(plan=a_plan(deck=deck))))

    desk.post(a_stop(NOW + seconds(70), 60, setup_at=NOW - seconds(1), connect_at=NOW + seconds(10)))
    desk.post(a_stop(NOW + seconds(70), 60, setup_at=NOW, connect_at=NOW + seconds(10), call_id="c2"))
    assert [(1, 60_000), (2, 6_000_000)] == [(cdr.deck_version_id, cdr.total_micros) for cdr in desk.cdrs]


def test_a_user_name_that_was_not_proved_stays_unproved() -> None:
    """
    The attempt was accepted by its trunk; somebody else's name in it pays nothing when a leg adds a trunk.
    """
    victim = a_service(DID, "19995550000", 2, account=an_account(2), username="victim")
    desk = Desk(a_directory(a_service(), victim))
    assert None is desk.ask(an_attempt(username="victim")).refusal
    desk.post(a_start(NOW + seconds(5), trunk_out="carrier"), a_stop(NOW + seconds(65), 60))

    assert [1] == [cdr.account_id for cdr in desk.cdrs]


def test_a_virtual_number_pays_on_top_of_its_primary() -> None:
    """
    The primary's bucket pays the minutes; the additional charge is money.
    """
    did = a_service(DID, "15125550100", 1, plan=a_plan(1, a_bucket(1, 100)))
    virtual = a_virtual("15125550199", did, 2, additional_charge_nano=60_000_000)
    desk = Desk(a_directory(did, virtual), a_client(asserts_numbers=True))
    desk.post(a_stop(NOW, 60, calling="15125550199", trunk_in=""))

    (cdr,) = desk.cdrs
    assert (60, 60_000, 2) == (cdr.included_s, cdr.total_micros, cdr.service_id)
    assert [("1/1/2026-11-01", 60)] == [(row.bucket_id, row.used_s) for row in desk.buckets]


def test_a_call_over_the_end_of_the_month_draws_from_both_months() -> None:
    """
    Each increment by its start, in the customer's zone.
    """
    midnight = datetime.fromisoformat("2026-12-01T00:00:00+00:00")
    desk = settled([a_stop(midnight + seconds(20), 50)], a_bucket(1, 25))

    drawn = {row.bucket_id: row.used_s for row in desk.buckets}
    assert {"1/1/2026-11-01": 25, "1/1/2026-12-01": 20} == drawn
    assert [5_000] == [cdr.total_micros for cdr in desk.cdrs]


def test_an_answer_of_another_month_takes_nothing_twice() -> None:
    """
    Contradicting stamps lead to a bucket of a month that nobody asked to load: it is not made anew.
    """
    desk = settled([a_stop(NOW - timedelta(days=40), 90)], a_bucket(1, 100))
    desk.books.since = NOW - timedelta(days=2)  # as a batch of today's events loads it
    late = a_stop(NOW, 50, call_id="c2", setup_at=NOW - seconds(60), connect_at=NOW - timedelta(days=40))

    with pytest.raises(Exception, match=r"datetime.datetime\(2026, 10, 11") as missing:
        desk.post(late)
    assert "Missing" == type(missing.value).__name__
