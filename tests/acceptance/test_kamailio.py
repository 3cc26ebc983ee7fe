"""Calls through a real Kamailio with sipp around it: all are answered, limited and booked as provisioned."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.acceptance.process import Server, wait_for
from tests.acceptance.switch import (
    BUSY_PREFIX,
    CALLEE_HANGS_UP,
    HANGS_UP_PREFIX,
    REALM,
    Call,
    Seen,
    Switch,
)

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]

SECRET = "kamailio-shared-secret"
USER, PASSWORD = "15550000001", "open-sesame"
FREE, POOR, FULL = "127.0.0.2", "127.0.0.3", "127.0.0.4"  # where trunks call from
CHANNELS = 3  # of FULL
SITE = f"""
[[client]]
name = "kamailio"
networks = ["127.0.0.1"]
secret = "{SECRET}"
dialect = "kamailio"
digest = "proxy"                       # Kamailio makes its own nonces,
require_message_authenticator = false  # and its RADIUS library signs no Access-Request

[[deck]]
name = "world"
currency = "USD"
rates = [
    {{prefix = "44", description = "United Kingdom", rate = 0.02, initial = 6, increment = 6}},
    {{prefix = "49", description = "Germany", rate = 0.03, initial = 1, increment = 1}},
]

[[destination]]
name = "United Kingdom"
prefixes = ["44"]

[[plan]]
code = "minutes"
deck = "world"

[[plan.bucket]]
name = "British minutes"
minutes = 3000
destinations = "United Kingdom"

[[plan]]
code = "prepaid"
deck = "world"

[[account]]
code = "acme"
currency = "USD"
opening_balance = 100

[[did]]
account = "acme"
number = "{USER}"
plan = "minutes"
username = "{USER}"
password = "{PASSWORD}"
realm = "{REALM}"
activated = 2020-01-01

[[account]]
code = "carrier"
currency = "USD"
postpaid = true

[[ip]]
account = "carrier"
network = "{FREE}"
plan = "minutes"
activated = 2020-01-01

[[ip]]
account = "carrier"
network = "{FULL}"
plan = "minutes"
max_channels = {CHANNELS}
activated = 2020-01-01

[[account]]
code = "poor"
currency = "USD"

[[ip]]
account = "poor"
network = "{POOR}"
plan = "prepaid"
activated = 2020-01-01
"""

StartSwitch = Callable[[bool], Switch]


@pytest.fixture
def start_switch(server: Server, sip_folder: Path) -> Iterator[StartSwitch]:
    """Start Tollwire with the site above, and a Kamailio that asks it; True: digests as in RFC 5090."""
    server.apply(SITE)
    server.start()
    with ExitStack() as stack:

        def start(rfc5090: bool) -> Switch:
            switch = Switch(sip_folder, server.auth_port, server.acct_port, SECRET, rfc5090=rfc5090)
            return stack.enter_context(switch)

        yield start


def assert_booked(server: Server, switch: Switch, seen: dict[str, Seen]) -> None:
    """
    See to it that the books tell of every call once, as its caller saw it, and of no other.

    Kamailio's time stamps are whole seconds, so a duration may differ by one.
    """
    wait_for(lambda: len(seen) == len(server.rows("cdr", "list")))
    records = {record["to"]: record for record in server.rows("cdr", "list")}

    assert seen.keys() == records.keys()
    for called, call in seen.items():
        assert status_of(call) == records[called]["status"]
        assert abs(records[called]["seconds"] - (call.talked_s or 0)) <= 1
    assert [] == server.rows("calls", "list")
    server.check_books()
    assert [] == switch.complaints()


def status_of(call: Seen) -> str:
    """Return the status that the record of *call* must have: 486 is the callee's word, the rest is ours."""
    if call.refused_with is None:
        return "answered"
    return "failed" if call.refused_with == 486 else "refused"


@pytest.mark.parametrize("rfc5090", [False, True], ids=["draft-sterman", "rfc5090"])
def test_users_who_prove_themselves_by_digest_talk_and_are_booked(
    server: Server, start_switch: StartSwitch, rfc5090: bool
) -> None:
    """
    Calls of several lengths, one ended by the callee and one to a busy number, make a record each.

    Kamailio tells of the busy one twice, and of a callee's BYE with the sides exchanged.
    """
    switch = start_switch(rfc5090)

    def call(called: str, talk_ms: int = 0) -> Call:
        return Call(USER, called, talk_ms, USER, PASSWORD)

    seen = switch.call(
        [
            *(call(f"44207946000{number}", 1200 + 1100 * number) for number in range(4)),
            call(f"{HANGS_UP_PREFIX}1234567", CALLEE_HANGS_UP),
            call(f"{BUSY_PREFIX}1234567"),
        ]
    )

    assert [486] == [one.refused_with for one in seen.values() if one.refused_with is not None]
    assert_booked(server, switch, seen)


def test_a_wrong_password_lets_nobody_talk(server: Server, start_switch: StartSwitch) -> None:
    """
    The caller hears 403; no call is open, and nothing is charged.
    """
    switch = start_switch(False)
    seen = switch.call([Call(USER, "442079460000", 1000, USER, "a guess")])

    assert 403 == seen["442079460000"].refused_with
    assert [] == server.rows("calls", "list")
    assert [] == [record for record in server.rows("cdr", "list") if record["status"] == "answered"]
    server.check_books()


def test_a_trunk_known_by_its_address_talks_and_is_booked(server: Server, start_switch: StartSwitch) -> None:
    """
    radius_load_caller_avps asks without any password; the address alone decides.
    """
    switch = start_switch(False)
    seen = switch.call([Call("15550009999", f"44207946100{number}", 1500) for number in range(3)], FREE)

    assert [None] * 3 == [one.refused_with for one in seen.values()]
    assert_booked(server, switch, seen)
    assert {"carrier"} == {record["account"] for record in server.rows("cdr", "list")}


def test_an_account_without_money_hears_402(server: Server, start_switch: StartSwitch) -> None:
    """
    The SIP code that begins our Reply-Message becomes the caller's answer.
    """
    switch = start_switch(False)
    seen = switch.call([Call("15550009999", "442079460000", 1000)], POOR)

    assert 402 == seen["442079460000"].refused_with
    assert_booked(server, switch, seen)
    assert ["no_balance"] == [record["reason"] for record in server.rows("cdr", "list")]


def test_a_full_trunk_takes_no_more_calls(server: Server, start_switch: StartSwitch) -> None:
    """
    Of calls that overlap, as many are let in as there are channels; the others hear 503.
    """
    switch = start_switch(False)
    calls = [Call("15550009999", f"44207946200{number}", 3000) for number in range(CHANNELS + 2)]
    seen = switch.call(calls, FULL)

    assert CHANNELS == sum(one.refused_with is None for one in seen.values())
    assert [503, 503] == [one.refused_with for one in seen.values() if one.refused_with is not None]
    assert_booked(server, switch, seen)


def test_a_call_from_an_address_that_nobody_has_is_refused(server: Server, start_switch: StartSwitch) -> None:
    """
    A stranger's address matches no service: 403, and nothing is charged.
    """
    switch = start_switch(False)
    seen = switch.call([Call("15550009999", "442079460000", 1000)], "127.0.0.9")

    assert 403 == seen["442079460000"].refused_with
    assert [] == server.rows("calls", "list")
    server.check_books()
