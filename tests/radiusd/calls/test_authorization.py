"""A call attempt: what it is granted and holds, and why it is refused."""

from typing import Any

import pytest

from radiusd.calls.claims import ServiceKind
from radiusd.calls.directory import Directory
from radiusd.calls.events import CallEvent
from radiusd.errors import Refusal
from tests.builders import (
    NOW,
    a_bucket,
    a_client,
    a_deck,
    a_directory,
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

TRUNK, DID = ServiceKind.TRUNK, ServiceKind.DID


def prepaid(credit_micros: int = 0, *buckets: Any, **service: Any) -> Directory:
    """Return a trunk whose account may owe *credit_micros*, at 0.06 a minute."""
    account = an_account(credit_limit_micros=credit_micros)
    return a_directory(a_service(account=account, plan=a_plan(1, *buckets), **service))


def refused(desk: Desk, **fields: Any) -> Refusal | None:
    return desk.ask(an_attempt(**fields)).refusal


def test_accepts_and_holds_one_channel() -> None:
    """
    A call of an account without a limit of money is bounded by the client's longest call only.
    """
    desk = Desk(a_directory(a_service(max_channels=1)), a_client(max_call_s=7200))
    decision = desk.ask(an_attempt())

    assert (None, 7200) == (decision.refusal, decision.session_timeout_s)
    assert (1, 1) == (desk.used(), desk.balance().channels)
    assert ("A1", "trunk tg1 of A1") == (decision.account, decision.service)


def test_asked_five_times_one_channel() -> None:
    """
    A caller's INVITE retransmissions each start another Access-Request of the same call.
    """
    desk = Desk(a_directory(a_service(max_channels=1)))
    answers = {desk.ask(an_attempt(NOW + seconds(n), source=str(n))).refusal for n in range(5)}

    assert {None} == answers
    assert (1, 1, 1) == (desk.used(), len(desk.sessions), len(desk.calls))


def test_asked_again_with_another_session_id_one_channel() -> None:
    """
    The sender names the call the same and itself anew.
    """
    desk = Desk()
    desk.ask(an_attempt(leg_id="2"))
    desk.ask(an_attempt(leg_id="1"))

    assert 1 == desk.used()


def test_asked_again_for_another_destination_is_decided_anew() -> None:
    """
    What the first attempt held is given back first.
    """
    rates = (a_rate("44"), a_rate("33", "6.00"))
    directory = a_directory(
        a_service(account=an_account(credit_limit_micros=0), plan=a_plan(deck=a_deck(*rates)))
    )
    desk = Desk(directory, a_client(max_call_s=600))
    desk.pay(1_000_000)

    assert 600 == desk.ask(an_attempt(called="44201")).session_timeout_s
    assert 10 == desk.ask(an_attempt(NOW + seconds(1), called="33123")).session_timeout_s
    assert (1_000_000, 1) == (desk.balance().held_micros, desk.used())


@pytest.mark.parametrize(("balance", "credit", "granted_s"), [(60, 0, 60), (0, 100, 100), (-40, 100, 60)])
def test_money_bounds_a_call(balance: int, credit: int, granted_s: int) -> None:
    """
    Balance and credit limit pay for a millidollar a second; what they pay is held.
    """
    desk = Desk(prepaid(credit * 1000))
    desk.pay(balance * 1000)

    assert granted_s == desk.ask(an_attempt()).session_timeout_s
    assert granted_s * 1000 == desk.balance().held_micros


def test_minutes_are_held_before_money() -> None:
    """
    A call of 100 s from a bucket of 60 holds 60 s and the money of 40.
    """
    desk = Desk(prepaid(0, a_bucket(1, 60)))
    desk.pay(40_000)

    assert 100 == desk.ask(an_attempt()).session_timeout_s
    assert ([60], 40_000) == ([row.held_s for row in desk.buckets], desk.balance().held_micros)


def test_two_calls_never_hold_the_same_minute_or_cent() -> None:
    """
    The second call gets what the first one left, the third nothing.
    """
    desk = Desk(prepaid(0, a_bucket(1, 60)), a_client(max_call_s=70))
    desk.pay(15_000)

    granted = [desk.ask(an_attempt(call_id=f"c{n}")).session_timeout_s for n in range(3)]
    assert [70, 5, None] == granted
    assert Refusal.NO_BALANCE is refused(desk, call_id="c3")
    assert (15_000, [0]) == (desk.balance().held_micros, [row.free_s for row in desk.buckets])


def test_a_virtual_number_holds_the_minutes_of_its_primary() -> None:
    """
    Their calls at once share one bucket.
    """
    account = an_account(credit_limit_micros=0)
    did = a_service(DID, "15125550100", 1, account=account, plan=a_plan(1, a_bucket(1, 100)))
    virtual = a_virtual("15125550199", did, 2)
    desk = Desk(a_directory(did, virtual), a_client(asserts_numbers=True, max_call_s=60))

    granted = [
        desk.ask(an_attempt(call_id=number, calling=number, trunk_in="")).session_timeout_s
        for number in ("15125550100", "15125550199")
    ]
    assert [60, 40] == granted
    assert [100] == [row.held_s for row in desk.buckets]


def test_what_a_virtual_number_costs_on_top_is_held_too() -> None:
    """
    A bucket pays the minutes; the additional charge is money.
    """
    account = an_account(credit_limit_micros=0)
    did = a_service(DID, "15125550100", 1, account=account, plan=a_plan(1, a_bucket(1, 3600)))
    virtual = a_virtual("15125550199", did, 2, additional_charge_nano=60_000_000)
    desk = Desk(a_directory(did, virtual), a_client(asserts_numbers=True))
    desk.pay(30_000)

    assert 30 == desk.ask(an_attempt(calling="15125550199", trunk_in="")).session_timeout_s
    assert 30_000 == desk.balance().held_micros


def test_a_trunk_admits_up_to_its_limit() -> None:
    """
    Two calls at a trunk of two; the third is refused and holds nothing; one ends, and it is admitted.
    """
    desk = Desk(a_directory(a_service(max_channels=2)))

    assert [None, None] == [refused(desk, call_id=f"c{n}") for n in range(2)]
    assert Refusal.TRUNK_FULL is refused(desk, call_id="c2")
    assert 2 == desk.used()
    desk.post(a_stop(NOW + seconds(5), 0, call_id="c0"))
    assert None is refused(desk, at=NOW + seconds(6), call_id="c2")


def test_an_account_admits_up_to_its_limit() -> None:
    """
    Over all of its services together.
    """
    account = an_account(max_channels=1)
    desk = Desk(
        a_directory(a_service(TRUNK, "tg1", 1, account=account), a_service(TRUNK, "tg2", 2, account=account))
    )

    assert None is refused(desk, call_id="c1")
    assert Refusal.ACCOUNT_FULL is refused(desk, call_id="c2", trunk_in="tg2")


def test_a_called_trunk_that_is_full_is_busy() -> None:
    """
    To the caller it is, whatever the limit; as the way out of a call it is full.
    """
    trunk = a_service(TRUNK, "tg2", 2, account=an_account(2), max_channels=1)
    desk = Desk(
        a_directory(
            a_service(TRUNK, "tg1", 1), trunk, a_service(DID, "442071838750", 3, account=an_account(2))
        )
    )

    assert None is refused(desk, call_id="c1", trunk_out="tg2")
    assert Refusal.CALLED_BUSY is refused(desk, call_id="c2", trunk_out="tg2")
    assert Refusal.TRUNK_FULL is refused(desk, call_id="c3", trunk_in="tg2", called="33155501234")


def test_both_parties_or_none() -> None:
    """
    The caller has room, the called one has none: nothing is held for either.
    """
    caller = a_service(TRUNK, "tg1", 1)
    called = a_service(DID, "442071838750", 2, account=an_account(2, max_channels=0))
    desk = Desk(a_directory(caller, called))

    assert Refusal.CALLED_BUSY is refused(desk)
    assert (0, 0, 0, []) == (desk.used(), desk.balance(1).channels, desk.balance(2).channels, desk.sessions)


def test_both_parties_hold() -> None:
    """
    A call between two customers is a call of each.
    """
    desk = Desk(
        a_directory(a_service(TRUNK, "tg1", 1), a_service(DID, "442071838750", 2, account=an_account(2)))
    )

    assert None is refused(desk)
    assert (1, 1) == (desk.balance(1).channels, desk.balance(2).channels)
    assert ["out", "in"] == [session.role for session in desk.sessions]


@pytest.mark.parametrize(
    ("directory", "fields", "expected"),
    [
        (a_directory(), {"verified": False}, Refusal.AUTH_FAILED),
        (a_directory(), {"trunk_in": "tg9"}, Refusal.UNKNOWN_CALLER),
        (a_directory(a_service(activated_at=NOW + seconds(1))), {}, Refusal.NOT_ACTIVE),
        (a_directory(a_service(account=an_account(suspended=True))), {}, Refusal.ACCOUNT_SUSPENDED),
        (a_directory(), {"called": ""}, Refusal.BAD_REQUEST),
        (a_directory(a_service(plan=a_plan(deck=a_deck(a_rate("33"))))), {}, Refusal.NO_RATE),
        (
            a_directory(a_service(plan=a_plan(deck=a_deck(a_rate("44", blocked=True))))),
            {},
            Refusal.DESTINATION_BLOCKED,
        ),
        (prepaid(), {}, Refusal.NO_BALANCE),
    ],
    ids=lambda value: value.word if isinstance(value, Refusal) else "",
)
def test_refuses(directory: Directory, fields: dict[str, Any], expected: Refusal) -> None:
    """
    Every refusal has its word, is on record with it, and holds nothing.
    """
    desk = Desk(directory)

    assert expected is refused(desk, **fields)
    assert [("refused", expected.word)] == [(cdr.status, cdr.reason) for cdr in desk.cdrs]
    assert ([], []) == (desk.sessions, desk.postings)


def test_a_refusal_asked_again_is_one_record() -> None:
    """
    And when there is room, the refusal is gone.
    """
    desk = Desk(a_directory(a_service(max_channels=1)))
    refused(desk, call_id="c1")
    for n in range(3):
        assert Refusal.TRUNK_FULL is refused(desk, at=NOW + seconds(n), call_id="c2")
    assert 1 == len(desk.cdrs)

    desk.post(a_stop(NOW + seconds(4), 0, call_id="c1"))
    assert None is refused(desk, at=NOW + seconds(5), call_id="c2")
    assert ["c1"] == [row.facts[-1].call_id for row in desk.calls if row.state == "ended"]
    assert ["failed"] == [cdr.status for cdr in desk.cdrs]


def test_a_refused_call_that_goes_on_is_charged() -> None:
    """
    The switch did not heed us: the call is recorded, in place of the refusal.
    """
    desk = Desk(a_directory(a_service(max_channels=0)))
    assert Refusal.TRUNK_FULL is refused(desk)

    desk.post(a_start(NOW + seconds(5)))
    assert (1, True) == (desk.used(), desk.sessions[0].over_limit)
    desk.post(a_stop(NOW + seconds(65), 60))
    assert ["answered"] == [cdr.status for cdr in desk.cdrs]
    assert (0, -60_000) == (desk.used(), desk.balance().balance_micros)


def start_first(desk: Desk, **fields: Any) -> CallEvent:
    start = a_start(NOW, **fields)
    desk.post(start)
    return start


def test_a_start_that_overtakes_its_attempt_holds_one_channel() -> None:
    """
    Yate sends its Start before it asks.
    """
    desk = Desk(a_directory(a_service(max_channels=1)))
    start_first(desk)

    assert None is refused(desk, at=NOW + seconds(1))
    assert (1, 1) == (desk.used(), len(desk.sessions))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, Refusal.NO_BALANCE),
        ({"verified": False}, Refusal.AUTH_FAILED),
        ({"called": ""}, Refusal.BAD_REQUEST),
    ],
    ids=str,
)
def test_a_call_that_is_up_can_be_refused(fields: dict[str, Any], expected: Refusal) -> None:
    """
    Its Start overtook the attempt: the switch is told no, and until it ends the call stays on record.
    """
    desk = Desk(prepaid())
    start_first(desk)

    assert expected is refused(desk, at=NOW + seconds(1), **fields)
    assert (1, ["started"]) == (desk.used(), [row.state for row in desk.calls])
    desk.post(a_stop(NOW + seconds(5), 5))
    assert [("answered", 5000)] == [(cdr.status, cdr.total_micros) for cdr in desk.cdrs]


