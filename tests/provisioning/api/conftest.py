"""A running ``tollwire console`` on the tests' database, and who asks it over a socket."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from provisioning.accounts import Account, add_account
from provisioning.admin import Admin
from provisioning.decks import Deck, import_deck
from provisioning.people import User, add_user
from provisioning.plans import Plan, add_plan
from provisioning.rate_files import RateFile
from provisioning.roles import GRANTED, Role
from provisioning.tokens import Token, add_token
from radiusd.storage.secrets import Sealer, make_key
from tests.acceptance.process import wait_for

RATES = "prefix,description,rate,initial,increment\n1,North America,0.01,6,6\n44,United Kingdom,0.02,60,60\n"
START_S = 30.0


@dataclass(frozen=True)
class Said:
    """An answer."""

    status: int
    headers: dict[str, str]
    text: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class Api:
    """Somebody with a token."""

    port: int
    token: str

    def __call__(
        self, method: str, path: str, body: Any = None, code: int | None = None, **headers: str
    ) -> Said:
        """Ask, and expect the status *code*; headers are written with ``_`` for ``-``."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token:
            given.setdefault("Authorization", f"Bearer {self.token}")
        if isinstance(body, str):
            octets = body.encode()
            given.setdefault("Content-Type", "text/csv")
        else:
            octets = None if body is None else json.dumps(body).encode()
            given.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with closing(connection):
            connection.request(method, f"/api/v1{path}", octets, given)
            answer = connection.getresponse()
            said = Said(
                answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
            )
        assert code is None or code == said.status, said.text
        return said


@dataclass(frozen=True)
class Console:
    """A process of the console."""

    port: int
    config: Path
    key: Path
    process: subprocess.Popen[bytes]


def free_port() -> int:
    """Return a TCP port that was free just now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def start_console(database: str, folder: Path, more: str = "", **settings: object) -> Console:
    """Start a console, with *more* at the end of its configuration, and wait until it answers."""
    port = free_port()
    config = folder / "console.toml"
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    config.write_text(
        f'key_file = "{folder}/secret.key"\n[database]\ndsn = "{database}"\n'
        f"[console]\nport = {port}\n" + "\n".join(lines) + more
    )
    make_key(folder / "secret.key")
    command = [sys.executable, "-m", "provisioning.cli", "console", "--config", str(config)]
    with (folder / "console.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, env={**os.environ})

    def is_up() -> bool:
        assert process.poll() is None, (folder / "console.log").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_for(is_up, START_S)
    return Console(port, config, folder / "secret.key", process)


@pytest.fixture(scope="module")
def console(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A console for the tests of a module; it asks nobody to wait."""
    started = start_console(
        database, tmp_path_factory.mktemp("console"), requests_per_minute=1_000_000, threads=4
    )
    yield started
    started.process.send_signal(signal.SIGTERM)
    assert 0 == started.process.wait(20)


@pytest.fixture
def site(dsn: str, console: Console, tmp_path: Path) -> Admin:
    """The tests' database with a plan, accounts ACME, BETA and below RES SHOP; and who has made that."""
    rates = tmp_path / "rates.csv"
    rates.write_text(RATES)
    admin = Admin("tester", datetime.now(UTC), Sealer(make_key(console.key)))
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        import_deck(txn, Deck(name="retail", currency="USD"), RateFile(rates), admin)
        add_plan(txn, Plan(code="retail", deck="retail"), admin)
        for code, above in (("ACME", None), ("BETA", None), ("RES", None), ("SHOP", "RES")):
            add_account(txn, Account(code=code, currency="USD", reseller=above), admin)
    return admin


def token_for(
    dsn: str, admin: Admin, role: Role, account: str | None = None, scopes: tuple[str, ...] = ()
) -> str:
    """Return a token of a new user of *role*, with *scopes* or all that the role has."""
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        name = f"{role.value} {account or ''}".strip()
        if not scopes:
            add_user(txn, User(name=name, role=role.value, account=account), admin)
        wanted = scopes or tuple(GRANTED[role])
        label = "all" if not scopes else "some"
        return add_token(txn, Token(name=label, user=name, scopes=wanted), admin)[1]


@pytest.fixture
def api(dsn: str, console: Console, site: Admin) -> Api:
    """The operator's own program."""
    return Api(console.port, token_for(dsn, site, Role.OPERATOR))
