"""What is held for a call is what it would cost, and never more than there is."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from radiusd.calls.claims import ServiceKind
from radiusd.calls.directory import Directory
from rating.rates import Rate
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

prices = st.integers(0, 3_000_000).map(lambda micros: f"{micros / 1_000_000:.6f}")
rates = st.builds(
    lambda price, initial, increment, fee: a_rate("", price, initial=initial, increment=increment, fee=fee),
    prices,
    st.sampled_from([0, 1, 6, 30, 60]),
    st.sampled_from([1, 6, 18, 60]),
    st.sampled_from(["0", "0.01", "0.05"]),
)
balances = st.integers(0, 400_000)


def carrier(rate: Rate, included_s: int, on_top_nano: int | None) -> Directory:
    """Return a DID with a bucket, and a virtual number that may cost something on top."""
    account = an_account(credit_limit_micros=0)
    plan = a_plan(1, a_bucket(1, included_s), deck=a_deck(rate))
    did = a_service(ServiceKind.DID, "15125550100", 1, account=account, plan=plan)
    return a_directory(did, a_virtual("15125550199", did, 2, additional_charge_nano=on_top_nano))


@given(
    rates,
    balances,
    st.integers(0, 300),
    st.sampled_from([None, 0, 12_345_678]),
    st.integers(1, 2000),
    st.integers(0, 3),
)
def test_a_call_of_its_whole_grant_costs_what_was_held(
    rate: Rate, balance: int, included_s: int, on_top_nano: int | None, longest_s: int, others: int
) -> None:
    """
    With other calls holding minutes and money beside it, with fees and additional charges.
    """
    client = a_client(max_call_s=longest_s, asserts_numbers=True)
    desk = Desk(carrier(rate, included_s, on_top_nano), client)
    desk.pay(balance)
    for number in range(others):
        desk.ask(an_attempt(call_id=f"other{number}", calling="15125550100", trunk_in=""))
    before = desk.balance().held_micros
    granted_s = desk.ask(an_attempt(calling="15125550199", trunk_in="")).session_timeout_s

    assert desk.balance().held_micros <= balance
    assert all(row.free_s >= 0 for row in desk.buckets)
    if granted_s is None:
        return
    assert 1 <= granted_s <= longest_s
    held = desk.balance().held_micros - before
    about = {"calling": "15125550199", "trunk_in": ""}
    desk.post(a_start(NOW, **about), a_stop(NOW + seconds(granted_s), granted_s, **about))
    (cdr,) = [cdr for cdr in desk.cdrs if cdr.status == "answered"]
    assert held == cdr.total_micros
    assert before == desk.balance().held_micros


@given(rates, st.integers(0, 1_000_000), st.integers(10, 400), st.integers(1, 40))
def test_leases_together_never_hold_more_than_there_is(
    rate: Rate, balance: int, lease_s: int, minutes: int
) -> None:
    """
    Two calls that never asked live on leases; after every renewal the sum fits the balance.
    """
    client = a_client(grant="lease", lease_s=lease_s, asserts_numbers=True)
    desk = Desk(carrier(rate, 0, None), client)
    desk.pay(balance)
    about = {"calling": "15125550100", "trunk_in": ""}
    desk.post(a_start(NOW, call_id="c1", **about), a_start(NOW, call_id="c2", **about))
    for minute in range(minutes):
        desk.tend(NOW + timedelta(minutes=minute))
        spent = -sum(line.amount_micros for line in desk.postings)

        assert desk.balance().held_micros + spent <= balance
