"""
Time the reading of call records, and what they mean to the books.

    python -m bench.records [--records 20000] [FORMAT...]

It tells for each text format how many records one core reads a second, and how many microseconds go from a
record to its event and key: in CPU time, of many files the one that took the least. ``bench.imports`` takes
them into the books, ``bench.ber`` reads those in ASN.1.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from io import BytesIO
from time import process_time

from bench.record_files import SAMPLES, Sample, a_file
from radiusd.records.events import Meaning
from radiusd.records.record import Entry
from radiusd.records.registry import FORMATS

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


def main(arguments: Sequence[str] | None = None) -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.records", description=__doc__)
    parser.add_argument("formats", nargs="*", help="names as the table has them, or how they begin; else all")
    parser.add_argument("--records", type=int, default=20_000)
    options = parser.parse_args(arguments)
    for name, sample in SAMPLES.items():
        if not options.formats or name.startswith(tuple(options.formats)):
            time_reading(name, sample, options.records)


if __name__ == "__main__":
    main()
