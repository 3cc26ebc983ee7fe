"""``tollwire completion SHELL``: what a shell needs to complete our commands."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from provisioning.cli.framework import COMPLETING, Command


@click.command(
    "completion",
    cls=Command,
    example="tollwire completion bash > /usr/share/bash-completion/completions/tollwire\n"
    'eval "$(tollwire completion zsh)"',
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """
    Print the script that lets SHELL complete tollwire's commands, options and keys.

    Keys, as of accounts, plans and clients, come from the database, if it answers within half a second.
    """
    kind = get_completion_class(shell)
    assert kind is not None, "the choices are click's own"
    click.echo(kind(ctx.find_root().command, {}, "tollwire", COMPLETING).source())
