"""Commands that carry their example and the options that all commands share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from provisioning.cli.options import shared_options


class Command(click.Command):
    """A command with the shared options and an *example*, which ``--help`` ends with. One line an example."""

    def __init__(self, *args: Any, example: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.example = example
        self.params += shared_options()

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the example as it is: click would fold its lines."""
        with formatter.section("Example"):
            for line in self.example.strip().splitlines():
                formatter.write(f"{'':{formatter.current_indent}}{line}\n")


class Group(click.Group):
    """A noun: ``@noun.command("verb", example=...)`` makes a :class:`Command`."""

    command_class = Command
    group_class = type

    def __init__(self, *args: Any, params: Sequence[click.Parameter] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, params=list(params or shared_options()), **kwargs)
