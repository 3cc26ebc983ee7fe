"""``tollwire client``: the switches that may speak RADIUS to us."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import IO, Any

import click

from provisioning import clients, doctor
from provisioning.cli.changing import (
    changing,
    chosen_secret,
    document,
    list_things,
    secret_options,
    show_change,
)
from provisioning.cli.errors import Exit
from provisioning.cli.field_options import field_options, given
from provisioning.cli.framework import Group
from provisioning.cli.output import print_document, print_rows
from provisioning.cli.session import database, now

WHAT = "the shared secret"
COUNT_LIMIT_MS = 5000


_coa_secret = click.option(
    "--coa-secret-file",
    type=click.File("rb"),
    help="File with the secret of Disconnect-Requests; new: the shared secret. '-' is stdin.",
)


@click.group(cls=Group)
def client() -> None:
    """Add, change and end RADIUS clients: switches, SBCs, PBXs."""


@client.command(
    "add",
    example="tollwire client add sbc1 --networks 192.0.2.10 --dialect cisco --generate\n"
    "tollwire client add proxy1 --networks 2001:db8::/64 --dialect kamailio --secret-file secret\n"
    "tollwire client add sbc2 --certificates dns:sbc2.example.net",
)
@click.argument("name")
@field_options(clients.Client, clients.HELPS, new=True, choices=clients.WORDS)
@secret_options("secret", WHAT)
@_coa_secret
@click.pass_context
def add(
    ctx: click.Context, /, name: str, secret_file: IO[bytes] | None, generate: bool, **chosen: Any
) -> None:
    """Let a switch speak to us. Asks for the shared secret when no option gives it."""
    # Inside TLS everybody has the same secret, so there is none to ask for.
    is_tls_only = bool(chosen["certificates"]) and not chosen["networks"]
    secret, shown = chosen_secret(secret_file, generate, ask="" if is_tls_only else "Shared secret")
    with changing(ctx) as (txn, admin):
        change = clients.add_client(txn, clients.Client(name=name, secret=secret, **_fields(chosen)), admin)
    show_change(ctx, change, **shown)


@client.command("set", example="tollwire client set sbc1 --grant lease --lease-s 120 --generate")
@click.argument("name")
@field_options(clients.Client, clients.HELPS, new=False, choices=clients.WORDS)
@secret_options("secret", WHAT)
@_coa_secret
@click.pass_context
def set_(
    ctx: click.Context, /, name: str, secret_file: IO[bytes] | None, generate: bool, **chosen: Any
) -> None:
    """Change a client. Options that take several values replace all of them."""
    secret, shown = chosen_secret(secret_file, generate)
    with changing(ctx) as (txn, admin):
        current = clients.read_client(txn, name)
        wanted = replace(current, secret=secret, **_fields(chosen))
        change = clients.set_client(txn, wanted, admin)
    show_change(ctx, change, **shown)


@client.command("list", example="tollwire client list")
@click.pass_context
def list_(ctx: click.Context) -> None:
    """Show all clients."""
    with database(ctx) as connection, connection.cursor() as txn:
        found = clients.list_clients(txn)
    list_things(ctx, clients.Client, found)


@client.command("show", example="tollwire client show sbc1")
@click.argument("name")
@click.pass_context
def show(ctx: click.Context, name: str) -> None:
    """Show one client; its secret cannot be shown."""
    with database(ctx) as connection, connection.cursor() as txn:
        found = clients.read_client(txn, name)
    print_document(ctx, document(found))


@client.command("doctor", example="tollwire client doctor sbc1\ntollwire client doctor sbc1 --hours 2 --json")
@click.argument("name")
@click.option("--hours", type=click.IntRange(1, 168), default=24, show_default=True, help="How far back.")
@click.pass_context
def doctor_(ctx: click.Context, name: str, hours: int) -> None:
    """
    Tell from a client's own packets what is wrong with it, and what to change on the device.

    Running servers write what they have counted every five seconds. The exit code is 1 when a check is
    `bad`.
    """
    with database(ctx) as connection, connection.cursor() as txn:
        findings = doctor.examine(txn, name, hours, now(), COUNT_LIMIT_MS)
    rows = [(one.check, one.state.value, one.seen, one.do) for one in findings]
    print_rows(ctx, ("check", "state", "seen", "do"), rows)
    if any(one.state is doctor.State.BAD for one in findings):
        ctx.exit(Exit.DIFFERS)


@client.command("end", example="tollwire client end sbc1", asks="Answer client {name} no more?")
@click.argument("name")
@click.pass_context
def end(ctx: click.Context, name: str) -> None:
    """
    Answer a client no more: its networks and certificates are taken from it. Its calls stay on record.

    `tollwire client set NAME --networks ...` lets it speak again.
    """
    with changing(ctx) as (txn, admin):
        change = clients.end_client(txn, name, admin)
    show_change(ctx, change)


def _fields(chosen: Mapping[str, Any]) -> dict[str, Any]:
    fields = given(chosen)
    if "coa_secret_file" in fields:
        fields["coa_secret"] = chosen_secret(fields.pop("coa_secret_file"), False)[0]
    if "settings" in fields:
        fields["settings"] = dict(fields["settings"])
    return fields
