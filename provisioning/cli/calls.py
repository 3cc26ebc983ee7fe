"""``tollwire calls``: the calls that are up now."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from datetime import datetime
from itertools import count
from uuid import UUID

import click
from psycopg2.extensions import connection as Connection

from provisioning.cli.framework import Group
from provisioning.cli.options import Format, options_of
from provisioning.cli.output import print_rows
from provisioning.cli.session import database, journal, now
from provisioning.cli.text import money, service_name
from radiusd.errors import Conflict, NotFound, TollwireError
from radiusd.storage.disconnects import CutLine, ask_by_hand, cut_lines
from radiusd.storage.reports import CdrFilter, LiveCall, cdr_records, live_calls
from radiusd.storage.running_costs import running_costs
from radiusd.storage.time_changes import TimeLine, time_lines

NOT_ASKED = "not asked"

SERVER_S = 5.0
"""How long a server may take to find that a call is to be ended; it looks every second."""

ANSWER_S = 40.0
"""How long the switch's answer is waited for: longer than the server does."""

POLL_S = 0.1

COLUMNS = (
    "start",
    "seconds",
    "state",
    "account",
    "service",
    "from",
    "to",
    "cost",
    "held",
    "currency",
    "channels",
    "over_limit",
    "client",
    "role",
    "call_id",
)
# The cost before the numbers: at 80 columns the end of a line is cut off.
TOP_COLUMNS = ("start", "seconds", "cost", "currency", "channels", "account", "service", "from", "to")


@click.group(cls=Group)
def calls() -> None:
    """Look at the calls that are up now, and end one."""


@calls.command("list", example="tollwire calls list --account ACME --json")
@click.option("--account", metavar="CODE", help="Only calls that this account pays.")
@click.pass_context
def list_(ctx: click.Context, account: str | None) -> None:
    """
    Show the calls that are up now, oldest first.

    `cost` is the charge if the call ended now, `held` the money reserved for it beyond included minutes,
    `channels` the trunk's channels in use and allowed.
    """
    with database(ctx) as connection:
        rows = live_rows(connection, account, now())
    print_rows(ctx, COLUMNS, rows)


@calls.command("top", example="tollwire calls top\ntollwire calls top --account ACME --interval 5")
@click.option("--account", metavar="CODE", help="Only calls that this account pays.")
@click.option("--interval", type=click.FloatRange(0.2, 3600), default=1.0, show_default=True, help="Seconds.")
@click.option("--once", is_flag=True, help="Print one frame and end; so does a pipe.")
@click.pass_context
def top(ctx: click.Context, account: str | None, interval: float, once: bool) -> None:
    """
    Watch the calls that are up now: what they cost this second, and how full their trunks are.

    On a terminal `/` filters, `s` sorts by the next column and `r` turns the order round; the arrows choose a
    call, and `e` ends it as `calls end` does, once `y` has confirmed it. `q` quits.
    """
    with database(ctx) as connection:
        if once or not sys.stdout.isatty() or options_of(ctx).format is not Format.TEXT:
            rows = [_short(row) for row in live_rows(connection, account, now())]
            print_rows(ctx, TOP_COLUMNS, rows)
            return
        with suppress(KeyboardInterrupt):
            _watch(ctx, connection, account, interval)


@calls.command(
    "end",
    example="tollwire calls end 019ae5d2-7c1e-7b1a-a3a4-2f6c9f0d1e55\n"
    "tollwire calls end --books-only 019ae5d2-7c1e-7b1a-a3a4-2f6c9f0d1e55",
    asks="End call {call_id}?",
)
@click.argument("call_id", metavar="CALL", type=click.UUID)
@click.option("--books-only", is_flag=True, help="Ask no switch: close the call whatever it does.")
@click.pass_context
def end(ctx: click.Context, call_id: UUID, books_only: bool) -> None:
    """
    End an open call: hang up on its switch, if its client has `cut_off`, and charge what it lasted.

    CALL is our call id, as `calls list` shows it. The running server asks the switch; when that agrees, or
    knows no such call, the call is closed in our books as of now, which frees channel, minutes and money.
    When it does not, the call stays open. A Stop that still comes corrects the charge.
    """
    closed, answer = _end_call(ctx, str(call_id), books_only)
    with database(ctx) as connection, connection.cursor() as txn:
        records = cdr_records(txn, CdrFilter(call_id=str(call_id)))
    print_rows(
        ctx,
        ("call_id", "closed", "switch", "account", "role", "status", "duration_ms", "total", "currency"),
        [
            (
                str(call_id),
                closed,
                answer,
                record.account,
                record.role,
                record.status,
                record.duration_ms,
                money(record.total_micros),
                record.currency,
            )
            for record in records
        ],
    )


@calls.command("cuts", example="tollwire calls cuts --account ACME")
@click.option("--account", metavar="CODE", help="Only calls that this account pays.")
@click.option("--most", type=click.IntRange(1, 10000), default=100, show_default=True, help="How many.")
@click.pass_context
def cuts(ctx: click.Context, account: str | None, most: int) -> None:
    """Show the calls that switches were asked to end, the latest first, and what each has answered."""
    with database(ctx) as connection, connection.cursor() as txn:
        found = cut_lines(txn, account=account, most=most)
    print_rows(ctx, CutLine._fields, found)


