"""Calls that come and go while the demo stays up, so that there is something to look at."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

from provisioning.demo.scenario import BERLIN, CUSTOMER_ADDRESS, DID, LONDON, PREPAID, UNITED_STATES, VIRTUAL
from provisioning.demo.switch import DemoCall, DemoSwitch

MOST_UP = 8
INTERIM_EVERY = timedelta(seconds=60)
SHORTEST_S, LONGEST_S = 20, 240
HEAD_STARTS_S = (95, 60, 35, 10)  # how long the first calls have been up when one looks for the first time


class Traffic:
    """The calls that are up on the demo's switch; *now* and *random* are handed in."""

    def __init__(self, switch: DemoSwitch, now: Callable[[], datetime], random: Random) -> None:
        self._switch = switch
        self._now = now
        self._random = random
        self._ends: list[tuple[datetime, DemoCall]] = []
        self._next_interim = now() + INTERIM_EVERY

    def begin(self) -> None:
        """Bring the first calls up, as if they had been for a while."""
        for head_start_s in HEAD_STARTS_S:
            self._place(self._now() - timedelta(seconds=head_start_s))

    def go_on(self) -> None:
        """End the calls whose time has come, perhaps begin one, and report the others from time to time."""
        now = self._now()
        for end, call in [entry for entry in self._ends if entry[0] <= now]:
            self._hang_up(call, end)
        if len(self._ends) < MOST_UP and self._random.random() < 0.4:
            self._place(now)
        if now >= self._next_interim:
            self._next_interim = now + INTERIM_EVERY
            for _, call in self._ends:
                self._switch.interim(call, now, _seconds(call, now))

    def end(self) -> None:
        """Hang all calls up."""
        now = self._now()
        for _, call in list(self._ends):
            self._hang_up(call, now)

    def _place(self, at: datetime) -> None:
        call = self._any_call()
        verdict = self._switch.ask(call, at)
        if not verdict.accepted:
            return
        self._switch.start(call, at)
        lasts_s = self._random.randint(SHORTEST_S, LONGEST_S)
        end = max(self._now(), at) + timedelta(seconds=min(lasts_s, verdict.seconds or LONGEST_S))
        self._ends.append((end, call))

    def _hang_up(self, call: DemoCall, at: datetime) -> None:
        self._switch.stop(call, at, _seconds(call, at))
        self._ends = [entry for entry in self._ends if entry[1] is not call]

    def _any_call(self) -> DemoCall:
        called = self._random.choice((UNITED_STATES, LONDON, BERLIN, "33142685300", "81312345678"))
        extension = f"151255503{self._random.randrange(100):02}"
        return self._random.choice(
            (
                DemoCall(DID, called),
                DemoCall(VIRTUAL, called),
                DemoCall(PREPAID, called),
                DemoCall(extension, called, trunk="acme-main"),
                DemoCall(extension, called, trunk="acme-main"),
                DemoCall("498912345678", called, address=CUSTOMER_ADDRESS),
            )
        )


def _seconds(call: DemoCall, at: datetime) -> int:
    assert call.begun_at is not None, "only calls that are up are reported"
    return max(0, int((at - call.begun_at).total_seconds()))
