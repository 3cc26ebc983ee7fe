"""``tollwire queue``: calls that could not be matched or rated, kept until an admin has mended the reason."""

from __future__ import annotations

from uuid import UUID

import click

from provisioning.cli.errors import Exit
from provisioning.cli.framework import Group
from provisioning.cli.output import print_rows, say
from provisioning.cli.session import database, journal, now
from radiusd.errors import NotFound
from radiusd.storage.reports import QueuedCall, queued_calls


@click.group(cls=Group)
def queue() -> None:
    """Look at calls that could not be matched or rated, and try them again."""


@queue.command("list", example="tollwire queue list")
@click.pass_context
def list_(ctx: click.Context) -> None:
    """Show the calls that wait, oldest first, and why."""
    print_rows(ctx, QueuedCall._fields, _waiting(ctx))


@queue.command(
    "retry",
    example="tollwire queue retry 019ae5d2-7c1e-7b1a-a3a4-2f6c9f0d1e55\n"
    "tollwire queue retry --all --reason no_rate",
)
@click.argument("calls", metavar="[CALL]...", nargs=-1, type=click.UUID)
@click.option("--all", "every", is_flag=True, help="Try every call that waits.")
@click.option("--reason", metavar="WORD", help="With --all: only calls that wait for this reason.")
@click.pass_context
def retry(ctx: click.Context, calls: tuple[UUID, ...], every: bool, reason: str | None) -> None:
    """
    Match and rate calls again, after what they lacked was provisioned.

    CALL is a call id, as `queue list` shows it. Each call is tried by itself. Exits 1 when some still wait.
    """
    if bool(calls) == every:
        raise click.UsageError("name calls, or give --all")
    if reason and not every:
        raise click.UsageError("--reason needs --all")
    waiting = [entry for entry in _waiting(ctx) if reason in (None, entry.reason)]
    found = [entry.call_id for entry in waiting] if every else [str(call) for call in calls]
    wanted = list(dict.fromkeys(found))  # a call with two payers waits twice, and is tried once
    _require_waiting(wanted, waiting)
    with journal(ctx) as books:
        for call_id in wanted:
            books.retry(call_id, now())
    still = {entry.call_id: entry for entry in _waiting(ctx)}
    print_rows(ctx, ("call_id", "result", "detail"), [_result(call_id, still) for call_id in wanted])
    if not wanted:
        say(ctx, "No call waits.")
    ctx.exit(Exit.DIFFERS if still.keys() & set(wanted) else Exit.OK)


def _waiting(ctx: click.Context) -> list[QueuedCall]:
    with database(ctx) as connection, connection.cursor() as txn:
        return queued_calls(txn)


def _require_waiting(wanted: list[str], waiting: list[QueuedCall]) -> None:
    """Refuse all when one is not there, so that nothing is half done."""
    for call_id in wanted:
        if all(entry.call_id != call_id for entry in waiting):
            raise NotFound(f"CALL: {call_id} is not in the queue; 'tollwire queue list' shows what is")


def _result(call_id: str, still: dict[str, QueuedCall]) -> tuple[str, str, str]:
    entry = still.get(call_id)
    return (call_id, "mended", "") if entry is None else (call_id, f"waits: {entry.reason}", entry.detail)
