"""``tollwire token``: keys of the HTTP API."""

from __future__ import annotations

from datetime import datetime

import click

from provisioning import tokens
from provisioning.cli.changing import actor, changing, list_things, show_change
from provisioning.cli.fields import instant_of
from provisioning.cli.framework import Group
from provisioning.cli.session import database
from provisioning.roles import Actor


@click.group(cls=Group)
def token() -> None:
    """Make, list and revoke tokens of the HTTP API."""


@token.command(
    "add", example="tollwire token add invoicing --user ann --scope usage:read --scope accounts:read"
)
@click.argument("name")
@click.option("--user", required=True, metavar="NAME", help="Whose it is: it may at most what the user may.")
@click.option(
    "--scope", "scopes", multiple=True, required=True, metavar="RIGHT", help="What it may. May be repeated."
)
@click.option("--expires", type=instant_of, metavar="DATE", help="Until when; without it, until revoked.")
@click.pass_context
def add(ctx: click.Context, name: str, user: str, scopes: tuple[str, ...], expires: datetime | None) -> None:
    """Make a token and show it this once: only its hash is kept."""
    wanted = tokens.Token(name=name, user=user, scopes=scopes, expires=expires)
    with changing(ctx) as (txn, admin):
        change, secret = tokens.add_token(txn, wanted, admin)
    show_change(ctx, change, secret=secret)


@token.command("list", example="tollwire token list --user ann")
@click.option("--user", metavar="NAME", help="Only this user's.")
@click.option("--all", "revoked", is_flag=True, help="Revoked ones, too.")
@click.pass_context
def list_(ctx: click.Context, user: str | None, revoked: bool) -> None:
    """Show tokens, and when and from where each was last used."""
    with database(ctx) as connection, connection.cursor() as txn:
        found = tokens.list_tokens(txn, Actor(actor()), user=user, revoked=revoked)
    list_things(ctx, tokens.IssuedToken, found)


@token.command("revoke", example="tollwire token revoke ann invoicing", asks="Revoke {user}'s token {name}?")
@click.argument("user")
@click.argument("name")
@click.pass_context
def revoke(ctx: click.Context, user: str, name: str) -> None:
    """Revoke a token: from now on it opens nothing."""
    with changing(ctx) as (txn, admin):
        change = tokens.revoke_token(txn, user, name, admin)
    show_change(ctx, change)
