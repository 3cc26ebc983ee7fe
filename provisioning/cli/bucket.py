"""``tollwire bucket``: the included minutes of a plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import click

from provisioning import buckets
from provisioning.cli.changing import changing, list_things, show_change
from provisioning.cli.field_options import Command, field_options, given
from provisioning.cli.framework import Group
from provisioning.cli.session import database
from radiusd.errors import NotFound

PLAN = click.argument("plan")
NAME = click.argument("name")


def time_option(required: bool) -> Callable[[Command], Command]:
    """Return the option for the included time."""
    text = "Included minutes a month; 90s are seconds."
    return click.option(
        "--minutes",
        "seconds",
        cls=TimeOption,
        type=seconds_of,
        required=required,
        metavar="MINUTES",
        help=text,
    )


class TimeOption(click.Option):
    """An option for time: a column of rows is in what its title says, minutes or seconds."""

    def column_text(self, title: str, text: str) -> str:
        """Return a cell under *title* as the option is typed."""
        return f"{text}s" if title == "seconds" and text.isdecimal() else text


def seconds_of(text: str) -> int:
    """Return ``1000`` minutes or ``90s`` in seconds. What it raises becomes a usage error."""
    number = text.removesuffix("s")
    if not number.isdecimal() or not number.isascii() or len(number) > 10:
        raise click.BadParameter(f"{text[:40]!r} is neither minutes like 1000 nor seconds like 90s")
    return int(number) if text.endswith("s") else int(number) * 60


@click.group(cls=Group)
def bucket() -> None:
    """Add, change and remove the included minutes of a plan."""


@bucket.command(
    "add", example="tollwire bucket add retail us-1000 --minutes 1000 --destinations united-states"
)
@PLAN
@NAME
@time_option(required=True)
@field_options(buckets.Bucket, buckets.HELPS, new=True, choices=buckets.WORDS)
@click.pass_context
def add(ctx: click.Context, /, plan: str, name: str, **chosen: Any) -> None:
    """Give a plan included minutes, new every month."""
    with changing(ctx) as (txn, admin):
        wanted = buckets.Bucket(plan=plan, name=name, **given(chosen))
        change = buckets.add_bucket(txn, wanted, admin)
    show_change(ctx, change)


@bucket.command("set", example="tollwire bucket set retail us-1000 --minutes 1500 --destinations none")
@PLAN
@NAME
@time_option(required=False)
@field_options(buckets.Bucket, buckets.HELPS, new=False, choices=buckets.WORDS)
@click.pass_context
def set_(ctx: click.Context, /, plan: str, name: str, **chosen: Any) -> None:
    """Change a bucket. Months that have begun keep the minutes that they were given."""
    with changing(ctx) as (txn, admin):
        current = {found.name: found for found in buckets.list_buckets(txn, plan)}.get(name)
        if current is None:
            raise NotFound(f"bucket {plan}/{name} does not exist; add it first")
        change = buckets.set_bucket(txn, replace(current, **given(chosen)), admin)
    show_change(ctx, change)


@bucket.command("list", example="tollwire bucket list --plan retail")
@click.option("--plan", metavar="CODE", help="Only this plan's.")
@click.pass_context
def list_(ctx: click.Context, plan: str | None) -> None:
    """Show buckets; their time is in seconds."""
    with database(ctx) as connection, connection.cursor() as txn:
        found = buckets.list_buckets(txn, plan)
    list_things(ctx, buckets.Bucket, found)


@bucket.command(
    "rm", example="tollwire bucket rm retail us-1000", asks="Take bucket {name} from plan {plan}?"
)
@PLAN
@NAME
@click.pass_context
def rm(ctx: click.Context, plan: str, name: str) -> None:
    """Take a bucket from its plan; what was drawn from it stays in the books."""
    with changing(ctx) as (txn, admin):
        change = buckets.remove_bucket(txn, plan, name, admin)
    show_change(ctx, change)
