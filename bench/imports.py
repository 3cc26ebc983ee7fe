"""
Import call records from files into the books, a file of each format: read, matched, rated and written.

    python -m bench.imports [--records 30000] [FORMAT...]

A database of its own is started and deleted. Each file is of a tenant of its own. Accounts have the numbers
that call in it, and those that are called from outside, as extensions; all other calls go abroad. So nearly
every call has one payer and a price; what has none waits in the queue.
"""

from __future__ import annotations

import argparse
import platform
import random
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from time import perf_counter, process_time
from typing import NamedTuple

import psycopg2
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from bench import ber
from bench.processes import cpu_s, load_average
from bench.record_files import SAMPLES, Sample, a_file
from provisioning.accounts import Account, add_account
from provisioning.admin import Admin
from provisioning.decks import Deck, import_deck
from provisioning.plans import Plan, add_plan
from provisioning.rate_files import RateFile
from provisioning.sources import Source, add_source
from radiusd.garbage import spare_what_stays
from radiusd.handlers.record_import import Importer
from radiusd.records.events import Meaning, read_rules
from radiusd.records.record import Entry
from radiusd.records.registry import FORMATS
from radiusd.records.tap_batch import TapBatch, TapCall, TapWriter
from radiusd.storage.catalogue import Catalogue, load_catalogue
from radiusd.storage.duties import make_partitions_now
from radiusd.storage.laned import LanedJournal
from radiusd.storage.migrations import migrate
from radiusd.storage.postgres import EmbeddedPostgres
from radiusd.storage.record_files import FileRow
from radiusd.storage.secrets import Sealer, make_key

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
"""The samples' calls are of this year."""

ABROAD = ("1:331", "44:3344")
"""Rules for called numbers: samples of all formats call each other, and their owners would pay, too."""

ACCOUNTS = 20
RATES = "prefix,rate\n" + "".join(f"{digit},0.02\n" for digit in range(10)) + "1212,0.01\n4420,0.03\n"


class Made(NamedTuple):
    """A file to import: of which format, read with which settings, and its octets."""

    format: str
    settings: Mapping[str, str]
    octets: bytes


class Took(NamedTuple):
    """What an import of so many records took, in seconds: on the clock, and of whose processor time."""

    row: FileRow
    wall_s: float
    own_s: float
    reader_s: float
    database_s: float


