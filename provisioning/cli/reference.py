"""
The command line's page of the manual, written from the commands themselves.

``python -m provisioning.cli.reference > docs/reference/cli.md``; a test fails when the page is not current.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from provisioning.cli import main
from provisioning.cli.framework import Command

INTRODUCTION = """\
# Command line

<!-- Written by `python -m provisioning.cli.reference > docs/reference/cli.md`: change the commands instead. -->

`tollwire NOUN VERB [KEY] [--option value] ...`

## Options of every command

These may stand before or after any word of the command.

| Option | Effect |
| --- | --- |
| `--config FILE` | The configuration file. Without it: the environment variable `TOLLWIRE_CONFIG`, then `tollwire.toml` in this folder, then in `$TOLLWIRE_HOME`. Without that variable the home is `~/.local/share/tollwire`; for root it is `/var/lib/tollwire`, and `/etc/tollwire` comes before it. |
| `--json` | Write one JSON document: a list for several things, an object for one. |
| `--url URL` | Do it over the [HTTP API](http-api.md) there, and need no database; without it, what `TOLLWIRE_URL` says. |
| `--token-file FILE` | File with the token for `--url`; without it, the token is what `TOLLWIRE_TOKEN` says. |
| `--jsonl` | Write one JSON object a line, as the results come. |
| `--csv` | Write CSV (RFC 4180) with a header row. |
| `-h`, `--help` | Show what the command does, with an example. |

Without them results are an aligned table on a terminal, and tab-separated lines with a header in a pipe.

Commands that take something away ask before, when a person sits at a terminal; `--yes`, or input from anywhere
else, means that nobody is asked.

- Amounts are exact decimals; in JSON they are strings, so that no reader makes a float of them.
- Moments are UTC: `2026-03-01T09:30:00Z`. An option that takes one reads a day as its midnight in UTC.
- In tables, what does not print is written as an escape: no name from a packet can steer your terminal.
- In CSV, text that begins with `=`, `+`, `-`, `@`, a tab or a carriage return gets a leading apostrophe, so that no spreadsheet calculates it. Phone numbers (`+` and up to 20 digits) and numbers are left as they are.

## From another machine

`tollwire user add`, `token add` and a configuration file make a token; whoever has it needs neither the file nor the database:

```sh
export TOLLWIRE_TOKEN=tollwire_...
tollwire account list --url https://billing.example.net
tollwire account set ACME --max-channels 20 --url https://billing.example.net
```

Every `list`, `show`, `add`, `set`, `end` and `rm` of what is provisioned is done so, within the rights of the token, with the same errors and exit codes.
They print what the API answers: of an `add` or `set`, the thing as it is now.
Other verbs, and rows of standard input, which are one transaction, are typed where the configuration file is.
A token goes over `https` only, or to the machine itself.

## Rows of standard input

Every `add` and `set` takes `-` in place of its arguments, and then rows of CSV on standard input:

```sh
tollwire did add - --account ACME --plan retail < dids.csv
```

- The first row names arguments and options, as `number,activated,max-channels`; each further row is the command once more.
- Options on the command line hold for all rows; an option of a row comes before them.
- An empty cell is an option that was not given. What `set` has `none` for takes a value away.
- Flags are `yes` or `no`. An option that may be repeated has its values between commas, or between semicolons where a value has commas; `\\;` is a semicolon in a value.
- What `list --csv` writes, `set -` reads. Columns that `set` does not change are named in a warning, and do not count.
- The separator is the comma, the semicolon or the tab, whichever the first row has most of. The file is UTF-8.
- All rows are done, or none: what is wrong is told as `stdin:12: field: what, and what to do`.
- Each row says what it did, after its line: `12: + did 15125550100`.

## Exit codes

| Code | Meaning | `code` with `--json` |
| --- | --- | --- |
| 0 | Done. | |
| 1 | Differs, or a check failed: `books check`, `db check`, `diff`, `radius verify`, a refused `radius test auth`. | |
| 2 | The command line is wrong. | `usage` |
| 3 | What was named does not exist. | `not_found` |
| 4 | What was given is wrong, or overlaps with something else. Nothing was changed. | `bad_input`, `conflict` |
| 5 | Not permitted, by the operating system or the database. | `refused` |
| 69 | Nobody answers: the database or the server. | `unreachable` |
| 70 | A fault of ours; a traceback stands before the message. | `internal` |
| 75 | Busy just now: try again later. | `try_later` |
| 78 | The configuration is wrong, or the database's schema does not fit this version. | `bad_config`, `not_migrated` |
| 130 | Ended by Ctrl-C. | `interrupted` |

What is wrong is told in one sentence on standard error; with `--json` or `--jsonl` as
`{"error": {"code": "not_found", "message": "..."}}`.

## Commands
"""  # noqa: E501  # a row of a table cannot be folded

SHARED = {"--config", "--url", "--token-file", "--json", "--jsonl", "--csv", "--help", "--version"}


def reference() -> str:
    """Return the page."""
    context = click.Context(main, info_name="tollwire")
    return INTRODUCTION + "".join(f"{line}\n" for line in _tree(main, context))


def commands(group: click.Group, context: click.Context) -> Iterator[tuple[click.Command, click.Context]]:
    """Yield every command below *group* that does something, with its context."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, "a group has what it lists"
        inner = click.Context(command, info_name=name, parent=context)
        if isinstance(command, click.Group):
            yield from commands(command, inner)
        else:
            yield command, inner


def _tree(group: click.Group, context: click.Context) -> Iterator[str]:
    for command, inner in commands(group, context):
        yield ""
        yield f"### `{inner.command_path}`"
        yield ""
        yield inspect.cleandoc(command.help or "")
        yield ""
        yield "```"
        yield " ".join([inner.command_path, *command.collect_usage_pieces(inner)])
        yield "```"
        yield from _options(command, inner)
        yield from _example(command)


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    options = [param for param in command.get_params(context) if isinstance(param, click.Option)]
    own = [option for option in options if SHARED.isdisjoint(option.opts)]
    records = [record for option in own if (record := option.get_help_record(context))]
    if records:
        yield ""
        yield "| Option | Effect |"
        yield "| --- | --- |"
    for names, text in records:
        yield f"| `{_cell(names)}` | {_cell(text)} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _example(command: click.Command) -> Iterator[str]:
    if isinstance(command, Command):
        yield ""
        yield "Example:"
        yield ""
        yield "```sh"
        yield command.example.strip()
        yield "```"


if __name__ == "__main__":
    click.echo(reference(), nl=False)
