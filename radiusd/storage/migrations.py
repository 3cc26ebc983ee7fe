"""
Bring a database to the schema that this code understands, and refuse one that it must not run on.

Migrations are the files ``schema/NNNN_name.sql``, numbered from 0001 without gaps and never edited once
they have been applied somewhere. Each runs in one transaction, together with its row in
``schema_migration``: after a kill at any moment a migration has happened with its row, or not at all.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_INTRANS, cursor

from radiusd.errors import TollwireError

SCHEMA = Path(__file__).with_name("schema")
FILE_NAME = re.compile(r"(?P<version>\d{4})_[a-z0-9_]+\.sql")
MINIMUM_SERVER = 150_000  # PostgreSQL 15, as server_version_num says it
LOCK_KEY = 0x746F6C6C  # "toll": any number that other programs in the database do not lock
LOCK_WAIT_S = 60  # for another runner, or for a table in use

LEDGER = """
CREATE TABLE IF NOT EXISTS schema_migration (
    version    integer PRIMARY KEY,
    name       text NOT NULL,
    sha256     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE schema_migration IS 'internal: which files of the schema this database has had';
"""


class MigrationFailed(TollwireError):
    """A file did not run; its transaction is rolled back, the ones before it are kept."""


class SchemaRefused(TollwireError):
    """The files and the database contradict each other; nothing was changed, an engineer must look."""


class SchemaBehind(TollwireError):
    """Migrations are missing: run ``tollwire db migrate``; the server does not start before."""


class ServerUnfit(TollwireError):
    """The database server cannot keep our promises as it is set; the server does not start."""


@dataclass(frozen=True, slots=True)
class Migration:
    """
    One file of the schema.
    """

    version: int
    name: str
    sha256: str
    sql: str

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the migration in the file *path*."""
        found = FILE_NAME.fullmatch(path.name)
        if found is None:
            raise SchemaRefused(f"{path}: name it NNNN_what_it_does.sql, in lower case")
        content = path.read_bytes()
        try:
            sql = content.decode()
        except UnicodeDecodeError as error:
            raise SchemaRefused(f"{path}: not UTF-8 at octet {error.start}") from error
        return cls(int(found["version"]), path.name, hashlib.sha256(content).hexdigest(), sql)


def read_migrations(directory: Path) -> list[Migration]:
    """
    Return the migrations in *directory*, in their order.

    Raises:
        SchemaRefused: A file is misnamed, or the numbers are not 1, 2, 3 ...: two branches took the same
            one, or a file was lost.
    """
    migrations = [Migration.read(path) for path in sorted(directory.glob("*.sql"))]
    for expected, migration in enumerate(migrations, 1):
        if migration.version != expected:
            raise SchemaRefused(
                f"{directory / migration.name}: number {expected:04} is due here; renumber it"
            )
    return migrations


def migrate(dsn: str, directory: Path = SCHEMA) -> list[str]:
    """
    Apply what the database at *dsn* has not had, and return the names of those files.

    Any number of runners may do this at once; each migration is applied by one of them.

    Raises:
        MigrationFailed: A file does not run; the message names its line.
        SchemaRefused: A file was edited after it was applied, or the database is newer than this code.
    """
    migrations = read_migrations(directory)
    applied: list[str] = []
    with closing(psycopg2.connect(dsn)) as conn:
        conn.set_session(isolation_level="READ COMMITTED")  # to see what the runner before us did
        while True:
            with conn, conn.cursor() as txn:  # commits, or rolls back on an exception
                _lock(txn)
                txn.execute(LEDGER)
                todo = _pending_in(txn, migrations)
                if not todo:
                    return applied
                _apply(txn, todo[0], directory)
            applied.append(todo[0].name)


def pending(dsn: str, directory: Path = SCHEMA) -> list[str]:
    """
    Return the names of the files that :func:`migrate` would apply; change nothing.

    Raises:
        SchemaRefused: As :func:`migrate`.
    """
    with _reading(dsn) as txn:
        return [migration.name for migration in _pending_in(txn, read_migrations(directory))]


def check(dsn: str, directory: Path = SCHEMA) -> None:
    """
    Return when the server may run on the database at *dsn*; change nothing.

    Raises:
        ServerUnfit: It is too old, or does not wait for its disk.
        SchemaBehind: Migrations have to be applied first.
        SchemaRefused: As :func:`migrate`.
    """
    with _reading(dsn) as txn:
        _require_fit_server(txn)
        missing = _pending_in(txn, read_migrations(directory))
    if missing:
        names = ", ".join(migration.name for migration in missing)
        raise SchemaBehind(f"the database lacks {names}: run 'tollwire db migrate'")


@contextmanager
def _reading(dsn: str) -> Iterator[cursor]:
    with closing(psycopg2.connect(dsn)) as conn:
        conn.set_session(readonly=True)
        with conn.cursor() as txn:
            yield txn


def _lock(txn: cursor) -> None:
    """
    Wait for other runners. The lock lasts as long as the transaction: a killed runner leaves none.
    """
    txn.execute("SELECT set_config('lock_timeout', %s, true)", (f"{LOCK_WAIT_S}s",))
    try:
        txn.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK_KEY,))
    except psycopg2.errors.LockNotAvailable as error:
        raise MigrationFailed(
            f"another process has been migrating this database for {LOCK_WAIT_S} s: try again after it"
        ) from error


