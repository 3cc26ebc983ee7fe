"""Keep the catalogue current: poll its version, load it in a thread when it has changed, swap it whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg2
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThreadPool

from radiusd.errors import NotDurable, TollwireError
from radiusd.storage.catalogue import Catalogue, load_catalogue
from radiusd.storage.control import ControlConnection
from radiusd.storage.secrets import Sealer

POLL_S = 0.5
"""How soon a provisioning change is seen at the latest, loading apart."""


class CatalogueWatch:
    """Holds the current catalogue; *changed* is called after each swap."""

    def __init__(
        self,
        reactor: Any,
        dsn: str,
        sealer: Sealer,
        control: ControlConnection,
        log: Any,
        changed: Callable[[Catalogue], None],
    ) -> None:
        self._reactor = reactor
        self._dsn = dsn
        self._sealer = sealer
        self._control = control
        self._log = log
        self._changed = changed
        self._polling = LoopingCall(self._poll)
        self._polling.clock = reactor
        self.current = self._load(None)
        self.is_reachable = True
        """Whether the database answered when it was asked last."""

    def start(self) -> None:
        """Begin to poll."""
        self._changed(self.current)
        self._polling.start(POLL_S, now=False)

    def stop(self) -> None:
        """Poll no more."""
        if self._polling.running:
            self._polling.stop()

    def reload(self) -> Deferred[None]:
        """Load the catalogue anew, whatever its version."""
        return Deferred.fromCoroutine(self._replace())

    def _poll(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._look())

    async def _look(self) -> None:
        # It runs for ever: whatever goes wrong is said here, so that the next poll happens.
        try:
            rows = await self._control.run("SELECT version FROM catalogue_version")
            if rows[0][0] != self.current.version:
                await self._replace()
            self.is_reachable = True
        except (psycopg2.Error, NotDurable):
            self.is_reachable = False  # the lanes say so in the log
        except Exception as error:
            self._log.error("catalogue not loaded; the old one stays", error=repr(error))

    async def _replace(self) -> None:
        try:
            self.current = await deferToThreadPool(
                self._reactor, self._reactor.getThreadPool(), self._load, self.current
            )
        except (psycopg2.Error, TollwireError) as error:
            self._log.error("catalogue not loaded; the old one stays", error=str(error).strip())
            return
        self._log.info("catalogue loaded", version=self.current.version)
        self._changed(self.current)

    def _load(self, previous: Catalogue | None) -> Catalogue:
        connection = psycopg2.connect(self._dsn, connect_timeout=5)
        try:
            return load_catalogue(connection, self._sealer, previous)
        finally:
            connection.close()