def test_wrong_credentials_end_nobodys_call() -> None:
    """
    Whoever asks under the id of a call that goes on, without proof, leaves it as it is.
    """
    desk = Desk(prepaid(100_000))
    granted = desk.ask(an_attempt()).session_timeout_s
    before = desk.picture()

    assert Refusal.AUTH_FAILED is refused(desk, at=NOW + seconds(1), verified=False)
    assert before == desk.picture()
    assert [granted] == [session.granted_s for session in desk.sessions]


def test_a_stop_that_overtakes_its_attempt_is_charged_and_holds_nothing() -> None:
    """
    The attempt was stuck on the way until the call was over.
    """
    desk = Desk()
    desk.post(a_stop(NOW + seconds(60), 60))
    desk.ask(an_attempt(NOW + seconds(61)))
    desk.tend(NOW + seconds(200))

    assert (0, -60_000) == (desk.used(), desk.balance().balance_micros)


def test_the_grant_is_what_the_call_costs() -> None:
    """
    A call that lasts exactly its grant costs exactly what was held.
    """
    desk = Desk(prepaid(0, a_bucket(1, 7)))
    desk.pay(12_345)
    granted_s = desk.ask(an_attempt()).session_timeout_s
    assert granted_s is not None
    held = desk.balance().held_micros
    desk.post(a_start(NOW + seconds(2)), a_stop(NOW + seconds(2 + granted_s), granted_s))

    assert (19, held) == (granted_s, 12_345 - desk.balance().balance_micros)
    assert 0 == desk.balance().held_micros


