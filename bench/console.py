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
from datetime import UTC, datetime, timedelta
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
from provisioning.traffic import GROUPS, month_until
from radiusd.storage.duties import make_partitions_now
from radiusd.storage.migrations import migrate
from radiusd.storage.postgres import EmbeddedPostgres
from radiusd.storage.secrets import Sealer, make_key
from radiusd.storage.traffic_sums import add_up

RATES = "prefix,description,rate\n1,United States,0.01\n44,United Kingdom,0.02\n49,Germany,0.02\n"
START_S = 30.0
PAST = timedelta(days=61)  # the calls are of 60 days
GOAL_MS = 300
PAGES = (
    *("/live", "/accounts", "/accounts?after={far}", "/accounts/{code}", "/accounts/{code}/statement"),
    *("/accounts/{code}/add/did", "/accounts/{code}/services/did/{did}", "/calls", "/calls?account={code}"),
    *("/calls?number={did}", "/calls?number=4420718312*", "/calls?status=unrated", "/calls/{call}"),
    *("/search?q={did}", "/search?q={code}", "/search?q=1200004", "/search?q=no-such-thing", "/numbers"),
    *("/queue", "/plans", "/decks", "/decks/retail", "/clients", "/users", "/audit", "/health", "/tokens"),
    *(f"/reports?by={by}" for by in GROUPS if by != "service"),  # for which a page asks for an account
    *("/reports?by=account&measure=earned", "/reports?since={before}&until={month}", "/reports?since={day}"),
    *("/exports", "/sources"),
    *("/reports?by=service&account={code}", "/reports?by=day&account={code}", "/reports/peaks"),
    *("/accounts/{code}/outpayments", "/overrides", "/deck-tries"),
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
SELECT 1001 + at %% %(accounts)s, begun, call_id, 'out', CASE WHEN answered THEN 'answered' ELSE 'failed' END,
    '', 1, 1001 + at %% %(services)s, CASE WHEN at %% 5 = 0 THEN 1100 + (at * 100) %% %(services)s END,
    (SELECT id FROM plan), (SELECT id FROM deck_version),
    'Site ' || at %% 7, (12000000000 + at %% %(services)s)::text, prefix || '207183' || at %% 10000,
    '', '', '',
    CASE WHEN answered THEN begun + interval '9 seconds' END, begun + lasted * interval '1 second',
    CASE WHEN answered THEN lasted - 9 ELSE 0 END * 1000, minutes * 60, 0, minutes * 20000, 'USD',
    prefix, destination, '', '{}',
    CASE WHEN answered
        THEN format(%(rating)s, prefix, minutes * 60, lpad((minutes * 2)::text, 2, '0'))::json
        ELSE '{}' END,
    format(%(match)s, 12000000000 + at %% %(services)s)::json
FROM (
    SELECT *, CASE WHEN answered THEN (lasted + 50) / 60 ELSE 0 END AS minutes,
        (ARRAY['1', '44', '49'])[1 + at %% 3] AS prefix,
        (ARRAY['United States', 'United Kingdom', 'Germany'])[1 + at %% 3] AS destination
    FROM (
        SELECT at, %(now)s - at * (interval '60 days' / %(calls)s) AS begun, at %% 10 > 0 AS answered,
            20 + (at * 7919) %% 600 AS lasted
        FROM generate_series(1, %(calls)s::bigint) AS at
    ) AS moments
) AS calls
CROSS JOIN LATERAL (
    SELECT (lpad(to_hex((1000 * extract(epoch FROM begun))::bigint), 12, '0') || '7000'
        || lpad(to_hex((8::bigint << 44) + at), 12, '8') || '0000')::uuid AS call_id
) AS ids
"""
# What a switch has said of the calls of the last days: there are as many more before, which no page reads.
SEED_TOLD = """
INSERT INTO call (call_key, seq, call_id, client_id, state, begun_at, ended_at, accounts, facts, charges)
SELECT decode(md5(call_id::text), 'hex'), 0, call_id, client_id, 'ended', started_at, ended_at,
    ARRAY[account_id], format(%(facts)s, md5(call_id::text), calling, called, begun, finished),
    format(%(charges)s, account_id, begun)
FROM cdr CROSS JOIN LATERAL (SELECT to_json(started_at), to_json(ended_at)) AS moments(begun, finished)
WHERE started_at > %(now)s - interval '3 days'
"""
_EVENT = (
    '[1,"rfc2866","{0}",{1},{1},true,"%1$s","%1$s","single","%2$s","%3$s","","","","","","","","","","",'
    'null,{2},null,null,null,"answered","","","",[],"","",[],"",[],"",false,[],"","",""]'
)
FACTS = "[{},{}]".format(
    _EVENT.format("start", "%4$s", "%4$s,null,null,null"),
    _EVENT.format("stop", "%5$s", "null,%5$s,null,1000"),
)
CHARGES = (
    '{"authorized":true,"charges":[{"account_id":%s,"role":"out","started_at":%s,"signature":"",'
    '"total_micros":0,"buckets":{},"service_id":null,"channel_service_id":null,"plan_id":null}]}'
)
RATING = (
    '{"call": {"prefix": "%1$s", "billed_s": %2$s, "charged_s": %2$s, "bucket_use": {}, "slices": ['
    '{"from_s": 0, "seconds": %2$s, "band": "base", "bucket": null, "price": "0.02", "per": 60,'
    ' "amount": "0.%3$s"}], "connect_fee": "0",'
    ' "rounding": {"decimals": 4, "mode": "half_up", "scope": "call"}, "total": "0.%3$s"}}'
)
MATCH = (
    '[["username", "", "not in the request"], ["trunk", "", "not in the request"],'
    ' ["number", "%s", "matched the calling number"], ["ip", "", "not in the request"]]'
)


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
            make_partitions_now(server.dsn, datetime.now(UTC) - PAST)
            token, names = seed(server.dsn, folder, options)
            return ask(server.dsn, folder, token, names, options.rounds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def seed(dsn: str, folder: Path, options: argparse.Namespace) -> tuple[str, dict[str, str]]:
    """Fill the database; return a session's token, and what stands in the pages' paths."""
    began, now = time.perf_counter(), datetime.now(UTC)
    admin = Admin("bench", now, Sealer(make_key(folder / "secret.key")))
    (folder / "rates.csv").write_text(RATES)
    size = {"now": now, "rating": RATING, "match": MATCH, "facts": FACTS, "charges": CHARGES, **vars(options)}
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        import_deck(txn, Deck(name="retail", currency="USD"), RateFile(folder / "rates.csv"), admin)
        add_plan(txn, Plan(code="retail", deck="retail"), admin)
        add_account(txn, Account(code="FIRST", currency="USD"), admin)
        add_user(txn, User(name="ann", role="operator"), admin)
        for statement in (SEED_ACCOUNTS, SEED_SERVICES):
            txn.execute(statement, size)
        # What would note each record as one that came late: nothing is added up yet.
        txn.execute("SET LOCAL session_replication_role = replica")
        txn.execute(SEED_CALLS, size)
        txn.execute(SEED_TOLD, size)
        txn.execute("SET LOCAL session_replication_role = origin")
        txn.execute("SELECT max(call_id::text) FROM call")
        [(call,)] = txn.fetchall()
        session = finish_login(txn, begin_login(txn, "ann", "::1", now), True, "", now, admin.sealer)
    print(f"added up in {_add_up(dsn):.0f} s")
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as txn:
        connection.autocommit = True
        txn.execute("VACUUM ANALYZE")
    print(
        f"{options.accounts:,} accounts, {options.services:,} services, {options.calls:,} calls"
        f" seeded in {time.perf_counter() - began:.0f} s"
    )
    names = {"code": "A0050000", "did": str(12_000_000_000 + 49_999), "far": write_cursor(("A0090000",))}
    month = month_until(now, UTC)
    days = {"before": month_until(month, UTC), "month": month, "day": now - timedelta(days=30)}
    return session.token, {**names, "call": call, **{name: f"{at:%Y-%m-%d}" for name, at in days.items()}}


def _add_up(dsn: str) -> float:
    """Let what reports read be added up; return how many seconds that took."""
    began = time.perf_counter()
    with closing(psycopg2.connect(dsn, options="-c timezone=UTC")) as connection:
        hours = [1]
        while len(hours) < 3 or hours[-1]:  # the first run only marks until when it may be
            with connection, connection.cursor() as txn:
                hours.append(add_up(txn))
    return time.perf_counter() - began


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
    found = answer.status == 303 and path.startswith("/search")  # what finds one thing goes there
    if answer.status != 200 and not found:
        raise SystemExit(f"{path} answers {answer.status}")
    return took_ms


if __name__ == "__main__":
    sys.exit(main())
