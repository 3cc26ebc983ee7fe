"""``tollwire queue``: calls that could not be matched or rated, kept until an admin has mended the reason."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

import click

from provisioning import assignments
from provisioning.cli.changing import changing, show_change
from provisioning.cli.errors import Exit
from provisioning.cli.field_options import moment
from provisioning.cli.framework import Group
from provisioning.cli.output import print_document, print_rows, say
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


@queue.command(
    "assign",
    example="tollwire queue assign 019ae5d2-7c1e-7b1a-a3a4-2f6c9f0d1e55 --account ACME --by ip --plan retail"
    " --dry-run\n"
    "tollwire queue assign 019ae5d2-7c1e-7b1a-a3a4-2f6c9f0d1e55 --account ACME --by ip --plan retail",
)
@click.argument("call")
@click.option("--account", metavar="CODE", required=True, help=assignments.HELPS["account"])
@click.option("--by", type=click.Choice(assignments.BY), required=True, help=assignments.HELPS["by"])
@click.option("--plan", metavar="CODE", help=assignments.HELPS["plan"])
@click.option("--activated", type=moment, metavar="DATE", help=assignments.HELPS["activated"])
@click.option("--dry-run", is_flag=True, help="Tell how many calls that would mend, and change nothing.")
@click.pass_context
def assign(ctx: click.Context, /, call: str, dry_run: bool, **chosen: Any) -> None:
    """
    Give a call of nobody to an account, and try all calls again that say the same.

    What the call says of its sender or number becomes a service of the account: its address, its trunk, its
    calling or its called number. Exits 1 when some of the calls still wait, or with --dry-run would.
    """
    from provisioning.assignment_previews import preview

    wanted = assignments.Assignment(**chosen)
    with changing(ctx) as (txn, admin):
        if dry_run:
            found = preview(txn, call, wanted, admin)
            print_document(ctx, {**asdict(found), "tries": [": ".join(each) for each in found.tries]})
            ctx.exit(Exit.DIFFERS if found.waits else Exit.OK)
        done = assignments.assign(txn, call, wanted, admin)
    show_change(ctx, done.change)
    ids = [each.call_id for each in done.calls]
    with journal(ctx) as books:
        books.retry_all(ids, now())
    left = {entry.call_id for entry in _waiting(ctx)} & set(ids)
    say(ctx, f"{len(ids) - len(left)} of {len(ids)} calls are mended.")
    ctx.exit(Exit.DIFFERS if left else Exit.OK)


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
