"""Ask switches about calls that are up, and take into our books what they say is over (RFC 5176)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import psycopg2
from twisted.internet.defer import Deferred

from radiusd.calls.books import Books
from radiusd.calls.context import Context
from radiusd.calls.rows import CallRow
from radiusd.crash_points import crash_point
from radiusd.dialects.dialect import Dialect
from radiusd.dialects.disconnects import address_of, event_of
from radiusd.errors import NotDurable
from radiusd.metrics import Metrics
from radiusd.radius import coa
from radiusd.radius.clients import Client
from radiusd.radius.coa import Path, Target
from radiusd.radius.reply import ReplyAttribute
from radiusd.radius.request import Request, RequestFailed
from radiusd.storage.control import ControlConnection
from radiusd.storage.group_commit import Lanes
from radiusd.storage.journal import CallTask, Outcome, close_call
from radiusd.storage.switch_queue import Later, Queue, Wanted, note_closed, note_outcome, take_due

MOST_AT_ONCE = 256
"""Requests that are waited for at a time; the next ones follow as these are answered."""

STOP_WAIT = timedelta(seconds=5)
"""How long after a switch has said that a call is over its Stop is waited for, before we close the call."""

AGAIN = timedelta(seconds=60)
"""How long a switch that did not answer is left alone."""

DEFAULT_PORTS = {"udp": 3799, "tls": 2083}
"""RFC 5176, 2.1; RFC 6614, 2.5."""

FindPath = Callable[[Client, Target], Path]


class SwitchRequests(ABC):
    """
    Works off one queue of calls whose switches are to be asked for something.

    Args:
        clients: Gives the current clients by their number.
        find_path: Gives the way to a NAS: UDP, or the TLS connection that it keeps to us.
    """

    queue: ClassVar[Queue]
    wants: ClassVar[str]  # what is asked for, in logs
    closed_how: ClassVar[str]  # what the record of a call says that was ended by us without a Stop

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
        for wanted in await take_due(self._control, self.queue, now, room) if room > 0 else ():
            self._under_way += 1
            Deferred.fromCoroutine(self._guarded(wanted))

    @abstractmethod
    def _takes(self, client: Client, wanted: Wanted) -> bool:
        """Tell whether *client* is asked for such a thing."""

    @abstractmethod
    def _request(
        self, client: Client, session: list[ReplyAttribute], wanted: Wanted, now: datetime
    ) -> Request:
        """Return the request for the call that *session* names."""

    @abstractmethod
    def _later(self, wanted: Wanted) -> Later:
        """Return when a switch that gave no answer, or a passing one, is asked again."""

    @abstractmethod
    async def _answered(self, wanted: Wanted, answer: coa.Answer) -> bool:
        """Take the answer into the books; tell whether the call is over by it."""

    @abstractmethod
    def _tell(self, wanted: Wanted, client: Client, host: str, result: str, answer: str) -> None:
        """Count and log an answer, or that there is none."""

    async def _guarded(self, wanted: Wanted) -> None:
        try:
            await (self._close(wanted) if wanted.phase == "close" else self._ask(wanted))
        except (psycopg2.Error, NotDurable) as error:
            # The row stays taken for a while; then whoever looks first does it again.
            self._log.warning(
                "request to switch put off", call=wanted.call_id, wants=self.wants, error=str(error).strip()
            )
        except Exception as error:
            self._log.error(
                "request to switch failed", call=wanted.call_id, wants=self.wants, error=repr(error)
            )
        finally:
            self._under_way -= 1

    async def _ask(self, wanted: Wanted) -> None:
        now = self._now()
        if not wanted.is_open:
            await note_outcome(self._control, wanted, "over", now, detail="it ended by itself")
            return
        client = self._clients().get(wanted.client_id)
        if client is None or not self._takes(client, wanted):
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
            request = self._request(client, session, wanted, now)
            answer = coa.read(await self._find_path(client, target).request(request))
        except (RequestFailed, ValueError) as error:
            self._tell(wanted, client, host, "no_answer", str(error))
            later = self._later(wanted)
            await note_outcome(
                self._control, wanted, "no_answer", self._now(), detail=str(error), later=later
            )
            return
        crash_point("after-disconnect-answer")
        await self._note(wanted, client, host, answer)

    async def _note(self, wanted: Wanted, client: Client, host: str, answer: coa.Answer) -> None:
        now = self._now()
        self._tell(wanted, client, host, "ack" if answer.is_ack else "nak", str(answer))
        is_over = await self._answered(wanted, answer)
        await note_outcome(
            self._control,
            wanted,
            "ack" if answer.is_ack else "gone" if answer.is_gone else "nak",
            now,
            error_cause=answer.error_cause,
            detail=f"{host}: {answer}",
            close_at=now + STOP_WAIT if is_over else None,
            later=self._later(wanted) if answer.may_change else None,
        )

    async def _close(self, wanted: Wanted) -> None:
        """End a call that its switch says is over, if its Stop has not done so."""
        at = wanted.answered_at or self._now()
        outcome = await self._do(wanted, close_call(self.closed_how, at))
        if outcome is None:
            return  # it could not be taken; the row comes up again
        if outcome.done == self.closed_how:
            self._log.info("call closed by us", call=wanted.call_id, how=self.closed_how)
        await note_closed(self._control, wanted)

    async def _do(self, wanted: Wanted, task: Callable[[Books, CallRow, Context], str]) -> Outcome | None:
        """Do *task* with the call, and return what came of it; None: it could not be taken."""
        done: Deferred[Outcome | None] = Deferred()
        self._lanes.submit(
            CallTask(wanted.client_id, wanted.call_key, wanted.seq, wanted.begun_at, task), done.callback
        )
        return await done

    def _named(self, client: Client, wanted: Wanted) -> tuple[list[ReplyAttribute], str]:
        """Return what names the call to its switch, and where the switch is."""
        event = event_of(wanted.events)
        if event is None:
            return [], ""
        names = self._dialects[client.dialect].session_attributes(event, client)
        return names, client.coa_address or address_of(event)

    async def _give_up(self, wanted: Wanted, why: str) -> None:
        self._log.warning(
            "request to switch impossible",
            call=wanted.call_id,
            wants=self.wants,
            reason=wanted.reason,
            why=why,
        )
        await note_outcome(self._control, wanted, "impossible", self._now(), detail=why)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._reactor.seconds(), UTC)


def elapsed_s(wanted: Wanted, now: datetime) -> int:
    """Return the started seconds since its answer; since its beginning where no answer was told of."""
    return max(0, -(-(now - (wanted.connect_at or wanted.begun_at)) // timedelta(seconds=1)))
