"""``tollwire radius decode``: what the server would understand of packets from a capture or a text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO, TYPE_CHECKING

import click

from provisioning.cli.framework import Command
from provisioning.cli.options import Format, options_of
from provisioning.cli.output import print_document
from provisioning.cli.session import database, now, sealer
from provisioning.cli.text import cell, moment, printable
from radiusd.errors import BadInput, NotFound

if TYPE_CHECKING:
    from provisioning.captures.decode import Decoded
    from radiusd.radius.clients import Client

LONGEST_INPUT = 64 * 1024 * 1024
_NOT_TOLD = b"not told"  # with it nothing is checked; what is written as attributes is signed somehow


@click.command(
    "decode",
    cls=Command,
    example="tollwire radius decode --client sbc1 capture.pcap\n"
    "tollwire radius decode --dialect cisco --secret-file secret packets.txt --json",
)
@click.argument("file", type=click.File("rb", lazy=False), default="-")
@click.option("--client", metavar="NAME", help="Read by this client's dialect, settings and secret.")
@click.option("--dialect", metavar="NAME", help="Read by this dialect; no database is needed.")
@click.option("--secret-file", type=click.File("rb"), help="With --dialect: file with the shared secret.")
@click.pass_context
def decode(
    ctx: click.Context,
    /,
    file: IO[bytes],
    client: str | None,
    dialect: str | None,
    secret_file: IO[bytes] | None,
) -> None:
    """
    Show packets as the server would understand them: attributes by name, the event, and what is wrong.

    FILE is a capture (pcap or pcapng: RADIUS over UDP, IPv4 and IPv6), a datagram a line in hexadecimal
    digits, or attributes as radclient and FreeRADIUS's detail files write them, NAME = VALUE, with an empty
    line between packets. Without a FILE it is stdin. Nothing is booked, and passwords are not shown.
    """
    from provisioning.captures.decode import Decoder, as_document, read_input
    from provisioning.cli.radius import open_dictionary

    if (client is None) == (dialect is None):
        raise click.UsageError("give either --client or --dialect")
    if secret_file is not None and dialect is None:
        raise click.UsageError("--secret-file goes with --dialect: a client has its own secret")
    secret = _secret(secret_file) if secret_file else None
    speaker = _stored(ctx, client) if client else _made(dialect or "", secret)
    names = open_dictionary(speaker.dialect)
    octets = file.read(LONGEST_INPUT + 1)
    if len(octets) > LONGEST_INPUT:
        raise BadInput(f"{file.name}: larger than 64 MB; cut it with editcap or tcpdump first")
    decoder = Decoder(speaker, speaker.secret if client else secret, names, now())
    try:
        decoded = [decoder.decode(sent) for sent in read_input(octets, names, speaker.secret)]
    except BadInput as error:
        raise BadInput(f"{file.name}: {error}") from error
    if options_of(ctx).format is Format.TEXT:
        for each in decoded:
            click.echo("\n".join(printable(line) for line in lines_of(each)) + "\n")
    else:
        print_document(ctx, {"packets": [as_document(each) for each in decoded]})


def _stored(ctx: click.Context, name: str) -> Client:
    """Return the client as it is provisioned, with its secret."""
    from radiusd.storage.catalogue import load_clients

    with database(ctx) as connection, connection.cursor() as txn:
        clients = load_clients(txn, sealer(ctx)).clients
    found = next((client for client in clients if client.name == name), None)
    if found is None:
        raise NotFound(f"there is no client {name}; see: tollwire client list")
    return found


def _secret(file: IO[bytes]) -> bytes:
    secret = file.read(4096).rstrip(b"\r\n")
    if not secret:
        raise BadInput("--secret-file: the file is empty; put the client's shared secret there")
    return secret


def _made(dialect: str, secret: bytes | None) -> Client:
    """Return a client of *dialect* that exists for this command only."""
    from radiusd.dialects.registry import DIALECTS
    from radiusd.radius.clients import Client

    if dialect not in DIALECTS:
        raise NotFound(f"--dialect: there is none called {dialect}; there are {', '.join(sorted(DIALECTS))}")
    return Client(id=0, name=dialect, networks=(), secret=secret or _NOT_TOLD, dialect=dialect)


def lines_of(decoded: Decoded) -> Iterable[str]:
    """Yield a packet as lines: where it was, its attributes, its event, its warnings."""
    from provisioning.captures.decode import event_fields

    sent = decoded.sent
    heading = [sent.where]
    if sent.at is not None:
        heading.append(moment(sent.at))
    if sent.source and sent.destination:
        heading.append(" > ".join(f"{host}:{port}" for host, port in (sent.source, sent.destination)))
    heading.append(decoded.name)
    if decoded.identifier is not None:
        heading.append(f"identifier {decoded.identifier}")
    yield ", ".join(heading)
    yield from (f"  {name} = {value}" for name, value in decoded.attributes)
    if decoded.event is not None:
        yield "  means"
        yield from (f"    {name} = {cell(value)}" for name, value in event_fields(decoded.event).items())
    if decoded.proof:
        yield f"  proof: {decoded.proof}"
    yield from (f"  warning: {warning}" for warning in decoded.warnings)
