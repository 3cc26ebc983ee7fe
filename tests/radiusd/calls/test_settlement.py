"""From events to charges: the same books whatever the order, and corrections that add up."""

import random
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiusd.calls.directory import Directory, ServiceKind
from radiusd.calls.events import CallEvent, Leg, Status
from radiusd.calls.facts import Closing
from radiusd.calls.rows import CdrNote
from radiusd.storage.journal import Report
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
    an_interim,
    seconds,
)
from tests.desk import Desk
from tests.strategies import reports

TRUNK, DID = ServiceKind.TRUNK, ServiceKind.DID


def two_accounts(*buckets: Any) -> Directory:
    """Return trunks of two accounts at 6.00 a minute to 331 and 0.06 elsewhere, and a DID that earns."""
    plan = a_plan(1, *buckets, deck=a_deck(a_rate(), a_rate("331", "6.00", initial=30, increment=6)))
    trunks = (
        a_service(TRUNK, name, number, account=an_account(number), plan=plan)
        for number, name in ((1, "tg1"), (2, "tg2"))
    )
    earns = a_service(DID, "15125550199", 3, account=an_account(2), plan=plan, outpayment_nano=6_000_000)
    return a_directory(*trunks, earns)


def settled(events: list[CallEvent], *buckets: Any) -> Desk:
    desk = Desk(two_accounts(*buckets))
    desk.post(*events)
    return desk


def check_sums(desk: Desk) -> None:
    """Every total is the sum of what it stands for."""
    for account_id in (1, 2):
        lines = [line for line in desk.postings if line.account_id == account_id]
        assert sum(line.amount_micros for line in lines) == desk.balance(account_id).balance_micros
        charged = sum(cdr.total_micros for cdr in desk.cdrs if cdr.account_id == account_id)
        earned = sum(
            made.outpayment_micros
            for row in desk.calls
            for made in row.charges.charges
            if made.account_id == account_id
        )
        assert earned - charged == desk.balance(account_id).balance_micros
        held = [session for session in desk.sessions if session.account_id == account_id]
        assert len(held) == desk.balance(account_id).channels
    for bucket in desk.buckets:
        drawn = [line.seconds for line in desk.postings if line.bucket_id == bucket.bucket_id]
        assert sum(drawn) == bucket.used_s


@settings(max_examples=150)
@given(reports(stamps=True), st.randoms(use_true_random=False))
def test_the_same_events_in_any_order_give_the_same_books(
    events: list[CallEvent], chance: random.Random
) -> None:
    """
    CDRs, charges, buckets, channels and the queue: also where a leg that is told of later moves the call
    to another account or another price. (Without stamps, when a report is heard is part of what it tells.)
    """
    expected = settled(events, a_bucket(1, 100))
    check_sums(expected)
    for _ in range(3):
        shuffled = events + chance.choices(events, k=2)
        chance.shuffle(shuffled)
        found = settled(shuffled, a_bucket(1, 100))

        check_sums(found)
        assert without_holds(expected) == without_holds(found)


def without_holds(desk: Desk) -> dict[str, Any]:
    """Return the books but for what open calls hold, which depends on when we were told."""
    picture = desk.picture()
    for row in picture["balances"] + picture["buckets"]:
        del row["held_micros" if "held_micros" in row else "held_s"]
    picture["buckets"] = [row for row in picture["buckets"] if row["used_s"]]
    return picture


def legs(called_far: str = "331", **far: Any) -> list[CallEvent]:
    """Return the Stops of two legs that agree about time; the far one was sent to another number."""
    times = {"connect_at": NOW, "disconnect_at": NOW + seconds(60)}
    return [
        a_stop(NOW + seconds(60), 60, leg=Leg.ANSWER, leg_id="1", **times),
        a_stop(NOW + seconds(60), 60, leg=Leg.ORIGINATE, leg_id="2", called=called_far, **times, **far),
    ]


@pytest.mark.parametrize("order", [1, -1])
def test_the_number_that_the_caller_dialled_is_rated(order: int) -> None:
    """
    The leg towards the callee, told first, gave the number after translation at another price.
    """
    desk = settled(legs()[::order])

    assert [(60_000, "442071838750")] == [(cdr.total_micros, cdr.called) for cdr in desk.cdrs]


@pytest.mark.parametrize("order", [1, -1])
def test_the_leg_towards_the_caller_says_whose_call_it_is(order: int) -> None:
    """
    What was charged to the other account is taken back.
    """
    desk = settled(legs(trunk_in="tg2")[::order])

    assert [1] == [cdr.account_id for cdr in desk.cdrs]
    assert (-60_000, 0) == (desk.balance(1).balance_micros, desk.balance(2).balance_micros)
    check_sums(desk)


