"""
The inventory of numbers, at its size: a search among a million, an import of 100,000, 1,000 sign-ups at once.

``python -m bench.inventory`` takes two minutes on a database of its own, which it deletes.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2

from provisioning.admin import Admin
from provisioning.number_import import NumberFile, import_numbers
from provisioning.number_search import Wanted, search
from provisioning.number_states import reserve_any
from provisioning.pages import Page
from radiusd.errors import Conflict
from radiusd.storage.migrations import migrate
from radiusd.storage.postgres import EmbeddedPostgres
from radiusd.storage.secrets import Sealer

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ADMIN = Admin("bench", NOW, Sealer(bytes(32)))
SEARCHES: tuple[tuple[str, dict[str, str]], ...] = (
    ("country", {"country": "US"}),
    ("area", {"area": "Area 7"}),
    ("rate centre", {"rate_centre": "CENTRE 42"}),
    ("beginning", {"pattern": "1512*"}),
    ("letters at the end", {"pattern": "1512*TAXI"}),
    ("letters at the end, anywhere", {"pattern": "*TAXI"}),
    ("letters in the middle", {"pattern": "*TAXI*"}),
    ("two digits at the end", {"pattern": "*77"}),
    ("one digit unknown", {"pattern": "1512?55?*"}),
    ("area and letters", {"area": "Area 7", "pattern": "*CALL"}),
    ("what no number has", {"pattern": "1512*99999999"}),
    ("a country that has none", {"country": "FR", "pattern": "*TAXI*"}),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--numbers", type=int, default=1_000_000)
    parser.add_argument("--import", dest="imported", type=int, default=100_000)
    parser.add_argument("--sign-ups", type=int, default=1_000)
    options = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="tw-bench-", dir="/tmp"))
    try:
        with EmbeddedPostgres(folder) as server:
            migrate(server.dsn)
            stock(server.dsn, options.numbers)
            searches(server.dsn)
            imports(server.dsn, options.imported)
            rush(server.dsn, options.sign_ups)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def stock(dsn: str, count: int) -> None:
    """Fill the inventory with *count* numbers of the United States."""
    began = time.perf_counter()
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        txn.execute(
            "INSERT INTO number SELECT (12000000000 + at::bigint * 7919 %% 8000000000)::text, 'US',"
            " 'Area ' || at %% 300, 'CENTRE ' || at %% 5000, 'bench', 'USD', 0, 1500000, 'USD', 0, 200000,"
            " '{voice}', 'available', NULL, NULL, NULL, NULL, NULL, %s, 'bench'"
            " FROM generate_series(1, %s) AS at ON CONFLICT DO NOTHING",
            (NOW, count),
        )
        made = txn.rowcount
        txn.execute("ANALYZE number")
    print(f"{made:,} numbers stocked in {time.perf_counter() - began:.1f} s")


def searches(dsn: str) -> None:
    """Print the median and the slowest of 20 searches of each kind."""
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        for name, wanted in SEARCHES:
            took_ms, found = [], 0
            for _ in range(20):
                began = time.perf_counter()
                found = len(search(txn, ADMIN, Wanted(**wanted), NOW, Page(limit=50)))
                took_ms.append((time.perf_counter() - began) * 1000)
            middle, worst = statistics.median(took_ms), max(took_ms)
            print(f"search by {name:<30} {found:3} found, median {middle:6.1f} ms, slowest {worst:6.1f} ms")


def imports(dsn: str, count: int) -> None:
    """Print how long importing *count* numbers of the United Kingdom takes."""
    rows = (f"44207{at:07},GB,London,,bench,GBP,1.50,0.20,voice" for at in range(count))
    header = "number,country,area,rate_centre,supplier,currency,monthly_price,monthly_cost,features"
    file = NumberFile("numbers.csv", "\n".join([header, *rows]))
    began = time.perf_counter()
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        done, _ = import_numbers(txn, file, ADMIN)
    print(f"{done.added:,} numbers imported in {time.perf_counter() - began:.1f} s")


def rush(dsn: str, count: int) -> None:
    """Print how *count* sign-ups, 50 of them at any moment, share the first numbers of the inventory."""

    def sign_up(at: int) -> str:
        dice = random.Random(at)
        with closing(psycopg2.connect(dsn)) as connection:
            while True:
                with connection, connection.cursor() as txn:
                    found = search(txn, ADMIN, Wanted(country="US"), NOW, Page(limit=50))
                offers = [each.number for each in found]
                dice.shuffle(offers)
                try:
                    with connection, connection.cursor() as txn:
                        hour = timedelta(hours=1)
                        return reserve_any(txn, offers, f"browser {at}", hour, ADMIN, sign_up=True)
                except Conflict:
                    continue

    began = time.perf_counter()
    with ThreadPoolExecutor(50) as pool:
        got = Counter(pool.map(sign_up, range(count)))
    twice = sum(1 for times in got.values() if times > 1)
    took_s = time.perf_counter() - began
    print(f"{count:,} sign-ups: {len(got):,} numbers reserved, {twice} of them twice, in {took_s:.1f} s")


if __name__ == "__main__":
    sys.exit(main())