def test_the_remaining_time_is_told_to_who_asks_in_mid_call() -> None:
    """
    Asked again after 40 of 100 seconds, 60 are left.
    """
    desk = Desk(prepaid(100_000))
    desk.ask(an_attempt())
    desk.post(a_start(NOW))

    assert 60 == desk.ask(an_attempt(NOW + seconds(40))).session_timeout_s
    assert 100_000 == desk.balance().held_micros


def test_a_lease_is_renewed_by_asking_again() -> None:
    """
    A client on leases gets the next one, and only that is held.
    """
    desk = Desk(prepaid(1_000_000), a_client(grant="lease", lease_s=30))

    assert 30 == desk.ask(an_attempt()).session_timeout_s
    desk.post(a_start(NOW))
    assert 30 == desk.ask(an_attempt(NOW + seconds(25))).session_timeout_s
    assert 55_000 == desk.balance().held_micros


def test_a_call_inside_a_pbx_needs_no_rate_and_no_money() -> None:
    """
    One extension of an account rings another: nothing is charged, whatever decks say of the number.
    """
    account = an_account(credit_limit_micros=0)
    fields = {"account": account, "tenant": "pbx.example"}
    directory = a_directory(
        a_service(ServiceKind.EXTENSION, "101", 1, **fields),
        a_service(ServiceKind.EXTENSION, "102", 2, **fields),
    )
    desk = Desk(directory, a_client(asserts_numbers=True))
    called = {"calling": "101", "called": "102", "tenant": "pbx.example", "trunk_in": ""}

    assert refused(desk, **called) is None
    desk.post(a_start(**called), a_stop(**called))

    assert {"answered"} == {cdr.status for cdr in desk.cdrs}
    assert 0 == sum(cdr.total_micros for cdr in desk.cdrs)
