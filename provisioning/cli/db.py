"""``tollwire db``: the schema, the months that are kept elsewhere, the embedded server alone."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provisioning.cli.errors import Exit, NotMigrated
from provisioning.cli.framework import Group
from provisioning.cli.output import print_document, print_rows, say
from provisioning.cli.session import connect, database, database_dsn, migrated_dsn, now, settings_of
from radiusd.errors import BadSettings

if TYPE_CHECKING:
    from radiusd.exports.retention import Month


@click.group(cls=Group)
def db() -> None:
    """Bring the schema up to date, check it, keep old months elsewhere, run the embedded server."""


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


@db.command("months", example="tollwire db months")
@click.pass_context
def months(ctx: click.Context) -> None:
    """
    Show the months of call records and of the ledger, and which of them were exported, detached or dropped.
    """
    from radiusd.exports import retention

    with database(ctx) as connection, connection.cursor() as txn:
        found = retention.months(txn)
    print_rows(ctx, retention.Month._fields, [_month_row(each) for each in found])


@db.command("retain", example="tollwire db retain 2025-01 --folder /srv/archive")
@click.argument("month", metavar="YYYY-MM")
@click.option("--folder", type=click.Path(path_type=Path), required=True, help="Where the month is kept.")
@click.pass_context
def retain(ctx: click.Context, month: str, folder: Path) -> None:
    """
    Export a month of call records and of the ledger, prove the files, and detach the month.

    The oldest month that is left goes first, and not before it is 62 days over. Balances, minutes and fees
    stay: the sums of what leaves are carried. Repeated, it goes on where it was interrupted.
    """
    from radiusd.exports import retention

    first = retention.parse_month(month)
    with migrated_dsn(ctx) as dsn, closing(connect(dsn)) as connection:
        found = retention.retain(connection, first, folder, now())
    print_rows(ctx, retention.Month._fields, [_month_row(each) for each in found])


@db.command(
    "drop-month", example="tollwire db drop-month 2025-01", asks="Drop the tables of {month} for good?"
)
@click.argument("month", metavar="YYYY-MM")
@click.pass_context
def drop_month(ctx: click.Context, month: str) -> None:
    """
    Drop the tables of a month that was detached, after comparing them with their files once more.

    Nothing is dropped when a file is missing or changed, or when counts or contents differ.
    """
    from radiusd.exports import retention

    first = retention.parse_month(month)
    with migrated_dsn(ctx) as dsn, closing(connect(dsn)) as connection:
        found = retention.drop(connection, first, now())
    print_rows(ctx, retention.Month._fields, [_month_row(each) for each in found])


@db.command("make-month", example="tollwire db make-month 2025-01")
@click.argument("month", metavar="YYYY-MM")
@click.pass_context
def make_month(ctx: click.Context, month: str) -> None:
    """
    Give a month tables of its own whose records came when it had none: of a time before this database.

    They lie in the table for rows without a month, and hold up `retain` of all months behind. Reports are
    added up anew meanwhile, and slower.
    """
    from radiusd.exports import month_tables, retention

    first = retention.parse_month(month)
    with migrated_dsn(ctx) as dsn, closing(connect(dsn)) as connection:
        found = month_tables.make_month(connection, first)
    print_rows(ctx, ("table", "records"), found)


def _month_row(month: Month) -> tuple[object, ...]:
    return month._replace(month=f"{month.month:%Y-%m}")  # type: ignore[arg-type]  # as it is shown


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
