"""``tollwire user``: people who may log in, and what they may do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from provisioning import people
from provisioning.cli.changing import (
    changing,
    chosen_secret,
    document,
    list_things,
    secret_options,
    show_change,
)
from provisioning.cli.field_options import field_options, given
from provisioning.cli.framework import Group
from provisioning.cli.output import print_document
from provisioning.cli.session import database


@click.group(cls=Group)
def user() -> None:
    """Add, change and list users of the console and the HTTP API."""


@user.command(
    "add",
    example="tollwire user add ann --role operator --generate\n"
    "tollwire user add bob --role customer --account ACME --email bob@example.com --password-file secret",
)
@click.argument("name")
@field_options(people.User, people.HELPS, new=True, choices=people.WORDS)
@secret_options("password", "the user's password")
@click.pass_context
def add(ctx: click.Context, /, name: str, **chosen: Any) -> None:
    """Add a user. Without a password, nobody can log in as it until one is set."""
    password, shown = chosen_secret(chosen.pop("secret_file", None), chosen.pop("generate", False))
    with changing(ctx) as (txn, admin):
        change = people.add_user(txn, people.User(name=name, **given(chosen)), admin, password)
    show_change(ctx, change, **shown)


@user.command("set", example="tollwire user set bob --status suspended")
@click.argument("name")
@field_options(people.User, people.HELPS, new=False, choices=people.WORDS)
@secret_options("password", "the user's password")
@click.pass_context
def set_(ctx: click.Context, /, name: str, **chosen: Any) -> None:
    """Change a user. Another password, role or status logs it out everywhere."""
    password, shown = chosen_secret(chosen.pop("secret_file", None), chosen.pop("generate", False))
    with changing(ctx) as (txn, admin):
        _, current = people.read_user(txn, name)
        change = people.set_user(txn, replace(current, **given(chosen)), admin, password)
    show_change(ctx, change, **shown)


@user.command(
    "no-second-factor",
    example="tollwire user no-second-factor bob",
    asks="Take {name}'s second factor away?",
)
@click.argument("name")
@click.pass_context
def no_second_factor(ctx: click.Context, name: str) -> None:
    """Ask the user for no second factor any more, when the telephone with it is lost."""
    from provisioning.logins import remove_totp

    with changing(ctx) as (txn, admin):
        _, current = people.read_user(txn, name)
        change = remove_totp(txn, current, admin)
    show_change(ctx, change)


@user.command("list", example="tollwire user list")
@click.pass_context
def list_(ctx: click.Context) -> None:
    """Show all users."""
    with database(ctx) as connection, connection.cursor() as txn:
        found = people.list_users(txn)
    list_things(ctx, people.User, found)


@user.command("show", example="tollwire user show bob")
@click.argument("name")
@click.pass_context
def show(ctx: click.Context, name: str) -> None:
    """Show one user."""
    with database(ctx) as connection, connection.cursor() as txn:
        _, found = people.read_user(txn, name)
    print_document(ctx, document(found))
