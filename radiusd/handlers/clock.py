"""What happens by itself: calls whose time is over, counters against live rows, partitions ahead."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall

from radiusd.errors import NotDurable
from radiusd.handlers.disconnects import Disconnects
from radiusd.handlers.habits import HabitWriter
from radiusd.handlers.time_changes import TimeChanges
from radiusd.storage.control import ControlConnection
from radiusd.storage.duties import hold_duty, make_partitions, mend_channels
from radiusd.storage.group_commit import Lanes
from radiusd.storage.ids import RANDOM_BYTES, uuid7
from radiusd.storage.journal import CallTask, Outcome, tend_call
from radiusd.storage.open_calls import expired_calls
from radiusd.storage.recurring import charge_recurring
from radiusd.storage.switch_queue import forget_old
from radiusd.storage.traffic_sums import forget_needless

TEND_S = 1.0
CUT_S = 1.0
STATE_S = 3.0
HABITS_S = 5.0
SWEEP_S = 60.0
PARTITIONS_S = 3600.0
RECURRING_S = 600.0
DUTY_KEPT_S = 10.0


class Clock:
    """
    The periodic work.

    Several nodes may run it: a duty has one owner at a time, and all of it is safe to repeat.
    """

    def __init__(
        self,
        reactor: Any,
        node: str,
        control: ControlConnection,
        lanes: Lanes,
        disconnects: Disconnects,
        times: TimeChanges,
        habits: HabitWriter,
        log: Any,
    ) -> None:
        self._reactor = reactor
        self._node = node
        self._control = control
        self._lanes = lanes
        self._disconnects = disconnects
        self._times = times
        self._habits = habits
        self._log = log
        self._loops: list[LoopingCall] = []

    def start(self) -> None:
        """Begin."""
        self._every(TEND_S, "tend", self._tend)
        self._every(CUT_S, "cut", self._disconnects.look)
        self._every(STATE_S, "cut by state", self._disconnects.look_at_state)
        self._every(CUT_S, "times", self._times.look)
        self._every(STATE_S, "times by credit", self._look_at_credit)
        self._every(HABITS_S, "habits", self._habits.write)
        self._every(SWEEP_S, "sweep", self._sweep)
        self._every(PARTITIONS_S, "partitions", self._make_partitions, now=True)
        self._every(RECURRING_S, "recurring charges", self._charge_recurring, now=True)

    def stop(self) -> None:
        """Do no more."""
        for loop in self._loops:
            if loop.running:
                loop.stop()

    def _every(
        self,
        seconds: float,
        name: str,
        work: Callable[[datetime], Coroutine[Any, Any, None]],
        *,
        now: bool = False,
    ) -> None:
        loop = LoopingCall(self._guarded, name, work)
        loop.clock = self._reactor
        loop.start(seconds, now=now)
        self._loops.append(loop)

    def _guarded(self, name: str, work: Callable[[datetime], Coroutine[Any, Any, None]]) -> Deferred[None]:
        async def run() -> None:
            # A LoopingCall dies with its first exception; tomorrow's run must happen.
            try:
                await work(datetime.fromtimestamp(self._reactor.seconds(), UTC))
            except (psycopg2.Error, NotDurable) as error:
                self._log.warning("periodic work put off", work=name, error=str(error).strip())
            except Exception as error:
                self._log.error("periodic work failed", work=name, error=repr(error))

        return Deferred.fromCoroutine(run())

    async def _tend(self, now: datetime) -> None:
        until = now + timedelta(seconds=DUTY_KEPT_S)
        if not await hold_duty(self._control, "tend", self._node, now, until):
            return
        tended = []
        for call in await expired_calls(self._control, now):
            done: Deferred[Outcome | None] = Deferred()
            task = CallTask(call.client_id, call.call_key, call.seq, call.begun_at, tend_call)
            self._lanes.submit(task, done.callback)
            tended.append(done)
        for done in tended:
            outcome = await done
            if outcome is not None and outcome.done not in ("renewed", "nothing", "gone"):
                self._log.info("call closed by us", call=outcome.call_id, how=outcome.done)

    async def _look_at_credit(self, now: datetime) -> None:
        until = now + timedelta(seconds=DUTY_KEPT_S)
        if await hold_duty(self._control, "times by credit", self._node, now, until):
            await self._times.look_at_credit(now)

    async def _sweep(self, now: datetime) -> None:
        for account_id, service_id, counted, found in await mend_channels(self._control):
            # Never seen unless somebody edits rows by hand: counter and rows change in one transaction.
            self._log.error(
                "channel counter mended",
                account_id=account_id,
                service_id=service_id,
                was=counted,
                calls=found,
            )

        await forget_old(self._control, now)
        await forget_needless(self._control)

    async def _make_partitions(self, now: datetime) -> None:
        made = await make_partitions(self._control, now)
        if made:
            self._log.info("partitions made", names=made)

    async def _charge_recurring(self, now: datetime) -> None:
        until = now + timedelta(seconds=RECURRING_S)
        if await hold_duty(self._control, "recurring charges", self._node, now, until):
            posted = await charge_recurring(
                self._control, now, lambda: str(uuid7(now, os.urandom(RANDOM_BYTES)))
            )
            if posted:
                self._log.info("recurring charges posted", lines=posted)