@pytest.mark.parametrize("order", [1, -1])
def test_an_open_call_counts_on_the_trunk_of_its_caller(order: int) -> None:
    """
    The first leg names no trunk, only a number of the same account; the second one does.
    """
    trunk = a_service(TRUNK, "tg1", 1, max_channels=1)
    did = a_service(DID, "15125550100", 2)
    near = a_start(leg=Leg.ANSWER, leg_id="1")
    far = a_start(leg=Leg.ORIGINATE, leg_id="2", trunk_in="")
    desk = Desk(a_directory(trunk, did), a_client(asserts_numbers=True))

    desk.post(*[near, far][::order])
    assert (1, 1) == (desk.used(1), desk.balance().channels)
    desk.post(a_stop(NOW + seconds(5), 5, leg=Leg.ANSWER, leg_id="1"))
    assert (0, 0) == (desk.used(1), desk.balance().channels)


@pytest.mark.parametrize("order", [1, -1])
def test_an_inbound_call_counts_on_the_trunk_it_leaves_by(order: int) -> None:
    """
    Only the far leg's report names the trunk; it may come second.
    """
    trunk = a_service(TRUNK, "customer", 1, max_channels=1)
    did = a_service(DID, "442071838750", 2)
    near = a_start(leg=Leg.ANSWER, leg_id="1", trunk_in="carrier")
    far = a_start(leg=Leg.ORIGINATE, leg_id="2", trunk_in="", trunk_out="customer")
    desk = Desk(a_directory(trunk, did))

    desk.post(*[near, far][::order])
    assert 1 == desk.used(1)


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


def test_a_longer_stop_that_comes_late_corrects_by_reversal() -> None:
    """
    Lines stay, a reversal and a new charge follow, and one CDR is left.
    """
    desk = settled([a_stop(NOW, 30), a_stop(NOW, 90)], a_bucket(1, 60))

    assert [("usage", 0, 30), ("reversal", 0, -30), ("usage", -30_000, 60)] == [
        (line.kind, line.amount_micros, line.seconds) for line in desk.postings
    ]
    assert [90_000] == [cdr.duration_ms for cdr in desk.cdrs]
    check_sums(desk)


def test_an_unanswered_call_costs_nothing() -> None:
    """
    Failed, busy, cancelled: a CDR without a charge.
    """
    desk = settled([a_failure(cause=17, sip_code=486)])

    assert [("failed", 17, 486, 0)] == [
        (cdr.status, cdr.cause, cdr.sip_code, cdr.total_micros) for cdr in desk.cdrs
    ]
    assert ([], []) == (desk.postings, desk.queue)


def test_a_failed_branch_then_an_answered_one() -> None:
    """
    The failure had ended the call; the answer opens it again, and one record is left.
    """
    desk = settled([a_failure(leg_id="a"), a_start(NOW + seconds(2), leg_id="b")])
    assert (1, []) == (desk.balance().channels, desk.cdrs)

    desk.post(a_stop(NOW + seconds(12), 10, leg_id="b"))
    assert [("answered", 10_000)] == [(cdr.status, cdr.duration_ms) for cdr in desk.cdrs]


def test_what_nobody_is_known_for_waits_in_the_queue() -> None:
    """
    It has a record of its own, says what was tried, and is charged once an admin has mended it.
    """
    desk = settled([a_stop(NOW, 60, trunk_in="tg9")])
    assert [(0, "unknown_caller")] == [(entry.account_id, entry.reason) for entry in desk.queue]
    assert "trunk 'tg9': matches no service" in desk.queue[0].detail
    assert ["unmatched"] == [cdr.status for cdr in desk.cdrs]

    desk.directory = a_directory(a_service(TRUNK, "tg9"))
    desk.rematch(NOW + timedelta(days=3))
    assert ([], [(1, "answered", 60_000)]) == (
        desk.queue,
        [(cdr.account_id, cdr.status, cdr.total_micros) for cdr in desk.cdrs],
    )


def test_what_has_no_rate_waits_in_the_queue() -> None:
    """
    The queue tells the smallest fix.
    """
    plan = a_plan(deck=a_deck(a_rate("43")))
    desk = Desk(a_directory(a_service(plan=plan)))
    desk.post(a_stop(NOW, 60))

    assert ["no_rate"] == [entry.reason for entry in desk.queue]
    assert "nearest prefix '4'" in desk.queue[0].detail
    desk.directory = a_directory()
    desk.rematch(NOW)
    assert ([], [60_000]) == (desk.queue, [cdr.total_micros for cdr in desk.cdrs])


def test_what_is_still_wrong_stays_in_the_queue() -> None:
    """
    Tried again in vain, it is there once.
    """
    desk = settled([a_stop(NOW, 60, trunk_in="tg9")])
    desk.rematch(NOW + seconds(60))

    assert (1, 1) == (len(desk.queue), len(desk.cdrs))


