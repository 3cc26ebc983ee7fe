"""One fixed scenario: what included minutes, virtual numbers, full trunks and lost packets come to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from provisioning.demo.switch import DemoCall, DemoSwitch, Verdict

DID, VIRTUAL, PREPAID = "15125550100", "442079460100", "13125550177"
UNITED_STATES, LONDON, BERLIN, UK_MOBILE = "12125550142", "442071838750", "49301234567", "447700900123"
SMALL_TRUNK, CUSTOMER_ADDRESS = "acme-small", "198.51.100.5"
LONGEST = timedelta(hours=1)
"""How long the scenario takes by the clock of its calls."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened on the switch, in words; and the call that it happened to."""

    said: str
    call: DemoCall


def begin_at(now: datetime) -> datetime:
    """
    Return when the scenario's calls begin: an hour ago.

    In the first hour of a month it is now, so that all calls draw from one month's minutes.
    """
    earlier = now - LONGEST
    return earlier if earlier.month == now.month else now


def play(switch: DemoSwitch, begin: datetime) -> Iterator[Step]:
    """Play the scenario, and yield each step when it has happened. It always makes the same calls."""
    at = begin
    yield _whole(switch, DemoCall(DID, UNITED_STATES), at, 120, "a call inside its included minutes")
    at += timedelta(minutes=5)
    yield _whole(switch, DemoCall(VIRTUAL, UNITED_STATES), at, 180, "a virtual number, on its DID's minutes")
    at += timedelta(minutes=5)
    yield _whole(switch, DemoCall(DID, UNITED_STATES), at, 480, "a call that crosses the end of its minutes")
    at += timedelta(minutes=10)
    yield from _fill_trunk(switch, at)
    at += timedelta(minutes=5)
    lost = DemoCall("498912345678", BERLIN, address=CUSTOMER_ADDRESS)
    switch.stop(lost, at + timedelta(seconds=75), 75)
    yield Step("a Stop whose Start was lost: 75 s from a customer's IP address, booked all the same", lost)
    at += timedelta(minutes=5)
    yield _whole(switch, DemoCall(PREPAID, UK_MOBILE), at, 90, "a prepaid call: the time that its money buys")


def _whole(switch: DemoSwitch, call: DemoCall, at: datetime, seconds: int, what: str) -> Step:
    verdict = switch.ask(call, at)
    if verdict.accepted:
        switch.start(call, at)
        switch.stop(call, at + timedelta(seconds=seconds), seconds)
    return Step(f"{what}: {told(verdict)}, and lasts {seconds} s", call)


def _fill_trunk(switch: DemoSwitch, at: datetime) -> Iterator[Step]:
    """Put two calls on a trunk of two, and ask for a third."""
    up = [DemoCall(f"1512555020{number}", LONDON, trunk=SMALL_TRUNK) for number in (1, 2)]
    for number, call in enumerate(up, 1):
        verdict = switch.ask(call, at)
        switch.start(call, at)
        yield Step(f"call {number} on a trunk of two: {told(verdict)}", call)
    third = DemoCall("15125550203", LONDON, trunk=SMALL_TRUNK)
    yield Step(f"call 3 on a trunk of two: {told(switch.ask(third, at))}", third)
    for number, call in enumerate(up, 1):
        seconds = 60 * number
        switch.stop(call, at + timedelta(seconds=seconds), seconds)
        yield Step(f"call {number} ends after {seconds} s, and its channel is free", call)


def told(verdict: Verdict) -> str:
    """Return what the switch is told, in words."""
    if not verdict.accepted:
        return f"refused, {verdict.message}"
    return "accepted" if verdict.seconds is None else f"accepted for up to {verdict.seconds} s"
