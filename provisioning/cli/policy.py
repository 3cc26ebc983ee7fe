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


@click.group(cls=Group)
def policy() -> None:
    """Add, change and list policies; accounts and services name theirs."""


@policy.command(
    "add",
    example="tollwire policy add careful --barred 1900 --barred '* 22:00-06:00' --max-price 1",
)
@click.argument("name")
@field_options(policies.Policy, policies.HELPS, new=True)
@click.pass_context
def add(ctx: click.Context, /, name: str, **chosen: Any) -> None:
    """Add a policy. A place is a prefix, a destination set, or '*' for everywhere."""
    with changing(ctx) as (txn, admin):
        change = policies.add_policy(txn, policies.Policy(name=name, **given(chosen)), admin)
    show_change(ctx, change)


@policy.command("set", example="tollwire policy set careful --max-call-cost 20 --distinct-numbers none")
@click.argument("name")
@field_options(policies.Policy, policies.HELPS, new=False)
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
