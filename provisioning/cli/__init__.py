"""
The command line, ``tollwire NOUN VERB``: one module a noun, imported when its noun is typed.

A new noun is one line in :data:`COMMANDS`, and one in ``short_helps.py``. Its module makes commands with
``@click.group(cls=Group)`` and ``@noun.command("verb", example="tollwire noun verb ...")``; every command
takes ``--config``, ``--json``, ``--jsonl`` and ``--csv`` without doing anything for it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem

from provisioning.cli.framework import Group
from provisioning.cli.options import CONFIG_VARIABLE, shared_options

COMMANDS = {
    "account": "provisioning.cli.account:account",
    "apply": "provisioning.cli.apply:apply",
    "audit": "provisioning.cli.audit:audit",
    "balance": "provisioning.cli.balance:balance",
    "books": "provisioning.cli.books:books",
    "bucket": "provisioning.cli.bucket:bucket",
    "calls": "provisioning.cli.calls:calls",
    "cdr": "provisioning.cli.cdr:cdr",
    "client": "provisioning.cli.client:client",
    "completion": "provisioning.cli.completion:completion",
    "console": "provisioning.cli.console:console",
    "db": "provisioning.cli.db:db",
    "deck": "provisioning.cli.deck:deck",
    "demo": "provisioning.cli.demo:demo",
    "destination": "provisioning.cli.destination:destination",
    "did": "provisioning.cli.services:did",
    "diff": "provisioning.cli.apply:diff",
    "dispute": "provisioning.cli.dispute:dispute",
    "exchange": "provisioning.cli.exchange:exchange",
    "explain": "provisioning.cli.explain:explain",
    "export": "provisioning.cli.export:export",
    "extension": "provisioning.cli.services:extension",
    "holiday": "provisioning.cli.holiday:holiday",
    "ip": "provisioning.cli.services:ip",
    "number": "provisioning.cli.number:number",
    "origin": "provisioning.cli.origin:origin",
    "override": "provisioning.cli.override:override",
    "period": "provisioning.cli.period:period",
    "plan": "provisioning.cli.plan:plan",
    "policy": "provisioning.cli.policy:policy",
    "pool": "provisioning.cli.pool:pool",
    "queue": "provisioning.cli.queue:queue",
    "quote": "provisioning.cli.quote:quote",
    "radius": "provisioning.cli.radius:radius",
    "rate": "provisioning.cli.rate:rate",
    "record": "provisioning.cli.record:record",
    "report": "provisioning.cli.report:report",
    "rerate": "provisioning.cli.rerate:rerate",
    "serve": "provisioning.cli.serve:serve",
    "source": "provisioning.cli.source:source",
    "state": "provisioning.cli.state:state",
    "statement": "provisioning.cli.statement:statement_",
    "supplier": "provisioning.cli.supplier:supplier",
    "tax": "provisioning.cli.tax:tax",
    "template": "provisioning.cli.template:template",
    "tenant": "provisioning.cli.tenant:tenant",
    "token": "provisioning.cli.token:token",
    "trunk": "provisioning.cli.services:trunk",
    "usage": "provisioning.cli.usage:usage",
    "user": "provisioning.cli.user:user",
    "virtual": "provisioning.cli.services:virtual",
}
"""Noun to ``module:command``. A module is imported when its noun is typed."""


class LazyGroup(Group):
    """The top of the tree: imports a noun's module when it is wanted, and turns errors into exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all nouns, sorted."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of a noun, or None when there is no such noun."""
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name].split(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what each noun is for, as click does, and import none of them."""
        from provisioning.cli.short_helps import SHORT_HELPS

        room = formatter.width - 6 - max(map(len, SHORT_HELPS))
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (noun, click.Command(noun, help=text).get_short_help_str(room))
                    for noun, text in SHORT_HELPS.items()
                ]
            )

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the nouns that begin so, and import none of them; options as click does."""
        from provisioning.cli.short_helps import SHORT_HELPS

        nouns = [
            CompletionItem(noun, help=text)
            for noun, text in SHORT_HELPS.items()
            if noun.startswith(incomplete)
        ]
        return nouns + click.Command.shell_complete(self, ctx, incomplete)

    def main(  # type: ignore[override]  # click's overloads tell standalone mode, which we never leave
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> NoReturn:
        """Run the command line and exit with a code of ``docs/reference/cli.md``."""
        arguments = list(sys.argv[1:] if args is None else args)
        extra["standalone_mode"] = False
        try:
            code = super().main(arguments, prog_name or "tollwire", **extra)
        except Exception as error:
            # Only now: a command that goes well need not pay for what describes errors.
            from provisioning.cli.errors import report

            code = report(error, as_json="--json" in arguments or "--jsonl" in arguments)
        sys.exit(code if isinstance(code, int) else 0)


@click.group(
    cls=LazyGroup,
    params=shared_options(config_variable=CONFIG_VARIABLE),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(package_name="tollwire", message="%(package)s %(version)s")
def main() -> None:
    """
    Accounting, authorization and rating of VoIP calls over RADIUS.

    Begin with `tollwire demo`. Every command shows an example with --help.
    """
