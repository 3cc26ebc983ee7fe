"""What all the events of a call add up to, whatever their order and however often they are told."""

import random
from datetime import timedelta
from itertools import permutations
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiusd.calls.events import PART, CallEvent, Leg, Side, Status
from radiusd.calls.facts import Call, Closing, Events, add_up, keep, read_facts
from tests.builders import (
    NOW,
    a_call_event,
    a_failure,
    a_start,
    a_stop,
    an_attempt,
    an_interim,
    seconds,
)
from tests.strategies import reports


def kept(*events: CallEvent) -> Events:
    facts: Events = ()
    for event in events:
        facts = keep(facts, event)
    return facts


def told(*events: CallEvent, **how: Any) -> Call:
    return add_up(kept(*events), **{"authorized": False, **how})


@given(reports(), st.randoms(use_true_random=False))
def test_order_and_copies_do_not_matter(events: list[CallEvent], chance: random.Random) -> None:
    """
    Shuffled, and each told up to three times, the same reports are kept and give the same call.
    """
    shuffled = [event for event in events for _ in range(chance.randint(1, 3))]
    chance.shuffle(shuffled)

    assert kept(*events) == kept(*shuffled)
    assert told(*events) == told(*shuffled)


@given(reports())
def test_told_again_changes_nothing(events: list[CallEvent]) -> None:
    """
    What is known already leaves the very same tuple, which spares writing it.
    """
    facts = kept(*events)

    for event in events:
        assert facts is keep(facts, event)


@given(reports())
def test_facts_survive_the_database(events: list[CallEvent]) -> None:
    """
    Written as JSON and read again, the facts are the same.
    """
    facts = kept(*events)

    assert facts == read_facts(msgspec.json.encode(facts).decode())


@given(reports())
def test_no_call_has_negative_time(events: list[CallEvent]) -> None:
    """
    Whatever is told, a call begins before it is answered, and lasts no less than nothing.
    """
    call = told(*events)

    assert call.duration_ms is None or call.duration_ms >= 0
    if call.connect_at is not None:
        assert call.begun_at <= call.connect_at


def test_a_stop_alone_is_a_whole_call() -> None:
    """
    Asterisk sends nothing else: begin and answer follow from end and duration.
    """
    call = told(a_stop(NOW, 61))

    assert (False, 61_000, True) == (call.open, call.duration_ms, call.answered)
    assert NOW - seconds(61) == call.connect_at == call.begun_at
    assert NOW == call.ended_at


def test_a_start_at_set_up_is_no_answer() -> None:
    """
    Yate sends its Start when the call is set up: it is open, and not answered.
    """
    start = a_start(status=Status.SETUP, connect_at=None)

    assert (True, False, None) == (told(start).open, told(start).answered, told(start).connect_at)
    rung = told(start, a_stop(NOW + seconds(20), 0))
    assert (False, 0, False) == (rung.open, rung.duration_ms, rung.answered)


def test_two_starts_of_one_leg_both_count() -> None:
    """
    AudioCodes sends one at set-up and one at the answer: the call begins with the first.
    """
    call = told(a_start(NOW + seconds(9)), a_start(NOW, status=Status.SETUP, connect_at=None))

    assert (NOW, NOW + seconds(9)) == (call.begun_at, call.connect_at)


def test_duration_of_a_proxy_is_the_difference_of_its_stamps() -> None:
    """
    Kamailio sends no Acct-Session-Time.
    """
    call = told(a_start(NOW), a_stop(NOW + seconds(7), None))

    assert 7_000 == call.duration_ms


def test_the_callee_hangs_up_a_call_of_kamailio() -> None:
    """
    The BYE of the callee carries the callee's user and number as the caller's; the Start's stay.
    """
    start = a_start(from_tag="a", to_tag="b", username="", leg_id="c1;a;b")
    bye = a_stop(
        NOW + seconds(7), None, from_tag="b", to_tag="a", leg_id="c1;a;b",
        calling="442071838750", called="192.0.2.9", username="callee@example.org", tenant="example.org",
    )  # fmt: skip
    call = told(start, bye)

    assert ("15125550100", "442071838750") == (call.identity.calling, call.identity.called)
    assert ("", "") == (call.identity.username, call.identity.tenant)
    assert Side.CALLEE.value == call.release_side
    assert call == told(bye, start)


def test_the_caller_hangs_up_a_call_of_kamailio() -> None:
    """
    Who sends the BYE is told by the tags of the Start.
    """
    start = a_start(from_tag="a", to_tag="b", leg_id="c1;a;b")
    bye = a_stop(NOW + seconds(7), None, from_tag="a", to_tag="b", leg_id="c1;a;b")

    assert Side.CALLER.value == told(start, bye).release_side


