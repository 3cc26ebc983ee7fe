"""What a command works with: the settings, a database connection, the seal of secrets, and the time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING

import click
import psycopg2
from psycopg2.extensions import connection as Connection

from provisioning.cli.errors import NotMigrated
from provisioning.cli.options import CONFIG_VARIABLE, options_of
from provisioning.moments import whole_ms
from radiusd.errors import BadSettings
from radiusd.settings import Settings, read_settings

if TYPE_CHECKING:
    from radiusd.storage.secrets import Sealer
    from radiusd.storage.single import SingleJournal

CONFIG_NAME = "tollwire.toml"
HOME_VARIABLE = "TOLLWIRE_HOME"
CONNECT_LIMIT_S = 5


def now() -> datetime:
    """
    Return the time: the one clock of the command line, from which all commands hand it on.

    It counts milliseconds: what is written down of it is read back as the same moment.
    """
    return whole_ms(datetime.now(UTC))


def home(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder for what belongs to this user, or to the whole machine when we are root."""
    if environ.get(HOME_VARIABLE):
        return Path(environ[HOME_VARIABLE])
    return Path("/var/lib/tollwire") if os.geteuid() == 0 else Path.home() / ".local/share/tollwire"


def config_path(ctx: click.Context) -> Path:
    """
    Return the configuration file: what ``--config`` names, else the first that exists.

    Raises:
        BadSettings: None exists; the text says where we looked.
    """
    chosen = options_of(ctx).config
    if chosen is not None:
        return chosen
    candidates = [Path(CONFIG_NAME).absolute(), home() / CONFIG_NAME]
    if os.geteuid() == 0 and not os.environ.get(HOME_VARIABLE):
        candidates.insert(1, Path("/etc/tollwire") / CONFIG_NAME)
    for candidate in candidates:
        if candidate.exists():
            return candidate
    places = ", ".join(map(str, candidates))
    raise BadSettings(f"no configuration file among {places}; name one with --config or {CONFIG_VARIABLE}")


def settings_of(ctx: click.Context) -> Settings:
    """Return the settings in the configuration file. Raises BadSettings."""
    return read_settings(config_path(ctx))


@contextmanager
def database_dsn(ctx: click.Context) -> Iterator[str]:
    """
    Yield the DSN of the database, which answers as long as the block lasts.

    An embedded server is attached to when it runs (``tollwire serve`` owns it), else started and stopped.
    """
    settings = settings_of(ctx).database
    with ExitStack() as stack:
        if settings.dsn:
            yield settings.dsn
        else:
            from radiusd.storage.postgres import EmbeddedPostgres
            from radiusd.storage.postgres_home import HomeUnusable

            try:
                server = stack.enter_context(EmbeddedPostgres(Path(settings.directory)))
            except HomeUnusable as error:
                raise BadSettings(f"database.directory: {error}") from error
            yield server.dsn


@contextmanager
def migrated_dsn(ctx: click.Context) -> Iterator[str]:
    """
    Yield the DSN as :func:`database_dsn` does, of a database that has the schema we understand.

    Raises:
        NotMigrated: Our tables are missing or older than this program: ``tollwire db migrate`` mends it.
        SchemaRefused, ServerUnfit: As :func:`radiusd.storage.migrations.check` says.
        psycopg2.OperationalError: Nobody answers.
    """
    from radiusd.storage import migrations

    with database_dsn(ctx) as dsn:
        try:
            migrations.check(dsn)
        except (migrations.SchemaBehind, migrations.SchemaRefused, migrations.ServerUnfit) as error:
            raise NotMigrated(str(error)) from error
        yield dsn


@contextmanager
def database(ctx: click.Context) -> Iterator[Connection]:
    """
    Yield a connection in READ COMMITTED: committed when the block ends, rolled back when it raises.

    Raises as :func:`migrated_dsn`.
    """
    with migrated_dsn(ctx) as dsn, closing(connect(dsn)) as connection, connection:
        yield connection


@contextmanager
def journal(ctx: click.Context) -> Iterator[SingleJournal]:
    """
    Yield what changes calls, one at a time, beside running servers and under the same locks.

    Raises as :func:`migrated_dsn` and :func:`sealer`; also NotOurSeal, when the key file is another's.
    """
    from radiusd.storage.catalogue import load_catalogue
    from radiusd.storage.single import SingleJournal

    with migrated_dsn(ctx) as dsn:
        with closing(connect(dsn)) as connection:
            catalogue = load_catalogue(connection, sealer(ctx))
        with closing(SingleJournal(dsn, catalogue, SystemRandom())) as made:
            yield made


def connect(dsn: str) -> Connection:
    """Return a new connection that PostgreSQL's own lists show as ours."""
    return psycopg2.connect(dsn, connect_timeout=CONNECT_LIMIT_S, application_name="tollwire command line")


def sealer(ctx: click.Context) -> Sealer:
    """
    Return what seals and opens secrets, with the key file that the settings name; made when missing.

    Raises:
        BadSettings: The key file cannot be read, or others may read it.
    """
    # cryptography is slow to import, and few commands need it.
    from radiusd.storage.secrets import KeyUnusable, Sealer, make_key

    try:
        return Sealer(make_key(settings_of(ctx).key_path))
    except KeyUnusable as error:
        raise BadSettings(str(error)) from error
