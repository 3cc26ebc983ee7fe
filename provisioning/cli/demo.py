"""``tollwire demo``: a carrier to try, with a real server, a real database and real packets."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import click

from provisioning.cli.errors import Exit, Unreachable
from provisioning.cli.framework import Command
from provisioning.cli.options import Format, options_of
from provisioning.cli.output import print_document, table_lines
from provisioning.cli.session import HOME_VARIABLE, connect, now

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

    from provisioning.demo.home import Home

STEP_S = 1.5  # between two looks at the calls that come and go


@click.command(
    "demo",
    cls=Command,
    example="tollwire demo\ntollwire demo --once\ntollwire demo --reset --home /tmp/carrier",
)
@click.option("--once", is_flag=True, help="Play one fixed scenario in HOME-once, show results, and end.")
@click.option("--reset", is_flag=True, help="Start over: throw the demo's database and secret away.")
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where it keeps everything  [default: demo in $TOLLWIRE_HOME or ~/.local/share/tollwire]",
)
@click.pass_context
def demo(ctx: click.Context, once: bool, reset: bool, home: Path | None) -> None:
    """
    Try Tollwire: a small carrier with a database of its own, and a switch that plays calls.

    It stays in the foreground and prints lines to copy into another terminal. Ctrl-C ends it; the next start
    goes on with the same data. Nothing outside of its folder is touched.
    """
    from provisioning.demo.home import open_home
    from radiusd.radius.request import RequestFailed

    for number in (signal.SIGTERM, signal.SIGINT):  # SIGINT too: a shell's background jobs ignore it
        signal.signal(number, signal.default_int_handler)
    folder = _folder(home, once)
    made = open_home(folder, reset=reset or once, usual_ports=not once)
    try:
        with made.lock, _carrier(ctx, made) as connection:
            code = _play_once(ctx, made, connection) if once else _play_on(made)
    except RequestFailed as error:
        raise Unreachable(f"{error}; its log: {made.log}") from error
    ctx.exit(code)


def _folder(home: Path | None, once: bool) -> Path:
    """Return where the demo lives. The fixed scenario has a place of its own: it always starts over."""
    variable = os.environ.get(HOME_VARIABLE)
    usual = (Path(variable) if variable else Path.home() / ".local/share/tollwire") / "demo"
    folder = (home or usual).absolute()
    return folder.with_name(f"{folder.name}-once") if once else folder


@contextmanager
def _carrier(ctx: click.Context, home: Home) -> Iterator[Connection]:
    """Run database and server with the demo's site, and yield a connection to the database."""
    from provisioning.admin import Admin
    from provisioning.demo.server import running_server
    from provisioning.site import apply_file
    from radiusd.storage.migrations import migrate
    from radiusd.storage.postgres import EmbeddedPostgres
    from radiusd.storage.secrets import Sealer, make_key

    _tell(ctx, f"Starting PostgreSQL in {home.database}")
    with EmbeddedPostgres(home.database) as postgres:
        migrate(postgres.dsn)
        connection = connect(postgres.dsn)
        try:
            sealer = Sealer(make_key(home.database / "secret.key"))
            with connection, connection.cursor() as txn:
                apply_file(txn, home.site, Admin("demo", now(), sealer))
            _tell(ctx, "Starting the server")
            with running_server(home.config, home.log):
                yield connection
        finally:
            connection.close()


def _tell(ctx: click.Context, sentence: str) -> None:
    """Tell what is going on, to people."""
    if options_of(ctx).format is Format.TEXT:
        click.echo(sentence)


def _play_once(ctx: click.Context, home: Home, connection: Connection) -> Exit:
    """Play the scenario and show what it came to; return DIFFERS if the books do not add up."""
    from provisioning.demo.results import is_clean, results
    from provisioning.demo.scenario import begin_at, play
    from provisioning.demo.switch import DemoSwitch

    switch = DemoSwitch("127.0.0.1", home.auth_port, home.acct_port, home.secret)
    _tell(ctx, "")
    for step in play(switch, begin_at(now())):
        _tell(ctx, f"- {step.said}")
    tables = results(connection)
    if options_of(ctx).format is not Format.TEXT:
        documents = {
            table.name: [dict(zip(table.columns, row, strict=True)) for row in table.rows] for table in tables
        }
        print_document(ctx, documents)
    else:
        for table in tables:
            click.echo(f"\n{table.title}")
            for line in table_lines(table.columns, table.rows):
                click.echo(f"  {line}")
        tollwire = _program()
        click.echo(f"\nLook closer: {tollwire} --config {home.config} cdr list; ... explain CALL")
    return Exit.OK if is_clean(tables) else Exit.DIFFERS


def _play_on(home: Home) -> Exit:
    """Keep calls coming and going until Ctrl-C, and end them then."""
    from provisioning.demo.switch import DemoSwitch
    from provisioning.demo.traffic import Traffic

    click.echo(_welcome(home))
    switch = DemoSwitch("127.0.0.1", home.auth_port, home.acct_port, home.secret)
    traffic = Traffic(switch, now, Random())
    try:
        traffic.begin()
        while True:
            traffic.go_on()
            time.sleep(STEP_S)
    except KeyboardInterrupt:
        click.echo("\nHanging up, and stopping the server.")
        traffic.end()
    return Exit.OK


def _program() -> str:
    """Return how we were called, so that what we print can be copied."""
    called = Path(sys.argv[0]).absolute()
    if called.name != "tollwire":
        return f"{sys.executable} -m provisioning.cli"
    return "tollwire" if shutil.which("tollwire") == str(called) else str(called)


def _welcome(home: Home) -> str:
    tollwire = _program()
    asked = (
        "Service-Type=Call-Check, Calling-Station-Id=15125550100, Called-Station-Id=442071838750,"
        " Acct-Session-Id=by-hand, Message-Authenticator=0x00"
    )
    return f"""
Ready. RADIUS authentication on 127.0.0.1:{home.auth_port}, accounting on 127.0.0.1:{home.acct_port}
Shared secret: {home.secret}
Everything is in {home.path}; the server's log is {home.log.name} there.

Copy into another terminal:

  export TOLLWIRE_CONFIG={home.config}
  {tollwire} calls top
  {tollwire} cdr list
  {tollwire} books check
  {tollwire} radius test auth 127.0.0.1 --port {home.auth_port} --secret-file {home.secret_file} \\
      --from 15125550100 --to 442071838750 --attr Acct-Session-Id=by-hand --attr Service-Type=Call-Check
  {tollwire} explain by-hand
  echo '{asked}' | radclient -x 127.0.0.1:{home.auth_port} auth {home.secret}

Ctrl-C ends the demo."""