def test_both_sides_hang_up_at_once() -> None:
    """
    Two BYEs cross: it is one call, ended once.
    """
    start = a_start(from_tag="a", to_tag="b", leg_id="c1;a;b")
    one = a_stop(NOW + seconds(7), None, from_tag="a", to_tag="b", leg_id="c1;a;b", source="1")
    other = a_stop(NOW + seconds(7), None, from_tag="b", to_tag="a", leg_id="c1;a;b", source="2")

    assert told(start, one, other) == told(other, one, start)
    assert 7_000 == told(start, one, other).duration_ms


def test_a_failed_branch_does_not_end_an_answered_call() -> None:
    """
    A proxy tries two gateways: the first fails, the second answers.
    """
    failed = a_failure(leg_id="c1;a;x")
    answered = a_start(NOW + seconds(3), leg_id="c1;a;y")

    assert not told(failed).open
    assert told(failed, answered).open
    assert told(answered, failed).open
    over = told(failed, answered, a_stop(NOW + seconds(10), None, leg_id="c1;a;y"))
    assert (False, 7_000) == (over.open, over.duration_ms)


def test_a_cancelled_branch_does_not_end_an_answered_call() -> None:
    """
    The Stop of a try that nobody answered comes late: the try that was answered is still up.
    """
    answered = a_start(NOW + seconds(3), leg_id="try2")
    cancelled = a_stop(NOW + seconds(2), 0, leg_id="try1")

    assert told(answered, cancelled).open
    assert told(cancelled, answered).open


def test_the_leg_towards_the_caller_decides() -> None:
    """
    Both legs report: numbers, address and time are the answer leg's; the other adds where the call went.
    """
    ours = a_stop(
        NOW + seconds(66), 66, leg=Leg.ANSWER, leg_id="1", remote_ip="198.51.100.20", connect_at=NOW
    )
    theirs = a_stop(
        NOW + seconds(67), 68, leg=Leg.ORIGINATE, leg_id="2", connect_at=NOW - seconds(1),
        called="999442071838750", trunk_in="", dest_ip="203.0.113.40", trunk_out="carrier",
    )  # fmt: skip

    for call in (told(ours, theirs), told(theirs, ours)):
        assert (66_000, NOW) == (call.duration_ms, call.connect_at)
        assert ("442071838750", "198.51.100.20") == (call.identity.called, call.identity.remote_ip)
        assert ("carrier", "203.0.113.40") == (call.identity.trunk_out, call.dest_ip)


def test_a_call_is_open_while_the_callers_leg_is() -> None:
    """
    The far leg ends first; the near one decides.
    """
    start = a_start(leg=Leg.ANSWER, leg_id="1")
    far = a_stop(NOW + seconds(60), 60, leg=Leg.ORIGINATE, leg_id="2")

    assert told(start, far).open


def test_interims_are_not_added_up() -> None:
    """
    Each tells the time since the answer (RFC 2869, 2.1); an older one that comes late changes nothing.
    """
    stop = a_stop(NOW + seconds(100), 100)
    call = told(an_interim(NOW + seconds(60), 60), an_interim(NOW + seconds(30), 30), stop)

    assert 100_000 == call.duration_ms


def test_an_interim_tells_when_a_call_was_answered_whose_start_was_lost() -> None:
    """
    What it has lasted so far leads back to the answer; so it is rated live, and if its Stop is lost.
    """
    call = told(an_interim(NOW + seconds(600), 600))

    assert (True, True, NOW) == (call.open, call.answered, call.connect_at)


def test_an_absurd_interim_does_no_harm() -> None:
    """
    Sippy's Interim names a disconnect in 2083: the call is up, and its Stop counts.
    """
    absurd = an_interim(NOW + seconds(30), None, disconnect_at=NOW.replace(year=2083))

    assert told(a_start(), absurd).open
    assert 45_000 == told(a_start(), absurd, a_stop(NOW + seconds(45), 45)).duration_ms


def test_duration_that_disagrees_with_the_stamps_is_kept_and_flagged() -> None:
    """
    The sender's own figure is billed, and somebody should look (L103).
    """
    call = told(a_start(NOW), a_stop(NOW + seconds(10), 3000))

    assert (3_000_000, ("duration_mismatch",)) == (call.duration_ms, call.flags)


