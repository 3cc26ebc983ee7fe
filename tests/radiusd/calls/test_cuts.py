"""Which calls their switches are asked to end, and when."""

from __future__ import annotations

from typing import Any

import pytest

from radiusd.calls.rows import Disconnect
from tests.builders import (
    NOW,
    a_client,
    a_directory,
    a_service,
    a_start,
    an_account,
    an_attempt,
    an_interim,
    seconds,
)
from tests.desk import Desk


def a_desk(account: dict[str, Any], **client: Any) -> Desk:
    """Return a desk whose client takes Disconnect-Requests, unless *client* says otherwise."""
    directory = a_directory(a_service(account=an_account(**account)))
    return Desk(directory, a_client(**{"cut_off": "disconnect", "lease_s": 60, **client}))


def cut(desk: Desk, until_s: int) -> list[tuple[str, int]]:
    """Look after the calls every second, and return why and when each was to be cut."""
    for second in range(1, until_s + 1):
        desk.tend(NOW + seconds(second))
    wanted = desk.books.changed[Disconnect].values()
    return [(row.reason, (row.due_at - NOW) // seconds(1)) for row in wanted]  # type: ignore[attr-defined]


def test_a_lease_that_cannot_grow_ends_with_its_money() -> None:
    """
    90 s are paid for, a lease of 60 s and half another: not a second less is used.
    """
    desk = a_desk({"credit_limit_micros": 0}, grant="lease")
    desk.pay(90_000)
    desk.post(a_start())

    assert [] == cut(desk, 89)
    assert [("no_credit", 90)] == cut(desk, 120)


def test_who_is_paid_for_in_time_is_not_cut() -> None:
    """
    A payment before the money is used is as good as one before the call.
    """
    desk = a_desk({"credit_limit_micros": 0}, grant="lease")
    desk.pay(90_000)
    desk.post(a_start())
    cut(desk, 85)
    desk.pay(1_000_000)

    assert [] == cut(desk, 200)


def test_a_switch_that_lets_a_call_go_on_beyond_its_grant_is_told() -> None:
    """
    Five seconds of grace are for a clock that differs and a BYE under way.
    """
    desk = a_desk({"credit_limit_micros": 0}, max_call_s=100)
    desk.pay(1_000_000)
    assert 100 == desk.ask(an_attempt()).session_timeout_s
    desk.post(a_start())

    assert [] == cut(desk, 104)
    assert [("grant_over", 105)] == cut(desk, 106)


def test_a_call_beyond_the_limit_that_was_not_asked_for_is_cut() -> None:
    """
    The call within it is not.
    """
    desk = a_desk({"max_channels": 1})
    desk.post(a_start(call_id="c1"))
    assert [] == cut(desk, 1)
    second = desk.post(a_start(call_id="c2"))

    (wanted,) = desk.books.changed[Disconnect].values()
    assert ("over_limit", second.call_id) == (wanted.reason, wanted.call_id)  # type: ignore[attr-defined]


@pytest.mark.parametrize("client", [{"cut_off": "none"}, {"cut_off_for": ("suspended",)}])
def test_a_client_is_asked_for_what_it_takes_only(client: dict[str, Any]) -> None:
    """
    What it does not take bounds nothing: its calls go on while Interims say so.
    """
    desk = a_desk({"credit_limit_micros": 0, "max_channels": 0}, grant="lease", **client)
    desk.post(a_start())
    desk.post(an_interim(NOW + seconds(100), 100))

    assert [] == cut(desk, 150)