@calls.command("times", example="tollwire calls times --account ACME")
@click.option("--account", metavar="CODE", help="Only calls that this account pays.")
@click.option("--most", type=click.IntRange(1, 10000), default=100, show_default=True, help="How many.")
@click.pass_context
def times(ctx: click.Context, account: str | None, most: int) -> None:
    """
    Show the calls whose switches were told another time while they were up, the latest first.

    `timeout_s` counts from the call's answer. Nobody sets it: it is what the account can pay.
    """
    with database(ctx) as connection, connection.cursor() as txn:
        found = time_lines(txn, account=account, most=most)
    print_rows(ctx, TimeLine._fields, found)


def _end_call(ctx: click.Context, call_id: str, books_only: bool = False) -> tuple[str, str]:
    """
    End an open call, and return by what it was closed and what its switch has answered.

    Raises:
        NotFound: No such call is open.
        Conflict: The call goes on; the text says what the switch answered.
    """
    answer = NOT_ASKED if books_only else _hang_up(ctx, call_id)
    with journal(ctx) as books:
        try:
            return books.end_call(call_id, now()).done, answer
        except NotFound:
            if answer.startswith(NOT_ASKED):
                raise
            return "by its Stop", answer


def _hang_up(ctx: click.Context, call_id: str) -> str:
    """
    Have the running server ask the switch to end the call, and return what that answered.

    Raises:
        NotFound: No such call is open.
        Conflict: The call goes on; the text says what the switch answered.
    """
    with database(ctx) as connection:
        with connection.cursor() as txn:
            why_not = ask_by_hand(txn, call_id, now())
        connection.commit()
        if why_not is not None:
            return f"{NOT_ASKED}: {why_not}"
        waiting = _wait_for_answer(connection, call_id)
        if waiting.outcome in ("ack", "gone", "over"):
            return waiting.detail or waiting.outcome
        if not waiting.outcome and not waiting.tries:
            said = "no running server has asked the switch yet"
        else:
            said = waiting.detail or "the switch has not answered yet"
    raise Conflict(
        f"call {call_id} goes on: {said}. 'tollwire calls cuts' tells what becomes of it;"
        " with --books-only it is closed in our books alone"
    )


def _wait_for_answer(connection: Connection, call_id: str) -> CutLine:
    """Return the row of the call when its switch has answered, or as it is when we have waited enough."""
    for waited in count():
        with connection.cursor() as txn:
            (line, *_) = cut_lines(txn, call_id=call_id, most=1)
        connection.commit()
        limit_s = ANSWER_S if line.tries else SERVER_S
        if line.outcome or waited * POLL_S > limit_s:
            return line
        time.sleep(POLL_S)
    raise AssertionError("count() does not end")


def _watch(ctx: click.Context, connection: Connection, account: str | None, interval_s: float) -> None:
    from provisioning.cli.calls_top import Line, watch

    def read() -> tuple[datetime, list[Line]]:
        at = now()
        rows = live_rows(connection, account, at)
        connection.rollback()  # a transaction that is open between frames would hold back vacuum
        id_at, role_at = COLUMNS.index("call_id"), COLUMNS.index("role")
        return at, [Line(str(row[id_at]), str(row[role_at]), _short(row)) for row in rows]

    def end_one(call_id: str) -> str:
        try:
            closed, answer = _end_call(ctx, call_id)
        except TollwireError as error:
            return str(error)
        return f"Call {call_id} is over; closed: {closed}; switch: {answer}"

    watch(TOP_COLUMNS, read, end_one, interval_s)


def live_rows(connection: Connection, account: str | None, at: datetime) -> list[tuple[object, ...]]:
    """Return a row of COLUMNS for every open call, oldest first."""
    with connection.cursor() as txn:
        found = live_calls(txn, account)
        costs = running_costs(txn, at)
    return [_row(call, costs.get((call.call_id, call.role), 0), at) for call in found]


def _row(call: LiveCall, cost_micros: int, at: datetime) -> tuple[object, ...]:
    return (
        call.setup_at,
        elapsed_s(call, at),
        call.state,
        call.account,
        service_name(call.service_kind, call.service),
        call.calling,
        call.called,
        money(cost_micros),
        money(call.held_micros),
        call.currency,
        channels(call),
        call.over_limit,
        call.client,
        call.role,
        call.call_id,
    )


def _short(row: tuple[object, ...]) -> tuple[object, ...]:
    return tuple(row[COLUMNS.index(name)] for name in TOP_COLUMNS)


def elapsed_s(call: LiveCall, at: datetime) -> int:
    """Return the whole seconds since the answer; 0 while it rings."""
    return max(0, int((at - call.connect_at).total_seconds())) if call.connect_at else 0


def channels(call: LiveCall) -> str:
    """Return ``4/10``, ``4`` where there is no limit, or nothing when the call is on no trunk."""
    if call.trunk is None:
        return ""
    used = call.trunk_used or 0
    return str(used) if call.trunk_max is None else f"{used}/{call.trunk_max}"
