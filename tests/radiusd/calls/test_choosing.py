"""Which call an event belongs to, of those that its sender has called by the same id."""

import msgspec
import pytest

from radiusd.calls.choosing import call_class, key_of
from radiusd.calls.events import CallEvent, Kind
from tests.builders import (
    NOW,
    a_call_event,
    a_client,
    a_start,
    a_stop,
    an_attempt,
    an_interim,
    seconds,
)
from tests.desk import Desk


@pytest.fixture
def desk() -> Desk:
    return Desk(None, a_client(1), a_client(2))


def boot(at_s: float, client_id: int = 1) -> CallEvent:
    return a_call_event(Kind.ACCOUNTING_ON, NOW + seconds(at_s), client_id=client_id, call_id="")


def unstamped(event: CallEvent, late_s: float = 0) -> CallEvent:
    """Return *event* from a sender that stamps nothing: it happens when it arrives."""
    arrived = event.received_at + seconds(late_s)
    return msgspec.structs.replace(event, event_at_known=False, event_at=arrived, received_at=arrived)


def test_the_same_id_of_two_clients_is_two_calls(desk: Desk) -> None:
    """
    A session id is unique to its sender only (L097).
    """
    desk.post(a_start(client_id=1), a_start(client_id=2))

    assert 2 == len(desk.calls)


def test_ids_that_differ_in_their_last_octet_are_two_calls() -> None:
    """
    No id is cut (L100).
    """
    ids = ["x" * 252 + end for end in "ab"]

    assert 2 == len({key_of(a_start(call_id=id)) for id in ids})


def test_an_id_used_again_after_a_reboot_is_a_new_call(desk: Desk) -> None:
    """
    Accounting-On ends all sessions and their ids (RFC 2866, 5.1; L098).
    """
    desk.post(a_start(NOW))
    desk.boot(boot(30))
    desk.post(a_start(NOW + seconds(60)))
    desk.post(a_stop(NOW + seconds(70), 10))

    assert ["started", "ended"] == [row.state for row in desk.calls]


def test_a_reboot_is_the_clients_own(desk: Desk) -> None:
    """
    Another client's Accounting-On separates nothing (L106).
    """
    desk.post(a_start(NOW))
    desk.boot(boot(30, client_id=2))
    desk.post(a_stop(NOW + seconds(60), 60))

    assert ["ended"] == [row.state for row in desk.calls]


def test_a_late_stop_from_before_a_reboot_finds_its_call(desk: Desk) -> None:
    """
    The switch empties its backlog after it is up again, when the id has a new call.
    """
    desk.post(a_start(NOW))
    desk.boot(boot(30))
    desk.post(a_start(NOW + seconds(40)))
    row = desk.post(a_stop(NOW + seconds(20), 20, received_at=NOW + seconds(90)))

    assert (0, "ended") == (row.seq, row.state)


def test_an_id_used_again_without_a_reboot_is_a_new_call(desk: Desk) -> None:
    """
    The next call begins after the last one ended, and is a call of its own, start to stop.
    """
    for begin in (0, 120, 240):
        desk.post(a_start(NOW + seconds(begin)), a_stop(NOW + seconds(begin + 60), 60))

    assert [60_000] * 3 == [cdr.duration_ms for cdr in desk.cdrs]


def test_an_id_used_again_while_its_stop_was_lost(desk: Desk) -> None:
    """
    A Start that begins another time is another call; the Stop belongs to the newer one.
    """
    desk.post(a_start(NOW), a_start(NOW + seconds(4000)), a_stop(NOW + seconds(4010), 10))

    assert ["started", "ended"] == [row.state for row in desk.calls]
    desk.post(a_stop(NOW + seconds(50), 50, received_at=NOW + seconds(4100)))
    assert [50_000, 10_000] == [cdr.duration_ms for cdr in desk.cdrs]


@pytest.mark.parametrize("hours", [0, 1, 30])
def test_a_stop_told_again_hours_later_is_the_same_call(desk: Desk, hours: int) -> None:
    """
    A backlog is sent with new Identifiers and counts once, with time stamps and without.
    """
    for stop in (a_stop(NOW, 60), unstamped(a_stop(NOW, 60, call_id="c2"))):
        desk.post(stop)
        desk.post(msgspec.structs.replace(stop, received_at=NOW + seconds(3600 * hours), source="another"))

    assert 2 == len(desk.cdrs)
    assert -2 * 60_000 == desk.balance().balance_micros


