"""``tollwire radius watch``: the packets of a client while they come in."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import closing
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from provisioning.cli.changing import changing
from provisioning.cli.framework import Command
from provisioning.cli.options import Format, options_of
from provisioning.cli.output import print_document, say
from provisioning.cli.radius_decode import lines_of
from provisioning.cli.session import connect, database, migrated_dsn, now, sealer
from provisioning.cli.text import moment, printable
from provisioning.roles import Actor
from radiusd.storage.ids import RANDOM_BYTES, uuid7

if TYPE_CHECKING:
    from provisioning.watching import WatchedPacket

LOOK_S = 0.5
SETTLES = timedelta(seconds=3)  # what the servers have seen by the end is written by then


@click.command(
    "watch",
    cls=Command,
    example="tollwire radius watch sbc1\ntollwire radius watch sbc1 --seconds 60 --count 10 --jsonl",
)
@click.argument("client")
@click.option(
    "--seconds", type=click.IntRange(1), default=300, show_default=True, help="For how long; 3600 at most."
)
@click.option("--count", type=click.IntRange(1), help="End after so many packets.")
@click.pass_context
def watch(ctx: click.Context, client: str, seconds: int, count: int | None) -> None:
    """
    Show the RADIUS packets of a client while they come in, as the server understands them.

    Each with its attributes, the event, the answer, or why it got none; passwords are not shown. The
    servers keep the newest packets of a client that is watched, and nothing of others. Ctrl-C ends it.
    """
    from provisioning.watching import packets, stop_watching, watch_client, watch_of

    if options_of(ctx).format is Format.CSV:
        raise click.UsageError("--csv: a packet is no row; say --jsonl")
    with changing(ctx, alone=False) as (txn, admin):
        until = watch_client(txn, client, admin, seconds)
    say(ctx, f"Watching {client} until {moment(until)}; Ctrl-C ends it.")
    actor, seal = Actor("command line"), sealer(ctx)
    last, shown = first_id(admin.now), 0
    try:
        with migrated_dsn(ctx) as dsn, closing(connect(dsn)) as connection:
            while now() < until + SETTLES and (count is None or shown < count):
                with connection, connection.cursor() as txn:
                    for found in packets(txn, actor, client, seal, last):
                        last, shown = found.id, shown + 1
                        show(ctx, found)
                        if shown == count:
                            break
                time.sleep(LOOK_S)
    except KeyboardInterrupt:
        say(ctx, "")
    finally:
        with changing(ctx, alone=False) as (txn, admin):
            stop_watching(txn, client, admin)
    with database(ctx) as connection, connection.cursor() as txn:
        told = watch_of(txn, actor, client)
    if told is not None and told.left_out:
        say(ctx, f"{told.left_out} more packets came faster than they are kept.")


def first_id(since: datetime) -> str:
    """Return the id that comes before those of all packets since a moment."""
    return str(uuid7(since, bytes(RANDOM_BYTES)))


def show(ctx: click.Context, found: WatchedPacket) -> None:
    """Write one packet: lines for people, else a document."""
    from provisioning.watching import packet_document

    if options_of(ctx).format is Format.TEXT:
        click.echo("\n".join(printable(line) for line in told(found)) + "\n")
    else:
        print_document(ctx, packet_document(found))


def told(found: WatchedPacket) -> Iterable[str]:
    """Yield a packet as lines: its request as ``radius decode`` shows it, what became of it, its answer."""
    identifier = found.request.identifier
    number = "" if identifier is None else f", identifier {identifier}"
    yield f"{moment(found.at)}, {found.source} > {found.port}, {found.request.name}{number}"
    _, *lines = lines_of(found.request)  # without its own heading, which tells of a file
    yield from lines
    took = "" if found.took_ms is None else f" after {found.took_ms:.1f} ms"
    if found.reply is None:
        yield f"  {found.outcome}{': ' + found.reason if found.reason else ''}"
        return
    yield f"  {found.outcome}{took}: {found.reply.name}"
    yield from (f"    {name} = {value}" for name, value in found.reply.attributes)
