"""Rating again: nothing for unchanged tariffs, once for changed ones, as if it had been so at once."""

from collections import Counter
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from radiusd.calls.rerating import Rerated, Result, Wanted, changes, rerate
from rating.decks import Deck
from tests.builders import (
    LONG_AGO,
    NOW,
    a_bucket,
    a_deck,
    a_directory,
    a_plan,
    a_rate,
    a_service,
    a_stop,
)
from tests.desk import Desk

NEW = Deck.of([a_rate("44", "0.12", initial=60, increment=60), a_rate("33", "0.02", fee="0.01")])
OLD = Deck.of([a_rate("44", "0.06", initial=30, increment=6), a_rate("33", "0.02")])
MINUTES = a_bucket(1, 300)


def a_site(*decks: Deck, buckets=(MINUTES,)):
    """Return the trunk tg1 on a deck; the last of several counts, as if it were imported for the past."""
    versions = [(LONG_AGO, number, deck) for number, deck in reversed(list(enumerate(decks, 1)))]
    plan = a_plan(1, *buckets, deck=a_deck(versions=versions))
    return a_directory(a_service(plan=plan))


calls = st.lists(
    st.tuples(st.integers(0, 10_000), st.integers(1, 400), st.sampled_from(["442071838750", "33142685300"])),
    min_size=1,
    max_size=8,
    unique_by=lambda call: call[0],
)


def settled(told, directory):
    """Return a desk at which *told* calls have ended, in the order given."""
    desk = Desk(directory)
    for number, (begin_s, duration_s, called) in enumerate(told):
        begin = NOW + timedelta(seconds=begin_s)
        end = begin + timedelta(seconds=duration_s)
        desk.post(a_stop(end, duration_s, call_id=f"c{number}", called=called, connect_at=begin))
    return desk


def again(desk, *, redraw=False) -> list[Rerated]:
    """Rate every call of the desk again."""
    rows = {row.call_id: row for row in desk.calls}
    wanted = [
        Wanted(
            account_id=cdr.account_id,
            role=cdr.role,
            call_id=cdr.call_id,
            call_key=rows[cdr.call_id].call_key,
            seq=rows[cdr.call_id].seq,
            client_id=1,
            started_at=cdr.started_at,
            destination=cdr.destination,
        )
        for cdr in desk.cdrs
    ]
    now = NOW + timedelta(days=1)
    return rerate(desk.books, wanted, lambda client_id: desk.context(client_id, now), redraw=redraw)


def check_sums(desk):
    """The balance is the sum of the postings, and bucket use that of the seconds."""
    drawn: Counter[str] = Counter()
    for posting in desk.postings:
        if posting.bucket_id is not None:
            drawn[posting.bucket_id] += posting.seconds
    assert desk.balance().balance_micros == sum(posting.amount_micros for posting in desk.postings)
    for row in desk.books.buckets.values():
        assert row.used_s == drawn[row.bucket_id] <= row.included_s


def charged(desk):
    """Return what each call costs and draws."""
    return {(cdr.started_at, cdr.called): (cdr.total_micros, cdr.included_s) for cdr in desk.cdrs}


@settings(max_examples=60, deadline=None)
@given(calls, st.booleans())
def test_unchanged_tariffs_change_nothing(told, redraw):
    """
    In whatever order the calls were settled; with minutes drawn anew only if that was the order of answers.
    """
    desk = settled(sorted(told) if redraw else told, a_site(OLD))
    postings = len(desk.postings)

    assert [] == list(changes(again(desk, redraw=redraw)))
    assert postings == len(desk.postings)
    check_sums(desk)


@settings(max_examples=60, deadline=None)
@given(calls)
def test_other_tariffs_come_to_what_they_would_have_been(told):
    """
    With minutes drawn anew: call by call the same as if the new prices had held at once.
    """
    desk = settled(told, a_site(OLD))
    desk.directory = a_site(OLD, NEW)

    again(desk, redraw=True)

    assert charged(settled(sorted(told), a_site(OLD, NEW))) == charged(desk)
    check_sums(desk)
    assert [] == list(changes(again(desk, redraw=True)))


@settings(max_examples=60, deadline=None)
@given(calls)
def test_a_second_time_changes_nothing(told):
    """
    Only calls whose price follows otherwise are touched, and each of them once.
    """
    desk = settled(told, a_site(OLD))
    desk.directory = a_site(OLD, NEW)
    before = {row.call_id: row.charges for row in desk.calls}

    first = list(changes(again(desk)))
    check_sums(desk)

    for row in desk.calls:
        assert (row.charges != before[row.call_id]) == any(
            row.call_id == each.wanted.call_id for each in first
        )
    postings = len(desk.postings)
    assert [] == list(changes(again(desk)))
    assert postings == len(desk.postings)


def test_what_cannot_be_rated_stays_and_is_told():
    """
    A deck that has lost the prefix takes no money back.
    """
    desk = settled([(0, 60, "33142685300")], a_site(OLD, buckets=()))
    desk.directory = a_site(Deck.of([a_rate("44")]), buckets=())

    (outcome,) = again(desk)

    assert Result.KEPT is outcome.result
    assert outcome.reason.startswith("no rate for 33142685300")
    assert -20_000 == desk.balance().balance_micros


def test_a_call_keeps_its_place():
    """
    The cost centre is that of the time of the call, whatever the service says today.
    """
    plan = a_plan(1, deck=a_deck(versions=[(LONG_AGO, 1, OLD)]))
    desk = settled([(0, 60, "33142685300")], a_directory(a_service(plan=plan, location="Vienna")))
    newer = a_plan(1, deck=a_deck(versions=[(LONG_AGO, 2, NEW)]))
    desk.directory = a_directory(a_service(plan=newer, location="Graz"))

    again(desk)

    assert ["Vienna"] * 3 == [posting.location for posting in desk.postings]
    assert ["usage", "reversal", "usage"] == [posting.kind for posting in desk.postings]
    assert -30_000 == desk.balance().balance_micros
