"""``tollwire radius test``: ask a RADIUS server what it makes of a call, with a real packet."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from hashlib import md5
from importlib.resources import as_file, files
from typing import IO, TYPE_CHECKING, Any

import click

from provisioning.cli.errors import Exit, Unreachable
from provisioning.cli.framework import Group
from provisioning.cli.options import Format, options_of
from provisioning.cli.output import print_document
from provisioning.cli.radius_decode import decode
from provisioning.cli.radius_verify import verify
from provisioning.cli.radius_watch import watch
from provisioning.cli.radius_way import Way, way_of, way_options
from radiusd.errors import BadInput

if TYPE_CHECKING:
    from pyrad.dictionary import Dictionary

    from radiusd.radius.assigned import Code

Pair = tuple[str, str | int | bytes]
Answer = dict[str, Any]  # its name as "answer", its attributes by name as "attributes"
AUTH_PORT, ACCT_PORT = 1812, 1813


@click.group(cls=Group)
def radius() -> None:
    """Speak RADIUS to a server, as a switch does, and tell what its packets mean."""


radius.add_command(decode)
radius.add_command(verify)
radius.add_command(watch)


@radius.group("test", cls=Group)
def test() -> None:
    """Ask a server what it makes of a call."""


def _pair(text: str) -> Pair:
    """Return an attribute as radclient writes it, ``NAME=VALUE``; what it raises is a usage error."""
    name, equals, value = text.partition("=")
    if not name.strip() or not equals:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE, such as Calling-Station-Id=15551230001")
    return name.strip(), value.strip().removeprefix('"').removesuffix('"')


def _asking(port: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return what adds the arguments that both kinds of request have."""
    options: Sequence[Callable[[Callable[..., None]], Callable[..., None]]] = [
        click.argument("host"),
        way_options(port),
        click.option("--from", "calling", metavar="NUMBER", help="Calling-Station-Id."),
        click.option("--to", "called", metavar="NUMBER", help="Called-Station-Id."),
        click.option("--user", metavar="NAME", help="User-Name."),
        click.option(
            "--attr",
            "pairs",
            type=_pair,
            metavar="NAME=VALUE",
            multiple=True,
            help="Any attribute; may be repeated.",
        ),
        click.option(
            "--dictionary", metavar="NAME", default="rfc2866", show_default=True, help="Names of attributes."
        ),
    ]

    def add(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            command = option(command)
        return command

    return add


@test.command(
    "auth",
    example="tollwire radius test auth 127.0.0.1 --secret-file secret --from 15551230001 --to 442071838750\n"
    "tollwire radius test auth ::1 --secret-file secret --user alice --password-file pw "
    "--attr NAS-Port-Type=Virtual\n"
    "tollwire radius test auth radius.example.net --transport tls --ca ca.pem --certificate sbc1.pem "
    "--key sbc1.key --from 15551230001 --to 442071838750",
)
@_asking(AUTH_PORT)
@click.option("--password-file", type=click.File("rb", lazy=True), help="File with the user's password.")
@click.option("--chap", is_flag=True, help="Prove the password by CHAP instead of sending it by PAP.")
@click.pass_context
def auth(
    ctx: click.Context, /, password_file: IO[bytes] | None, chap: bool, pairs: tuple[Pair, ...], **asked: Any
) -> None:
    """
    Send one Access-Request and show the answer: may this call go ahead, and for how long?

    Exits 0 on Access-Accept, 1 on anything else, 69 when nobody answers. An accepted call holds its channel
    and its money until the client's setup_ttl has passed.
    """
    from radiusd.radius.assigned import Code

    if chap and password_file is None:
        raise click.UsageError("--chap needs --password-file")
    password = _line(password_file) if password_file else None
    way = way_of(AUTH_PORT, asked)
    answer = _ask(way, Code.ACCESS_REQUEST, (*_password(password, chap), *pairs), **asked)
    _show(ctx, answer)
    ctx.exit(Exit.OK if answer["answer"] == "Access-Accept" else Exit.DIFFERS)


@test.command(
    "acct",
    example="tollwire radius test acct 127.0.0.1 --secret-file secret --status Stop --session 4711 "
    "--from 15551230001 --to 442071838750 --seconds 61",
)
@_asking(ACCT_PORT)
@click.option("--status", default="Start", show_default=True, help="Acct-Status-Type, by name or number.")
@click.option("--session", metavar="ID", help="Acct-Session-Id  [default: a random one]")
@click.option("--seconds", type=click.IntRange(min=0), help="Acct-Session-Time.")
@click.pass_context
def acct(
    ctx: click.Context,
    /,
    status: str,
    session: str | None,
    seconds: int | None,
    pairs: tuple[Pair, ...],
    **asked: Any,
) -> None:
    """
    Send one Accounting-Request and show the answer. It is booked like any other.

    Exits 0 when it is acknowledged, 69 when nobody answers: a server stays silent when it cannot keep it.
    """
    from radiusd.radius.assigned import Code

    told: tuple[Pair, ...] = (
        ("Acct-Status-Type", status),
        ("Acct-Session-Id", session or secrets.token_hex(8)),
        *((("Acct-Session-Time", seconds),) if seconds is not None else ()),
    )
    _show(ctx, _ask(way_of(ACCT_PORT, asked), Code.ACCOUNTING_REQUEST, (*told, *pairs), **asked))


@test.command(
    "status",
    example="tollwire radius test status 127.0.0.1 --secret-file secret\n"
    "tollwire radius test status radius.example.net --transport tls --ca ca.pem --certificate sbc1.pem "
    "--key sbc1.key",
)
@click.argument("host")
@way_options(AUTH_PORT)
@click.pass_context
def status(ctx: click.Context, /, **asked: Any) -> None:
    """
    Send one Status-Server and show the answer: is the server there, and would it keep our records?

    Exits 0 when it is, 69 when nobody answers: a server whose database is away stays silent. Give --port for
    a port of accounting.
    """
    from radiusd.radius.assigned import Code

    way = way_of(AUTH_PORT, asked)
    _show(
        ctx, _ask(way, Code.STATUS_SERVER, (), calling=None, called=None, user=None, dictionary="rfc2866")
    )


def _show(ctx: click.Context, answer: Answer) -> None:
    """Write an answer; as text with a line an attribute."""
    told = answer
    if options_of(ctx).format is Format.TEXT:
        told = {"answer": answer["answer"], **answer["attributes"]}
    print_document(ctx, told)


def _password(password: bytes | None, chap: bool) -> tuple[Pair, ...]:
    if password is None:
        return ()
    if not chap:
        return (("User-Password", password),)
    challenge, identifier = secrets.token_bytes(16), secrets.token_bytes(1)
    proof = md5(identifier + password + challenge, usedforsecurity=False).digest()  # RFC 2865, 5.3
    return (("CHAP-Password", identifier + proof), ("CHAP-Challenge", challenge))


def _line(file: IO[bytes]) -> bytes:
    """Return what stands in a file of one line."""
    return file.read(4096).rstrip(b"\r\n")


def _ask(
    way: Way,
    code: Code,
    pairs: tuple[Pair, ...],
    *,
    calling: str | None,
    called: str | None,
    user: str | None,
    dictionary: str,
) -> Answer:
    """
    Return the answer: its name, and its attributes by name.

    Raises:
        BadInput: An attribute is not in the dictionary, or its value does not fit.
        Unreachable: Nobody answered.
    """
    from provisioning.cli.radius_answer import answer_name, named_attributes
    from radiusd.radius.client import NoAnswer, encode_attributes
    from radiusd.radius.request import BadRequest, Request

    names = open_dictionary(dictionary)
    given = {"User-Name": user, "Calling-Station-Id": calling, "Called-Station-Id": called}
    named: list[Pair] = [(name, value) for name, value in given.items() if value is not None]
    try:
        attributes = encode_attributes(names, [*named, *pairs])
        octets = Request(code, attributes).sign(secrets.randbelow(256), way.secret)
    except BadRequest as error:
        raise BadInput(f"--attr: {error}") from error
    try:
        packet = way.exchange(octets)
    except BadRequest as error:
        raise BadInput(str(error)) from error
    except NoAnswer as error:
        raise Unreachable(str(error)) from error
    return {"answer": answer_name(packet), "attributes": named_attributes(names, packet)}


def open_dictionary(name: str) -> Dictionary:
    """
    Return the dictionary ``dictionary.NAME`` of ours.

    Raises:
        BadInput: There is no such dictionary; the text names those there are.
    """
    from radiusd.radius.client import load_dictionary

    folder = files("dictionaries")
    known = sorted(entry.name for entry in folder.iterdir() if entry.name.startswith("dictionary."))
    if f"dictionary.{name}" not in known:
        choices = ", ".join(entry.removeprefix("dictionary.") for entry in known)
        raise BadInput(f"--dictionary: there is none called {name}; there are {choices}")
    with as_file(folder) as path:
        return load_dictionary(path / f"dictionary.{name}")
