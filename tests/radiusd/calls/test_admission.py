"""Attempts that channels and balance would let through, and what else keeps them back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from radiusd.calls.claims import ServiceKind
from radiusd.calls.policies import Guards, Level, Policy, Rule
from radiusd.calls.rows import Disconnect
from radiusd.errors import Refusal
from tests.builders import (
    NOW,
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
    seconds,
)
from tests.desk import Desk

BARS_UK = Policy("no-uk", barred=(Rule("44", ("44",)),))


Fields = dict[str, Any]


def a_desk(account: Fields | None = None, client: Fields | None = None, **service: Any) -> Desk:
    """Return a desk with a trunk ``tg1`` at 0.06 a minute."""
    trunk = a_service(account=an_account(**(account or {})), **service)
    return Desk(a_directory(trunk), a_client(**(client or {})))


def ask(desk: Desk, call_id: str = "c1", after_s: float = 0, **fields: Any) -> Refusal | None:
    return desk.ask(an_attempt(NOW + seconds(after_s), call_id=call_id, **fields)).refusal


def why(desk: Desk) -> str:
    """Return what the record of the last refused call says of its reason."""
    return desk.cdrs[-1].match[-1][-1]


@pytest.mark.parametrize("whose", ["account", "service"])
def test_a_barred_destination(whose: str) -> None:
    """
    By the account's policy or the service's; the record names policy and rule.
    """
    desk = a_desk({"policy": BARS_UK}) if whose == "account" else a_desk(policy=BARS_UK)

    assert Refusal.BARRED is ask(desk)
    assert "policy no-uk bars '44'" == why(desk)
    assert None is ask(desk, "c2", called="15125550100")
    assert 1 == desk.used()


def test_the_policy_of_the_trunk_counts_for_every_number_on_it() -> None:
    """
    Also when a DID inside the account pays.
    """
    account = an_account()
    trunk = a_service(account=account, policy=BARS_UK)
    did = a_service(ServiceKind.DID, "15125550100", 2, account=account)

    assert Refusal.BARRED is ask(Desk(a_directory(trunk, did)))


def test_policies_bar_nothing_that_comes_in() -> None:
    """
    A number's owner is not its caller.
    """
    did = a_service(ServiceKind.DID, "442071838750", account=an_account(policy=BARS_UK))

    assert None is ask(Desk(a_directory(did)))


def test_a_price_above_the_limit() -> None:
    """
    The price of a minute, whatever is included.
    """
    desk = a_desk({"policy": Policy("cheap", max_price_nano=59_999_999)})

    assert Refusal.PRICE_TOO_HIGH is ask(desk)
    assert "0.060000 per minute; policy cheap allows 0.060000" == why(desk)  # rounded up, both


def test_a_call_is_ended_before_it_costs_too_much() -> None:
    """
    At 0.001 a second, 0.1 pay for 100 s, postpaid or not; a lease never grows beyond.
    """
    policy = Policy("p", max_call_micros=100_000)
    assert 100 == a_desk({"policy": policy}).ask(an_attempt()).session_timeout_s

    desk = a_desk({"policy": policy}, {"grant": "lease", "lease_s": 60, "cut_off": "disconnect"})
    desk.post(a_start())
    for second in range(1, 130):
        desk.tend(NOW + seconds(second))
    (wanted,) = desk.books.changed[Disconnect].values()
    assert NOW + seconds(100) == wanted.due_at  # type: ignore[attr-defined]


def test_a_call_whose_first_step_costs_too_much() -> None:
    """
    It is refused for its cost, not for the balance.
    """
    policy = Policy("p", max_call_micros=59_000)
    desk = a_desk({"policy": policy}, plan=a_plan(deck=a_deck(a_rate("", "0.06", initial=60, increment=60))))

    assert Refusal.CALL_TOO_DEAR is ask(desk)


@pytest.mark.parametrize(
    ("limit", "refusal"),
    [("daily_limit_micros", Refusal.DAILY_LIMIT), ("monthly_limit_micros", Refusal.MONTHLY_LIMIT)],
)
def test_what_open_calls_hold_is_spent(limit: str, refusal: Refusal) -> None:
    """
    0.1 a day: one call holds 0.06 of it, the next gets what is left, the third nothing.
    """
    desk = a_desk({limit: 100_000}, {"max_call_s": 60})

    assert 60 == desk.ask(an_attempt(call_id="c1")).session_timeout_s
    assert 40 == desk.ask(an_attempt(call_id="c2")).session_timeout_s
    assert refusal is ask(desk, "c3")
    assert "0.000000 of 0.100000, held 0.100000" == why(desk)

    desk.post(a_stop(NOW + seconds(10), 10, call_id="c1"), a_stop(NOW + seconds(30), 30, call_id="c2"))
    assert 60 == desk.ask(an_attempt(NOW + seconds(31), call_id="c4")).session_timeout_s
    assert refusal is ask(desk, "c5", 32)  # 0.04 spent, 0.06 held


def test_a_new_day_is_a_new_limit() -> None:
    """
    What was spent yesterday is not today's; the month goes on.
    """
    desk = a_desk({"daily_limit_micros": 60_000, "monthly_limit_micros": 90_000}, {"max_call_s": 60})
    desk.post(a_stop(NOW, 60))
    assert Refusal.DAILY_LIMIT is not ask(desk, "c2")  # nobody was watching before the first attempt

    desk.post(a_stop(NOW + seconds(60), 60, call_id="c2"))
    assert Refusal.DAILY_LIMIT is ask(desk, "c3", 61)
    tomorrow_s = timedelta(days=1).total_seconds()
    assert 30 == desk.ask(an_attempt(NOW + seconds(tomorrow_s), call_id="c4")).session_timeout_s


def test_what_is_taken_back_is_not_spent() -> None:
    """
    A late Stop that corrects the duration corrects the day.
    """
    desk = a_desk({"daily_limit_micros": 100_000}, {"max_call_s": 60})
    ask(desk)
    desk.post(a_stop(NOW + seconds(60), 60))
    desk.post(a_stop(NOW + seconds(70), 20, disconnect_at=NOW + seconds(20)))
    gauges = desk.balance().gauges

    assert gauges is not None
    assert -desk.balance().balance_micros == gauges.day_micros == gauges.month_micros


def test_calls_per_second_of_trunk_and_account() -> None:
    """
    The trunk's first; what is refused takes no token, and what is asked again takes none either.
    """
    desk = a_desk({"max_cps_milli": 2000}, max_cps_milli=1000)

    assert None is ask(desk, "c1")
    assert None is ask(desk, "c1")
    assert Refusal.TRUNK_TOO_FAST is ask(desk, "c2")
    assert None is ask(desk, "c3", 1)
    assert Refusal.TRUNK_TOO_FAST is ask(desk, "c4", 1.9)

    desk = a_desk({"max_cps_milli": 500})
    assert None is ask(desk, "c1")
    assert Refusal.ACCOUNT_TOO_FAST is ask(desk, "c2", 1.9)
    assert "at most 0.5" == why(desk)
    assert None is ask(desk, "c3", 2)


GUARDED = Policy("guarded", guards=Guards(distinct=Level(3, 4), block_s=100))


def test_guards_warn_and_then_close() -> None:
    """
    The log is told before calls are refused; the explanation of a call tells it, too.
    """
    desk = a_desk({"policy": GUARDED})
    decisions = [
        desk.ask(an_attempt(NOW + seconds(n), call_id=f"c{n}", called=f"4420718387{n * 7:02}"))
        for n in range(5)
    ]

    assert ["", "", "3 different numbers in 60 s"] == [decision.warning for decision in decisions[:3]]
    assert [None, None, None, Refusal.FRAUD_SUSPECTED, Refusal.FRAUD_SUSPECTED] == [
        decision.refusal for decision in decisions
    ]
    assert why(desk).startswith("guards are closed until")
    assert None is ask(desk, "c9", 104, called="15125550100")


def test_who_never_asks_is_cut() -> None:
    """
    Calls that are told of only when they are up cannot be refused.
    """
    desk = a_desk({"policy": GUARDED}, {"cut_off": "disconnect"})
    for n in range(5):
        desk.post(a_start(NOW + seconds(n), call_id=f"c{n}", called=f"4420718387{n * 7:02}"))

    assert ["fraud", "fraud"] == [
        wanted.reason for wanted in desk.books.changed[Disconnect].values()  # type: ignore[attr-defined]
    ]


def test_an_emergency_call_goes_through() -> None:
    """
    Suspended, barred, too fast, without rate, money or a calm minute: only full channels keep it back.
    """
    nowhere = Policy("none", (Rule("*", ("",)),), max_price_nano=0, max_call_micros=0, guards=GUARDED.guards)
    account = {
        "emergency": frozenset({"911"}),
        "suspended": True,
        "policy": nowhere,
        "credit_limit_micros": 0,
        "daily_limit_micros": 0,
        "monthly_limit_micros": 0,
        "max_cps_milli": 1,
        "max_channels": 3,
    }
    desk = a_desk(account, plan=a_plan(deck=a_deck(a_rate("44"))))

    decisions = [desk.ask(an_attempt(call_id=f"c{n}", called="911")) for n in range(4)]

    assert [None, None, None, Refusal.ACCOUNT_FULL] == [decision.refusal for decision in decisions]
    assert 14_400 == decisions[0].session_timeout_s
    assert Refusal.ACCOUNT_SUSPENDED is ask(desk, "c9", called="9115551234")
    desk.post(a_stop(NOW + seconds(60), 60, call_id="c0", called="911"))
    assert [0] == [cdr.total_micros for cdr in desk.cdrs if cdr.status == "answered"]


def test_an_account_without_any_of_it_is_not_watched() -> None:
    """
    Its row has nothing more to keep.
    """
    desk = a_desk({"credit_limit_micros": 0})
    desk.pay(1_000_000)
    ask(desk)
    desk.post(a_start(), a_stop(NOW + seconds(60), 60))

    assert (None, None) == (desk.balance().gauges, desk.balance().paced_until)