@pytest.mark.parametrize("late_s", [1, 8, 60])
def test_a_start_after_its_stop_does_not_reopen_the_call(desk: Desk, late_s: int) -> None:
    """
    Overtaken on the way, or retransmitted: nothing is open afterwards (L088).
    """
    desk.post(a_start(NOW), a_stop(NOW + seconds(3), 3))
    desk.post(a_start(NOW, received_at=NOW + seconds(late_s), source="again"))
    desk.post(unstamped(a_stop(NOW + seconds(3), 3, call_id="c2")))
    desk.post(unstamped(a_start(NOW, call_id="c2"), late_s))

    assert [] == desk.sessions
    assert 2 == len(desk.cdrs)


def test_a_copy_of_a_start_without_a_stamp_is_known_by_its_packet(desk: Desk) -> None:
    """
    The very packet reaches the second server after the call is over: same port, same Identifier.
    """
    start = a_start(NOW, event_at_known=False, source="192.0.2.1:5000/7")
    desk.post(start, unstamped(a_stop(NOW + seconds(3), 3)))
    desk.post(unstamped(start, 12))

    assert [] == desk.sessions


def test_an_interim_after_the_stop_changes_nothing(desk: Desk) -> None:
    """
    It neither reopens the call nor changes what was charged (L089).
    """
    desk.post(a_start(NOW), a_stop(NOW + seconds(100), 100))
    before = desk.picture()
    desk.post(an_interim(NOW + seconds(60), 60, received_at=NOW + seconds(130)))
    desk.post(unstamped(an_interim(NOW + seconds(90), 90), 30))

    assert before == desk.picture()
    assert 1 == len(desk.calls)


def test_an_attempt_after_the_end_is_a_new_call(desk: Desk) -> None:
    """
    Kamailio asks under the Call-ID of the next INVITE, which a phone may use again.
    """
    desk.ask(an_attempt(NOW))
    desk.post(a_stop(NOW + seconds(10), 0))
    desk.ask(an_attempt(NOW + seconds(20)))

    assert ["ended", "authorized"] == [row.state for row in desk.calls]


def test_our_class_leads_back_to_the_call(desk: Desk) -> None:
    """
    Accounting that carries our Class needs no session id in common with the attempt.
    """
    decision = desk.ask(an_attempt(NOW, call_id="asked"))
    row = desk.post(a_start(NOW + seconds(5), call_id="accounted", call_class=decision.call_class))

    assert (1, "started") == (len(desk.calls), row.state)


def test_our_class_tells_two_calls_of_one_id_apart(desk: Desk) -> None:
    """
    The Class names the very call, whatever the stamps say.
    """
    first = desk.post(a_start(NOW))
    desk.post(a_start(NOW + seconds(4000)))
    row = desk.post(a_stop(NOW + seconds(4010), 10, call_class=call_class(first)))

    assert first.call_id == row.call_id


def test_a_client_speaks_for_its_own_calls_whatever_class_it_sends(desk: Desk) -> None:
    """
    Another client's Class ends nobody's call and joins nobody's (RFC 5176, 6.1 by analogy).
    """
    theirs = desk.post(a_start(client_id=1))
    desk.post(a_stop(NOW + seconds(5), 5, client_id=2, call_class=call_class(theirs)))

    assert "started" == theirs.state
    assert 2 == len(desk.calls)


@pytest.mark.parametrize("text", ["", "-", "x-0", "00-0", "0" * 32 + "-x", "g" * 32 + "-0", "0" * 32 + "-9"])
def test_a_class_that_is_not_ours_does_no_harm(desk: Desk, text: str) -> None:
    """
    Some other server's Class, or a made-up one: the call is recorded.
    """
    desk.post(a_stop(call_class=text))

    assert 1 == len(desk.cdrs)


