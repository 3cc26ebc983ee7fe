"""
Time what a business does with decks: import one, compare it, and try it on the calls of a month.

    python -m bench.decks [--prefixes 1000000] [--calls 1000000]

Each command runs as a process of its own beside an embedded PostgreSQL; its wall time, its CPU and the most
memory that it had are printed. Every prefix has two price versions, so a deck has twice as many rates.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2

from bench.rating import some_prefixes
from radiusd.storage.migrations import migrate
from radiusd.storage.postgres import EmbeddedPostgres

HEADER = "Destination,Code,Rate,Connection Fee,Billing Increment,Effective Date\n"
CLOCKS = ("1/1", "60/60", "30/6")
SERVICES = 1000
MONTH = "2026-10"
# A record with the explanation of an ordinary call: what the replay's scan has to read past.
RATING = json.dumps(
    {
        "call": {
            "prefix": "44",
            "billed_s": 84,
            "charged_s": 84,
            "bucket_use": {},
            "slices": [
                {"from_s": 0, "seconds": 84, "band": "base", "bucket": None, "price": "0.0125", "per": 60}
            ],
            "connect_fee": "0",
            "rounding": {"decimals": 4, "mode": "half_up", "scope": "call"},
            "total": "0.0175",
        }
    }
)
SERVICES_SQL = """
    INSERT INTO service (account_id, kind, name, plan_id, activated_at)
    SELECT %s, 'did', (15125550000 + n)::text, plan.id, '2026-01-01'
    FROM generate_series(1, %s) AS n
    JOIN plan ON plan.code = CASE n %% 2 WHEN 0 THEN 'plain' ELSE 'minutes' END
"""
CALLS_SQL = """
    INSERT INTO cdr (account_id, started_at, call_id, role, status, reason, client_id, service_id, plan_id,
                     deck_version_id, location, calling, called, remote_ip, trunk_in, trunk_out, connect_at,
                     ended_at, duration_ms, billed_s, included_s, total_micros, currency, prefix, destination,
                     release_side, flags, rating, match)
    SELECT service.account_id, at, gen_random_uuid(), 'out', 'answered', '', 1, service.id, service.plan_id,
           (SELECT max(id) FROM deck_version), '', service.name, number, '192.0.2.1', '', '', at,
           at + interval '80 s', (10 + calls.n %% 300) * 1000, 84, 0, 17500, 'USD', '44',
           'Destination ' || left(number, 4), '', '{}', %s, '[]'
    FROM (
        SELECT n, timestamptz '2026-10-01' + n * interval '2 s' AS at FROM generate_series(1, %s) AS n
    ) AS calls
    JOIN called ON called.n = 1 + calls.n %% 5000
    JOIN (SELECT *, row_number() OVER () - 1 AS place FROM service) AS service ON place = calls.n %% %s
"""


def write_deck(path: Path, prefixes: list[str], dearer: bool) -> None:
    """Write a carrier's file of *prefixes*, each with a price of today and one that is announced."""
    with path.open("w") as file:
        file.write(HEADER)
        for index, prefix in enumerate(prefixes):
            price = 100 + index % 5000 + (7 if dearer and not index % 3 else 0)
            for day, more in (("2026-01-01", 0), ("2026-06-01", 3)):
                clock = CLOCKS[index % 3]
                file.write(f"Destination {prefix[:4]},{prefix},0.{price + more:05},0.0000,{clock},{day}\n")


@contextmanager
def measured(what: str, count: int, unit: str) -> Iterator[None]:
    """Print how long the block took, for *count* of something."""
    began = time.perf_counter()
    yield
    took = time.perf_counter() - began
    print(f"{what:44}{took:10.1f} s {count / took:12,.0f} {unit}/s", flush=True)


def run(words: list[str], environment: dict[str, str], codes: tuple[int, ...] = (0,)) -> None:
    """Run a command to its end, and print its CPU and the most memory that it had."""
    command = [sys.executable, "-m", "provisioning.cli", *words]
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    took = time.perf_counter() - began
    if process.returncode not in codes:
        raise SystemExit(f"{' '.join(words)} ended with {process.returncode}")
    cpu = usage.ru_utime + usage.ru_stime
    print(f"  its CPU {cpu:.1f} s of {took:.1f} s, peak memory {usage.ru_maxrss / 1024:,.0f} MB")


def provision(txn: psycopg2.extensions.cursor, prefixes: list[str], calls: int) -> None:
    """Add a thousand services on the deck, half of them with included minutes, and the calls of a month."""
    txn.execute("INSERT INTO account (code, name, currency) VALUES ('A', 'A', 'USD') RETURNING id")
    ((account_id,),) = txn.fetchall()
    txn.execute("INSERT INTO balance (account_id) VALUES (%s)", (account_id,))
    for code in ("plain", "minutes"):
        txn.execute("INSERT INTO plan (code, name, deck_id) SELECT %s, %s, id FROM deck", (code, code))
    txn.execute(
        "INSERT INTO plan_bucket (plan_id, name, included_s)"
        " SELECT id, 'm', 6000 FROM plan WHERE code = 'minutes'"
    )
    txn.execute(SERVICES_SQL, (account_id, SERVICES))
    chance = random.Random(3)
    called = [chance.choice(prefixes) + "1234" for _ in range(5000)]
    txn.execute(
        "CREATE TEMP TABLE called AS SELECT row_number() OVER () AS n, number FROM unnest(%s) AS number",
        (called,),
    )
    txn.execute(CALLS_SQL, (RATING, calls, SERVICES))


def main() -> None:
    """Run all and print."""
    parser = argparse.ArgumentParser(description="Time imports, comparisons and replays of decks.")
    parser.add_argument("--prefixes", type=int, default=100_000)
    parser.add_argument("--calls", type=int, default=100_000)
    chosen = parser.parse_args()
    prefixes = some_prefixes(chosen.prefixes)
    rates = 2 * chosen.prefixes
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}")
    print(f"{rates:,} rates, {chosen.calls:,} calls")
    with (
        tempfile.TemporaryDirectory(prefix="tw-decks-") as folder,
        EmbeddedPostgres(Path(folder) / "pg") as server,
    ):
        home = Path(folder)
        migrate(server.dsn)
        config = home / "tollwire.toml"
        config.write_text(f'key_file = "{home}/secret.key"\n[database]\ndsn = "{server.dsn}"\n')
        environment = {**os.environ, "TOLLWIRE_CONFIG": str(config)}
        for name, dearer in (("old.csv", False), ("new.csv", True)):
            write_deck(home / name, prefixes, dearer)
        with measured("deck import", rates, "rates"):
            run(["deck", "import", "us", str(home / "old.csv"), "--currency", "USD"], environment)
        with measured("deck import --dry-run, with its diff", rates, "rates"):
            run(["deck", "import", "us", str(home / "new.csv"), "--dry-run"], environment, (1,))
        with closing(psycopg2.connect(server.dsn)) as connection, connection, connection.cursor() as txn:
            provision(txn, prefixes, chosen.calls)
        with measured("deck try", chosen.calls, "calls"):
            run(["deck", "try", str(home / "new.csv"), "--on-calls", MONTH], environment)


if __name__ == "__main__":
    main()
