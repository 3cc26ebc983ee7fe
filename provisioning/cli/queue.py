"""``tollwire queue``: calls that could not be matched or rated, kept until an admin has mended the reason."""

from __future__ import annotations

import click

from provisioning.cli.framework import Group
from provisioning.cli.output import print_rows
from provisioning.cli.session import database
from radiusd.storage.reports import QueuedCall, queued_calls


@click.group(cls=Group)
def queue() -> None:
    """Look at calls that could not be matched or rated, and try them again."""


@queue.command("list", example="tollwire queue list")
@click.pass_context
def list_(ctx: click.Context) -> None:
    """Show the calls that wait, oldest first, and why."""
    with database(ctx) as connection, connection.cursor() as txn:
        found = queued_calls(txn)
    print_rows(ctx, QueuedCall._fields, found)
