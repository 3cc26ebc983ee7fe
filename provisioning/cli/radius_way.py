"""The way on which ``tollwire radius test`` asks: UDP, TCP, or TLS with its certificates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from radiusd.errors import BadInput

if TYPE_CHECKING:
    from radiusd.radius.packet import Packet

Command = Callable[..., None]
TLS_PORT = 2083
COPIES, WAIT_S = 3, 2.0
_PEM = click.Path(exists=True, dir_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True)
class Way:
    """How to reach the server."""

    host: str
    port: int
    secret: bytes
    transport: str
    ca: Path | None
    certificate: Path | None
    key: Path | None
    server_name: str

    def exchange(self, octets: bytes) -> Packet:
        """
        Send the signed request *octets* and return the answer.

        Raises:
            RequestFailed: There is none to be had.
        """
        from radiusd.radius.client import exchange
        from radiusd.radius.stream_exchange import client_context, exchange_over_stream

        if self.transport == "udp":
            return exchange(self.host, self.port, octets, self.secret, [WAIT_S] * COPIES)
        limit_s = WAIT_S * COPIES
        if self.ca is None:
            return exchange_over_stream(self.host, self.port, octets, self.secret, limit_s=limit_s)
        context = client_context(self.ca, self.certificate, self.key)
        return exchange_over_stream(
            self.host, self.port, octets, self.secret, context, self.server_name, limit_s
        )


def way_options(port: int) -> Callable[[Command], Command]:
    """Return what adds the options; without ``--port`` it is *port*, or that of RADIUS over TLS."""
    options: Sequence[Callable[[Command], Command]] = [
        click.option("--port", type=click.IntRange(1, 65535), help=f"[default: {port}; with tls {TLS_PORT}]"),
        click.option(
            "--transport",
            type=click.Choice(("udp", "tcp", "tls")),
            default="udp",
            show_default=True,
            help="What to speak RADIUS over.",
        ),
        click.option(
            "--secret-file",
            type=click.File("rb", lazy=True),
            help="File with the shared secret; a newline at its end does not count. '-' is stdin. "
            "Needed but with tls, where it is 'radsec'.",
        ),
        click.option("--ca", type=_PEM, help="tls: PEM file of who has signed the server's certificate."),
        click.option("--certificate", type=_PEM, help="tls: PEM file of our certificate, as a client's."),
        click.option("--key", type=_PEM, help="tls: PEM file of its key, if it is not in the same file."),
        click.option("--server-name", metavar="NAME", help="tls: whom the server's certificate must name."),
    ]

    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def way_of(usual_port: int, chosen: dict[str, Any]) -> Way:
    """
    Take the options of the way out of *chosen*, and return what they say.

    Raises:
        click.UsageError: They do not go together.
        BadInput: The secret is empty.
    """
    names = ("host", "port", "transport", "secret_file", "ca", "certificate", "key", "server_name")
    host, port, transport, secret_file, ca, certificate, key, server_name = map(chosen.pop, names)
    is_tls = transport == "tls"
    if is_tls and ca is None:
        raise click.UsageError("--transport tls needs --ca")
    if not is_tls and (ca or certificate or key or server_name):
        raise click.UsageError("--ca, --certificate, --key and --server-name are for --transport tls")
    if key is not None and certificate is None:
        raise click.UsageError("--key needs --certificate")
    if not is_tls and secret_file is None:
        raise click.UsageError("Missing option '--secret-file'.")
    secret = _secret(secret_file) if secret_file is not None else b"radsec"  # RFC 6614, 2.3
    usual = TLS_PORT if is_tls else usual_port
    return Way(host, port or usual, secret, transport, ca, certificate, key, server_name or "")


def _secret(file: IO[bytes]) -> bytes:
    secret = file.read(4096).rstrip(b"\r\n")
    if not secret:
        raise BadInput("--secret-file: the file is empty; put the client's shared secret there")
    return secret
