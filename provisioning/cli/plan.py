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

HELPS = {
    "name": "Name for people.",
    "deck": "Deck that prices outbound calls.",
    "inbound_deck": "Deck that prices inbound calls; new plans: they cost nothing.",
    "initial_s": "First increment in seconds, in place of what each rate says.",
    "increment_s": "Following increments in seconds; with --initial-s.",
    "rounding_decimals": "Decimals that a call's charge is rounded to, 0 to 6. New plans: 4.",
    "rounding_mode": "Which way. New plans: half_up.",
    "outpayment_deck": "Deck that says what inbound calls earn the customer; new plans: nothing.",
    "on_net": "Which calls to numbers of ours are free: none, the account's own, all. New plans: rated.",
    "free": "Destination set that costs nothing; new plans: none.",
    "indeterminate_as": "Price of US calls whose state nobody knows. New plans: indeterminate.",
    "monthly_fee": "Due each month for each service. New plans: 0.",
    "setup_fee": "Due once for each service. New plans: 0.",
    "fee_cycle": "Months of the calendar, or from the day of the activation. New plans: calendar.",
    "prorate_fees": "By the days of the month on which a service holds. New plans: yes.",
    "lrn_dip_fee": "On top of a call whose numbers were looked up. New plans: 0.",
    "duration_rounding": "How fractions of a second become whole ones. New plans: up.",
}
CHOICES = plans.WORDS


@click.group(cls=Group)
def plan() -> None:
    """Add, change and list plans: deck, increments and rounding. `tollwire bucket` adds minutes."""


@plan.command("add", example="tollwire plan add retail --deck us-termination --initial-s 60 --increment-s 6")
@click.argument("code")
@field_options(plans.Plan, HELPS, new=True, choices=CHOICES)
@click.pass_context
def add(ctx: click.Context, /, code: str, **chosen: Any) -> None:
    """Add a plan."""
    with changing(ctx) as (txn, admin):
        change = plans.add_plan(txn, plans.Plan(code=code, **given(chosen)), admin)
    show_change(ctx, change)


@plan.command("set", example="tollwire plan set retail --rounding-mode up --inbound-deck none")
@click.argument("code")
@field_options(plans.Plan, HELPS, new=False, choices=CHOICES)
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
