"""
The rules that keep the hot tables ready for a database that is sharded by account, read from pg_catalog.

Every table says in its comment what it is: ``hot: account_id``, ``hot: call_key`` (the directory that
leads from a call to its accounts), ``reference: ...`` or ``internal: ...``. In a hot table

- the key that the comment names leads the primary key, every unique constraint and every index;
- no value comes from the server: no sequence, no identity, no default but a constant;
- nothing happens behind the statement's back: no trigger, no rule, no foreign key from it or to it. What
  notes changes of old records, for reports, is no part of the ledger, and no call comes to it.
"""

from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest
from psycopg2.extensions import cursor

pytestmark = pytest.mark.postgres

# Each query below returns (table, what in it is wrong). "hot" holds the hot tables and their keys;
# a partition goes by the comment of the table that it is part of.
HOT = """
WITH tables AS (
    SELECT oid, relname, obj_description(coalesce(pg_partition_root(oid), oid), 'pg_class') AS says
    FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
), hot AS (
    SELECT oid, relname, substring(says FROM '^hot: (account_id|call_key)\\M') AS key
    FROM tables
    WHERE says ~ '^hot: (account_id|call_key)\\M'
)
"""
BREACHES = {
    "has a comment that says what it is": """
        SELECT relname, coalesce(says, 'no comment') FROM tables
        WHERE says IS NULL OR says !~ '^(hot: (account_id|call_key)\\M|reference: |internal: )'
    """,
    "has a primary key": """
        SELECT relname, 'no primary key' FROM hot
        WHERE NOT EXISTS (SELECT FROM pg_index WHERE indrelid = hot.oid AND indisprimary)
    """,
    "has its key first in every index": """
        SELECT relname, indexrelid::regclass::text
        FROM hot
        JOIN pg_index ON indrelid = hot.oid
        LEFT JOIN pg_attribute ON attrelid = hot.oid AND attnum = indkey[0]
        WHERE attname IS DISTINCT FROM key
    """,
    "takes no value from a sequence": """
        SELECT relname, attname
        FROM hot
        JOIN pg_attribute ON attrelid = hot.oid AND attnum > 0 AND NOT attisdropped
        WHERE attidentity <> ''
           OR pg_get_serial_sequence('public.' || quote_ident(relname), attname) IS NOT NULL
    """,
    # A default is stored as a tree whose calls name a function's oid; CURRENT_TIMESTAMP and its kind have a
    # node of their own. Casts between constants are immutable calls.
    "has constants for defaults": """
        SELECT relname, attname || ' DEFAULT ' || pg_get_expr(adbin, adrelid)
        FROM hot
        JOIN pg_attrdef ON adrelid = hot.oid
        JOIN pg_attribute ON attrelid = hot.oid AND attnum = adnum AND attgenerated = ''
        WHERE adbin::text ~ '\\{(SQLVALUEFUNCTION|NEXTVALUEEXPR)'
           OR EXISTS (
                SELECT FROM regexp_matches(adbin::text, ':(?:func|opfunc)id (\\d+)', 'g') AS call
                JOIN pg_proc ON pg_proc.oid = call[1]::oid
                WHERE provolatile <> 'i'
           )
    """,
    "has no trigger and no rule": """
        SELECT relname, tgname FROM hot JOIN pg_trigger ON tgrelid = hot.oid AND NOT tgisinternal
        WHERE tgname NOT IN ('old_call_added', 'old_call_changed', 'old_call_removed')
            OR pg_get_triggerdef(pg_trigger.oid) !~ 'WHEN \\(\\(\\w+.started_at < \\(clock_timestamp\\(\\) - '
        UNION ALL
        SELECT relname, rulename FROM hot JOIN pg_rewrite ON ev_class = hot.oid
    """,
    "has no foreign key": """
        SELECT relname, conname
        FROM hot
        JOIN pg_constraint ON contype = 'f' AND hot.oid IN (conrelid, confrelid)
    """,
}


def breaches(txn: cursor) -> set[tuple[str, str, str]]:
    """Return what breaks a rule: the rule, the table, and the thing in it."""
    found = set()
    for rule, query in BREACHES.items():
        txn.execute(HOT + query)
        found |= {(rule, table, thing) for table, thing in txn.fetchall()}
    return found


@pytest.fixture
def txn(database: str) -> Iterator[cursor]:
    """A transaction on the migrated database; what it makes is gone with it."""
    with closing(psycopg2.connect(database)) as conn, conn.cursor() as cursor:
        yield cursor


