"""An installation of the first schema, with a call that is up, is upgraded: nothing is lost, it goes on."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import psycopg2
import pytest
from psycopg2.extensions import make_dsn, parse_dsn

from radiusd.calls.choosing import key_of
from radiusd.storage.books_check import check_books
from radiusd.storage.migrations import SCHEMA, migrate
from radiusd.storage.postgres import EmbeddedPostgres
from tests.builders import NOW, a_bucket, a_directory, a_plan, a_service, a_start, a_stop, seconds
from tests.node import Node

pytestmark = pytest.mark.postgres

FIRST = ("0001_catalogue.sql", "0002_books.sql")
CALL = "00000000-0000-7000-8000-000000000001"
# Facts as the first version wrote them: fewer fields than there are now.
FACTS = (
    '[[1,"rfc2866","start","2026-11-20T12:00:00Z","2026-11-20T12:00:00Z",true,"c1","c1","single",'
    '"15125550100","442071838750","","","","","","","tg1","","","",null,"2026-11-20T12:00:00Z",null,null,null,'
    'null,null,null,"answered"]]'
)
MATCH = (
    '{"identity":["","tg1","","15125550100","442071838750","","",false],"called":"442071838750","plan_id":1,'
    '"deck_version_id":1,"prefix":"","destination":"","trace":[]}'
)
FILLED = f"""
    INSERT INTO client (name, secret_sealed, dialect) VALUES ('sbc1', '\\x00', 'rfc2866');
    INSERT INTO account (code, name, currency) VALUES ('ACME', '', 'USD');
    INSERT INTO deck (name, currency) VALUES ('retail', 'USD');
    INSERT INTO deck_version (deck_id, number, active_from, source, sha256, row_count)
        VALUES (1, 1, '2020-01-01', 'a.csv', '', 1);
    INSERT INTO rate (deck_version_id, prefix, description, price_nano, initial_s, increment_s, effective_at)
        VALUES (1, '', 'World', 60000000, 1, 1, '2020-01-01');
    INSERT INTO plan (code, name, deck_id) VALUES ('retail', '', 1);
    INSERT INTO plan_bucket (plan_id, name, included_s) VALUES (1, 'minutes', 100);
    INSERT INTO service (account_id, kind, name, plan_id, activated_at)
        VALUES (1, 'trunk', 'tg1', 1, '2020-01-01');
    INSERT INTO audit
        VALUES (gen_random_uuid(), now(), 'ann (command line)', 'account added', '{{"key": "ACME"}}');
    INSERT INTO balance (account_id, channels) VALUES (1, 1);
    INSERT INTO channel VALUES (1, 1, 1);
    INSERT INTO bucket VALUES (1, '1/1/2026-11-01', 1, 1, '2026-11-01', '2026-12-01', 100, 0, 90);
    INSERT INTO call VALUES (%(key)s, 0, '{CALL}', 1, 'started', '2026-11-20T12:00:00Z', NULL, '{{1}}',
        '{FACTS}', '{{}}');
    INSERT INTO session (account_id, call_id, role, call_key, seq, client_id, service_id,
        channel_service_id, state, calling, called, setup_at, connect_at, held_s_until, expires_at,
        held_micros, held_buckets, match)
        VALUES (1, '{CALL}', 'out', %(key)s, 0, 1, 1, 1, 'started', '15125550100', '442071838750',
        '2026-11-20T12:00:00Z', '2026-11-20T12:00:00Z', 90, '2026-11-20T12:01:00Z', 0,
        '{{"1/1/2026-11-01": 90}}', '{MATCH}');
"""


@pytest.fixture
def old(postgres: EmbeddedPostgres, tmp_path: Path) -> Iterator[str]:
    """A database as the first version left it, with a call that is up."""
    name = f"test_{uuid4().hex}"
    dsn = make_dsn(**{**parse_dsn(postgres.dsn), "dbname": name})
    _execute(postgres.dsn, f"CREATE DATABASE {name}")
    for file in FIRST:
        shutil.copy(SCHEMA / file, tmp_path / file)
    migrate(dsn, tmp_path)
    _execute(dsn, FILLED, {"key": key_of(a_start(NOW))})
    yield dsn
    _execute(postgres.dsn, f"DROP DATABASE {name} WITH (FORCE)")


def _execute(dsn: str, sql: str, values: dict[str, str] | None = None) -> None:
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        with connection.cursor() as txn:
            txn.execute(sql, values)


def _select(dsn: str, sql: str) -> list[tuple[object, ...]]:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as txn:
        txn.execute(sql)
        return txn.fetchall()


def test_a_call_that_is_up_goes_on(old: str) -> None:
    """
    Its facts and its hold are read by the new version, its Stop is charged, and the books add up.
    """
    migrate(old)
    plan = a_plan(1, a_bucket(1, 100))
    node = Node(old, a_directory(a_service(plan=plan)))
    node.post(a_stop(NOW + seconds(130), 130))
    node.close()

    ((total, included),) = _select(old, "SELECT total_micros, included_s FROM cdr")
    assert (30_000, 100) == (total, included)  # 100 s of the bucket, 30 s at 0.06 a minute
    assert [(100, 0, 0)] == _select(old, "SELECT used_s, held_s, rolled_s FROM bucket")
    assert [] == _select(old, "SELECT call_id FROM session")
    with closing(psycopg2.connect(old)) as connection:
        assert [] == [shown for proof in check_books(connection) for shown in proof.shown]


def test_what_was_provisioned_means_the_same(old: str) -> None:
    """
    What is new is switched off: no fees, no sharing, no roll-over, every caller.
    """
    migrate(old)

    assert [("", None)] == _select(old, "SELECT origin, rules FROM rate")
    assert [(0, 0, "rated", None)] == _select(
        old, "SELECT monthly_fee_micros, setup_fee_micros, on_net, free_set_id FROM plan"
    )
    assert [("service", "calendar", False, 0, "pay")] == _select(
        old, "SELECT shared, cycle, prorate, rollover_periods, exhausted FROM plan_bucket"
    )
    assert [("ann (command line)", "ACME")] == _select(old, "SELECT actor, key FROM audit")
