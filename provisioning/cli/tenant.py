"""``tollwire tenant``: PBX tenants, in which an extension is unique."""

from __future__ import annotations

import click

from provisioning import tenants
from provisioning.cli.changing import changing, list_things, show_change
from provisioning.cli.framework import Group
from provisioning.cli.session import database


@click.group(cls=Group)
def tenant() -> None:
    """Add and list PBX tenants: the domains that make an extension unique."""


@tenant.command("add", example="tollwire tenant add acme.pbx.example.net")
@click.argument("name")
@click.pass_context
def add(ctx: click.Context, name: str) -> None:
    """Add a tenant, by the domain that its switch sends."""
    with changing(ctx) as (txn, admin):
        change = tenants.add_tenant(txn, tenants.Tenant(name=name), admin)
    show_change(ctx, change)


@tenant.command("list", example="tollwire tenant list")
@click.pass_context
def list_(ctx: click.Context) -> None:
    """Show all tenants."""
    with database(ctx) as connection, connection.cursor() as txn:
        found = tenants.list_tenants(txn)
    list_things(ctx, tenants.Tenant, found)