def test_our_schema_keeps_the_rules(txn: cursor):
    """
    After all migrations nothing breaks a rule, and there are hot tables of both kinds to judge.
    """
    assert set() == breaches(txn)
    txn.execute(HOT + "SELECT DISTINCT key FROM hot ORDER BY key")
    assert [("account_id",), ("call_key",)] == txn.fetchall()


GOOD = (
    "account_id bigint, id uuid, seen_at timestamptz, note text DEFAULT 'none', PRIMARY KEY (account_id, id)"
)
CASES = {
    "no comment": (
        "CREATE TABLE bad (x integer)",
        ("has a comment that says what it is", "bad", "no comment"),
    ),
    "a comment of another kind": (
        "CREATE TABLE bad (x integer); COMMENT ON TABLE bad IS 'hot: customer'",
        ("has a comment that says what it is", "bad", "hot: customer"),
    ),
    "no primary key": (
        "CREATE TABLE bad (account_id bigint)",
        ("has a primary key", "bad", "no primary key"),
    ),
    "a primary key led by another column": (
        "CREATE TABLE bad (account_id bigint, id uuid, PRIMARY KEY (id, account_id))",
        ("has its key first in every index", "bad", "bad_pkey"),
    ),
    "a unique constraint across accounts": (
        f"CREATE TABLE bad ({GOOD}, UNIQUE (note))",
        ("has its key first in every index", "bad", "bad_note_key"),
    ),
    "an index led by an expression": (
        f"CREATE TABLE bad ({GOOD}); CREATE INDEX by_text ON bad ((account_id + 0), id)",
        ("has its key first in every index", "bad", "by_text"),
    ),
    "an identity": (
        f"CREATE TABLE bad ({GOOD}, n bigint GENERATED ALWAYS AS IDENTITY)",
        ("takes no value from a sequence", "bad", "n"),
    ),
    "the server's clock": (
        f"CREATE TABLE bad ({GOOD}, at timestamptz DEFAULT CURRENT_TIMESTAMP)",
        ("has constants for defaults", "bad", "at DEFAULT CURRENT_TIMESTAMP"),
    ),
    "a clock by function": (
        f"CREATE TABLE bad ({GOOD}, at timestamptz DEFAULT now())",
        ("has constants for defaults", "bad", "at DEFAULT now()"),
    ),
    "the server's dice": (
        f"CREATE TABLE bad ({GOOD}, token uuid DEFAULT gen_random_uuid())",
        ("has constants for defaults", "bad", "token DEFAULT gen_random_uuid()"),
    ),
    "a foreign key from it": (
        f"CREATE TABLE bad ({GOOD}, tenant_id bigint CONSTRAINT away REFERENCES tenant)",
        ("has no foreign key", "bad", "away"),
    ),
    "a foreign key to it": (
        f"CREATE TABLE bad ({GOOD});"
        "CREATE TABLE other (a bigint, b uuid, CONSTRAINT here FOREIGN KEY (a, b) REFERENCES bad);"
        "COMMENT ON TABLE other IS 'internal: refers to bad'",
        ("has no foreign key", "bad", "here"),
    ),
    "a trigger": (
        f"CREATE TABLE bad ({GOOD}); CREATE TRIGGER behind_our_back BEFORE UPDATE ON bad"
        " FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        ("has no trigger and no rule", "bad", "behind_our_back"),
    ),
    "a rule": (
        f"CREATE TABLE bad ({GOOD}); CREATE RULE quiet AS ON DELETE TO bad DO INSTEAD NOTHING",
        ("has no trigger and no rule", "bad", "quiet"),
    ),
    "an index of a partition": (
        f"CREATE TABLE bad ({GOOD}) PARTITION BY RANGE (account_id);"
        "CREATE TABLE part PARTITION OF bad DEFAULT; CREATE INDEX by_time ON part (seen_at)",
        ("has its key first in every index", "part", "by_time"),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_bad_table_is_found(txn: cursor, name: str):
    """
    Each rule can fail: a table that breaks exactly one is reported for exactly that.
    """
    ddl, breach = CASES[name]
    txn.execute(ddl)
    if breach[0] != "has a comment that says what it is":
        txn.execute("COMMENT ON TABLE bad IS 'hot: account_id; a bad example'")

    assert {breach} == breaches(txn)


def test_a_good_table_passes(txn: cursor):
    """
    The rules do not refuse everything: the table that the bad ones are made from breaks none.
    """
    txn.execute(f"CREATE TABLE good ({GOOD}); COMMENT ON TABLE good IS 'hot: account_id; a good example'")

    assert set() == breaches(txn)