def made_of(sample: Sample, records: int) -> Made:
    """Return a file of about so many records like *sample*."""
    reader = FORMATS[sample.format].read
    of_one = sum(isinstance(each, Entry) for each in reader(BytesIO(a_file(sample, 1)), sample.settings))
    return Made(sample.format, sample.settings, a_file(sample, records // of_one))


def a_tap_file(records: int) -> Made:
    """Return a TAP 3.12 batch of so many calls."""
    out = BytesIO()
    with TapWriter(out, TapBatch(sender="USATW", recipient="GBRVF", sequence=1, created_at=FIRST)) as writer:
        for number in range(records):
            writer.add(
                TapCall(
                    is_terminated=False,
                    calling=f"1212555{number % 10_000:04}",
                    called="+442071838750",
                    answered_at=FIRST + timedelta(seconds=7 * number),
                    duration_s=61,
                    charged_s=61,
                    charge_micros=12_345,
                    currency="EUR",
                    reference=number.to_bytes(8),
                )
            )
        writer.finish()
    return Made("gsma-tap-3.12", {}, out.getvalue())


FILES: Mapping[str, Callable[[int], Made]] = {
    **{name: lambda records, sample=sample: made_of(sample, records) for name, sample in SAMPLES.items()},  # type: ignore[misc]
    "IMS (3GPP TS 32.298)": lambda records: Made("3gpp-32298-ims", {}, ber.a_file(records)),
    "TAP 3.12": a_tap_file,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Make, provision, import and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.imports", description=__doc__)
    parser.add_argument("formats", nargs="*", help="names as the table has them, or how they begin; else all")
    parser.add_argument("--records", type=int, default=30_000, help="of each format")
    options = parser.parse_args(arguments)
    files = {
        name: make(options.records)
        for name, make in FILES.items()
        if not options.formats or name.startswith(tuple(options.formats))
    }
    if not files:
        parser.error(f"no format begins so; there are {', '.join(FILES)}")
    folder = Path(tempfile.mkdtemp(prefix="tw-bench-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        with EmbeddedPostgres(folder / "database") as server:
            migrate(server.dsn)
            make_partitions_now(server.dsn, FIRST)
            catalogue = provision(server.dsn, folder, files)
            print(f"Python {platform.python_version()}, load average {load_average():.1f} before")
            print(f"{'':46}{'':8}{'us of processor time a record':>39}")
            print(
                f"{'':26}{'octets':>8}{'records/s':>12}{'rated':>8}{'import':>12}{'reader':>12}{'PostgreSQL':>15}"
            )
            for name, made in files.items():
                report(name, made, import_file(server, folder, name, made, catalogue))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def provision(dsn: str, folder: Path, files: Mapping[str, Made]) -> Catalogue:
    """Add a source for each file, and accounts with every number in them; return the catalogue."""
    (folder / "rates.csv").write_text(RATES)
    admin = Admin("bench", datetime.now(UTC), Sealer(make_key(folder / "secret.key")))
    with closing(psycopg2.connect(dsn)) as connection:
        with connection, connection.cursor() as txn:
            import_deck(txn, Deck(name="retail", currency="USD"), RateFile(folder / "rates.csv"), admin)
            add_plan(txn, Plan(code="retail", deck="retail"), admin)
            for number in range(ACCOUNTS):
                add_account(txn, Account(code=f"A{number}", currency="USD"), admin)
            for number, (name, made) in enumerate(files.items()):
                tenant = f"pbx{number}"
                txn.execute("INSERT INTO tenant (name) VALUES (%s)", (tenant,))
                settings = dict(made.settings)
                zone = settings.pop("zone", "")
                told = {"zone": zone, "settings": settings, "tenant": tenant, "called_rules": ABROAD}
                add_source(txn, Source(name=name, format=made.format, **told), admin)
                give(txn, tenant, sorted({*numbers_in(made)}))
        found = load_catalogue(connection, admin.sealer)
        connection.autocommit = True
        with connection.cursor() as txn:
            txn.execute("VACUUM ANALYZE")
    spare_what_stays()
    return found


def numbers_in(made: Made) -> Iterable[str]:
    """Yield who calls, and who is called from outside, in a file."""
    rules = read_rules("called_rules", ABROAD)
    meaning = Meaning(source_id=1, name="bench", client_id=1, format=made.format, called_rules=rules)
    for entry in FORMATS[made.format].read(BytesIO(made.octets), made.settings):
        if isinstance(entry, Entry):
            for each in entry.parts or (entry,):
                event = meaning.event(each)
                yield from filter(None, (event.called if event.incoming else event.calling,))


def give(txn: Cursor, tenant: str, numbers: Sequence[str]) -> None:
    """Give numbers to the accounts in turn, as extensions with what calls find them by."""
    execute_values(
        txn,
        f"""
        WITH services AS (
            INSERT INTO service (account_id, kind, name, tenant_id, plan_id, activated_at)
            SELECT account.id, 'extension', told.name, tenant.id, plan.id, '2020-01-01Z'
            FROM (VALUES %s) AS told(name, code)
            JOIN account USING (code) JOIN tenant ON tenant.name = '{tenant}', plan
            RETURNING id, name, activated_at
        )
        INSERT INTO claim
        SELECT 'ext:{tenant}:' || ltrim(name, '+'), id, tstzrange(activated_at, NULL) FROM services
        """,
        [(name, f"A{place % ACCOUNTS}") for place, name in enumerate(numbers)],
    )


def import_file(server: EmbeddedPostgres, folder: Path, name: str, made: Made, catalogue: Catalogue) -> Took:
    """Import a file as ``tollwire record import`` does, and return what that took."""
    path = folder / "records"
    path.write_bytes(made.octets)
    assert server.postmaster_pid is not None, "it runs"
    with closing(psycopg2.connect(server.dsn)) as connection:
        journal = LanedJournal(server.dsn, catalogue, random.Random(1))
        importer = Importer(connection, journal, name, lambda: datetime.now(UTC), lambda: str(uuid.uuid4()))
        database_s, reader_s = cpu_s([server.postmaster_pid]), _ended_children_s()
        own_s, began_s = process_time(), perf_counter()
        row = importer.import_file(str(path), lambda octets, records: None)
        return Took(
            row=row,
            wall_s=perf_counter() - began_s,
            own_s=process_time() - own_s,
            reader_s=_ended_children_s() - reader_s,
            database_s=cpu_s([server.postmaster_pid]) - database_s,
        )


def _ended_children_s() -> float:
    """Return the processor time of processes that we have started and that have ended: readers of files."""
    told = getrusage(RUSAGE_CHILDREN)
    return told.ru_utime + told.ru_stime


def report(name: str, made: Made, took: Took) -> None:
    """Print a line of the table."""
    row = took.row
    records = row.accepted
    assert records == row.received - row.duplicate > 0, f"{name}: {row}"
    rated = 1 - (row.unmatched + row.unrated) / records
    print(
        f"{name:26}{len(made.octets) // records:8}{records / took.wall_s:12,.0f}{rated:8.0%}"
        f"{1e6 * took.own_s / records:12.0f}{1e6 * took.reader_s / records:12.0f}"
        f"{1e6 * took.database_s / records:15.0f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
