"""What becomes of open calls that nobody reports as ended, and of attempts that nobody starts."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from radiusd.calls.claims import ServiceKind
from radiusd.calls.directory import Directory
from radiusd.calls.events import TOLD_AFTER, CallEvent, Kind, Status
from tests.builders import (
    NOW,
    a_call_event,
    a_client,
    a_deck,
    a_directory,
    a_plan,
    a_rate,
    a_service,
    a_start,
    a_stop,
    an_account,
    an_attempt,
    an_interim,
    seconds,
)
from tests.desk import Desk


def prepaid(balance_micros: int, **client: Any) -> Desk:
    account = an_account(credit_limit_micros=0)
    desk = Desk(a_directory(a_service(account=account)), a_client(**client))
    desk.pay(balance_micros)
    return desk


def tend_until(desk: Desk, end_s: int, every_s: int = 10) -> list[str]:
    """Look after the calls every *every_s* seconds; return what was done but for renewing."""
    done = []
    for second in range(0, end_s + 1, every_s):
        done += desk.tend(NOW + seconds(second))
    return [word for word in done if word not in ("nothing", "renewed")]


def ends(desk: Desk) -> list[tuple[str, str, int]]:
    return [(cdr.status, cdr.reason, cdr.duration_ms) for cdr in desk.cdrs]


def test_an_attempt_without_a_start_lapses() -> None:
    """
    After the set-up time all that it holds is given back, and it is on record.
    """
    desk = prepaid(60_000, setup_ttl_s=90)
    desk.ask(an_attempt())

    assert [] == tend_until(desk, 80)
    assert ["lapsed"] == tend_until(desk, 90)
    assert (0, 0, [("lapsed", "setup_ttl", 0)]) == (desk.used(), desk.balance().held_micros, ends(desk))


def test_a_very_late_start_brings_a_lapsed_call_back() -> None:
    """
    It is up after all: its record takes the place of the lapse.
    """
    desk = prepaid(60_000)
    desk.ask(an_attempt())
    tend_until(desk, 100)

    desk.post(a_start(NOW + seconds(110)))
    assert (1, []) == (desk.used(), desk.cdrs)
    desk.post(a_stop(NOW + seconds(120), 10))
    assert [("answered", "", 10_000)] == ends(desk)


def test_a_call_of_leases_holds_what_it_may_use_next() -> None:
    """
    A call that never asked holds a lease at its start, and more as time goes by.
    """
    desk = prepaid(1_000_000, grant="lease", lease_s=300)
    desk.post(a_start(NOW))
    assert 300_000 == desk.balance().held_micros

    tend_until(desk, 250)
    assert 500_000 <= desk.balance().held_micros <= 600_000
    desk.post(a_stop(NOW + seconds(260), 260))
    assert (740_000, 0) == (desk.balance().balance_micros, desk.balance().held_micros)


def test_two_calls_of_leases_never_hold_the_same_cent() -> None:
    """
    Money ends for both together; no lease is given twice.
    """
    desk = prepaid(200_000, grant="lease", lease_s=60)
    desk.post(a_start(NOW), a_start(NOW, call_id="c2"))

    for second in range(0, 200, 10):
        desk.tend(NOW + seconds(second))
        assert desk.balance().held_micros <= 200_000
    assert ["lease_over", "lease_over"] == [reason for _, reason, _ in ends(desk)]
    assert 0 == desk.balance().balance_micros


def test_a_call_that_was_granted_its_time_is_over_after_it() -> None:
    """
    Kamailio sends no Stop when it cuts a call off itself.
    """
    desk = prepaid(100_000)
    assert 100 == desk.ask(an_attempt()).session_timeout_s
    desk.post(a_start(NOW + seconds(5)))

    assert [] == tend_until(desk, 160)
    assert ["grant_over"] == tend_until(desk, 200)
    assert ([("answered", "grant_over", 100_000)], 0) == (ends(desk), desk.balance().balance_micros)


def test_a_switch_that_falls_silent_has_no_call_any_more() -> None:
    """
    It sent Interims; the last one tells how long the call lasted at least.
    """
    desk = Desk()
    desk.post(a_start(NOW), *(an_interim(NOW + seconds(at), at) for at in (300, 600)))

    assert [] == tend_until(desk, 1500)
    assert ["silent"] == tend_until(desk, 1900)
    assert [("answered", "silent", 600_000)] == ends(desk)


def test_one_re_invite_is_no_promise_of_more() -> None:
    """
    Kamailio reports it as an Interim without a time: the call does not end for want of the next one.
    """
    desk = Desk()
    desk.post(a_start(NOW), an_interim(NOW + seconds(20), None))

    assert [] == tend_until(desk, 3600, 60)
    assert 1 == len(desk.sessions)


def test_a_call_whose_start_and_stop_were_lost_is_charged_by_its_interims() -> None:
    """
    They tell when it was answered and that it lasted ten minutes.
    """
    desk = Desk()
    desk.post(an_interim(NOW + seconds(300), 300), an_interim(NOW + seconds(600), 600))
    tend_until(desk, 3000, 60)

    assert [("answered", "silent", 600_000)] == ends(desk)


def test_no_call_is_open_for_ever() -> None:
    """
    Without an Interim or a grant, the client's longest call is the bound.
    """
    desk = Desk(None, a_client(max_call_s=1000))
    desk.post(a_start(NOW))

    assert [] == tend_until(desk, 1000, 50)
    assert ["too_long"] == tend_until(desk, 1400, 50)
    assert [("answered", "too_long", 1_000_000)] == ends(desk)


def test_a_conference_of_five_hours_whose_interims_come_goes_on() -> None:
    """
    What the switch says now is stronger than any bound of ours.
    """
    desk = prepaid(100_000, max_call_s=3600, lease_s=300)
    desk.ask(an_attempt())
    desk.post(a_start(NOW))
    for minute in range(5, 300, 5):
        desk.post(an_interim(NOW + timedelta(minutes=minute), 60 * minute))
        desk.tend(NOW + timedelta(minutes=minute, seconds=30))

    assert 1 == desk.used()
    desk.post(a_stop(NOW + timedelta(hours=5), 18_000))
    assert [("answered", "", 18_000_000)] == ends(desk)


@pytest.mark.parametrize(
    "directory",
    [
        a_directory(a_service(plan=a_plan(deck=a_deck(a_rate("33"))))),
        a_directory(a_service(ServiceKind.TRUNK, "another")),
    ],
    ids=["no rate", "nobody's"],
)
def test_a_call_that_cannot_be_rated_stays_open(directory: Directory) -> None:
    """
    It is up, whatever it will cost: it is in the live view until it ends, and then in the queue.
    """
    desk = Desk(directory)
    desk.post(a_start(NOW))
    assert [] == tend_until(desk, 3600, 60)
    assert 1 == len(desk.sessions)

    desk.post(a_stop(NOW + seconds(3600), 3600))
    assert 1 == len(desk.queue)


def boot(at_s: float) -> CallEvent:
    return a_call_event(Kind.ACCOUNTING_ON, NOW + seconds(at_s), call_id="")


def test_a_start_from_before_a_reboot_that_comes_late_is_closed() -> None:
    """
    The switch has said that it booted; its old calls are over, also those we hear of afterwards.
    """
    desk = Desk(None, a_client(lease_s=60))
    desk.boot(boot(50))
    desk.post(a_start(NOW, received_at=NOW + seconds(55)))

    assert ["accounting_on"] == tend_until(desk, 200)
    assert [("answered", "accounting_on", 50_000)] == ends(desk)


def test_tending_again_changes_nothing() -> None:
    """
    It is safe to run at any time, on two nodes at once.
    """
    desk = prepaid(100_000)
    desk.ask(an_attempt())
    desk.post(a_start(NOW))
    desk.tend(NOW + seconds(500))
    before = desk.picture()

    assert ["nothing"] == desk.tend(NOW + seconds(501))
    assert before == desk.picture()


@pytest.mark.parametrize("off_s", [-3600, 3600])
def test_a_switch_whose_clock_is_off_is_not_cut(off_s: int) -> None:
    """
    Its stamps are an hour away: what a live call holds, and when it is over, goes by our clock.
    """
    desk = prepaid(400_000, max_call_s=300)
    desk.ask(an_attempt())
    desk.post(a_start(NOW + seconds(off_s + 5), received_at=NOW + seconds(5)))

    assert [] == tend_until(desk, 300)
    assert 300_000 == desk.balance().held_micros
    assert ["grant_over"] == tend_until(desk, 400)
    assert [("answered", "grant_over", 300_000)] == ends(desk)


@pytest.mark.parametrize("off_s", [-3600, 3600])
def test_a_lease_goes_by_our_clock(off_s: int) -> None:
    """
    A call of a switch whose clock is off holds one lease from now on, no hour of them.
    """
    desk = prepaid(10_000_000, grant="lease", lease_s=300)
    desk.post(a_start(NOW + seconds(off_s), received_at=NOW))
    tend_until(desk, 50)

    assert 300_000 <= desk.balance().held_micros <= 360_000


def test_a_call_in_set_up_holds_its_channel() -> None:
    """
    It rings: nothing is over yet.
    """
    desk = Desk()
    desk.post(a_start(NOW, status=Status.SETUP, connect_at=None))

    assert [] == tend_until(desk, 600)
    assert 1 == desk.used()


@pytest.mark.parametrize("hours", [1, 6, 30])
def test_the_bye_of_a_table_ends_a_call_that_we_have_closed(hours: int) -> None:
    """
    It tells no beginning, and its Call-ID is that of no other call: the call was as long as the two say.
    """
    desk = Desk(None, a_client(max_call_s=1000))
    desk.post(msgspec.structs.replace(a_start(NOW), flags=(TOLD_AFTER,)))
    tend_until(desk, 1400, 50)
    ended_at = NOW + seconds(3600 * hours)
    bye = msgspec.structs.replace(
        a_stop(ended_at, 0),
        flags=(TOLD_AFTER,), duration_ms=None, setup_at=None, connect_at=None, disconnect_at=ended_at,
    )  # fmt: skip

    desk.post(bye)
    desk.post(msgspec.structs.replace(bye, source="the row again"))

    assert [("answered", "", 3_600_000 * hours)] == ends(desk)
