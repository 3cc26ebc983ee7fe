"""Kamailio follows our redirects: who may call talks and is booked, who may not hears why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.processes import free_udp_ports
from tests.acceptance.process import Server, wait_for
from tests.acceptance.switch import CALLEE_HANGS_UP, Call, Switch

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]

SECRET = "kamailio-shared-secret"
FREE, POOR, FULL, SHORT = "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"  # where trunks call from
CHANNELS = 2  # of FULL
CONFIGURATION = """
[[listeners]]
kind = "sip"
address = "127.0.0.1"
port = {port}
"""
TRUNK = """
[[account]]
code = "{account}"
currency = "USD"
opening_balance = {balance}

[[trunk]]
account = "{account}"
trunk = "group-{address}"
plan = "basic"
max_channels = {channels}
activated = 2020-01-01
"""
SITE = f"""
[[client]]
name = "kamailio"
networks = ["127.0.0.1"]
secret = "{SECRET}"
dialect = "kamailio"
sip = "open"
sip_trunk_header = "X-Trunk-Group"
sip_next_hop = "127.0.0.1:{{next_hop}}"

[[deck]]
name = "world"
currency = "USD"
rates = [{{{{prefix = "44", description = "United Kingdom", rate = 0.60, initial = 1, increment = 1}}}}]

[[plan]]
code = "basic"
deck = "world"
"""
SHORT_S = 2  # what SHORT can pay for
TRUNKS = (
    ("free", 10_000, FREE, 100),
    ("poor", 0, POOR, 100),
    ("full", 10_000, FULL, CHANNELS),
    ("short", SHORT_S * 0.01, SHORT, 5),
)


@pytest.fixture(scope="module")
def switch(server: Server, sip_folder: Path) -> Iterator[Switch]:
    """A Kamailio beside the server, which it asks by SIP and tells by RADIUS."""
    (port,) = free_udp_ports(1)
    server.more = CONFIGURATION.format(port=port)
    server.configure(workers=1)
    switch = Switch(sip_folder, server.auth_port, server.acct_port, SECRET, redirect_port=port)
    site = SITE.format(next_hop=switch.answers_port)
    for account, balance, address, channels in TRUNKS:
        site += TRUNK.format(account=account, balance=balance, address=address, channels=channels)
    server.apply(site)
    server.start()
    with switch:
        yield switch


def test_calls_follow_the_redirect_and_are_booked(server: Server, switch: Switch) -> None:
    """
    Each is answered by the next hop, reported by RADIUS under its Call-ID, and rated.
    """
    seen = switch.call([Call("15550009999", f"44207946100{number}", 1500) for number in range(3)], FREE)
    wait_for(lambda: 3 <= len(server.rows("cdr", "list", "--account", "free")))
    records = server.rows("cdr", "list", "--account", "free")

    assert [None] * 3 == [one.refused_with for one in seen.values()]
    assert {("answered", called) for called in seen} == {(one["status"], one["to"]) for one in records}
    assert all(1 <= record["seconds"] <= 3 for record in records)
    assert [] == server.rows("calls", "list")
    server.check_books()


def test_the_refusal_is_what_the_caller_hears(server: Server, switch: Switch) -> None:
    """
    402 without money, 503 when the trunk is full, which it is as long as its calls are up.
    """
    assert 402 == switch.call([Call("15550009999", "442079460000", 1000)], POOR)["442079460000"].refused_with
    calls = [Call("15550009999", f"44207946200{number}", 2000) for number in range(CHANNELS + 1)]
    seen = switch.call(calls, FULL)

    assert [503] == [one.refused_with for one in seen.values() if one.refused_with is not None]
    wait_for(lambda: [] == server.rows("calls", "list"))
    again = switch.call([Call("15550009999", "442079463000", 500)], FULL)
    assert None is again["442079463000"].refused_with


def test_a_call_ends_when_its_money_does(switch: Switch) -> None:
    """
    Kamailio hangs up after the longest duration that the redirect told it.
    """
    seen = switch.call([Call("15550009999", "442079464000", CALLEE_HANGS_UP)], SHORT)
    talked_s = seen["442079464000"].talked_s

    assert talked_s is not None
    assert SHORT_S - 1 <= talked_s <= SHORT_S + 1.5  # its timer has steps of a second
