"""``tollwire state``: in which state North American numbers are."""

from __future__ import annotations

from pathlib import Path

import click

from provisioning import states
from provisioning.cli.changing import changing, list_things, show_change
from provisioning.cli.framework import Group
from provisioning.cli.session import database


@click.group(cls=Group)
def state() -> None:
    """Import and list the states of NPA and NPA-NXX: they decide between interstate and intrastate."""


@state.command("import", example="tollwire state import npa.csv")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_context
def import_(ctx: click.Context, file: Path) -> None:
    """Take the table from a CSV file with the columns code and state, in place of what is known."""
    with changing(ctx) as (txn, admin):
        change = states.import_states(txn, file, admin)
    show_change(ctx, change)


@state.command("list", example="tollwire state list --state TX")
@click.option("--state", "wanted", metavar="XX", help="Only this state's.")
@click.pass_context
def list_(ctx: click.Context, wanted: str | None) -> None:
    """Show what is known."""
    with database(ctx) as connection, connection.cursor() as txn:
        found = states.list_states(txn, wanted)
    list_things(ctx, states.NumberState, found)
