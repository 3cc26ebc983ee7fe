"""``tollwire client``: the switches that may speak RADIUS to us."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
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
from radiusd.storage.habits import calls_closed_by_us, habits_of

WHAT = "the shared secret"
COUNT_LIMIT_MS = 5000
HELPS = {
    "networks": "Address or network that it sends from.",
    "dialect": "How it tells of calls: rfc2866, cisco, kamailio.",
    "require_message_authenticator": "Drop its Access-Requests that have no Message-Authenticator.",
    "limit_proxy_state": "Drop those with Proxy-State and no Message-Authenticator.",
    "asserts_numbers": "It has checked calling numbers, so that a number alone may name an account.",
    "is_proxy": "It may speak for other switches' calls.",
    "call_check": "Which Access-Requests without credentials it may send.",
    "digest": "As RFC 5090 says, or as SIP proxies that make their own nonces.",
    "grant": "Give a call its whole time at once, or a lease, for a switch that asks again.",
    "lease_s": "Seconds that one lease gives.",
    "max_call_s": "Most seconds that a call gets at once.",
    "setup_ttl_s": "Seconds that an authorized call may take to start.",
    "match_order": "Identifier to try, in this order: username, trunk, ip, number.",
    "return_codes": "Which table of h323-return-codes it knows.",
    "settings": "What only its dialect understands.",
    "cut_off": "How it is made to end a call: not at all, or by RFC 5176's Disconnect-Request.",
    "cut_off_for": "Reason: no_credit, grant_over, suspended, service_ended, over_limit or fraud.",
    "coa_address": "Where such requests go; new: where the call's own packets came from.",
    "coa_transport": "How: over UDP, or inside TLS, where the secret is everybody's.",
    "coa_port": "The port that they go to; new: 3799, with TLS 2083.",
    "certificates": "What its TLS certificate says: sha256:, dns:, ip:, uri: or issuer: and a value.",
    "sip": "Take its INVITEs: not at all, without credentials, or challenged with 401 or 407.",
    "sip_trunk_header": "Header of an INVITE that names the trunk group.",
    "sip_next_hop": "Host or host:port to redirect its calls to, in place of where they were going.",
}
CHOICES = {
    "call_check": ("service-type", "any", "never"),
    "digest": ("strict", "proxy"),
    "grant": ("whole", "lease"),
    "cut_off": ("none", "disconnect"),
    "coa_transport": ("udp", "tls"),
    "sip": ("off", "open", "401", "407"),
}


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
@field_options(clients.Client, HELPS, new=True, choices=CHOICES)
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
@field_options(clients.Client, HELPS, new=False, choices=CHOICES)
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
    at = now()
    since = at - timedelta(hours=hours)
    with database(ctx) as connection, connection.cursor() as txn:
        found, client_id = clients.read_client(txn, name), clients.client_id_of(txn, name)
        counts = habits_of(txn, client_id, since)
        ended = calls_closed_by_us(txn, client_id, since, COUNT_LIMIT_MS)
    findings = doctor.diagnose(doctor.Chart(found, counts, ended, hours))
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
