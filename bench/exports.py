"""
Time exports of call records, and see how much memory they take.

    python -m bench.exports [--calls 1000000] [FORMAT[=CALLS]...]

It fills a month of an embedded PostgreSQL with call records by SQL, and runs ``tollwire cdr export`` as a
process of its own for each format, of all calls or of the first so many. What it prints of memory is the most
that the process had: it must not grow with the calls.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2

from bench.decks import RATING, measured, run
from provisioning.accounts import Account, add_account
from provisioning.admin import Admin
from provisioning.decks import Deck, import_deck
from provisioning.plans import Plan, add_plan
from provisioning.rate_files import RateFile
from radiusd.exports.writers import SUFFIXES
from radiusd.storage.migrations import migrate
from radiusd.storage.postgres import EmbeddedPostgres
from radiusd.storage.secrets import Sealer, make_key

MONTH = datetime(2026, 9, 1, tzinfo=UTC)
LASTING = timedelta(days=30)
SERVICES = 10_000
SEEDED_AT_ONCE = 500_000
MATCH = json.dumps([{"rule": "calling number", "tried": "12125550100", "found": "did 12125550100"}])
SERVICES_SQL = """
    INSERT INTO service (account_id, kind, name, plan_id, activated_at)
    SELECT account.id, 'did', (12120000000 + n)::text, plan.id, '2026-01-01'
    FROM generate_series(1, %s) AS n, account, plan
"""
CALLS_SQL = """
    INSERT INTO cdr (account_id, started_at, call_id, role, status, reason, client_id, service_id, plan_id,
                     deck_version_id, location, calling, called, remote_ip, trunk_in, trunk_out, connect_at,
                     ended_at, duration_ms, billed_s, included_s, total_micros, currency, prefix, destination,
                     cause, release_side, flags, rating, match)
    SELECT service.account_id, at, gen_random_uuid(), 'out', 'answered', '', 1, service.id, service.plan_id,
           1, 'HQ', service.name, (442071830000 + n %% 10000)::text, '192.0.2.1', 'core', 'carrier-a', at,
           at + interval '80 s', (10 + n %% 300) * 1000, 84, 0, 17500, 'USD', '44', 'United Kingdom',
           16, 'caller', '{}', %(rating)s, %(match)s
    FROM (
        SELECT n, %(month)s + (%(apart)s * n) AS at FROM generate_series(%(first)s::bigint, %(last)s) AS n
    ) AS calls
    JOIN (SELECT *, row_number() OVER (ORDER BY id) - 1 AS place FROM service) AS service
         ON place = n * 7 %% (SELECT count(*) FROM service)
"""


def seed(dsn: str, folder: Path, calls: int) -> None:
    """Fill the month with *calls*, in the order in which they would have ended."""
    admin = Admin("bench", MONTH, Sealer(make_key(folder / "secret.key")))
    (folder / "rates.csv").write_text("prefix,description,rate\n44,United Kingdom,0.0125\n")
    with closing(psycopg2.connect(dsn)) as connection:
        with connection, connection.cursor() as txn:
            import_deck(txn, Deck(name="retail", currency="USD"), RateFile(folder / "rates.csv"), admin)
            add_plan(txn, Plan(code="retail", deck="retail"), admin)
            add_account(txn, Account(code="ACME", currency="USD"), admin)
            txn.execute(SERVICES_SQL, (SERVICES,))
        for first in range(0, calls, SEEDED_AT_ONCE):
            chosen = {
                "rating": RATING,
                "match": MATCH,
                "month": MONTH,
                "apart": LASTING / calls,
                "first": first,
                "last": min(first + SEEDED_AT_ONCE, calls) - 1,
            }
            with connection, connection.cursor() as txn:
                txn.execute(CALLS_SQL, chosen)
        connection.autocommit = True
        with connection.cursor() as txn:
            txn.execute("VACUUM ANALYZE")


def export(form: str, count: int, calls: int, folder: Path, environment: dict[str, str]) -> None:
    """Export the first *count* calls, and print how long it took and in how much memory."""
    file = folder / f"export{SUFFIXES[form]}"
    until = MONTH + LASTING / calls * count
    words = ["cdr", "export", "--format", form, "--output", str(file)]
    words += ["--until", f"{until:%Y-%m-%dT%H:%M:%S.%fZ}"]
    if form == "tap":
        words += ["--sender", "USATW", "--recipient", "GBRVF", "--sequence", "1"]
    with measured(f"{form}, {count:,} calls", count, "calls"):
        run(words, environment)
    print(f"  a file of {file.stat().st_size / 1e6:,.0f} MB")
    file.unlink()


def _wanted(written: str) -> tuple[str, int]:
    """Return a format, and how many calls to export in it; 0 is all."""
    form, _, count = written.partition("=")
    if form not in SUFFIXES:
        raise argparse.ArgumentTypeError(f"{form!r} is none of {', '.join(SUFFIXES)}")
    return form, int(count or 0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Seed, export and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.exports", description=__doc__)
    parser.add_argument("formats", nargs="*", type=_wanted, metavar="FORMAT[=CALLS]")
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument(
        "--folder", help="where database and files are put, and deleted; some GB a million calls"
    )
    options = parser.parse_args(arguments)
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}")
    with (
        tempfile.TemporaryDirectory(prefix="tw-exports-", dir=options.folder) as home,
        EmbeddedPostgres(Path(home) / "pg") as server,
    ):
        folder = Path(home)
        migrate(server.dsn)
        config = folder / "tollwire.toml"
        config.write_text(f'key_file = "{folder}/secret.key"\n[database]\ndsn = "{server.dsn}"\n')
        with measured("seeded", options.calls, "calls"):
            seed(server.dsn, folder, options.calls)
        for form, count in options.formats or [(form, 0) for form in SUFFIXES]:
            export(
                form,
                min(count or options.calls, options.calls),
                options.calls,
                folder,
                {**os.environ, "TOLLWIRE_CONFIG": str(config)},
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