def test_a_switch_whose_clock_is_off_by_an_hour_has_one_call(desk: Desk) -> None:
    """
    We were asked by our clock, its reports go by its own: ahead or behind.
    """
    for number, off in enumerate((-3600, 3600)):
        call_id = f"off{number}"
        desk.ask(an_attempt(NOW, call_id=call_id))
        desk.post(a_start(NOW + seconds(off + 5), received_at=NOW + seconds(5), call_id=call_id))
        desk.post(a_stop(NOW + seconds(off + 65), 60, received_at=NOW + seconds(65), call_id=call_id))

    assert ["ended", "ended"] == [row.state for row in desk.calls]


def test_a_reboot_by_the_switchs_clock_does_not_part_attempt_and_start(desk: Desk) -> None:
    """
    Its clock is an hour ahead and it booted half an hour ago: we were asked after that, not before.
    """
    desk.boot(boot(1800))
    desk.ask(an_attempt(NOW))
    desk.post(a_start(NOW + seconds(3605), received_at=NOW + seconds(5)))

    assert ["started"] == [row.state for row in desk.calls]


def test_an_attempt_with_the_class_of_a_call_that_is_over_is_about_a_new_one(desk: Desk) -> None:
    """
    Whether it is refused, as here, or let in: what has ended neither begins again nor breaks on it.
    """
    ended = desk.post(a_stop(NOW, 5))
    desk.ask(an_attempt(NOW + seconds(60), verified=False, call_class=call_class(ended)))

    assert ["ended", "refused"] == [row.state for row in desk.calls]


def test_a_stop_that_claims_too_much_after_a_reboot_ends_its_call(desk: Desk) -> None:
    """
    Without a stamp it seems to have begun before the reboot; a second call would be charged beside the first.
    """
    desk.boot(boot(0))
    desk.post(unstamped(a_start(NOW + seconds(10))))
    desk.post(unstamped(a_stop(NOW + seconds(40), 60)))

    assert ["ended"] == [row.state for row in desk.calls]


def test_a_sender_that_puts_everything_under_one_id_is_bounded(desk: Desk) -> None:
    """
    After two hundred reports of different legs a new call is begun, so that no row grows without end.
    """
    for number in range(450):
        desk.post(a_start(NOW + seconds(number), leg_id=f"leg{number}"))

    assert 3 == len(desk.calls)
    assert all(len(row.facts) <= 200 for row in desk.calls)


@pytest.mark.parametrize("backwards", [False, True])
def test_conversations_of_a_channel_one_after_the_other_are_calls_of_their_own(
    desk: Desk, backwards: bool
) -> None:
    """
    A queue hands the caller on: two whole records under one id, the second begun as the first ended.
    """
    records = [
        a_stop(NOW + seconds(60), 50, setup_at=NOW, disconnect_at=NOW + seconds(60)),
        a_stop(NOW + seconds(95), 30, setup_at=NOW + seconds(60), disconnect_at=NOW + seconds(95)),
    ]
    for record in records[::-1] if backwards else records:
        desk.post(record, record)

    assert [30_000, 50_000] == sorted(row.facts[0].duration_ms or 0 for row in desk.calls)


def test_what_was_told_twice_with_other_times_is_one_call(desk: Desk) -> None:
    """
    Two whole records that overlap are about the same conversation.
    """
    desk.post(
        a_stop(NOW + seconds(60), 50, setup_at=NOW), a_stop(NOW + seconds(66), 56, setup_at=NOW + seconds(1))
    )

    assert 1 == len(desk.calls)


@pytest.mark.parametrize("lasted_s", [1, 30, 31])
def test_a_stop_of_a_later_stamp_that_says_when_it_hung_up_is_the_same_call(
    desk: Desk, lasted_s: int
) -> None:
    """
    It is told once more a minute and a half later, with another duration: the longest is charged, once.
    """
    desk.post(a_start(), a_stop(NOW + seconds(30), 30))
    hung_up = NOW + seconds(lasted_s)

    desk.post(a_stop(NOW + seconds(120), lasted_s, disconnect_at=hung_up))

    assert [max(30, lasted_s)] == [cdr.billed_s for cdr in desk.cdrs]
    assert 1 == len(desk.calls)
