"""Commands that carry their example and the options that all commands share."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from provisioning.cli.options import options_of, shared_options
from provisioning.cli.text import printable

if TYPE_CHECKING:
    from provisioning.cli.changing import Rows


Prepare = Callable[["Rows", Sequence[Mapping[str, Any]]], None]


class Command(click.Command):
    """
    A command with the shared options and an *example*, which ``--help`` ends with. One line an example.

    What takes something away says with *asks* what a person is asked before, with parameters in braces:
    ``End trunk {name}?``. It then has the option ``--yes``. *prepare* is given the parameters of many rows
    before the first of them is done.
    """

    def __init__(
        self, *args: Any, example: str, asks: str = "", prepare: Prepare | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.prepare = prepare
        self.example = example
        self.asks = asks
        if asks:
            self.params.append(click.Option(["--yes"], is_flag=True, help=YES_HELP))
        if COMPLETING in os.environ:
            from provisioning.cli.live_keys import complete_keys

            complete_keys(self.params)
        self.params += shared_options()

    @property
    def takes_rows(self) -> bool:
        """Whether ``-`` in place of its arguments reads them, and options, as rows of standard input."""
        return self.name in ("add", "set")

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read *args*, unless they are the options of many rows."""
        if self.takes_rows and args[:1] == ["-"] and HELP.isdisjoint(args):
            ctx.meta[GIVEN] = args[1:]
            return []
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, for all rows when they are asked for, after a person has agreed where needed."""
        url = options_of(ctx).url
        if url is not None and GIVEN in ctx.meta:
            raise click.UsageError("rows of standard input are one transaction, which --url has not")
        if GIVEN in ctx.meta:
            from provisioning.cli.rows import do_rows

            return do_rows(ctx, ctx.meta[GIVEN])
        if self.asks:
            named = {name: _said(value) for name, value in ctx.params.items()}
            ask(self.asks.format_map(named), ctx.params.pop("yes"))
        if url is not None:
            from provisioning.cli.remote import do_remotely
            from provisioning.cli.remote_http import Remote, token_in

            return do_remotely(ctx, Remote(url, token_in(options_of(ctx).token_file, dict(os.environ))))
        return super().invoke(ctx)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the example as it is: click would fold its lines."""
        with formatter.section("Example"):
            for line in self.example.strip().splitlines():
                formatter.write(f"{'':{formatter.current_indent}}{line}\n")


COMPLETING = "_TOLLWIRE_COMPLETE"  # a shell asks for words
HELP = {"-h", "--help"}
GIVEN = "tollwire.given"  # in a context's meta: the options that hold for all rows
YES_HELP = "Do not ask."


def watched(yes: bool) -> bool:
    """Return whether a person sits there who is to be asked: scripts have no terminal, or say ``--yes``."""
    return sys.stdin.isatty() and not yes


def ask(question: str, yes: bool) -> None:
    """Return when whoever sits at the terminal agrees, or nobody does. Raises click.Abort."""
    if watched(yes):
        click.confirm(printable(question), abort=True, err=True)


def _said(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


class Group(click.Group):
    """A noun: ``@noun.command("verb", example=...)`` makes a :class:`Command`."""

    command_class = Command
    group_class = type

    def __init__(self, *args: Any, params: Sequence[click.Parameter] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, params=list(params or shared_options()), **kwargs)
