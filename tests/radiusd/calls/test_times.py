"""What a call that is up may last for when its account's credit changes, and that its switch is told."""

from __future__ import annotations

from typing import Any

import pytest

from radiusd.calls import times
from radiusd.calls.claims import ServiceKind
from radiusd.calls.rows import TimeChange
from radiusd.calls.times import LEAST_MORE_S
from tests.builders import (
    NOW,
    a_client,
    a_directory,
    a_plan,
    a_service,
    a_start,
    a_stop,
    an_account,
    an_attempt,
    an_interim,
    seconds,
)
from tests.desk import Desk


def a_desk(account: dict[str, Any], **client: Any) -> Desk:
    """Return a desk whose client takes new times; a second of a call costs 1000 micro-units."""
    directory = a_directory(a_service(account=an_account(**account)))
    return Desk(directory, a_client(**{"tell_time": "coa", **client}))


def begun(desk: Desk, paid_micros: int) -> int | None:
    """Begin a call with so much money, and return the time that its switch is told first."""
    desk.pay(paid_micros)
    told_s = desk.ask(an_attempt()).session_timeout_s
    desk.post(a_start())
    return told_s


def do(desk: Desk, task: Any, after_s: int) -> str:
    """Do *task* with the call, and return what was done."""
    (row,) = desk.calls
    done: str = task(desk.books, row, desk.context(row.client_id, NOW + seconds(after_s)))
    return done


def told(desk: Desk) -> tuple[str, int] | None:
    """Return why and which time the switch is to be told now."""
    found = list(desk.books.changed[TimeChange].values())
    return (found[0].reason, found[0].timeout_s) if found else None  # type: ignore[attr-defined]


def test_more_money_lets_a_call_last_longer_once_its_switch_agrees() -> None:
    """
    The money is held before the switch is told, so that nobody else spends it; the grant follows its word.
    """
    desk = a_desk({"credit_limit_micros": 0})
    assert 90 == begun(desk, 90_000)
    desk.pay(60_000)

    assert "longer" == do(desk, times.reckon, 30)
    assert ("credit", 150) == told(desk)
    (session,) = desk.sessions
    assert (90, 150, 150_000) == (session.granted_s, session.held_s_until, desk.balance().held_micros)

    assert "agreed" == do(desk, times.agreed(150), 31)
    assert (150, 150) == (session.granted_s, session.held_s_until)
    assert "as before" == do(desk, times.reckon, 60)


def test_what_a_switch_does_not_take_is_held_no_longer() -> None:
    """
    The call ends when it was to end before, and the money is there for other calls.
    """
    desk = a_desk({"credit_limit_micros": 0})
    begun(desk, 90_000)
    desk.pay(60_000)
    do(desk, times.reckon, 30)

    assert "refused" == do(desk, times.refused, 31)
    (session,) = desk.sessions
    assert (90, 90, 90_000) == (session.granted_s, session.held_s_until, desk.balance().held_micros)


@pytest.mark.parametrize(
    ("taken_micros", "after_s", "expected"),
    [(30_000, 10, ("credit", 60)), (90_000, 10, ("credit", 11)), (90_000, 89, None), (0, 10, None)],
)
def test_less_money_shortens_a_call(
    taken_micros: int, after_s: int, expected: tuple[str, int] | None
) -> None:
    """
    To what is left; when that is over, to the next second. One in its last second is let be.
    """
    desk = a_desk({"credit_limit_micros": 0})
    begun(desk, 90_000)
    desk.pay(-taken_micros)

    do(desk, times.reckon, after_s)

    assert expected == told(desk)


def test_a_limit_that_an_account_did_not_have_shortens_its_calls() -> None:
    """
    What the call then may cost is held.
    """
    desk = a_desk({"credit_limit_micros": None})
    assert 14400 == begun(desk, 100_000)
    desk.directory = a_directory(a_service(account=an_account(credit_limit_micros=0)))

    assert "shorter" == do(desk, times.reckon, 20)
    assert ("credit", 100) == told(desk)
    assert 100_000 == desk.balance().held_micros


