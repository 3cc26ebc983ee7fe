"""Ask switches to hang up calls that must end, and end in our books what they say is over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
from twisted.internet.defer import Deferred

from radiusd.crash_points import crash_point
from radiusd.dialects.dialect import Dialect
from radiusd.dialects.disconnects import address_of, event_of
from radiusd.errors import NotDurable
from radiusd.metrics import Metrics
from radiusd.radius import coa
from radiusd.radius.clients import Client
from radiusd.radius.coa import Path, Target
from radiusd.radius.reply import ReplyAttribute
from radiusd.radius.request import RequestFailed
from radiusd.storage.control import ControlConnection
from radiusd.storage.disconnects import Wanted, ask_by_state, note_closed, note_outcome, take_due
from radiusd.storage.group_commit import Lanes
from radiusd.storage.journal import CallTask, Outcome, close_call

MOST_AT_ONCE = 256
"""Requests that are waited for at a time; the next ones follow as these are answered."""

STOP_WAIT = timedelta(seconds=5)
"""How long after a switch has agreed its Stop is waited for, before the call is closed without one."""

AGAIN = timedelta(seconds=60)
"""How long a switch that did not answer is left alone."""

DEFAULT_PORTS = {"udp": 3799, "tls": 2083}
"""RFC 5176, 2.1; RFC 6614, 2.5."""

HOW = "cut_off"
"""What the record of a call says that was ended by us without a Stop."""

FindPath = Callable[[Client, Target], Path]


class Disconnects:
    """
    Works off the table of calls to be cut.

    Args:
        clients: Gives the current clients by their number.
        find_path: Gives the way to a NAS: UDP, or the TLS connection that it keeps to us.
    """

    def __init__(
        self,
        reactor: Any,
        control: ControlConnection,
        lanes: Lanes,
        dialects: Mapping[str, Dialect],
        clients: Callable[[], Mapping[int, Client]],
        find_path: FindPath,
        metrics: Metrics,
        log: Any,
    ) -> None:
        self._reactor = reactor
        self._control = control
        self._lanes = lanes
        self._dialects = dialects
        self._clients = clients
        self._find_path = find_path
        self._metrics = metrics
        self._log = log
        self._under_way = 0

    async def look(self, now: datetime) -> None:
        """Begin with what is due; it goes on by itself, so that a NAS that is silent delays no other."""
        room = MOST_AT_ONCE - self._under_way
        for wanted in await take_due(self._control, now, room) if room > 0 else ():
            self._under_way += 1
            Deferred.fromCoroutine(self._guarded(wanted))

    async def look_at_state(self, now: datetime) -> None:
        """Have calls cut that must end because of what is so now; where no client takes it, ask nothing."""
        if any(client.cut_off != "none" for client in self._clients().values()):
            await ask_by_state(self._control, now)

    async def _guarded(self, wanted: Wanted) -> None:
        try:
            await (self._close(wanted) if wanted.phase == "close" else self._ask(wanted))
        except (psycopg2.Error, NotDurable) as error:
            # The row stays taken for a while; then whoever looks first does it again.
            self._log.warning("cut put off", call=wanted.call_id, error=str(error).strip())
        except Exception as error:
            self._log.error("cut failed", call=wanted.call_id, error=repr(error))
        finally:
            self._under_way -= 1

    async def _ask(self, wanted: Wanted) -> None:
        now = self._now()
        if not wanted.is_open:
            await note_outcome(self._control, wanted, "over", now, detail="it ended by itself")
            return
        client = self._clients().get(wanted.client_id)
        if client is None or not client.cuts(wanted.reason):
            await self._give_up(wanted, "the client does not take it any more")
            return
        session, host = self._named(client, wanted)
        if not session:
            await self._give_up(wanted, "its switch has told nothing that names the call")
            return
        if not host:
            await self._give_up(wanted, "where its packets came from is no address; set coa_address")
            return
        port = client.coa_port or DEFAULT_PORTS[client.coa_transport]
        target = Target(host, port, client.coa_secret or client.secret)
        try:
            request = coa.disconnect(session, now)
            answer = coa.read(await self._find_path(client, target).request(request))
        except (RequestFailed, ValueError) as error:
            self._tell(wanted, client, host, "no_answer", str(error))
            again_at = self._now() + AGAIN
            await note_outcome(
                self._control, wanted, "no_answer", self._now(), detail=str(error), again_at=again_at
            )
            return
        crash_point("after-disconnect-answer")
        await self._note(wanted, client, host, answer)

    async def _note(self, wanted: Wanted, client: Client, host: str, answer: coa.Answer) -> None:
        now = self._now()
        self._tell(wanted, client, host, "ack" if answer.is_ack else "nak", str(answer))
        is_over = answer.is_ack or answer.is_gone
        await note_outcome(
            self._control,
            wanted,
            "ack" if answer.is_ack else "gone" if answer.is_gone else "nak",
            now,
            error_cause=answer.error_cause,
            detail=f"{host}: {answer}",
            close_at=now + STOP_WAIT if is_over else None,
            again_at=now + AGAIN if answer.may_change else None,
        )

    async def _close(self, wanted: Wanted) -> None:
        """End a call that its switch has ended, if its Stop has not done so."""
        closed: Deferred[Outcome | None] = Deferred()
        at = wanted.answered_at or self._now()
        task = CallTask(
            wanted.client_id, wanted.call_key, wanted.seq, wanted.begun_at, close_call(HOW, at)
        )
        self._lanes.submit(task, closed.callback)
        outcome = await closed
        if outcome is None:
            return  # it could not be taken; the row comes up again
        if outcome.done == HOW:
            self._log.info("call closed by us", call=wanted.call_id, how=HOW)
        await note_closed(self._control, wanted)

    def _named(self, client: Client, wanted: Wanted) -> tuple[list[ReplyAttribute], str]:
        """Return what names the call to its switch, and where the switch is."""
        event = event_of(wanted.events)
        if event is None:
            return [], ""
        names = self._dialects[client.dialect].session_attributes(event, client)
        return names, client.coa_address or address_of(event)

    async def _give_up(self, wanted: Wanted, why: str) -> None:
        self._log.warning("cut impossible", call=wanted.call_id, reason=wanted.reason, why=why)
        await note_outcome(self._control, wanted, "impossible", self._now(), detail=why)

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

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._reactor.seconds(), UTC)