def _pending_in(txn: cursor, migrations: list[Migration]) -> list[Migration]:
    """Return those of *migrations* that the database has not had, after comparing those it has."""
    txn.execute("SELECT to_regclass('schema_migration') IS NOT NULL")
    if txn.fetchone() == (False,):
        return migrations
    txn.execute("SELECT version, name, sha256 FROM schema_migration ORDER BY version")
    rows = txn.fetchall()
    known = {migration.version: migration for migration in migrations}
    for version, name, sha256 in rows:
        if version not in known:
            raise SchemaRefused(
                f"the database has had {name}, which this version of tollwire does not know: "
                "it is newer than the code. Install the version that made it, or a later one"
            )
        if sha256 != known[version].sha256:
            raise SchemaRefused(
                f"{known[version].name} was edited after it was applied here as {name}: "
                "put the file back as it was, and make the change in a new one"
            )
    return migrations[len(rows) :]  # both are numbered from 1 without gaps


def _apply(txn: cursor, migration: Migration, directory: Path) -> None:
    path = directory / migration.name
    try:
        txn.execute(migration.sql)
    except psycopg2.Error as error:
        raise MigrationFailed(f"{path}:{_line_of(error, migration.sql)}: {_words_of(error)}") from error
    if txn.connection.get_transaction_status() != TRANSACTION_STATUS_INTRANS:
        raise MigrationFailed(f"{path}: it ends the transaction that it runs in; take COMMIT or ROLLBACK out")
    txn.execute(
        "INSERT INTO schema_migration (version, name, sha256) VALUES (%s, %s, %s)",
        (migration.version, migration.name, migration.sha256),
    )


def _line_of(error: psycopg2.Error, sql: str) -> int:
    position = int(error.diag.statement_position or 1)  # counted in characters from 1
    return sql.count("\n", 0, position - 1) + 1


def _words_of(error: psycopg2.Error) -> str:
    parts = (
        error.diag.message_primary or str(error).strip(),
        error.diag.message_detail,
        error.diag.message_hint,
    )
    return ". ".join(part for part in parts if part)


def _require_fit_server(txn: cursor) -> None:
    """Refuse a server that acknowledges what a power cut would take back (DESIGN: answered means kept)."""
    txn.execute("SELECT current_setting('server_version'), current_setting('server_version_num')::integer")
    (version, number) = txn.fetchone() or ("unknown", 0)
    if number < MINIMUM_SERVER:
        raise ServerUnfit(f"the database server is PostgreSQL {version}; version 15 or later is needed")
    for setting in ("fsync", "synchronous_commit"):
        txn.execute("SELECT current_setting(%s)", (setting,))
        if txn.fetchone() == ("off",):
            raise ServerUnfit(
                f"the database server runs with {setting} = off: a crash would lose calls that were "
                f"acknowledged. Set {setting} = on, for this database and this role too"
            )
