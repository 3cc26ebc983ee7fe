"""Calls through a real Sippy B2BUA with sipp around it: two legs each, one call; cut off by credit time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.processes import free_udp_ports
from tests.acceptance import b2bua
from tests.acceptance.b2bua import B2bua
from tests.acceptance.process import Server, wait_for
from tests.acceptance.switch import CALLEE_HANGS_UP, Call, Seen
from tests.packages import skip_without

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]

SECRET = "sippy-shared-secret"
USER, PASSWORD = "15550000001", "open-sesame"
POOR_USER = "15550000002"
TRUNK, FULL, STRANGER = "127.0.0.2", "127.0.0.4", "127.0.0.5"
CHANNELS = 2  # of FULL
SOURCES = {"digest": "127.0.3.1", "address": "127.0.3.2", "busy": "127.0.3.3"}
CLIENT = """
[[client]]
name = "sippy-{name}"
networks = ["{source}"]
secret = "{secret}"
dialect = "sippy"
digest = "proxy"                       # Sippy makes its own nonces,
require_message_authenticator = false  # and signs no Access-Request
max_call_s = 60                        # so that one call does not hold all the money

[client.settings]
reply_time = "Routing"
routing_to = "127.0.0.1:{callee}"
"""
SITE = f"""
[[deck]]
name = "world"
currency = "USD"
rates = [{{prefix = "44", description = "United Kingdom", rate = 0.60, initial = 1, increment = 1}}]

[[plan]]
code = "basic"
deck = "world"

[[account]]
code = "acme"
currency = "USD"
opening_balance = 100

[[account]]
code = "poor"
currency = "USD"
opening_balance = 0.03                 # three seconds

[[did]]
account = "acme"
number = "{USER}"
plan = "basic"
username = "{USER}"
password = "{PASSWORD}"
activated = 2020-01-01

[[did]]
account = "poor"
number = "{POOR_USER}"
plan = "basic"
username = "{POOR_USER}"
password = "{PASSWORD}"
activated = 2020-01-01

[[ip]]
account = "acme"
network = "{TRUNK}"
plan = "basic"
activated = 2020-01-01

[[ip]]
account = "acme"
network = "{FULL}"
plan = "basic"
max_channels = {CHANNELS}
activated = 2020-01-01
"""


@pytest.fixture(scope="module")
def switches(server: Server, home: Path) -> Iterator[dict[str, B2bua]]:
    """Three B2BUAs beside the server: one challenges its callers, two ask about addresses."""
    skip_without(b2bua.missing_packages())
    if b2bua.python() is None:
        pytest.skip("there is no Sippy B2BUA in .venv-sippy; .ci/run puts it there")
    ports = dict(zip(SOURCES, free_udp_ports(len(SOURCES)), strict=True))
    clients = [
        CLIENT.format(name=name, source=source, secret=SECRET, callee=ports[name])
        for name, source in SOURCES.items()
    ]
    server.apply("\n".join(clients) + SITE)
    server.start()
    running: dict[str, B2bua] = {}
    try:
        for name, source in SOURCES.items():
            folder = home / name
            folder.mkdir()
            running[name] = B2bua(
                folder,
                server.auth_port,
                server.acct_port,
                SECRET,
                source=source,
                callee_port=ports[name],
                callee="busy" if name == "busy" else "answers",
                digest=name == "digest",
            ).__enter__()
        yield running
    finally:
        for switch in running.values():
            switch.stop()


@pytest.fixture
def known(server: Server, switches: dict[str, B2bua]) -> set[str]:
    """The calls on record before the test."""
    return {record["call_id"] for record in server.rows("cdr", "list", "--limit", "1000")}


def booked(server: Server, known: set[str], seen: dict[str, Seen]) -> dict[str, Any]:
    """Return the new records by called number, one for each call that was seen, when no call is open."""

    def new() -> list[dict[str, Any]]:
        records = server.rows("cdr", "list", "--limit", "1000")
        return [record for record in records if record["call_id"] not in known]

    wait_for(lambda: len(seen) <= len(new()) and not server.rows("calls", "list"))
    records = {record["to"]: record for record in new()}
    assert seen.keys() == records.keys()
    assert len(seen) == len(new())
    server.check_books()
    return records


def test_users_talk_and_each_call_is_booked_once(
    server: Server, switches: dict[str, B2bua], known: set[str]
) -> None:
    """
    Two legs with Start, Interims and Stop each, and one record, of the time that the caller talked.
    """
    switch = switches["digest"]
    calls = [Call(USER, f"44207946000{n}", 1200 + 1100 * n, USER, PASSWORD) for n in range(4)]
    seen = switch.call(calls)

    records = booked(server, known, seen)
    for called, call in seen.items():
        assert "answered" == records[called]["status"]
        assert abs(records[called]["seconds"] - (call.talked_s or 0)) <= 1
    assert [] == switch.complaints()


def test_a_call_is_cut_off_when_its_money_is_gone(
    server: Server, switches: dict[str, B2bua], known: set[str]
) -> None:
    """
    The credit time in ``Routing`` is the one that Sippy heeds.
    """
    seen = switches["digest"].call([Call(POOR_USER, "442079461000", CALLEE_HANGS_UP, POOR_USER, PASSWORD)])

    records = booked(server, known, seen)
    assert 3 == records["442079461000"]["seconds"]
    assert abs((seen["442079461000"].talked_s or 0) - 3) < 0.5


def test_a_wrong_password_gets_nobody_through(
    server: Server, switches: dict[str, B2bua], known: set[str]
) -> None:
    """
    403, whatever the reason: Sippy passes none on.
    """
    seen = switches["digest"].call([Call(USER, "442079462000", 0, USER, "wrong")])

    assert 403 == seen["442079462000"].refused_with
    assert [] == server.rows("calls", "list")


def test_a_trunk_is_known_by_its_address_and_its_channels_hold(
    server: Server, switches: dict[str, B2bua], known: set[str]
) -> None:
    """
    Of four calls in the same instant a trunk of two channels carries two; a stranger's is refused.
    """
    switch = switches["address"]
    free = switch.call([Call("15559990001", "442079463000", 1000)], TRUNK)
    full = switch.call([Call("15559990001", f"44207946400{n}", 2500) for n in range(4)], FULL, per_s=100)
    stranger = switch.call([Call("15559990001", "442079465000", 0)], STRANGER)

    assert None is free["442079463000"].refused_with
    assert 403 == stranger["442079465000"].refused_with
    assert CHANNELS == sum(call.refused_with is None for call in full.values())
    records = booked(server, known, free | full | stranger)
    assert CHANNELS == sum(record["status"] == "refused" for record in records.values()) - 1


def test_a_busy_number_costs_nothing(server: Server, switches: dict[str, B2bua], known: set[str]) -> None:
    """
    A Stop for each leg and no Start: one failed call.
    """
    seen = switches["busy"].call([Call("15559990001", "442079466000", 0)], TRUNK)

    assert 486 == seen["442079466000"].refused_with
    assert "failed" == booked(server, known, seen)["442079466000"]["status"]