def test_a_start_that_comes_late_without_a_clock_does_not_turn_time_round() -> None:
    """
    Its arrival is after the call's end: the answer follows from the Stop.
    """
    stop = a_stop(NOW + seconds(10), 10, event_at_known=False)
    start = a_start(NOW + seconds(60), event_at_known=False)

    call = told(start, stop)

    assert (NOW, NOW) == (call.connect_at, call.begun_at)
    assert () == call.flags


@pytest.mark.parametrize("year", [1970, 1999, 2083])
def test_stamps_that_cannot_be_right_are_not_believed(year: int) -> None:
    """
    A clock that was never set says 1970: end and duration tell the answer.
    """
    stamp = NOW.replace(year=year)
    call = told(a_stop(NOW, 10, connect_at=stamp, setup_at=stamp, disconnect_at=stamp))

    assert (NOW - seconds(10), NOW) == (call.connect_at, call.ended_at)


def test_an_answer_before_the_set_up_moves_the_beginning() -> None:
    """
    Contradicting stamps leave a beginning that is not after the answer.
    """
    call = told(a_stop(NOW, 10, setup_at=NOW - seconds(10), connect_at=NOW - timedelta(days=40)))

    assert call.connect_at is not None
    assert call.begun_at <= call.connect_at


def test_the_accepted_attempt_says_who_calls() -> None:
    """
    What we have checked holds for the whole call, whatever the Start says.
    """
    attempt = an_attempt(username="alice", calling="15125550100").event
    start = a_start(NOW + seconds(5), username="mallory", calling="19995550000")

    identity = told(attempt, start, authorized=True, verified=True).identity
    assert ("alice", "15125550100", True) == (identity.username, identity.calling, identity.verified)
    identity = told(attempt, start, authorized=False).identity
    assert ("mallory", "19995550000", False) == (identity.username, identity.calling, identity.verified)


def test_one_attempt_is_kept() -> None:
    """
    Asked again, with another number and under another session id, the last one counts.
    """
    first = an_attempt(NOW, leg_id="2", called="331").event
    second = an_attempt(NOW + seconds(4), leg_id="1", called="332").event

    assert (second,) == kept(first, second) == kept(second, first)


def test_our_own_closing_holds_until_a_stop_comes() -> None:
    """
    A call that we closed by evidence is corrected by its late Stop.
    """
    closing = Closing(at=NOW + seconds(60), duration_ms=60_000, how="silent")

    call = told(a_start(), closing=closing)
    assert (60_000, "silent", ("closed_by_us",)) == (call.duration_ms, call.closed_by, call.flags)
    call = told(a_start(), a_stop(NOW + seconds(100), 100), closing=closing)
    assert (100_000, "", ()) == (call.duration_ms, call.closed_by, call.flags)


def test_a_stop_that_knows_neither_duration_nor_answer_is_left_open_to_doubt() -> None:
    """
    No duration is not a duration of nothing: an admin will look at it.
    """
    call = told(a_stop(NOW, None))

    assert (None, ("no_duration",)) == (call.duration_ms, call.flags)


def test_the_longest_of_several_stops_of_a_leg_counts() -> None:
    """
    Asterisk sends two Stops of a call, one of them with nothing in it.
    """
    assert 30_000 == told(a_stop(NOW, 0), a_stop(NOW, 30)).duration_ms
    assert 30_000 == told(a_stop(NOW, 30), a_stop(NOW, 0)).duration_ms


def test_what_is_told_in_parts_is_added_up() -> None:
    """
    In any order: it begins with the first, ends with the last, and what lies between is no contradiction.
    """
    at = [NOW + seconds(each) for each in (40, 60, 120, 150, 170)]
    first = a_stop(at[1], 20, connect_at=at[0], flags=(PART,), leg_id="1", calling="201")
    second = a_stop(at[3], 30, connect_at=at[2], flags=(PART,), leg_id="2", calling="202")
    rang = a_stop(at[4], 0, flags=(PART,), leg_id="3", calling="203")

    for each in permutations((first, second, rang)):
        call = told(*each)

        assert (50_000, at[0], at[4]) == (call.duration_ms, call.connect_at, call.ended_at)
        assert ("201", True, (PART,)) == (call.identity.calling, call.answered, call.flags)


def test_what_a_packet_leaves_out_another_one_tells() -> None:
    """
    The Start has no trunk, the Stop has.
    """
    call = told(a_start(trunk_in=""), a_stop(NOW + seconds(5), 5, trunk_in="tg9"))

    assert "tg9" == call.identity.trunk


def test_nothing_but_an_attempt_is_a_call_too() -> None:
    """
    It is open, not answered, and its end is not known.
    """
    call = told(a_call_event(an_attempt().event.kind))

    assert (True, False, None) == (call.open, call.answered, call.duration_ms)
