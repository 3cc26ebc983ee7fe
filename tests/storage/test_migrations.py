"""Migrations: what is applied, when nothing is, and which databases are refused."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import psycopg2
import pytest
from psycopg2.extensions import make_dsn, parse_dsn

from radiusd.storage import migrations, postgres_cluster
from radiusd.storage.migrations import (
    SCHEMA,
    MigrationFailed,
    SchemaBehind,
    SchemaRefused,
    ServerUnfit,
    check,
    migrate,
    pending,
    read_migrations,
)
from radiusd.storage.postgres import EmbeddedPostgres

pytestmark = pytest.mark.postgres
Files = Callable[..., Path]


@pytest.fixture
def empty(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The DSN of a database in which nothing is."""
    name = f"test_{uuid4().hex}"
    execute(postgres.dsn, f"CREATE DATABASE {name}")
    yield make_dsn(**{**parse_dsn(postgres.dsn), "dbname": name})
    execute(postgres.dsn, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Write migrations by name and return their folder."""

    def write(**sql_by_name: str) -> Path:
        for name, sql in sql_by_name.items():
            (tmp_path / f"{name.removeprefix('m')}.sql").write_text(sql)
        return tmp_path

    return write


def execute(dsn: str, sql: str) -> None:
    with closing(psycopg2.connect(dsn)) as conn:
        conn.autocommit = True
        with conn.cursor() as cursor:
            cursor.execute(sql)


def select(dsn: str, sql: str) -> list[tuple[object, ...]]:
    with closing(psycopg2.connect(dsn)) as conn, conn.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def test_applies_each_file_once_and_in_order(empty: str, files: Files):
    """
    A second run finds nothing to do; a new file is applied by the next run, alone.
    """
    directory = files(m0001_a="CREATE TABLE a (x integer)", m0002_b="ALTER TABLE a ADD y integer")

    assert ["0001_a.sql", "0002_b.sql"] == migrate(empty, directory)
    assert [] == migrate(empty, directory)
    files(m0003_c="ALTER TABLE a ADD z integer")
    assert ["0003_c.sql"] == pending(empty, directory)
    assert ["0003_c.sql"] == migrate(empty, directory)
    assert [(1,), (2,), (3,)] == select(empty, "SELECT version FROM schema_migration ORDER BY version")


def test_pending_changes_nothing(empty: str, files: Files):
    """
    Asking what would be applied leaves an empty database empty.
    """
    assert ["0001_a.sql"] == pending(empty, files(m0001_a="CREATE TABLE a ()"))

    assert [] == select(empty, "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace")


def test_a_failing_file_leaves_nothing_behind_and_names_its_line(empty: str, files: Files):
    """
    All of a file is rolled back; the files before it stay, so that the next run goes on there.
    """
    directory = files(m0001_a="CREATE TABLE a ()", m0002_b="CREATE TABLE b ();\n\nSELECT nonsense;\n")

    with pytest.raises(MigrationFailed, match=r"0002_b\.sql:3: column \"nonsense\" does not exist"):
        migrate(empty, directory)
    assert [(True, None)] == select(empty, "SELECT to_regclass('a') IS NOT NULL, to_regclass('b')")
    assert ["0002_b.sql"] == pending(empty, directory)


def test_a_file_may_not_end_its_own_transaction(empty: str, files: Files):
    """
    Otherwise a kill could leave its effect without its row.
    """
    with pytest.raises(MigrationFailed, match="take COMMIT or ROLLBACK out"):
        migrate(empty, files(m0001_a="CREATE TABLE a (); COMMIT;"))


def test_per_cent_signs_are_sql(empty: str, files: Files):
    """
    The file goes to the server as it is: nothing in it is taken for a parameter.
    """
    migrate(empty, files(m0001_a="CREATE TABLE a AS SELECT 7 % 4 AS rest, '%s' AS text"))

    assert [(3, "%s")] == select(empty, "SELECT rest, text FROM a")


def test_runners_at_once_apply_each_file_once(empty: str, files: Files):
    """
    Two nodes that start together both succeed, and share the work.
    """
    directory = files(**{f"m{n:04}_t": f"CREATE TABLE t{n} (); SELECT pg_sleep(0.02)" for n in range(1, 9)})

    with ThreadPoolExecutor(4) as threads:
        shares = list(threads.map(lambda _: migrate(empty, directory), range(4)))

    assert [f"{n:04}_t.sql" for n in range(1, 9)] == sorted(name for share in shares for name in share)


@pytest.mark.parametrize("refuses", [migrate, pending, check])
def test_refuses_an_edited_file(empty: str, files: Files, refuses: Callable[[str, Path], object]):
    """
    The database has had other SQL under that name: running on would hide the difference.
    """
    migrate(empty, files(m0001_a="CREATE TABLE a ()"))

    with pytest.raises(SchemaRefused, match=r"0001_a\.sql was edited after it was applied"):
        refuses(empty, files(m0001_a="CREATE TABLE a (x integer)"))


@pytest.mark.parametrize("refuses", [migrate, pending, check])
def test_refuses_a_database_newer_than_the_code(
    empty: str, files: Files, refuses: Callable[[str, Path], object]
):
    """
    An old version that is started by mistake does not touch what a newer one made.
    """
    directory = files(m0001_a="CREATE TABLE a ()", m0002_future="CREATE TABLE b ()")
    migrate(empty, directory)
    (directory / "0002_future.sql").unlink()

    with pytest.raises(SchemaRefused, match=r"has had 0002_future\.sql.*newer than the code"):
        refuses(empty, directory)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["0001_a", "0003_c"], "0003_c.sql: number 0002 is due here"),
        (["0001_a", "0001_b"], "0001_b.sql: number 0002 is due here"),
        (["0002_a"], "0002_a.sql: number 0001 is due here"),
        (["1_a"], r"1_a.sql: name it NNNN"),
    ],
)
def test_refuses_numbers_that_do_not_count(files: Files, names: list[str], message: str):
    """
    A gap is a lost file, a double is two branches that met: both are seen before anything runs.
    """
    with pytest.raises(SchemaRefused, match=message):
        read_migrations(files(**{f"m{name}": "SELECT 1" for name in names}))


def test_refuses_a_file_that_is_not_utf_8(tmp_path: Path):
    """
    The message names the file and the octet.
    """
    (tmp_path / "0001_a.sql").write_bytes(b"-- caf\xe9")

    with pytest.raises(SchemaRefused, match=r"0001_a\.sql: not UTF-8 at octet 6"):
        read_migrations(tmp_path)


def test_check_passes_a_migrated_database(database: str):
    """
    The server starts on our own schema and our own server.
    """
    assert None is check(database)


def test_check_tells_what_is_missing(empty: str):
    """
    The message names the files and the command that applies them.
    """
    names = ", ".join(migration.name for migration in read_migrations(SCHEMA))

    with pytest.raises(SchemaBehind, match=f"lacks {names}: run 'tollwire db migrate'"):
        check(empty)


def test_check_refuses_asynchronous_commit(empty: str):
    """
    An operator's ALTER DATABASE is seen too, since it counts for our connections.
    """
    migrate(empty)
    execute(empty, f"ALTER DATABASE {parse_dsn(empty)['dbname']} SET synchronous_commit = off")

    with pytest.raises(ServerUnfit, match="synchronous_commit = off"):
        check(empty)


def test_check_refuses_a_server_without_fsync(short_dir: Path, pg_bin: Path | None, monkeypatch):
    """
    What a power cut would take back has not been kept.
    """
    monkeypatch.setitem(postgres_cluster.REQUIRED, "fsync", "off")
    with EmbeddedPostgres(short_dir / "home", pg_bin) as server:
        migrate(server.dsn)

        with pytest.raises(ServerUnfit, match="fsync = off"):
            check(server.dsn)


def test_check_refuses_an_old_server(database: str, monkeypatch):
    """
    The least version is PostgreSQL 15; here the bar is raised, no old server being at hand.
    """
    monkeypatch.setattr(migrations, "MINIMUM_SERVER", 990_000)

    with pytest.raises(ServerUnfit, match="version 15 or later is needed"):
        check(database)
