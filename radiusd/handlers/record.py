"""Call records that come in by themselves: folders, streams and posts give files, and files are imported."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any

import psycopg2
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThread

from radiusd.errors import BadInput, BadSettings, NotFound, TollwireError
from radiusd.records.collector import Collector, host_and_port
from radiusd.records.folder import Folder
from radiusd.records.posts import Posts, site
from radiusd.records.spool import Spool
from radiusd.records.streams import Connecting, Listening
from radiusd.storage.accounting_table import new_rows
from radiusd.storage.record_files import FileRow

LOOK_S = 1.0
TABLE_S = 5.0
PAUSE_S = 10.0
"""After the database was away, or a disk was full."""

Import = Callable[[str, str], FileRow]
"""Imports a file of a source; it blocks."""


class Collecting:
    """Collects the records of all sources in the settings; one file is imported at a time."""

    def __init__(
        self, reactor: Any, collectors: Sequence[Collector], spool: Path, import_file: Import, log: Any
    ) -> None:
        self._reactor = reactor
        self._import_file = import_file
        self._log = log
        spools = {name: Spool(spool / name) for name in {collector.source for collector in collectors}}
        self._sources = [_Source(reactor, each, spools[each.source], log) for each in collectors]
        self._loop = LoopingCall(self._look)
        self._loop.clock = reactor

    def start(self) -> None:
        """
        Open the ports and begin.

        Raises:
            BadSettings: A port cannot be had, or a password file cannot be read.
        """
        for source in self._sources:
            source.open()
        self._loop.start(LOOK_S)

    def _look(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._import_all())

    async def _import_all(self) -> None:
        for source in self._sources:
            if self._reactor.seconds() >= source.quiet_until_s:
                await self._import_of(source)

    async def _import_of(self, source: _Source) -> None:
        try:
            await source.read_table()
            for path, is_segment in source.waiting(self._reactor.seconds()):
                await self._import(source, path, is_segment)
            return
        except (psycopg2.Error, OSError, TollwireError) as error:
            self._log.warning("records put off", source=source.name, error=str(error).strip())
        except Exception as error:
            # The loop would end with it, and nothing would be collected any more.
            self._log.error("records failed", source=source.name, error=repr(error))
        source.quiet_until_s = self._reactor.seconds() + PAUSE_S

    async def _import(self, source: _Source, path: Path, is_segment: bool) -> None:
        begun_s = self._reactor.seconds()
        try:
            row = await deferToThread(self._import_file, source.name, str(path))
        except NotFound:
            raise  # the source may still be added: it is tried again
        except BadInput as error:
            # Of a damaged file what could be read is in the books; it is looked at again when it changes.
            self._log.error("records not imported", source=source.name, file=str(path), why=str(error))
            source.refuse(path, is_segment)
            return
        if row.ended_at is not None and row.ended_at.timestamp() < begun_s:
            self._log.info("records known already", source=source.name, file=str(path), first=row.name)
            self._put_away(source, path, is_segment)
            return
        self._log.info(
            "records imported",
            source=source.name,
            file=str(path),
            received=row.received,
            accepted=row.accepted,
            duplicate=row.duplicate,
            set_aside=row.set_aside,
            unmatched=row.unmatched,
            unrated=row.unrated,
        )
        self._put_away(source, path, is_segment)

    def _put_away(self, source: _Source, path: Path, is_segment: bool) -> None:
        """Remove or move what is in the books."""
        try:
            source.take(path, is_segment)
        except OSError as error:
            if is_segment:
                raise
            # Its records are in the books; those of the files behind it must not wait for it.
            self._log.error("records left in place", source=source.name, file=str(path), why=str(error))
            source.refuse(path, is_segment)


class _Source:
    """What comes in of one source."""

    def __init__(self, reactor: Any, collector: Collector, spool: Spool, log: Any) -> None:
        self.name = collector.source
        self._reactor = reactor
        self._settings = collector
        self._log = log
        self._spool = spool
        self._refused: set[Path] = set()
        self.quiet_until_s = 0.0
        self._table_due_s = 0.0
        self._folder = None
        if collector.folder:
            path = Path(collector.folder)
            self._folder = Folder(path, collector.pattern, collector.settle_s, collector.done)

    def open(self) -> None:
        settings, keep = self._settings, self._spool.add_lines
        if settings.listen:
            self._listen(settings.listen, Listening(keep, _networks(settings.allow), self._log))
        if settings.connect:
            host, port = host_and_port("connect", settings.connect)
            login = _login(settings.login_file) if settings.login_file else []
            factory = Connecting(keep, self.name, settings.connect, self._log, login, self._reactor)
            self._reactor.connectTCP(host, port, factory)
        if settings.post:
            password = _password(settings.password_file)
            posts = Posts(self._spool.add_document, settings.user, password, self._log)
            self._listen(settings.post, site(posts))

    async def read_table(self) -> None:
        """Add the new rows of an accounting table to the spool, and only then note that they were read."""
        settings, now_s = self._settings, self._reactor.seconds()
        if not settings.dsn_file or now_s < self._table_due_s:
            return
        self._table_due_s = now_s + TABLE_S
        dsn = Path(settings.dsn_file).read_text().strip()
        read = f"{settings.table}@{Path(settings.dsn_file).name}"
        after = self._spool.cursor(read)
        found = await deferToThread(new_rows, dsn, settings.table, settings.cursor, after)
        if found is not None:
            if found.is_new_table:
                self._log.warning("accounting table began again", source=self.name, table=settings.table)
            self._spool.add_document(found.csv)
            self._spool.set_cursor(read, found.last)

    def _listen(self, where: str, factory: Any) -> None:
        host, port = host_and_port("listen", where)
        try:
            bound = self._reactor.listenTCP(port, factory, interface=host)
        except CannotListenError as error:
            raise BadSettings(f"collectors: {where} cannot be had: {error.socketError}") from error
        self._log.info("records listening", source=self.name, address=host, port=bound.getHost().port)

    def waiting(self, now_s: float) -> Iterator[tuple[Path, bool]]:
        """
        Yield the files that are to be imported; True: a segment of the spool.

        Raises:
            OSError: The folder is not there or cannot be read; the segments were yielded before.
        """
        self._spool.seal()
        yield from [(path, True) for path in self._spool.ready() if path not in self._refused]
        if self._folder is not None:
            yield from [(path, False) for path in self._folder.whole(now_s)]

    def take(self, path: Path, is_segment: bool) -> None:
        if is_segment:
            path.unlink()
        elif self._folder is not None:
            self._folder.take(path)

    def refuse(self, path: Path, is_segment: bool) -> None:
        if is_segment:
            self._refused.add(path)
        elif self._folder is not None:
            self._folder.refuse(path)


def _networks(written: Sequence[str]) -> list[IPv4Network | IPv6Network]:
    try:
        return [ip_network(network) for network in written]
    except ValueError as error:
        raise BadSettings(f"collectors.allow: {error}; write 192.0.2.1 or 2001:db8::/64") from error


def _login(path: str) -> list[bytes]:
    return _secret("login_file", path).splitlines()


def _password(path: str) -> bytes:
    if not path:
        raise BadSettings("collectors.password_file: whoever posts records has to prove who it is; give one")
    return _secret("password_file", path)


def _secret(setting: str, path: str) -> bytes:
    """Return what is in the file *path*, of which *setting* tells. Raises BadSettings."""
    try:
        found = Path(path).read_bytes().strip()
    except OSError as error:
        raise BadSettings(f"collectors.{setting}: {path} cannot be read: {error.strerror}") from error
    if not found:
        raise BadSettings(f"collectors.{setting}: {path} is empty")
    return found
