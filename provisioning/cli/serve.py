"""``tollwire serve``: run the server, or only check its configuration."""

from __future__ import annotations

from pathlib import Path

import click
import psycopg2

from provisioning.cli.errors import NotMigrated
from provisioning.cli.framework import Command
from provisioning.cli.output import print_document
from provisioning.cli.session import config_path, database
from radiusd.errors import BadSettings
from radiusd.settings import Settings, read_settings


@click.command(
    "serve",
    cls=Command,
    example="tollwire serve --config tollwire.toml --check\ntollwire serve --config tollwire.toml",
)
@click.option("--check", is_flag=True, help="Only read the configuration; exit 78 when it is wrong.")
@click.option("--file-only", is_flag=True, help="With --check: the file alone, not what clients say.")
@click.pass_context
def serve(ctx: click.Context, check: bool, file_only: bool) -> None:
    """
    Answer RADIUS until SIGTERM, which drains; SIGHUP reads everything again.

    What is wrong with the configuration is told as `file:line: what, and what to do`. While the database
    answers, --check also tells which client's `sip_next_hop` leads back to this server.
    """
    path = config_path(ctx)
    settings = read_settings(path)
    if check:
        from radiusd.front import read_tls_files

        read_tls_files(settings)
        if not file_only:
            _check_next_hops(ctx, settings)
        print_document(ctx, {"config": str(path), "ok": True})
        return
    from radiusd.__main__ import serve as run  # Twisted: only for who serves

    run(settings, path)


def _check_next_hops(ctx: click.Context, settings: Settings) -> None:
    """
    Refuse clients whose calls would be redirected to this very server, if the database can be asked now.

    Raises:
        BadSettings: There is one.
    """
    from radiusd.sockets import own_places

    own = own_places(settings)
    if not own.listening or not _is_there(settings):
        return
    try:
        with database(ctx) as connection, connection.cursor() as txn:
            txn.execute(
                "SELECT name, sip_next_hop FROM client WHERE sip <> 'off' AND sip_next_hop <> '' ORDER BY 1"
            )
            found = txn.fetchall()
    except (psycopg2.Error, NotMigrated):
        return
    for name, next_hop in found:
        if own.has_place(next_hop):
            raise BadSettings(
                f"client {name}: sip_next_hop {next_hop} is this server, so its calls would come back;"
                " name the gateway that they go to"
            )


def _is_there(settings: Settings) -> bool:
    """Tell whether there is a database to ask: an embedded one that does not run is not started for this."""
    if settings.database.dsn:
        return True
    return (Path(settings.database.directory).expanduser() / "pg" / "postmaster.pid").exists()
