"""``tollwire policy``: where accounts and services may call, at what price, and what a burst looks like."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from provisioning import policies
from provisioning.cli.changing import changing, document, list_things, show_change
from provisioning.cli.field_options import field_options, given
from provisioning.cli.framework import Group
from provisioning.cli.output import print_document
from provisioning.cli.session import database

HELPS = {
    "barred": "Where nobody may call: PLACE, PLACE sat,sun or PLACE mon-fri 18:00-08:00.",
    "allowed": "Where one may call, in the same form; when there are any, nowhere else.",
    "max_price": "Highest price of a minute; new: no limit.",
    "max_call_cost": "Most that one call may cost; new: no limit.",
    "distinct_numbers": "WARN/BLOCK: so many different numbers within the window, as 20/40 or 20/-.",
    "sequential_numbers": "WARN/BLOCK: so many numbers that follow each other.",
    "dear_calls": "WARN/BLOCK: so many calls to dear destinations.",
    "dear": "Dear destination: prefix or destination set.",
    "window_s": "Seconds that the guards look back; new: 60.",
    "block_s": "Seconds that they refuse calls when they have closed; new: 300.",
    "emergency": "Number that nothing bars but full channels, beside the destination set 'emergency'.",
}


@click.group(cls=Group)
def policy() -> None:
    """Add, change and list policies; accounts and services name theirs."""


@policy.command(
    "add",
    example="tollwire policy add careful --barred 1900 --barred '* 22:00-06:00' --max-price 1",
)
@click.argument("name")
@field_options(policies.Policy, HELPS, new=True)
@click.pass_context
def add(ctx: click.Context, /, name: str, **chosen: Any) -> None:
    """Add a policy. A place is a prefix, a destination set, or '*' for everywhere."""
    with changing(ctx) as (txn, admin):
        change = policies.add_policy(txn, policies.Policy(name=name, **given(chosen)), admin)
    show_change(ctx, change)


@policy.command("set", example="tollwire policy set careful --max-call-cost 20 --distinct-numbers none")
@click.argument("name")
@field_options(policies.Policy, HELPS, new=False)
@click.pass_context
def set_(ctx: click.Context, /, name: str, **chosen: Any) -> None:
    """Change a policy for all who keep to it. Options that may be repeated replace all of their values."""
    with changing(ctx) as (txn, admin):
        current = policies.read_policy(txn, name)
        change = policies.set_policy(txn, replace(current, **given(chosen)), admin)
    show_change(ctx, change)


@policy.command("list", example="tollwire policy list")
@click.pass_context
def list_(ctx: click.Context) -> None:
    """Show all policies."""
    with database(ctx) as connection, connection.cursor() as txn:
        found = policies.list_policies(txn)
    list_things(ctx, policies.Policy, found)


@policy.command("show", example="tollwire policy show careful")
@click.argument("name")
@click.pass_context
def show(ctx: click.Context, name: str) -> None:
    """Show one policy."""
    with database(ctx) as connection, connection.cursor() as txn:
        found = policies.read_policy(txn, name)
    print_document(ctx, document(found))
