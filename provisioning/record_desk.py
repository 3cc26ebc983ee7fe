"""Take files of call records into the books and out of them again: what every face does, with its audit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from random import Random, SystemRandom

import psycopg2
from psycopg2.extensions import cursor as Cursor

from provisioning.admin import Action, Admin, Change, FieldChange, audit
from provisioning.roles import require_change
from radiusd.handlers.record_import import Importer
from radiusd.storage.catalogue import load_catalogue
from radiusd.storage.ids import RANDOM_BYTES, uuid7
from radiusd.storage.laned import LanedJournal
from radiusd.storage.record_files import FileRow

CONNECT_LIMIT_S = 5
ACTIONS = {"imported": Action.ADDED, "rolled back": Action.REMOVED}


@contextmanager
def import_desk(dsn: str, source: str, admin: Admin, now: Callable[[], datetime]) -> Iterator[Importer]:
    """
    Yield what imports the files of *source* and rolls them back, over connections of its own.

    Each file that is begun leaves an entry in the audit, in the transaction that begins it.

    Raises:
        NotFound: There is no such source.
        Forbidden: *admin* may not change calls.
    """
    require_change(admin, "record")
    randomness = Random(SystemRandom().getrandbits(256))

    def new_id() -> str:
        return str(uuid7(now(), randomness.randbytes(RANDOM_BYTES)))

    def began(txn: Cursor, file: FileRow, what: str) -> None:
        before = "" if file.state == "importing" else file.state
        field = FieldChange("state", before, what)
        audit(txn, admin, [Change(ACTIONS[what], "record", f"{source}/{file.name}", (field,))])

    with ExitStack() as stack:
        connection = stack.enter_context(closing(_connect(dsn)))
        catalogue = load_catalogue(connection, admin.sealer)
        journal = LanedJournal(dsn, catalogue, randomness)
        yield Importer(connection, journal, source, now, new_id, began)


def _connect(dsn: str) -> psycopg2.extensions.connection:
    return psycopg2.connect(dsn, connect_timeout=CONNECT_LIMIT_S, application_name="tollwire import")
