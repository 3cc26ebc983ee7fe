"""Ask switches to hang up calls that must end."""

from __future__ import annotations

from datetime import datetime

from radiusd.handlers.switch_requests import AGAIN, SwitchRequests, elapsed_s
from radiusd.radius import coa
from radiusd.radius.clients import Client
from radiusd.radius.reply import ReplyAttribute
from radiusd.radius.request import Request
from radiusd.storage.disconnects import ask_by_state
from radiusd.storage.switch_queue import Later, Queue, Wanted


class Disconnects(SwitchRequests):
    """Works off the calls to be cut: by Disconnect- or CoA-Requests, as each client takes them."""

    queue = Queue.CUTS
    wants = "end"
    closed_how = "cut_off"

    async def look_at_state(self, now: datetime) -> None:
        """Have calls cut that must end because of what is so now; where no client takes it, ask nothing."""
        if any(client.cut_off != "none" for client in self._clients().values()):
            await ask_by_state(self._control, now)

    def _takes(self, client: Client, wanted: Wanted) -> bool:
        return client.cuts(wanted.reason)

    def _request(
        self, client: Client, session: list[ReplyAttribute], wanted: Wanted, now: datetime
    ) -> Request:
        if client.cut_off == "coa":
            dialect = self._dialects[client.dialect]
            return coa.change(session, dialect.end_attributes(elapsed_s(wanted, now), client), now)
        return coa.disconnect(session, now)

    def _later(self, wanted: Wanted) -> Later:
        return Later(again_at=self._now() + AGAIN)

    async def _answered(self, wanted: Wanted, answer: coa.Answer) -> bool:
        return answer.is_ack or answer.is_gone

    def _tell(self, wanted: Wanted, client: Client, host: str, result: str, answer: str) -> None:
        self._metrics.cut(wanted.reason, result)
        self._log.info(
            "cut asked for",
            call=wanted.call_id,
            client=client.name,
            nas=host,
            reason=wanted.reason,
            result=result,
            answer=answer,
            tries=wanted.tries,
        )
