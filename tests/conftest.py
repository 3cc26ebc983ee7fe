"""Fixtures that need a real PostgreSQL: one cluster and one migrated database a session, emptied per test."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from hypothesis import settings
from psycopg2 import sql

from radiusd.storage.migrations import migrate
from radiusd.storage.postgres import EmbeddedPostgres
from tests.packages import missing

SEED = "test_seed"  # a schema with a copy of the rows that migrations insert
KEPT = {"schema_migration"}
LOCK_WAIT = "10s"  # a test that left a transaction open is told so, and blocks no other for ever

# A busy machine makes any example slow, and how long one takes is not what a test asserts.
settings.register_profile("tollwire", deadline=None)
settings.load_profile("tollwire")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the database tests run on another PostgreSQL's programs."""
    parser.addoption(
        "--pg-bin",
        type=Path,
        metavar="DIR",
        help="run the database tests on the PostgreSQL programs in DIR, e.g. /usr/lib/postgresql/15/bin",
    )


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say loudly, whatever the verbosity, which real programs nothing was tested against."""
    packages = missing(terminalreporter.getreports("skipped"))
    if packages:
        terminalreporter.section("NOT TESTED against real programs", red=True, bold=True)
        terminalreporter.line(f"Install them and run again: apt install {' '.join(packages)}")


@pytest.fixture(scope="session")
def pg_bin(request: pytest.FixtureRequest) -> Path | None:
    """The folder of PostgreSQL programs that was asked for; None: the first that are found."""
    return request.config.getoption("--pg-bin")


@pytest.fixture
def short_dir() -> Iterator[Path]:
    """
    A new folder with a short name, as Unix sockets need it, that any user may pass.

    pytest's ``tmp_path`` is long, and closed to the user whom root's PostgreSQL may have to run as.
    """
    folder = Path(tempfile.mkdtemp(prefix="tw-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres(pg_bin: Path | None) -> Iterator[EmbeddedPostgres]:
    """A running cluster for the whole session."""
    home = Path(tempfile.mkdtemp(prefix="tw-", dir="/tmp"))
    with EmbeddedPostgres(home, pg_bin) as server:
        yield server
    shutil.rmtree(home)


@pytest.fixture(scope="session")
def database(postgres: EmbeddedPostgres) -> str:
    """The DSN of the session's database, migrated, with a copy of its seed rows put by."""
    migrate(postgres.dsn)
    with closing(psycopg2.connect(postgres.dsn)) as conn, conn, conn.cursor() as txn:
        txn.execute(f"CREATE SCHEMA {SEED}")
        for table in _tables(txn):
            name = sql.Identifier(table)
            txn.execute(
                sql.SQL("CREATE TABLE {}.{} AS TABLE public.{}").format(sql.Identifier(SEED), name, name)
            )
    return postgres.dsn


@pytest.fixture(scope="session")
def reset(database: str) -> str:
    """The SQL that leaves only the migrations' own rows; made once, since it runs before every test."""
    with closing(psycopg2.connect(database)) as conn, conn.cursor() as txn:
        steps = [_restore(txn, table).as_string(txn) for table in _tables(txn)]
    # A console that adds up calls, as it does each minute, is let finish.
    return "; ".join(("SELECT FROM traffic_state FOR UPDATE", *steps))


@pytest.fixture
def dsn(database: str, reset: str) -> str:
    """The DSN of a database that is as after migrating: nobody has provisioned or called yet."""
    with closing(psycopg2.connect(database)) as conn, conn, conn.cursor() as txn:
        # As "replica" no foreign key and no trigger fires, so the order does not matter.
        txn.execute(f"SET LOCAL session_replication_role = replica; SET LOCAL lock_timeout = '{LOCK_WAIT}'")
        txn.execute(reset)
    return database


def _tables(txn: psycopg2.extensions.cursor) -> list[str]:
    """Return the tables to empty; partitions are emptied with the table that they are part of."""
    txn.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY relname"
    )
    return [name for (name,) in txn.fetchall() if name not in KEPT]


def _restore(txn: psycopg2.extensions.cursor, table: str) -> sql.Composable:
    """Return the SQL that leaves exactly the seed rows in *table*."""
    name = sql.Identifier(table)
    empty = sql.SQL("DELETE FROM public.{}").format(name)
    txn.execute(sql.SQL("SELECT EXISTS (SELECT FROM {}.{})").format(sql.Identifier(SEED), name))
    if txn.fetchone() == (False,):
        return empty
    txn.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
        " AND NOT attisdropped AND attgenerated = '' ORDER BY attnum",
        (f'public."{table}"',),
    )
    columns = sql.SQL(", ").join(sql.Identifier(column) for (column,) in txn.fetchall())
    fill = sql.SQL("INSERT INTO public.{} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {}.{}")
    return empty + sql.SQL(";") + fill.format(name, columns, columns, sql.Identifier(SEED), name)
