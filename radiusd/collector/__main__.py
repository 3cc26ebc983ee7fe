"""What the server starts when call records come in by themselves: ``python -m radiusd.collector FILE``."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from random import Random, SystemRandom

import psycopg2
from psycopg2.extensions import connection as Connection
from twisted.internet import reactor, stdio
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from radiusd import logs
from radiusd.errors import BadSettings
from radiusd.garbage import spare_what_stays
from radiusd.handlers.record import Collecting
from radiusd.handlers.record_import import Importer
from radiusd.settings import Settings, read_settings
from radiusd.storage.catalogue import Catalogue, load_catalogue
from radiusd.storage.catalogue_versions import catalogue_version
from radiusd.storage.ids import RANDOM_BYTES, uuid7
from radiusd.storage.laned import LanedJournal
from radiusd.storage.postgres import EmbeddedPostgres
from radiusd.storage.record_files import FileRow
from radiusd.storage.secrets import Sealer, make_key

NICER = 5  # calls come first
CONNECT_LIMIT_S = 5
SPOOL = "records"


class Books:
    """Imports files, one at a time, each with the catalogue as it is then. It blocks: call it in a thread."""

    def __init__(self, dsn: str, sealer: Sealer) -> None:
        self._dsn = dsn
        self._sealer = sealer
        self._randomness = Random(SystemRandom().getrandbits(256))
        self._catalogue: Catalogue | None = None

    def import_file(self, source: str, path: str) -> FileRow:
        """Import the file *path* of *source*. Raises as Importer does."""
        with closing(self._connect()) as connection:
            catalogue = self._current(connection)
            journal = LanedJournal(self._dsn, catalogue, self._randomness)
            importer = Importer(connection, journal, source, _now, self._new_id)
            return importer.import_file(path, lambda octets, records: None)

    def _current(self, connection: Connection) -> Catalogue:
        """Return the catalogue as it is now; decks of a million prices are read once, not for each file."""
        with connection, connection.cursor() as txn:
            version = catalogue_version(txn)
        if self._catalogue is None or self._catalogue.version != version:
            self._catalogue = load_catalogue(connection, self._sealer, self._catalogue)
            spare_what_stays()
        return self._catalogue

    def _connect(self) -> Connection:
        return psycopg2.connect(
            self._dsn, connect_timeout=CONNECT_LIMIT_S, application_name="tollwire collector"
        )

    def _new_id(self) -> str:
        return str(uuid7(_now(), self._randomness.randbytes(RANDOM_BYTES)))


class Server(Protocol):
    """Our input is a pipe from the server: when it ends, so do we."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Stop; a batch that is being imported is finished by its thread."""
        if reactor.running:
            reactor.stop()


def _now() -> datetime:
    return datetime.now(UTC)


def main(config: str) -> int:
    """Collect until the server is gone; 78 when the settings are wrong."""
    os.nice(NICER)
    settings = read_settings(Path(config))
    log = logs.configure(settings.log)
    with ExitStack() as stack:
        dsn = settings.database.dsn
        if not dsn:  # the server owns it; here it is only attached to
            dsn = stack.enter_context(EmbeddedPostgres(Path(settings.database.directory))).dsn
        books = Books(dsn, Sealer(make_key(settings.key_path)))
        try:
            collecting = Collecting(reactor, settings.collectors, _spool(settings), books.import_file, log)
            collecting.start()
        except BadSettings as error:
            log.error("record collector refused", error=str(error))
            return 78
        stdio.StandardIO(Server())  # type: ignore[no-untyped-call]
        reactor.run()
    return 0


def _spool(settings: Settings) -> Path:
    """Return the folder of what came over the network: beside the key."""
    return settings.key_path.parent / SPOOL


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
