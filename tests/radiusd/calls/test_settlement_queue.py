"""What cannot be charged waits in the queue, and is charged when it can be."""

from datetime import timedelta

from tests.builders import NOW, a_deck, a_directory, a_plan, a_rate, a_service, a_start, a_stop, seconds
from tests.desk import Desk
from tests.radiusd.calls.desks import TRUNK, settled


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
