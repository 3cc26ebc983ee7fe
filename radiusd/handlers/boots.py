"""Accounting-On and -Off: a client says that it has booted, so its calls from before are over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg2
from twisted.internet.defer import Deferred

from radiusd.calls.events import CallEvent, Kind
from radiusd.calls.facts import clock_lag
from radiusd.crash_points import crash_point
from radiusd.errors import NotDurable
from radiusd.handlers.answers import Posted
from radiusd.storage.control import ControlConnection
from radiusd.storage.group_commit import Lanes
from radiusd.storage.journal import CallTask, Outcome, close_call
from radiusd.storage.open_calls import OpenCall, note_boot, open_calls_of


class Boots:
    """
    Notes a boot and closes the client's open calls that began before it.

    Only calls that the client itself reported: what it says of others' is not believed (RFC 5176, 6.1 by
    analogy). Running it again changes nothing.
    """

    def __init__(self, control: ControlConnection, lanes: Lanes, log: Any) -> None:
        self._control = control
        self._lanes = lanes
        self._log = log

    def booted(self, event: CallEvent, done: Callable[[Posted | None], None]) -> None:
        """Call *done* once the boot is noted and every call from before it is closed; else with None."""
        closing = Deferred.fromCoroutine(self._close_all(event))
        closing.addCallbacks(done, lambda failure: self._failed(failure, done))

    async def _close_all(self, event: CallEvent) -> Posted | None:
        await note_boot(self._control, event.client_id, event.nas, event.event_at)
        crash_point("after-boot-noted")
        calls = await open_calls_of(self._control, event.client_id, event.event_at)
        how = "accounting_on" if event.kind is Kind.ACCOUNTING_ON else "accounting_off"
        closing = [self._close(call, how, event) for call in calls]  # all at once: they share batches
        outcomes = [await closed for closed in closing]
        if None in outcomes:
            return None
        self._log.info("client booted", client_id=event.client_id, kind=event.kind.value, closed=len(calls))
        return Posted("", "booted")

    def _close(self, call: OpenCall, how: str, event: CallEvent) -> Deferred[Outcome | None]:
        closed: Deferred[Outcome | None] = Deferred()
        at = event.event_at + clock_lag((event,))
        task = CallTask(
            call.client_id, call.call_key, call.seq, call.begun_at, close_call(how, at, event.nas)
        )
        self._lanes.submit(task, closed.callback)
        return closed

    def _failed(self, failure: Any, done: Callable[[Posted | None], None]) -> None:
        if not failure.check(NotDurable, psycopg2.Error):
            self._log.error("boot of a client broke us", error=failure.getTraceback())
        done(None)
