"""
The console's pages on a large site: how long each takes to answer, at the median.

``python -m bench.console`` seeds accounts, services and calls into a database of its own, which it deletes,
and asks a real ``tollwire console`` for its pages, one after the other.
"""

from __future__ import annotations

import argparse
import http.client
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import psycopg2

from provisioning.accounts import Account, add_account
from provisioning.admin import Admin
from provisioning.decks import Deck, import_deck
from provisioning.logins import begin_login, finish_login
from provisioning.pages import write_cursor
from provisioning.people import User, add_user
from provisioning.plans import Plan, add_plan
from provisioning.rate_files import RateFile
from radiusd.storage.migrations import migrate
from radiusd.storage.postgres import EmbeddedPostgres
from radiusd.storage.secrets import Sealer, make_key

RATES = "prefix,description,rate\n1,United States,0.01\n44,United Kingdom,0.02\n49,Germany,0.02\n"
START_S = 30.0
GOAL_MS = 300
PAGES = (
    *("/live", "/accounts", "/accounts?after={far}", "/accounts/{code}", "/accounts/{code}/statement"),
    *("/accounts/{code}/add/did", "/accounts/{code}/services/did/{did}", "/calls", "/calls?account={code}"),
    *("/calls?number={did}", "/search?q={did}", "/search?q={code}", "/search?q=1200004", "/numbers"),
    *("/queue", "/plans", "/decks", "/decks/retail", "/clients", "/users", "/audit", "/health", "/tokens"),
    *("/reports", "/reports?by=day", "/reports?by=destination", "/reports?account={code}", "/reports/peaks"),
)
SEED_ACCOUNTS = """
INSERT INTO account (id, code, name, currency) OVERRIDING SYSTEM VALUE
SELECT at + 1000, 'A' || lpad(at::text, 7, '0'), 'Customer ' || at, 'USD'
FROM generate_series(1, %(accounts)s) AS at;
INSERT INTO balance (account_id, balance_micros)
SELECT at + 1000, 10000000 FROM generate_series(1, %(accounts)s) AS at
"""
SEED_SERVICES = """
INSERT INTO service (id, account_id, kind, name, plan_id, max_channels, activated_at)
OVERRIDING SYSTEM VALUE
SELECT at + 1000, 1001 + at %% %(accounts)s, CASE WHEN at %% 100 = 0 THEN 'trunk' ELSE 'did' END,
    CASE WHEN at %% 100 = 0 THEN 'tg' || at ELSE (12000000000 + at)::text END, (SELECT id FROM plan), 30,
    %(now)s - interval '1 year'
FROM generate_series(1, %(services)s) AS at
"""
SEED_CALLS = """
INSERT INTO cdr (account_id, started_at, call_id, role, status, reason, client_id,
    service_id, channel_service_id, plan_id, deck_version_id,
    location, calling, called, remote_ip, trunk_in, trunk_out, connect_at, ended_at, duration_ms, billed_s,
    included_s, total_micros, currency, prefix, destination, release_side, flags, rating, match)
SELECT 1001 + at %% %(accounts)s, begun, gen_random_uuid(), 'out', 'answered', '', 1,
    1001 + at %% %(services)s, CASE WHEN at %% 5 = 0 THEN 1100 + (at * 100) %% %(services)s END,
    (SELECT id FROM plan), (SELECT id FROM deck_version),
    'HQ', (12000000000 + at %% %(services)s)::text, '44207183' || at %% 10000, '', '', '',
    begun, begun + interval '1 minute', 60000, 60, 0, 20000, 'USD', '44', 'United Kingdom', '',
    '{}', '{}', '[]'
FROM (SELECT at, %(now)s - at * (interval '60 days' / %(calls)s) AS begun
      FROM generate_series(1, %(calls)s) AS at) AS calls
"""


def main() -> int:
    """Seed, ask and print; 1 when a page is slower than the goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--services", type=int, default=1_000_000)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7, help="times that each page is asked for")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="tw-bench-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        with EmbeddedPostgres(folder / "database") as server:
            migrate(server.dsn)
            token, names = seed(server.dsn, folder, options)
            return ask(server.dsn, folder, token, names, options.rounds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def seed(dsn: str, folder: Path, options: argparse.Namespace) -> tuple[str, dict[str, str]]:
    """Fill the database; return a session's token, and what stands in the pages' paths."""
    began, now = time.perf_counter(), datetime.now(UTC)
    admin = Admin("bench", now, Sealer(make_key(folder / "secret.key")))
    (folder / "rates.csv").write_text(RATES)
    size = {"now": now, **vars(options)}
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        import_deck(txn, Deck(name="retail", currency="USD"), RateFile(folder / "rates.csv"), admin)
        add_plan(txn, Plan(code="retail", deck="retail"), admin)
        add_account(txn, Account(code="FIRST", currency="USD"), admin)
        add_user(txn, User(name="ann", role="operator"), admin)
        for statement in (SEED_ACCOUNTS, SEED_SERVICES, SEED_CALLS):
            txn.execute(statement, size)
        session = finish_login(txn, begin_login(txn, "ann", "::1", now), True, "", now, admin.sealer)
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as txn:
        connection.autocommit = True
        txn.execute("VACUUM ANALYZE")
    print(
        f"{options.accounts:,} accounts, {options.services:,} services, {options.calls:,} calls"
        f" seeded in {time.perf_counter() - began:.0f} s"
    )
    far = write_cursor(("A0090000",))
    return session.token, {"code": "A0050000", "did": str(12_000_000_000 + 49_999), "far": far}


def ask(dsn: str, folder: Path, token: str, names: dict[str, str], rounds: int) -> int:
    """Print how long each page takes; return 1 when one is slower than the goal."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    config = folder / "console.toml"
    config.write_text(
        f'key_file = "{folder}/secret.key"\n[database]\ndsn = "{dsn}"\n[console]\nport = {port}\n'
    )
    command = [sys.executable, "-m", "provisioning.cli", "console", "--config", str(config)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        _await(port)
        slow = 0
        for pattern in PAGES:
            path = pattern.format(**names)
            took = [_get(port, path, token) for _ in range(rounds)]
            middle = statistics.median(took)
            slow += middle > GOAL_MS
            mark = "  SLOW" if middle > GOAL_MS else ""
            print(f"{pattern:<42} median {middle:7.1f} ms, slowest {max(took):7.1f} ms{mark}", flush=True)
        return 1 if slow else 0
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _await(port: int) -> None:
    ends = time.perf_counter() + START_S
    while time.perf_counter() < ends:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit(f"the console does not listen on port {port}")


def _get(port: int, path: str, token: str) -> float:
    """Return the milliseconds that a page takes to come whole."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        began = time.perf_counter()
        connection.request("GET", path, headers={"Cookie": f"tollwire_session={token}"})
        answer = connection.getresponse()
        answer.read()
        took_ms = (time.perf_counter() - began) * 1000
    if answer.status not in (200, 303):  # a search that finds one thing goes there
        print(f"{path} answers {answer.status}")
    return took_ms


if __name__ == "__main__":
    sys.exit(main())
