"""``tollwire template``: how carriers write their rate files."""

from __future__ import annotations

from typing import Any

import click

from provisioning import deck_templates
from provisioning.cli.changing import changing, list_things, show_change
from provisioning.cli.framework import Group
from provisioning.cli.layout_options import layout_of, layout_options
from provisioning.cli.session import database


@click.group(cls=Group)
def template() -> None:
    """Keep how a carrier writes its rate files, for `deck import --template`."""


@template.command(
    "add",
    example="tollwire template add carrier-x --decimal comma --dates dmy --increments 60/1\n"
    "tollwire template add bare --no-header --column prefix=1 --column rate=3 --per 1",
)
@click.argument("name")
@layout_options
@click.pass_context
def add(ctx: click.Context, /, name: str, **chosen: Any) -> None:
    """Keep a template; what no option says is found in each file."""
    layout = layout_of(chosen)
    with changing(ctx) as (txn, admin):
        change = deck_templates.add_template(txn, name, layout, admin)
    show_change(ctx, change)


@template.command("list", example="tollwire template list")
@click.pass_context
def list_(ctx: click.Context) -> None:
    """Show all templates."""
    with database(ctx) as connection, connection.cursor() as txn:
        found = deck_templates.list_templates(txn)
    list_things(ctx, deck_templates.Template, found)


@template.command("remove", example="tollwire template remove carrier-x", asks="Forget template {name}?")
@click.argument("name")
@click.pass_context
def remove(ctx: click.Context, name: str) -> None:
    """Forget a template."""
    with changing(ctx) as (txn, admin):
        change = deck_templates.remove_template(txn, name, admin)
    show_change(ctx, change)
