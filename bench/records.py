"""
Time call records: reading alone, and from a file into the books.

    python -m bench.records [--records 20000] [--dsn DSN --source NAME]

The first table is records a second of one core for each text format, in the best of several rounds. With a
source, files of Asterisk's are imported under it, too: in a database that is there for that.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from time import perf_counter, process_time

import psycopg2

from radiusd.handlers.record_import import Importer
from radiusd.records.record import Entry
from radiusd.records.registry import FORMATS
from radiusd.storage.catalogue import load_catalogue
from radiusd.storage.secrets import Sealer, make_key
from radiusd.storage.single import SingleJournal

ROUNDS = 3
VECTORS = Path(__file__).parents[1] / "tests" / "vectors" / "records"
SAMPLES = {
    "3cx-cdr": "threecx.csv",
    "acme-csv": "acme_stop.csv",
    "asterisk-csv": "asterisk_master.csv",
    "avaya-ipoffice-smdr": "avaya_ipo_smdr.csv",
    "broadworks-csv": "broadworks.csv",
    "cucm": "cucm.csv",
    "freeswitch-csv": "freeswitch_example.csv",
    "freeswitch-json": "freeswitch_json.jsonl",
    "freeswitch-xml": "freeswitch_xml.xml",
    "kamailio-acc": "kamailio_acc.csv",
    "opensips-acc": "opensips_acc.csv",
    "panasonic-smdr-a": "panasonic_smdr_a.txt",
}
BEGUN = datetime(2026, 1, 5, tzinfo=UTC)


def time_reading(name: str, records: int) -> None:
    """Read a sample as often as gives about so many records."""
    sample = (VECTORS / SAMPLES[name]).read_bytes()
    once = sum(isinstance(each, Entry) for each in FORMATS[name].read(BytesIO(sample), {}))
    octets = sample * (records // once)
    best = float("inf")
    for _ in range(ROUNDS):
        start = process_time()
        read = sum(isinstance(each, Entry) for each in FORMATS[name].read(BytesIO(octets), {}))
        best = min(best, (process_time() - start) / max(read, 1))
    print(f"{name:24}{1 / best:12,.0f} records/s")


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
            with closing(SingleJournal(dsn, catalogue, random.Random(1))) as journal:
                new_id = lambda: str(uuid.uuid4())  # noqa: E731  # said where it is used
                importer = Importer(connection, journal, source, lambda: datetime.now(UTC), new_id)
                start = perf_counter()
                row = importer.import_file(file.name, lambda octets, records: None)
                took_s = perf_counter() - start
    print(f"import: {row.accepted:,} of {row.received:,} accepted, {row.received / took_s:,.0f} records/s")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description="Time the reading and importing of call records.")
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--dsn", help="a database with the source; calls are booked in it")
    parser.add_argument("--key-file", type=Path, default=Path("secret.key"))
    parser.add_argument("--source", default="pbx")
    arguments = parser.parse_args()
    for name in SAMPLES:
        time_reading(name, arguments.records)
    if arguments.dsn:
        time_importing(arguments.dsn, arguments.key_file, arguments.source, arguments.records)


if __name__ == "__main__":
    main()
