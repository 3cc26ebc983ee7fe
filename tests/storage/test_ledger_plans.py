"""How PostgreSQL finds a batch's rows: by keys, whatever it knew of the tables when it made its plan."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg2
import pytest

from radiusd.storage.database import BlockingConnection, Prepared, finish
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


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: statement.name)
def test_no_table_is_read_whole_that_was_empty_when_the_plan_was_made(dsn: str, statement: Prepared) -> None:
    """
    At night no call is open; what is planned then is used when thousands are, until the table is analyzed.
    """
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        connection.cursor().execute("VACUUM ANALYZE")
    ledger = BlockingConnection(dsn, [statement])
    nothing = {"json": "[]", "timestamptz": "2026-01-01Z"}
    args = [nothing.get(kind, "{}") for kind in statement.types]
    [(found,)] = finish(ledger.run(f"EXPLAIN (FORMAT JSON) {statement.execute}", args))
    ledger.close()

    scans = [
        node for node in nodes_of(found[0]["Plan"]) if "Relation Name" in node and "Scan" in node["Node Type"]
    ]
    read_whole = {node["Relation Name"] for node in scans if not node.keys() & {"Index Cond", "TID Cond"}}
    # The records of calls are in parts, most of which have rows at any time.
    assert set() == {name for name in read_whole if not name.startswith("cdr")}


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the steps of a plan."""
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes_of(inner)
