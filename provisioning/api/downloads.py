"""
Answers of any length: written by a thread of their own as fast as whoever asks takes them, and no faster.

A thread of the database would do, but few slow readers would then keep everybody else waiting.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IPushProducer
from twisted.internet.threads import blockingCallFromThread
from twisted.web.server import Request
from zope.interface import implementer

from radiusd.errors import NotDurable

if TYPE_CHECKING:
    from provisioning.web import Web

Write = Callable[[BinaryIO], object]
MOST = 4
"""Downloads at once: each holds a connection to the database, and a snapshot that keeps old rows alive."""

CHUNK_OCTETS = 65_536
STALLED_S = 60.0
"""Whoever takes nothing for so long has left."""


class Left(Exception):
    """Whoever asked has left, or the process ends: nobody waits for the rest."""


class Downloads:
    """The downloads under way."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._open: set[_Download] = set()
        web.ending.append(self._end)

    async def send(self, request: Request, headers: dict[str, str], write: Write) -> None:
        """
        Answer *request* with what *write* writes in a thread, and finish it.

        What goes wrong after the first octets ends the connection, so that no half is taken for a whole.

        Raises:
            NotDurable: As many are under way as may be.
            Exception: What *write* raised before it wrote anything.
        """
        if len(self._open) >= MOST:
            raise NotDurable(f"{MOST} downloads are under way, which is the most; try again in a moment")
        download = _Download(self._web.reactor, request, headers)
        self._open.add(download)
        try:
            await download.run(write)
        except Left:
            return
        except Exception as error:
            if not download.started:
                raise
            self._web.log.error("download failed", error=repr(error), exc_info=error)
            download.abort()
            return
        finally:
            self._open.discard(download)
        request.finish()

    def _end(self) -> None:
        for download in list(self._open):
            download.abort()


@implementer(IPushProducer)
class _Download:
    """Takes octets from a thread and gives them to a request; the thread waits while the socket is full."""

    def __init__(self, reactor: Any, request: Request, headers: dict[str, str]) -> None:
        self._reactor = reactor
        self._request = request
        self._headers = headers
        self._left = False
        self._full: Deferred[None] | None = None  # fires when there is room again
        self._stalled: Any = None
        self.started = False
        request.notifyFinish().addErrback(lambda _: self._leave())

    async def run(self, write: Write) -> None:
        """Let *write* write in a thread, and return when all of it is on its way."""
        done: Deferred[None] = Deferred()

        def work() -> None:
            raw = _Raw(self._put_from_thread)
            try:
                out = io.BufferedWriter(raw, CHUNK_OCTETS)
                try:
                    write(cast(BinaryIO, out))
                    out.flush()
                finally:
                    raw.ended = True  # a buffer writes what it holds when it is collected
            except BaseException as error:
                self._reactor.callFromThread(done.errback, error)
            else:
                self._reactor.callFromThread(done.callback, None)

        # A daemon: a process that ends waits for no reader.
        threading.Thread(target=work, name="download", daemon=True).start()
        self._request.registerProducer(self, True)
        try:
            await done
            self._start()  # of what is empty
            await (self._full or succeed(None))
        finally:
            self._calm()
            if not self._left:
                self._request.unregisterProducer()

    def _put_from_thread(self, octets: bytes) -> None:
        if not self._reactor.running:
            raise Left  # nobody would take it
        put: Callable[[bytes], Any] = self._put
        blockingCallFromThread(self._reactor, put, octets)

    def _put(self, octets: bytes) -> Deferred[None]:
        if self._left:
            raise Left
        self._start()
        self._request.write(octets)
        return self._full or succeed(None)

    def _start(self) -> None:
        if not self.started and not self._left:
            self.started = True
            for name, value in self._headers.items():
                self._request.setHeader(name, value)

    def pauseProducing(self) -> None:
        """Wait: the socket is full."""
        if self._full is None:
            self._full = Deferred()
            self._stalled = self._reactor.callLater(STALLED_S, self.abort)

    def resumeProducing(self) -> None:
        """Go on."""
        self._calm()
        full, self._full = self._full, None
        if full is not None:
            full.callback(None)

    def stopProducing(self) -> None:
        """Stop: nobody reads any more."""
        self._leave()

    def abort(self) -> None:
        """End the connection without an end of the answer."""
        transport: Any = getattr(self._request.channel, "transport", None)
        if transport is not None:
            transport.abortConnection()
        self._leave()

    def _leave(self) -> None:
        self._left = True
        self._calm()
        full, self._full = self._full, None
        if full is not None:
            full.errback(Left())
            full.addErrback(lambda _: None)  # of which nobody may have waited

    def _calm(self) -> None:
        if self._stalled is not None and self._stalled.active():
            self._stalled.cancel()
        self._stalled = None


class _Raw(io.RawIOBase):
    def __init__(self, put: Callable[[bytes], None]) -> None:
        super().__init__()
        self._put = put
        self.ended = False

    def writable(self) -> bool:
        """Tell that it is written."""
        return True

    def write(self, octets: Any) -> int:
        """Give *octets* to who asked, and return when there is room for more."""
        if not self.ended:
            self._put(bytes(octets))
        return len(octets)
