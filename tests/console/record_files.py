"""Files of call records that the tests' site has taken in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import psycopg2

from provisioning.admin import Admin
from provisioning.record_desk import import_desk
from provisioning.sources import Source, add_source
from radiusd.storage.record_files import FileRow

SETTINGS = {"calling": "from", "called": "to", "answer": "at", "duration": "s", "sequence": "no"}
HOSTILE = "<script>document.title='owned'</script>\x1b[2J\u202e"


def add_files_source(dsn: str, admin: Admin, name: str = "files") -> None:
    """Add the source of the switch's files, whose records have running numbers."""
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        source = Source(name=name, format="mapped", client="sbc", zone="UTC", settings=SETTINGS)
        add_source(txn, source, admin)


def row(number: int, began: datetime, seconds: object = 120, calling: str = "15550100") -> str:
    """Return a record of a call of ACME's to London, ten minutes after the one before."""
    at = began + timedelta(minutes=10 * number)
    return f"{number},{calling},442071838750,{at:%Y-%m-%d %H:%M:%S},{seconds}\n"


def take(dsn: str, admin: Admin, folder: Path, rows: str, name: str = "one.csv") -> FileRow:
    """Take a file with *rows*, called *name*, into the books."""
    path = folder / "records.csv"
    path.write_text("no,from,to,at,s\n" + rows)

    def work() -> FileRow:
        with import_desk(dsn, "files", admin, lambda: admin.now) as desk:
            return desk.import_file(str(path), lambda octets, records: None, called=name)

    with ThreadPoolExecutor(1) as thread:  # in this one the browser's loop may run
        return thread.submit(work).result()
