"""Tell switches that calls which are up may last longer, or less long, than they were told before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from twisted.internet.defer import Deferred

from radiusd.calls import times
from radiusd.calls.directory import Directory
from radiusd.errors import NotDurable
from radiusd.handlers.switch_requests import AGAIN, SwitchRequests, elapsed_s
from radiusd.radius import coa
from radiusd.radius.clients import Client
from radiusd.radius.reply import ReplyAttribute
from radiusd.radius.request import Request
from radiusd.storage.journal import CallTask, Outcome
from radiusd.storage.switch_queue import Later, Queue, Wanted
from radiusd.storage.time_changes import credit_news, note_seen, note_spent

MOST_TRIES = 10
"""How often a switch that does not answer is told the same time, a minute apart."""


class TimeChanges(SwitchRequests):
    """
    Works off the calls with a new time, and finds those whose accounts' credit has changed.

    Args:
        asking: As of SwitchRequests.
        directory: Gives the directory that calls are reckoned by.
    """

    queue = Queue.TIMES
    wants = "time"
    closed_how = "gone"

    def __init__(self, *asking: Any, directory: Callable[[], Directory]) -> None:
        super().__init__(*asking)
        self._directory = directory

    async def look_at_credit(self, now: datetime) -> None:
        """
        Reckon the times of calls anew whose accounts have more to spend, less than nothing, or other limits.

        What a kill interrupts is done the next time: an account is seen when its calls were gone through.
        """
        if not any(
            client.tell_time != "none" and client.grant == "whole" for client in self._clients().values()
        ):
            return
        await note_spent(self._control)
        for news in await credit_news(self._control, self._directory().accounts):
            waiting = []
            for call in news.calls:
                done: Deferred[Outcome | None] = Deferred()
                task = CallTask(call.client_id, call.call_key, call.seq, call.begun_at, times.reckon)
                self._lanes.submit(task, done.callback)
                waiting.append(done)
            outcomes = [await done for done in waiting]
            if all(outcome is not None for outcome in outcomes):
                await note_seen(self._control, news, now)

    def _takes(self, client: Client, wanted: Wanted) -> bool:
        return client.tell_time != "none"

    def _request(
        self, client: Client, session: list[ReplyAttribute], wanted: Wanted, now: datetime
    ) -> Request:
        dialect = self._dialects[client.dialect]
        changes = dialect.time_attributes(wanted.timeout_s or 0, elapsed_s(wanted, now), client)
        return coa.change(session, changes, now)

    def _later(self, wanted: Wanted) -> Later:
        return Later(ask_at=self._now() + AGAIN if wanted.tries < MOST_TRIES else None)

    async def _answered(self, wanted: Wanted, answer: coa.Answer) -> bool:
        task = None
        if answer.is_ack:
            task = times.agreed(wanted.timeout_s or 0)
        elif not answer.is_gone and not answer.may_change:
            task = times.refused
        if task is not None and await self._do(wanted, task) is None:
            # With a note of it, what the switch has said would be lost: it is asked, and says it, again.
            raise NotDurable("the books did not take the answer")
        return answer.is_gone

    async def _give_up(self, wanted: Wanted, why: str) -> None:
        await self._do(wanted, times.refused)
        await super()._give_up(wanted, why)

    def _tell(self, wanted: Wanted, client: Client, host: str, result: str, answer: str) -> None:
        self._metrics.retimed(wanted.reason, result)
        self._log.info(
            "time told",
            call=wanted.call_id,
            client=client.name,
            nas=host,
            reason=wanted.reason,
            timeout_s=wanted.timeout_s,
            result=result,
            answer=answer,
            tries=wanted.tries,
        )
