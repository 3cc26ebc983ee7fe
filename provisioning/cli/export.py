"""``tollwire export``: the whole catalogue as a site file."""

from __future__ import annotations

from pathlib import Path

import click

from provisioning.cli.changing import say_warnings
from provisioning.cli.framework import Command
from provisioning.cli.session import database, now
from provisioning.site_export import Export
from provisioning.site_file import MAX_OCTETS
from radiusd.errors import BadInput

NAME = "site.toml"


@click.command(
    "export",
    cls=Command,
    example="tollwire export > site.toml\ntollwire export --directory ./site",
)
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help=f"Write {NAME} there, and decks of many rates as CSV files beside it.",
)
@click.pass_context
def export(ctx: click.Context, directory: Path | None) -> None:
    """
    Write all clients, plans, customers and their services as a site file.

    Applied to the same database, it changes nothing. Secrets and passwords are never written.
    """
    with database(ctx) as connection:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        with connection.cursor() as txn:
            if directory is not None:
                directory.mkdir(parents=True, exist_ok=True)
            made = Export(txn, now(), directory)
            text = made.text()
    if len(text.encode()) > MAX_OCTETS:
        raise BadInput("the site is too large for one file; --directory keeps rates in others")
    if directory is None:
        click.echo(text, nl=False)
    else:
        (directory / NAME).write_text(text, encoding="utf-8")
    say_warnings(made.notes)
