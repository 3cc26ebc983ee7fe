"""
Import a large file whose process is killed again and again: ``python -m tests.simulation.imports``.

``[--records 20000] [--kills 4] [--seed 1]``. What each account has to pay is added up here, from the prices
below and nothing of the product's; the books have to say the same, and ``books check`` has to hold.
A database of its own is started.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import psycopg2

from radiusd.storage.migrations import migrate
from radiusd.storage.postgres import EmbeddedPostgres

ROOT = Path(__file__).parents[2]
BEGUN = datetime(2026, 1, 5, tzinfo=UTC)
ACCOUNTS = 20
# Prefix, price a minute, first and further seconds that are billed, connect fee.
RATES = (
    ("1", "0.0100", 6, 6, "0"),
    ("33", "0.0137", 30, 6, "0.0500"),
    ("44", "0.0600", 60, 60, "0"),
    ("447", "0.1234", 1, 1, "0"),
)
NUMBERS = (("13105550100", 0), ("33140000000", 1), ("442071838750", 2), ("447700900000", 3))
ROW = (
    '"","1001","{called}","{tenant}","1001","SIP/{number}","SIP/t","Dial","x","{begun}","{begun}","{ended}",'
    '{seconds},{seconds},"ANSWERED","DOCUMENTATION","{key}",""\n'
)


def site() -> str:
    """Return the carrier: so many accounts, each with a PBX tenant whose extension 1001 calls."""
    rates = ", ".join(
        f'{{prefix = "{prefix}", rate = {price}, connect_fee = {fee}, initial = {initial},'
        f" increment = {increment}, effective = 2025-01-01}}"
        for prefix, price, initial, increment, fee in RATES
    )
    parts = [
        f'[[deck]]\nname = "world"\ncurrency = "USD"\nactive_from = 2025-01-01\nrates = [{rates}]\n',
        '[[plan]]\ncode = "RETAIL"\ndeck = "world"\n',
        '[[source]]\nname = "pbx"\nformat = "asterisk-csv"\nzone = "UTC"\ntenant_from = "dcontext"\n',
    ]
    for number in range(ACCOUNTS):
        parts += [
            f'[[tenant]]\nname = "pbx{number}"\n',
            f'[[account]]\ncode = "A{number}"\nname = "Account {number}"\ncurrency = "USD"\n',
            f'[[extension]]\nextension = "1001"\nplan = "RETAIL"\ntenant = "pbx{number}"\n'
            f'account = "A{number}"\nactivated = 2025-01-01\n',
        ]
    return "".join(parts)


def rows(records: int, seed: int, owed: Counter[str]) -> Iterator[str]:
    """Yield rows of Master.csv, and add to *owed* what each costs, in micro-units by account."""
    chance = random.Random(seed)
    form = "%Y-%m-%d %H:%M:%S"
    for number in range(records):
        account = chance.randrange(ACCOUNTS)
        called, rate = chance.choice(NUMBERS)
        seconds = int(chance.expovariate(1 / 120)) + 1
        at = BEGUN + timedelta(seconds=number)
        owed[f"A{account}"] += _micros(seconds, *RATES[rate][1:])
        yield ROW.format(
            called=called,
            tenant=f"pbx{account}",
            number=number,
            begun=at.strftime(form),
            ended=(at + timedelta(seconds=seconds)).strftime(form),
            seconds=seconds,
            key=f"{at.timestamp():.0f}.{number}",
        )


def _micros(seconds: int, price: str, initial: int, increment: int, fee: str) -> int:
    billed = initial + max(0, -(-(seconds - initial) // increment)) * increment
    exact = Decimal(price) * billed / 60 + Decimal(fee)
    return int(exact.quantize(Decimal("0.0001"), ROUND_HALF_UP) * 1_000_000)


def interrupted_import(dsn: str, home: Path, records: int, kills: int, seed: int) -> list[str]:
    """Import a file of so many records whose process is killed so often; return what is wrong in the end."""
    owed: Counter[str] = Counter()
    (home / "site.toml").write_text(site())
    with (home / "Master.csv").open("w") as file:
        file.writelines(rows(records, seed, owed))
    (home / "tollwire.toml").write_text(f'key_file = "{home}/secret.key"\n[database]\ndsn = "{dsn}"\n')
    _run(home, "apply", "site.toml", "--yes").wait()
    steps = [records * step // (kills + 1) for step in range(1, kills + 1)]
    for booked in steps:
        process = _run(home, "record", "import", "--source", "pbx", "Master.csv")
        _kill_when(process, dsn, booked)
    wrong = [
        f"exit code {process.returncode}: {' '.join(words)}"
        for words in (("record", "import", "--source", "pbx", "Master.csv"), ("books", "check"))
        if (process := _run(home, *words)).wait()
    ]
    return wrong + _differences(dsn, records, owed)


def _run(home: Path, *words: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TOLLWIRE_CONFIG": str(home / "tollwire.toml")}
    return subprocess.Popen([sys.executable, "-m", "provisioning.cli", *words], cwd=home, env=environment)


def _kill_when(process: subprocess.Popen[bytes], dsn: str, booked: int) -> None:
    """Kill the process as soon as more than *booked* records are in the books, wherever it is then."""
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        while process.poll() is None:
            began = time.monotonic()
            with connection.cursor() as txn:
                txn.execute("SELECT count(*) FROM cdr")
                ((count,),) = txn.fetchall()
            if count > booked:
                process.send_signal(signal.SIGKILL)
                print(f"killed at {count:,} records", flush=True)
            time.sleep(0.05 + 20 * (time.monotonic() - began))  # counting many takes its time
    process.wait()


def _differences(dsn: str, records: int, owed: Counter[str]) -> list[str]:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as txn:
        txn.execute(
            "SELECT count(*), coalesce(sum(total_micros), 0)::bigint FROM cdr WHERE status = 'answered'"
        )
        ((count, total),) = txn.fetchall()
        txn.execute(
            "SELECT code, -balance_micros, -coalesce((SELECT sum(amount_micros) FROM posting"
            " WHERE account_id = account.id), 0)::bigint"
            " FROM account JOIN balance ON account_id = id WHERE code <> ''"
        )
        found = {code: (balance, posted) for code, balance, posted in txn.fetchall()}
    print(f"{count:,} records; {total} micro-units charged, {owed.total()} owed")
    wrong = [] if count == records else [f"{count} records, not {records}"]
    wrong += [] if total == owed.total() else [f"{total} micro-units are charged, not {owed.total()}"]
    return wrong + [
        f"{code}: balance and postings are {found[code]}, not {micros}"
        for code, micros in owed.items()
        if found[code] != (micros, micros)
    ]


def main() -> int:
    """Play, print, and return how much is wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="tw-", dir="/tmp"))
    began = time.monotonic()
    with EmbeddedPostgres(home) as server:
        migrate(server.dsn)
        wrong = interrupted_import(server.dsn, home, asked.records, asked.kills, asked.seed)
    shutil.rmtree(home)
    for each in wrong:
        print(f"!! {each}")
    took_s = time.monotonic() - began
    print(f"{asked.records:,} records, {asked.kills} kills, {took_s:.0f} s: {len(wrong)} wrong")
    return min(len(wrong), 100)


if __name__ == "__main__":
    sys.exit(main())
