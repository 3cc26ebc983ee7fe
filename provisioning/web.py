"""
The process of the web console and the HTTP API: one site, its database threads, its clock, its end.

Pages and resources get a :class:`Web`, and through it everything that they work with.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.task import LoopingCall
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from provisioning.admin import Admin
from provisioning.api.sweeping import SWEEPS, Sweep
from provisioning.database_threads import DatabaseThreads
from provisioning.jobs import Jobs
from provisioning.long_work import LongWork
from provisioning.moments import whole_ms
from provisioning.roles import Actor
from radiusd import logs
from radiusd.errors import BadSettings
from radiusd.http import Health
from radiusd.sd_notify import READY, STOPPING, WATCHDOG, notify, watchdog_interval_s
from radiusd.settings import Console, Settings
from radiusd.storage import migrations
from radiusd.storage.postgres import EmbeddedPostgres
from radiusd.storage.secrets import KeyUnusable, Sealer, make_key

MAX_BODY_OCTETS = 64_000_000  # a deck, or an inventory
IDLE_S = 60.0  # of a connection
SWEEP_S = 60.0
LONGEST_DRAIN_S = 10.0
FLUSH_S = 0.2  # answers that are written reach their sockets


@dataclass(slots=True)
class Web:
    """What pages and API work with."""

    reactor: Any
    settings: Settings
    dsn: str
    sealer: Sealer
    database: DatabaseThreads
    log: Any
    ending: list[Callable[[], None]] = field(default_factory=list)  # called when the process is told to end
    jobs: Jobs = field(init=False)
    long_work: LongWork = field(init=False)

    def __post_init__(self) -> None:
        """Let what takes long end with the process."""
        self.jobs = Jobs(self.log)
        self.long_work = LongWork(self.reactor)
        self.ending.append(self.jobs.end)

    def now(self) -> datetime:
        """Return the time in milliseconds: what is told of it is read back as the same moment."""
        return whole_ms(datetime.fromtimestamp(self.reactor.seconds(), UTC))

    def admin(self, actor: Actor) -> Admin:
        """Return *actor* at work: with the time, and the seal for secrets."""
        return Admin(
            actor.name,
            self.now(),
            self.sealer,
            role=actor.role,
            account=actor.account,
            address=actor.address,
            scopes=actor.scopes,
            person=actor.person,
        )

    def address_of(self, request: Request) -> str:
        """Return where *request* comes from: beyond the reverse proxy, if that is one that we believe."""
        return client_address(request, self.settings.console)


def client_address(request: Request, console: Console) -> str:
    """Return the address of who asks; ``X-Forwarded-For`` counts only from the proxy of the settings."""
    host = str(getattr(request.getClientAddress(), "host", ""))
    if not console.proxy or not _is_within(host, console.proxy):
        return host
    forwarded = (request.getHeader("x-forwarded-for") or "").split(",")
    last = forwarded[-1].strip()  # the one that our proxy has written; those before are claims
    return last if _is_within(last, "0.0.0.0/0") or _is_within(last, "::/0") else host


def _is_within(address: str, network: str) -> bool:
    try:
        return ip_address(address) in ip_network(network)
    except ValueError:
        return False


def run_console(reactor: Any, settings: Settings, add: Callable[[Web, Root], None]) -> None:
    """
    Serve what *add* puts below the root until SIGTERM or SIGINT.

    Raises:
        BadSettings: The port or the database cannot be had.
    """
    log = logs.configure(settings.log)
    with ExitStack() as stack:
        dsn = settings.database.dsn
        if settings.database.directory:
            dsn = stack.enter_context(EmbeddedPostgres(Path(settings.database.directory))).dsn
        try:
            if settings.database.directory:
                migrations.migrate(dsn)
            migrations.check(dsn)
            sealer = Sealer(make_key(settings.key_path))
        except (
            migrations.SchemaBehind,
            migrations.SchemaRefused,
            migrations.ServerUnfit,
            KeyUnusable,
        ) as error:
            raise BadSettings(str(error)) from error
        database = DatabaseThreads(reactor, dsn, settings.console.threads)
        web = Web(reactor, settings, dsn, sealer, database, log)
        root = site_root(web)
        add(web, root)
        _Process(web, BoundedSite(root, timeout=IDLE_S)).run()


class Root(Resource):
    """The root of the site; *other* answers what nothing else does."""

    other: Resource | None = None

    def getChild(self, path: bytes, request: Request) -> Resource:
        """Return what answers a path that has no resource of its own."""
        return self.other or super().getChild(path, request)


def site_root(web: Web) -> Root:
    """Return the root with what is not a page: whether we are well."""
    root = Root()
    root.putChild(b"healthz", Health(lambda: True))
    return root


class BoundedRequest(Request):
    """A request whose body is refused as soon as it is too long."""

    def gotLength(self, length: int | None) -> None:
        """Begin with the body, or refuse it by what it says of itself."""
        super().gotLength(length)
        if length is not None and length > MAX_BODY_OCTETS:
            self._refuse()

    def handleContentChunk(self, data: bytes) -> None:
        """Take a part of the body."""
        assert self.content is not None, "the channel says its length first"
        if self.content.tell() + len(data) > MAX_BODY_OCTETS:
            self._refuse()
        else:
            super().handleContentChunk(data)

    def _refuse(self) -> None:
        if self.channel is not None and self.channel.transport is not None:
            self.channel.transport.write(b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\n\r\n")
            self.channel.loseConnection()


class BoundedSite(Site):
    """A site that counts the requests under way and tells nobody what it is made of."""

    requestFactory = BoundedRequest
    displayTracebacks = False

    def __init__(self, resource: Resource, timeout: float) -> None:
        super().__init__(resource, timeout=timeout)
        self.server = b""

    def log(self, request: Any) -> None:
        """Write nothing: what was changed is in the audit, and paths may hold what is private."""


class _Bounded(WrappingFactory[ProtocolWrapper]):
    """Takes *most* connections and no more: each costs memory and a descriptor, whoever opens it."""

    def __init__(self, site: Site, most: int) -> None:
        super().__init__(site)
        self._most = most

    def buildProtocol(self, addr: Any) -> Any:
        """Return the protocol of a new connection, None when there are as many as we take."""
        return None if len(self.protocols) >= self._most else super().buildProtocol(addr)


def respond(request: Request, work: Any, log: Any) -> int:
    """
    Answer *request* when the coroutine *work*, which writes and finishes it, is done.

    A fault of ours is logged and closes the connection with 500; a browser that has left cancels nothing.
    """
    gone: Deferred[None] = request.notifyFinish()
    gone.addErrback(lambda _: None)
    done = ensureDeferred(work)

    def failed(failure: Any) -> None:
        log.error("request failed", error=repr(failure.value), traceback=failure.getTraceback())
        if not request.finished and not request._disconnected:
            if not request.startedWriting:
                request.setResponseCode(500)
            request.finish()

    done.addErrback(failed)
    return NOT_DONE_YET


class _Process:
    """Opens the port, keeps the house in order, and ends when it is told to."""

    def __init__(self, web: Web, site: Site) -> None:
        self._web = web
        self._site = site
        self._port: Any = None
        self._loops: list[LoopingCall] = []
        self._ending = False

    def run(self) -> None:
        console, reactor = self._web.settings.console, self._web.reactor
        try:
            bounded = _Bounded(self._site, console.connections)
            self._port = reactor.listenTCP(console.port, bounded, interface=console.address)
        except CannotListenError as error:
            raise BadSettings(f"console.port: {error}; is another server on it?") from error
        self._web.database.start()
        self._every(SWEEP_S, self._sweep)
        reactor.callWhenRunning(self._started)
        reactor.run(installSignalHandlers=False)

    def _started(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._web.reactor.callFromThread(self._end))
        host = self._port.getHost()
        self._web.log.info("console serving", address=host.host, port=host.port)
        notify(READY)
        interval_s = watchdog_interval_s()
        if interval_s is not None:
            self._every(interval_s, lambda: notify(WATCHDOG) and None)

    def _every(self, seconds: float, work: Callable[[], Any]) -> None:
        loop = LoopingCall(work)
        loop.clock = self._web.reactor
        loop.start(seconds)
        self._loops.append(loop)

    def _sweep(self) -> Deferred[None]:
        async def run() -> None:
            for each in SWEEPS:
                await self._sweep_once(each)

        return Deferred.fromCoroutine(run())

    async def _sweep_once(self, sweep: Sweep) -> None:
        # A LoopingCall dies with its first exception; the next run must happen.
        admin = self._web.admin(Actor("the clock"))
        try:
            await self._web.database.run(lambda txn: sweep(txn, admin))
        except Exception as error:
            self._web.log.warning("sweep put off", error=str(error).strip())

    def _end(self) -> None:
        if self._ending:
            return
        self._ending = True
        notify(STOPPING)
        self._web.log.info("console ending")
        self._port.stopListening()
        for loop in self._loops:
            if loop.running:
                loop.stop()
        for end in self._web.ending:
            end()
        self._web.reactor.callLater(LONGEST_DRAIN_S, self._stop)
        Deferred.fromCoroutine(self._web.database.stop()).addBoth(
            lambda _: self._web.reactor.callLater(FLUSH_S, self._stop)
        )

    def _stop(self) -> None:
        if self._web.reactor.running:
            self._web.reactor.stop()


