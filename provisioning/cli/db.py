"""``tollwire db``: bring the database's schema up to date, check it, run the embedded server alone."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from provisioning.cli.errors import Exit, NotMigrated
from provisioning.cli.framework import Group
from provisioning.cli.output import print_document, print_rows, say
from provisioning.cli.session import database_dsn, now, settings_of
from radiusd.errors import BadSettings


@click.group(cls=Group)
def db() -> None:
    """Bring the database's schema up to date, check it, run the embedded server."""


@db.command("migrate", example="tollwire db migrate")
@click.pass_context
def migrate(ctx: click.Context) -> None:
    """
    Apply the migrations that the database has not had.

    Each runs in a transaction of its own. Running it again, or twice at once, does no harm.
    """
    from radiusd.storage import migrations
    from radiusd.storage.duties import make_partitions_now

    with database_dsn(ctx) as dsn:
        try:
            applied = migrations.migrate(dsn)
            make_partitions_now(dsn, now())
        except (migrations.SchemaRefused, migrations.MigrationFailed) as error:
            raise NotMigrated(str(error)) from error
    print_rows(ctx, ("applied",), [(name,) for name in applied])
    if not applied:
        say(ctx, "Nothing to apply: the database is up to date.")


@db.command("check", example="tollwire db check || tollwire db migrate")
@click.pass_context
def check(ctx: click.Context) -> None:
    """
    Tell whether the server may run on this database; change nothing.

    Exits 0 when it may, 1 when migrations are missing, 78 when the database server is too old, does not
    wait for its disk, or is newer than this program.
    """
    from radiusd.storage import migrations

    with database_dsn(ctx) as dsn:
        try:
            missing = migrations.pending(dsn)
            if not missing:
                migrations.check(dsn)
        except (migrations.SchemaRefused, migrations.ServerUnfit) as error:
            raise NotMigrated(str(error)) from error
    print_document(ctx, {"ok": not missing, "missing": missing})
    ctx.exit(Exit.DIFFERS if missing else Exit.OK)


@db.command("run", example="tollwire db run")
@click.pass_context
def run(ctx: click.Context) -> None:
    """
    Run the embedded PostgreSQL alone, in the foreground, until Ctrl-C or SIGTERM.

    Prints where it listens: for psql, pg_dump, or commands while `tollwire serve` is down. When it dies it
    is started again; while another process runs it, this one stands by.
    """
    from radiusd.storage import postgres_service
    from radiusd.storage.postgres_home import HomeUnusable

    directory = settings_of(ctx).database.directory
    if not directory:
        raise BadSettings("database.dsn names a server of your own, which is not ours to run")

    def tell(dsn: str) -> None:
        print_document(ctx, {"dsn": dsn})
        sys.stdout.flush()  # whoever waits at the other end of a pipe waits for this

    try:
        postgres_service.run(Path(directory), ready=tell)
    except HomeUnusable as error:
        raise BadSettings(f"database.directory: {error}") from error
