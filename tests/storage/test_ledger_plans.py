"""How PostgreSQL finds a batch's rows: by keys, whatever it knew of the tables when it made its plan."""

from __future__ import annotations

from contextlib import closing

import psycopg2
import pytest

from radiusd.storage.database import BlockingConnection, finish
from radiusd.storage.ledger import LOAD, STATEMENTS

pytestmark = pytest.mark.postgres

CALLS = """
    INSERT INTO call (call_key, seq, call_id, client_id, state, begun_at, accounts, facts, charges)
    SELECT decode(md5(n::text), 'hex'), 0, gen_random_uuid(), 1, 'ended', now(), '{0}', '[]', '{}'
    FROM generate_series(1, 1000) AS n
"""


def test_calls_are_found_by_their_keys(dsn: str) -> None:
    """
    Not by reading all of them, through the index of their times; also when the table was not analyzed yet.
    """
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        txn.execute(CALLS)
    ledger = BlockingConnection(dsn, STATEMENTS)
    plan = finish(ledger.run(f"EXPLAIN {LOAD.execute}", ("{0}", "{}", "{}", "2026-01-01Z", "{1}")))
    ledger.close()

    assert "call_pkey" in str(plan)
    assert "call_time" not in str(plan)
