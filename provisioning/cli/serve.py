"""``tollwire serve``: run the server, or only check its configuration."""

from __future__ import annotations

import click

from provisioning.cli.framework import Command
from provisioning.cli.output import print_document
from provisioning.cli.session import config_path
from radiusd.settings import read_settings


@click.command(
    "serve",
    cls=Command,
    example="tollwire serve --config tollwire.toml --check\ntollwire serve --config tollwire.toml",
)
@click.option("--check", is_flag=True, help="Only read the configuration; exit 78 when it is wrong.")
@click.pass_context
def serve(ctx: click.Context, check: bool) -> None:
    """
    Answer RADIUS until SIGTERM, which drains; SIGHUP reads everything again.

    What is wrong with the configuration is told as `file:line: what, and what to do`.
    """
    path = config_path(ctx)
    settings = read_settings(path)
    if check:
        from radiusd.front import read_tls_files

        read_tls_files(settings)
        print_document(ctx, {"config": str(path), "ok": True})
        return
    from radiusd.__main__ import serve as run  # Twisted: only for who serves

    run(settings, path)
