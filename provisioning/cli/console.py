"""``tollwire console``: serve the web console and the HTTP API."""

from __future__ import annotations

import click

from provisioning.cli.framework import Command
from provisioning.cli.session import settings_of


@click.command("console", cls=Command, example="tollwire console --config tollwire.toml")
@click.pass_context
def console(ctx: click.Context) -> None:
    """
    Serve the web console and the HTTP API until SIGTERM, which lets requests finish.

    Where it listens is told in the configuration under `[console]`. It runs beside `tollwire serve`, on the
    same database; neither needs the other to be up.
    """
    settings = settings_of(ctx)
    from provisioning.__main__ import console as run  # Twisted: only for who serves

    run(settings)
