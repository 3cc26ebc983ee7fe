"""``tollwire calls``: the calls that are up now."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import click

from provisioning.cli.framework import Group
from provisioning.cli.output import print_rows
from provisioning.cli.session import database, now
from provisioning.cli.text import money
from radiusd.storage.reports import LiveCall, live_calls

COLUMNS = (
    "start",
    "seconds",
    "state",
    "account",
    "service",
    "from",
    "to",
    "held",
    "currency",
    "channels",
    "over_limit",
    "client",
    "role",
    "call_id",
)


@click.group(cls=Group)
def calls() -> None:
    """Look at the calls that are up now, and end one."""


@calls.command("list", example="tollwire calls list --account ACME --json")
@click.option("--account", metavar="CODE", help="Only calls that this account pays.")
@click.pass_context
def list_(ctx: click.Context, account: str | None) -> None:
    """
    Show the calls that are up now, oldest first.

    `held` is the money reserved for a call, `channels` the trunk's channels in use and allowed.
    """
    with database(ctx) as connection, connection.cursor() as txn:
        found = live_calls(txn, account)
    print_rows(ctx, COLUMNS, [_row(call, now()) for call in found])


def _row(call: LiveCall, at: datetime) -> tuple[object, ...]:
    return (
        call.setup_at,
        elapsed_s(call, at),
        call.state,
        call.account,
        service_name(call.service_kind, call.service),
        call.calling,
        call.called,
        held(call),
        call.currency,
        channels(call),
        call.over_limit,
        call.client,
        call.role,
        call.call_id,
    )


def elapsed_s(call: LiveCall, at: datetime) -> int:
    """Return the whole seconds since the answer; 0 while it rings."""
    return max(0, int((at - call.connect_at).total_seconds())) if call.connect_at else 0


def held(call: LiveCall) -> Decimal:
    """Return the money that is reserved for the call."""
    return money(call.held_micros)


def channels(call: LiveCall) -> str:
    """Return ``4/10``, ``4`` where there is no limit, or nothing when the call is on no trunk."""
    if call.trunk is None:
        return ""
    used = call.trunk_used or 0
    return str(used) if call.trunk_max is None else f"{used}/{call.trunk_max}"


def service_name(kind: str | None, name: str | None) -> str:
    """Return ``trunk sbc1``; nothing for a call that matched no service."""
    return f"{kind} {name}" if name is not None else ""
