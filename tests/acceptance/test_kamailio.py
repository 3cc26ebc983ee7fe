"""Calls through a real Kamailio with sipp around it: all are answered, limited and booked as provisioned."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


class Rig:
    """
    A switch beside the server, and the check that the books tell of its calls what callers saw.
    """

    def __init__(self, server: Server, switch: Switch) -> None:
        self.server = server
        self.switch = switch
        self._known = {record["call_id"] for record in self.records()}

    def records(self) -> list[dict[str, Any]]:
        """Return all call records, newest first."""
        return self.server.rows("cdr", "list", "--limit", "1000")

    def new_records(self) -> list[dict[str, Any]]:
        """Return the records of calls that were made since."""
        return [record for record in self.records() if record["call_id"] not in self._known]

    def assert_booked(self, seen: dict[str, Seen]) -> None:
        """
        See to it that the books tell of every call once, as its caller saw it, and of no other.

        Kamailio's time stamps are whole seconds, so a duration may differ by one.
        """
        wait_for(lambda: len(seen) <= len(self.new_records()))
        records = {record["to"]: record for record in self.new_records()}

        assert seen.keys() == records.keys()
        assert len(seen) == len(self.new_records())
        for called, call in seen.items():
            assert status_of(call) == records[called]["status"]
            assert abs(records[called]["seconds"] - (call.talked_s or 0)) <= 1
        self.assert_quiet()

    def assert_quiet(self) -> None:
        """See to it that no call is open, the books are right, and Kamailio missed no answer."""
        assert [] == self.server.rows("calls", "list")
        self.server.check_books()
        assert [] == self.switch.complaints()


def status_of(call: Seen) -> str:
    """Return the status that the record of *call* must have: 486 is the callee's word, the rest is ours."""
    if call.refused_with is None:
        return "answered"
    return "failed" if call.refused_with == 486 else "refused"


@pytest.fixture(scope="module")
def provisioned(server: Server) -> Server:
    """The server with the site above."""
    server.apply(SITE)
    server.start()
    return server


@pytest.fixture(scope="module", params=["draft-sterman", "rfc5090"])
def switch(provisioned: Server, sip_folder: Path, request: pytest.FixtureRequest) -> Iterator[Switch]:
    """A Kamailio that asks the server, and puts digests into RADIUS in one of two ways."""
    folder = sip_folder / request.param
    folder.mkdir()
    is_rfc5090 = request.param == "rfc5090"
    ports = provisioned.auth_port, provisioned.acct_port
    with Switch(folder, *ports, SECRET, rfc5090=is_rfc5090) as switch:
        yield switch


@pytest.fixture
def rig(provisioned: Server, switch: Switch) -> Rig:
    """The server and the switch, with no call of this test made yet."""
    return Rig(provisioned, switch)


def test_users_who_prove_themselves_by_digest_talk_and_are_booked(rig: Rig) -> None:
    """
    Calls of several lengths, one ended by the callee and one to a busy number, make a record each.

    Kamailio tells of the busy one twice, and of a callee's BYE with the sides exchanged.
    """

    def call(called: str, talk_ms: int = 0) -> Call:
        return Call(USER, called, talk_ms, USER, PASSWORD)

    seen = rig.switch.call(
        [
            *(call(f"44207946000{number}", 1200 + 1100 * number) for number in range(4)),
            call(f"{HANGS_UP_PREFIX}1234567", CALLEE_HANGS_UP),
            call(f"{BUSY_PREFIX}1234567"),
        ]
    )

    assert [486] == [one.refused_with for one in seen.values() if one.refused_with is not None]
    rig.assert_booked(seen)


def test_a_wrong_password_lets_nobody_talk(rig: Rig) -> None:
    """
    The caller hears 403; no call is open, and nothing is charged.
    """
    seen = rig.switch.call([Call(USER, "442079460000", 1000, USER, "a guess")])

    assert 403 == seen["442079460000"].refused_with
    assert [] == [record for record in rig.new_records() if record["status"] == "answered"]
    rig.assert_quiet()


def test_a_trunk_known_by_its_address_talks_and_is_booked(rig: Rig) -> None:
    """
    radius_load_caller_avps asks without any password; the address alone decides.
    """
    seen = rig.switch.call([Call("15550009999", f"44207946100{number}", 1500) for number in range(3)], FREE)

    assert [None] * 3 == [one.refused_with for one in seen.values()]
    rig.assert_booked(seen)
    assert {"carrier"} == {record["account"] for record in rig.new_records()}


def test_an_account_without_money_hears_402(rig: Rig) -> None:
    """
    The SIP code that begins our Reply-Message becomes the caller's answer.
    """
    seen = rig.switch.call([Call("15550009999", "442079460000", 1000)], POOR)

    assert 402 == seen["442079460000"].refused_with
    rig.assert_booked(seen)
    assert ["no_balance"] == [record["reason"] for record in rig.new_records()]


def test_a_full_trunk_takes_no_more_calls(rig: Rig) -> None:
    """
    Of calls that overlap, as many are let in as there are channels; the others hear 503.
    """
    calls = [Call("15550009999", f"44207946200{number}", 3000) for number in range(CHANNELS + 2)]
    seen = rig.switch.call(calls, FULL)

    assert CHANNELS == sum(one.refused_with is None for one in seen.values())
    assert [503, 503] == [one.refused_with for one in seen.values() if one.refused_with is not None]
    rig.assert_booked(seen)


def test_a_call_from_an_address_that_nobody_has_is_refused(rig: Rig) -> None:
    """
    A stranger's address matches no service: 403, and nothing is charged.
    """
    seen = rig.switch.call([Call("15550009999", "442079460000", 1000)], "127.0.0.9")

    assert 403 == seen["442079460000"].refused_with
    rig.assert_quiet()
