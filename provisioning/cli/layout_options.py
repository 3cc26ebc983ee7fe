"""The options that say how a carrier writes its rate files, for an import and for a template."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

import click

from provisioning.rate_columns import FIELDS
from provisioning.rate_layouts import PLAIN, Layout

Command = TypeVar("Command", bound=Callable[..., None])

OPTIONS = (
    click.option(
        "--column",
        "columns",
        multiple=True,
        metavar="FIELD=TITLE",
        help="Column of a field: its title, or with --no-header its number. Any number of times.",
    ),
    click.option(
        "--ignore", multiple=True, metavar="TITLE", help="A column that does not count. Any number of times."
    ),
    click.option("--no-header", is_flag=True, help="The file has no titles; --column gives numbers from 1."),
    click.option(
        "--decimal", type=click.Choice(["point", "comma"]), help="Sign before decimals. [default: found]"
    ),
    click.option(
        "--dates",
        type=click.Choice(["dmy", "mdy"]),
        help="Order of day and month between slashes. [default: found]",
    ),
    click.option("--zone", metavar="ZONE", help="Where days begin. [default: UTC]"),
    click.option(
        "--per", metavar="SECONDS", help="What a price is for: seconds, or 'increment'. [default: 60]"
    ),
    click.option(
        "--divisor", type=click.IntRange(min=1), metavar="N", help="What prices are divided by. [default: 1]"
    ),
    click.option("--increments", metavar="30/6", help="Increments of rates that name none. [default: 1/1]"),
    click.option(
        "--peak", metavar="'1-5 08:00-20:00'", help="When the peak is, for files with peak prices."
    ),
    click.option("--delimiter", metavar="SIGN", help="Sign between cells. [default: found]"),
    click.option("--encoding", metavar="NAME", help="Encoding of the text. [default: found]"),
    click.option("--sheet", metavar="NAME", help="Sheet of a workbook. [default: the first]"),
)


def layout_options(command: Command) -> Command:
    """Add the options of a layout to a command, which gets them by the names of its fields."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def layout_of(chosen: Mapping[str, Any], template: Layout = PLAIN) -> Layout:
    """
    Return *template* with what was given on the command line in its place.

    Raises:
        click.UsageError: A column is not written FIELD=TITLE.
        BadInput: A value cannot be.
    """
    given = {field.name: chosen[field.name] for field in fields(Layout) if chosen.get(field.name)}
    if chosen.get("no_header"):
        given["header"] = False
    if "columns" in given:
        given["columns"] = {**template.columns, **dict(map(_column, given["columns"]))}
    return replace(template, **given)


def _column(text: str) -> tuple[str, str]:
    name, equals, title = text.partition("=")
    if not equals or not title:
        raise click.UsageError(
            f"--column {text!r}: write FIELD=TITLE; fields are {', '.join(sorted(FIELDS))}"
        )
    return name.strip(), title.strip()
