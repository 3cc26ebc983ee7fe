"""``tollwire plan``: how calls are priced."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from provisioning import plans
from provisioning.cli.changing import changing, document, list_things, show_change
from provisioning.cli.field_options import field_options, given
from provisioning.cli.framework import Group
from provisioning.cli.output import print_document
from provisioning.cli.session import database


@click.group(cls=Group)
def plan() -> None:
    """Add, change and list plans: deck, increments and rounding. `tollwire bucket` adds minutes."""


@plan.command("add", example="tollwire plan add retail --deck us-termination --initial-s 60 --increment-s 6")
@click.argument("code")
@field_options(plans.Plan, plans.HELPS, new=True, choices=plans.WORDS)
@click.pass_context
def add(ctx: click.Context, /, code: str, **chosen: Any) -> None:
    """Add a plan."""
    with changing(ctx) as (txn, admin):
        change = plans.add_plan(txn, plans.Plan(code=code, **given(chosen)), admin)
    show_change(ctx, change)


@plan.command("set", example="tollwire plan set retail --rounding-mode up --inbound-deck none")
@click.argument("code")
@field_options(plans.Plan, plans.HELPS, new=False, choices=plans.WORDS)
@click.pass_context
def set_(ctx: click.Context, /, code: str, **chosen: Any) -> None:
    """Change a plan. Calls that are up keep what they began with."""
    with changing(ctx) as (txn, admin):
        _, current = plans.read_plan(txn, code)
        change = plans.set_plan(txn, replace(current, **given(chosen)), admin)
    show_change(ctx, change)


@plan.command("list", example="tollwire plan list")
@click.pass_context
def list_(ctx: click.Context) -> None:
    """Show all plans."""
    with database(ctx) as connection, connection.cursor() as txn:
        found = plans.list_plans(txn)
    list_things(ctx, plans.Plan, found)


@plan.command("show", example="tollwire plan show retail")
@click.argument("code")
@click.pass_context
def show(ctx: click.Context, code: str) -> None:
    """Show one plan."""
    with database(ctx) as connection, connection.cursor() as txn:
        _, found = plans.read_plan(txn, code)
    print_document(ctx, document(found))
