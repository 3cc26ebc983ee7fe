"""What the server starts when scheduled exports are due: ``python -m radiusd.exports FILE``."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path

import psycopg2

from radiusd import logs
from radiusd.errors import BadInput
from radiusd.exports.drops import Drop, make_due
from radiusd.settings import read_settings
from radiusd.storage.postgres import EmbeddedPostgres

NICER = 10  # calls come first


def main(config: str) -> int:
    """Write what is due by the settings in *config*; 1 when something could not be written."""
    os.nice(NICER)
    settings = read_settings(Path(config))
    log = logs.configure(settings.log)

    def tell(drop: Drop) -> None:
        log.info("export written", name=drop.name, file=drop.file, records=drop.records, sha256=drop.sha256)

    with ExitStack() as stack:
        dsn = settings.database.dsn
        if not dsn:  # the server owns it; here it is only attached to
            dsn = stack.enter_context(EmbeddedPostgres(Path(settings.database.directory))).dsn
        connection = stack.enter_context(
            closing(psycopg2.connect(dsn, application_name="tollwire exports", connect_timeout=5))
        )
        try:
            make_due(connection, settings.exports, datetime.now(UTC), tell)
        except (BadInput, psycopg2.Error) as error:
            log.error("export failed", error=str(error).strip())
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
