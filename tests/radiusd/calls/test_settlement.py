"""From events to charges: the same books whatever the order, and corrections that add up."""

import random
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiusd.calls.events import CallEvent, Leg
from radiusd.calls.facts import Closing
from radiusd.calls.rows import CdrNote
from radiusd.storage.journal import Report
from tests.builders import (
    NOW,
    a_bucket,
    a_client,
    a_directory,
    a_failure,
    a_service,
    a_start,
    a_stop,
    an_attempt,
    an_interim,
    seconds,
)
from tests.desk import Desk
from tests.radiusd.calls.desks import DID, TRUNK, settled, two_accounts
from tests.strategies import reports


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


def test_a_failed_branch_then_an_answered_one() -> None:
    """
    The failure had ended the call; the answer opens it again, and one record is left.
    """
    desk = settled([a_failure(leg_id="a"), a_start(NOW + seconds(2), leg_id="b")])
    assert (1, []) == (desk.balance().channels, desk.cdrs)

    desk.post(a_stop(NOW + seconds(12), 10, leg_id="b"))
    assert [("answered", 10_000)] == [(cdr.status, cdr.duration_ms) for cdr in desk.cdrs]


def test_a_called_did_earns_its_owner() -> None:
    """
    The caller pays, the owner of the number is paid, out of one call.
    """
    desk = settled([a_stop(NOW, 60, called="15125550199")])

    assert (-60_000, 6_000) == (desk.balance(1).balance_micros, desk.balance(2).balance_micros)
    check_sums(desk)


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