def test_a_record_that_is_too_old_to_be_new_waits_for_an_admin() -> None:
    """
    It may have been billed before. The admin's word is final.
    """
    desk = Desk()
    desk.post(a_stop(NOW - timedelta(days=60), 60, received_at=NOW))
    assert ["too_old"] == [entry.reason for entry in desk.queue]

    desk.rematch(NOW)
    assert ([], [60_000]) == (desk.queue, [cdr.total_micros for cdr in desk.cdrs])


def test_a_stop_without_any_duration_is_rated_when_its_start_comes() -> None:
    """
    Kamailio's BYE overtakes the record of the answer.
    """
    desk = settled([a_stop(NOW + seconds(7), None)])
    assert ["no_duration"] == [entry.reason for entry in desk.queue]

    desk.post(a_start(NOW, received_at=NOW + seconds(9)))
    assert ([], [7_000]) == (desk.queue, [cdr.total_micros for cdr in desk.cdrs])


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


def test_a_user_name_that_was_not_proved_stays_unproved() -> None:
    """
    The attempt was accepted by its trunk; somebody else's name in it pays nothing when a leg adds a trunk.
    """
    victim = a_service(DID, "19995550000", 2, account=an_account(2), username="victim")
    desk = Desk(a_directory(a_service(), victim))
    assert None is desk.ask(an_attempt(username="victim")).refusal
    desk.post(a_start(NOW + seconds(5), trunk_out="carrier"), a_stop(NOW + seconds(65), 60))

    assert [1] == [cdr.account_id for cdr in desk.cdrs]


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


def test_a_called_did_earns_its_owner() -> None:
    """
    The caller pays, the owner of the number is paid, out of one call.
    """
    desk = settled([a_stop(NOW, 60, called="15125550199")])

    assert (-60_000, 6_000) == (desk.balance(1).balance_micros, desk.balance(2).balance_micros)
    check_sums(desk)


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


def test_our_closing_is_corrected_by_a_late_stop() -> None:
    """
    What the evidence said is taken back, what the switch says is booked.
    """
    desk = settled([a_start(NOW)])
    desk.close(desk.calls[0], Closing(at=NOW + seconds(90), duration_ms=90_000, how="silent"))
    assert [("silent", 90_000, ["closed_by_us"])] == [
        (cdr.reason, cdr.total_micros, cdr.flags) for cdr in desk.cdrs
    ]

    desk.post(a_stop(NOW + seconds(60), 60, received_at=NOW + timedelta(hours=5)))
    assert [("", 60_000, [])] == [(cdr.reason, cdr.total_micros, cdr.flags) for cdr in desk.cdrs]
    check_sums(desk)


def test_a_late_note_does_not_undo_a_newer_record() -> None:
    """
    One batch brings a report that only adds a flag, then one that changes the charge.
    """
    desk = settled([a_start(NOW)])
    batch = [
        a_stop(NOW + seconds(60), 60, release_side=None),
        an_interim(NOW + seconds(30), 30, flags=("one",)),
        a_stop(NOW + seconds(70), 70, cause=16, flags=("two",)),
    ]
    books = desk.books
    for event in batch:
        Report(event).decide(books, desk.context(1, event.received_at))

    (cdr,) = desk.cdrs
    assert {} == books.changed[CdrNote]
    assert (["one", "two"], 16) == (cdr.flags, cdr.cause)


def test_set_up_only_then_nothing() -> None:
    """
    A call that rang and was given up: Yate's Start, and a Stop of no time.
    """
    desk = settled([a_start(NOW, status=Status.SETUP, connect_at=None), a_stop(NOW + seconds(9), 0)])

    assert ["failed"] == [cdr.status for cdr in desk.cdrs]
    assert 0 == desk.balance().channels


def test_an_attempt_and_all_reports_in_any_order() -> None:
    """
    Twenty shuffles of attempt and reports leave the same money and nothing open.
    """
    told = [
        a_start(NOW + seconds(5)),
        an_interim(NOW + seconds(35), 30),
        a_stop(NOW + seconds(65), 60),
    ]
    for seed in range(20):
        random.Random(seed).shuffle(told)
        desk = Desk(two_accounts())
        desk.ask(an_attempt(NOW))
        desk.post(*told, *(msgspec.structs.replace(event, source="again") for event in told))

        assert (-60_000, 0, 0) == (
            desk.balance().balance_micros,
            desk.balance().channels,
            desk.balance().held_micros,
        )
        assert [60_000] == [cdr.duration_ms for cdr in desk.cdrs]
        assert NOW == desk.cdrs[0].started_at
