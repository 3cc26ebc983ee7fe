"""
Time call records: reading alone, what they mean to the books, and from a file into them.

    python -m bench.records [--records 20000] [--dsn DSN --source NAME]

The first table is for each text format how many records one core reads a second, and how many microseconds
go from a record to its event and key: in CPU time, of many files the one that took the least.
With a source, files of Asterisk's are imported under it, too: in a database that is there for that.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from time import perf_counter, process_time

import psycopg2

from bench.record_files import SAMPLES, Sample, a_file
from radiusd.handlers.record_import import Importer
from radiusd.records.events import Meaning
from radiusd.records.record import Entry
from radiusd.records.registry import FORMATS
from radiusd.storage.catalogue import load_catalogue
from radiusd.storage.laned import LanedJournal
from radiusd.storage.secrets import Sealer, make_key

RECORDS_A_FILE = 1_000
"""A file takes less time than others let us have a core for, and each tells of other calls."""

BEGUN = datetime(2026, 1, 5, tzinfo=UTC)


def entries(sample: Sample, octets: bytes) -> list[Entry]:
    """Return the records in *octets*, a file of the format of *sample*."""
    outcomes = FORMATS[sample.format].read(BytesIO(octets), sample.settings)
    return [outcome for outcome in outcomes if isinstance(outcome, Entry)]


def time_reading(name: str, sample: Sample, records: int) -> None:
    """Read about so many records, a file after the other, and turn them into events; print the best file."""
    copies = RECORDS_A_FILE // len(entries(sample, a_file(sample, 1)))
    meaning = Meaning(source_id=1, name="bench", client_id=1, format=sample.format)
    read = FORMATS[sample.format].read
    read_s = event_s = float("inf")
    for number in range(max(1, records // RECORDS_A_FILE)):
        octets = a_file(sample, copies, number * copies)
        read_s = min(
            read_s, _taken(lambda octets=octets: sum(1 for _ in read(BytesIO(octets), sample.settings)))
        )
        found = entries(sample, octets)
        event_s = min(event_s, _taken(lambda found=found: [meaning.event(entry) for entry in found]))
    assert len(found) > 0.9 * RECORDS_A_FILE, f"{name}: {len(found)} of {RECORDS_A_FILE} records were read"
    print(
        f"{name:26}{len(octets) // len(found):8} octets{len(found) / read_s:12,.0f} records/s"
        f"{1e6 * event_s / len(found):8.1f} µs to an event"
    )


def _taken(work: Callable[[], object]) -> float:
    """Return the seconds of CPU that *work* takes."""
    start = process_time()
    work()
    return process_time() - start


def rows(records: int) -> Iterator[str]:
    """Yield rows of Master.csv, each of another call."""
    form = "%Y-%m-%d %H:%M:%S"
    for number in range(records):
        at = BEGUN + timedelta(seconds=number)
        ended = at + timedelta(seconds=30)
        yield (
            f'"","1001","13105550100","acme.pbx","1001","SIP/{number}","SIP/t","Dial","x","{at:{form}}",'
            f'"{at:{form}}","{ended:{form}}",30,30,"ANSWERED","DOCUMENTATION","{at.timestamp():.0f}.{number}",""\n'
        )


def time_importing(dsn: str, key_file: Path, source: str, records: int) -> None:
    """Import one file of so many records."""
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
        file.writelines(rows(records))
        file.flush()
        with closing(psycopg2.connect(dsn)) as connection:
            catalogue = load_catalogue(connection, Sealer(make_key(key_file)))
            journal = LanedJournal(dsn, catalogue, random.Random(1))
            new_id = lambda: str(uuid.uuid4())  # noqa: E731  # said where it is used
            importer = Importer(connection, journal, source, lambda: datetime.now(UTC), new_id)
            start = perf_counter()
            row = importer.import_file(file.name, lambda octets, records: None)
            took_s = perf_counter() - start
    print(f"import: {row.accepted:,} of {row.received:,} accepted, {row.received / took_s:,.0f} records/s")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description="Time the reading and importing of call records.")
    parser.add_argument("formats", nargs="*", help="names as the table has them, or how they begin; else all")
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--dsn", help="a database with the source; calls are booked in it")
    parser.add_argument("--key-file", type=Path, default=Path("secret.key"))
    parser.add_argument("--source", default="pbx")
    options = parser.parse_args(arguments)
    for name, sample in SAMPLES.items():
        if not options.formats or name.startswith(tuple(options.formats)):
            time_reading(name, sample, options.records)
    if options.dsn:
        time_importing(options.dsn, options.key_file, options.source, options.records)


if __name__ == "__main__":
    main()