def test_a_little_more_is_not_worth_a_request() -> None:
    """
    Many calls of an account end and give back seconds; their neighbours' switches are not told each time.
    """
    desk = a_desk({"credit_limit_micros": 0})
    begun(desk, 90_000)
    desk.pay((LEAST_MORE_S - 1) * 1000)
    assert "as before" == do(desk, times.reckon, 10)

    desk.pay(1000)
    assert "longer" == do(desk, times.reckon, 10)


def test_no_call_gets_more_than_its_client_gives_any() -> None:
    """
    ``max_call_s`` is the most.
    """
    desk = a_desk({"credit_limit_micros": 0}, max_call_s=100)
    assert 90 == begun(desk, 90_000)
    desk.pay(1_000_000)
    do(desk, times.reckon, 10)

    assert ("credit", 100) == told(desk)


def test_a_switch_on_leases_is_told_each() -> None:
    """
    Before the one before is over; and when it agrees, the call is not closed at the first one's end.
    """
    desk = a_desk({"credit_limit_micros": 0}, grant="lease", lease_s=60)
    assert 60 == begun(desk, 100_000)
    for second in range(1, 41):
        desk.tend(NOW + seconds(second))
    assert ("lease", 100) == told(desk)

    do(desk, times.agreed(100), 41)
    assert 100 == desk.sessions[0].granted_s
    desk.books.changed[TimeChange].clear()
    desk.tend(NOW + seconds(80))
    assert None is told(desk)  # nothing pays for more


def test_an_interim_that_renews_the_lease_tells_it_too() -> None:
    """
    Whatever comes first.
    """
    desk = a_desk({"credit_limit_micros": 0}, grant="lease", lease_s=60)
    begun(desk, 1_000_000)
    desk.post(an_interim(NOW + seconds(45), 45))

    assert ("lease", 105) == told(desk)


@pytest.mark.parametrize("client", [{}, {"grant": "lease", "lease_s": 60}])
def test_a_client_that_does_not_take_it_is_told_nothing(client: dict[str, Any]) -> None:
    """
    By default nobody is.
    """
    desk = a_desk({"credit_limit_micros": 0}, tell_time="none", **client)
    begun(desk, 90_000)
    desk.pay(60_000)
    for second in range(1, 60):
        desk.tend(NOW + seconds(second))

    assert "nothing" == do(desk, times.reckon, 59)
    assert None is told(desk)


def test_calls_that_are_not_up_or_were_told_no_time_are_left_alone() -> None:
    """
    One that rings, one that its switch never asked for, one that has ended.
    """
    ringing = a_desk({"credit_limit_micros": 0})
    ringing.pay(90_000)
    ringing.ask(an_attempt())
    assert "nothing" == do(ringing, times.reckon, 1)

    unasked = a_desk({"credit_limit_micros": 0})
    unasked.pay(90_000)
    unasked.post(a_start())
    assert "nothing" == do(unasked, times.reckon, 1)

    ended = a_desk({"credit_limit_micros": 0})
    begun(ended, 90_000)
    ended.post(a_stop(NOW + seconds(10), 10))
    assert ["nothing", "over", "over"] == [
        do(ended, task, 11) for task in (times.reckon, times.refused, times.agreed(100))
    ]


def test_the_payer_with_less_decides_for_both() -> None:
    """
    The called side's account has more, or nothing to pay; both are granted the time that the switch has.
    """
    caller = a_service(ServiceKind.TRUNK, "tg1", 1, account=an_account(credit_limit_micros=0))
    called = a_service(
        ServiceKind.DID, "442071838750", 2, account=an_account(2, credit_limit_micros=0), plan=a_plan(2)
    )
    desk = Desk(a_directory(caller, called), a_client(tell_time="coa"))
    desk.pay(90_000)
    desk.pay(200_000, 2)
    first_s = desk.ask(an_attempt()).session_timeout_s
    desk.post(a_start())
    assert {1, 2} == {session.account_id for session in desk.sessions}
    desk.pay(60_000)
    do(desk, times.reckon, 10)

    assert (90, ("credit", 150)) == (first_s, told(desk))
    do(desk, times.agreed(150), 11)
    assert [150, 150] == [session.granted_s for session in desk.sessions]
    assert 150_000 == desk.balance(1).held_micros
