"""Live calls as server-sent events: each call when it comes, changes or ends, and what all cost so far."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.web.server import Request

from provisioning.admin import Admin
from provisioning.api.writing import to_json
from provisioning.call_views import live_for
from radiusd.errors import NotDurable

if TYPE_CHECKING:
    from provisioning.web import Web

TICK_S = 1.0
SILENCE_S = 15.0  # then a comment tells proxies that the connection is alive
CHECKED_S = 30.0  # how often it is looked whether the token still opens
MOST_LISTENERS = 50
RUNNING = ("seconds", "cost")  # what changes by itself
COSTS = ("call_id", "role", "seconds", "cost")

Key = tuple[str, str]
Calls = dict[Key, dict[str, Any]]


class LiveFeed:
    """Listeners of live calls; calls are read once a tick for all who see the same."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._listeners: list[_Listener] = []
        self._loop = LoopingCall(self._tick)
        self._loop.clock = web.reactor
        self._web.ending.append(self._close)

    def listen(
        self,
        request: Request,
        admin: Admin,
        account: str | None,
        is_welcome: Callable[[], Awaitable[bool]],
    ) -> None:
        """
        Tell *request* of the calls that *admin* may see, until it goes, or is not welcome any more.

        Raises:
            NotDurable: There are as many listeners as we take.
        """
        if len(self._listeners) >= MOST_LISTENERS:
            raise NotDurable("too many listen already; ask GET /calls from time to time")
        listener = _Listener(request, admin, account, is_welcome, self._web.reactor.seconds())
        self._listeners.append(listener)
        request.notifyFinish().addBoth(lambda _: self._gone(listener))
        if not self._loop.running:
            self._loop.start(TICK_S)

    def _gone(self, listener: _Listener) -> None:
        if listener in self._listeners:
            self._listeners.remove(listener)
        if not self._listeners and self._loop.running:
            self._loop.stop()

    def _close(self) -> None:
        for listener in list(self._listeners):
            listener.request.finish()

    def _tick(self) -> Deferred[None]:
        async def tick() -> None:
            # A LoopingCall dies with its first exception; the next second must come.
            try:
                await self._tell_all()
            except Exception as error:
                self._web.log.warning("live calls put off", error=str(error).strip())

        return Deferred.fromCoroutine(tick())

    async def _tell_all(self) -> None:
        now_s = self._web.reactor.seconds()
        seen: dict[tuple[object, ...], Calls] = {}
        for listener in list(self._listeners):
            if now_s - listener.checked_s > CHECKED_S:
                listener.checked_s = now_s
                if not await listener.is_welcome():
                    listener.request.finish()
                    continue
            if listener.is_paused:
                continue
            if listener.view not in seen:
                seen[listener.view] = await self._calls(listener)
            if listener in self._listeners:  # it may have gone meanwhile
                listener.tell(seen[listener.view], now_s)

    async def _calls(self, listener: _Listener) -> Calls:
        now = self._web.now()
        found = await self._web.database.run(lambda txn: live_for(txn, listener.admin, now, listener.account))
        return {(call["call_id"], call["role"]): call for call in found}


class _Listener:
    """One connection, what it was told, and whether it takes more."""

    def __init__(
        self,
        request: Request,
        admin: Admin,
        account: str | None,
        is_welcome: Callable[[], Awaitable[bool]],
        now_s: float,
    ) -> None:
        self.request = request
        self.admin = admin
        self.account = account
        self.is_welcome = is_welcome
        self.checked_s = now_s
        self.is_paused = False
        self._told: Calls = {}
        self._told_s = now_s
        request.setHeader("content-type", "text/event-stream")
        request.setHeader("cache-control", "no-store")
        request.setHeader("x-accel-buffering", "no")
        request.write(b"retry: 2000\n\n")
        request.registerProducer(self, True)

    @property
    def view(self) -> tuple[object, ...]:
        """What it may see and asked for; equal for those who are told the same."""
        return self.admin.role, self.admin.account, self.admin.scopes, self.account

    def tell(self, calls: Calls, now_s: float) -> None:
        """Write what has changed since it was told last."""
        parts = []
        for key in self._told.keys() - calls.keys():
            parts.append(_event("ended", {"call_id": key[0], "role": key[1]}))
        costs = []
        for key, call in calls.items():
            before = self._told.get(key)
            if before is None or _lasting(before) != _lasting(call):
                parts.append(_event("call", call))
            elif before["cost"] != call["cost"]:
                costs.append([call[name] for name in COSTS])
        if costs:
            parts.append(_event("costs", costs))
        self._told = calls
        if not parts and now_s - self._told_s > SILENCE_S:
            parts.append(b": nothing new\n\n")
        if parts:
            self._told_s = now_s
            self.request.write(b"".join(parts))

    # IPushProducer: a reader that is slow misses seconds, and fills no memory of ours.

    def pauseProducing(self) -> None:
        """Its buffers are full."""
        self.is_paused = True

    def resumeProducing(self) -> None:
        """It has caught up."""
        self.is_paused = False

    def stopProducing(self) -> None:
        """It has gone."""
        self.is_paused = True


def _lasting(call: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in call.items() if name not in RUNNING}


def _event(name: str, data: Any) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + to_json(data) + b"\n\n"
