"""A running console with people of each role, and Debian's Chromium in front of it."""

from __future__ import annotations

import http.client
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import psycopg2
import pytest
from playwright.sync_api import Browser, Page

from provisioning.accounts import Account, add_account
from provisioning.admin import Admin
from provisioning.logins import begin_login, finish_login
from provisioning.number_import import NumberFile, import_numbers
from provisioning.people import User, add_user
from provisioning.roles import Role
from radiusd.storage.catalogue import load_catalogue
from radiusd.storage.secrets import Sealer, make_key
from tests.console.chromium import CHROMIUM, LONGEST_MS, chromium
from tests.packages import skip_without
from tests.provisioning.api.conftest import Console, start_console
from tests.provisioning.cli.conftest import RATES, START, Switch, provision

BOUND = {Role.RESELLER: "RES", Role.CUSTOMER: "ACME"}
ADDRESSES = count(1)
NUMBERS = (
    "number,country,area,currency,setup_price,monthly_price\n"
    "15125550140,US,512,USD,1.00,1.50\n15125550141,US,512,USD,1.00,1.50\n442079460142,GB,20,USD,2.00,2.00\n"
)
EXPORTS = """
[[exports]]
name = "acme-daily"
columns = ["call_id=Call", "total=Price"]
account = "ACME"
status = "answered"
every = "day"
folder = "/srv/exports"
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """
    One browser for a module.

    While it runs, so does its loop of asyncio in this thread: what needs one of its own, such as an import of
    call records, cannot be tested here meanwhile. A second for each module is the price.
    """
    skip_without(() if CHROMIUM.exists() else ("chromium",))
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def console(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """One console for the whole session; visitors may sign up and wait to be let in; an export is saved."""
    started = start_console(
        database,
        tmp_path_factory.mktemp("console"),
        EXPORTS,
        requests_per_minute=1_000_000,
        threads=4,
        proxy="127.0.0.1",
        sign_up=True,
        sign_up_plans=["P"],
        sign_up_approval=True,
    )
    yield started
    started.process.send_signal(signal.SIGTERM)
    assert 0 == started.process.wait(20)


@pytest.fixture
def url(console: Console) -> str:
    """Where the console is."""
    return f"http://127.0.0.1:{console.port}"


@pytest.fixture
def site(dsn: str, console: Console, tmp_path: Path) -> Admin:
    """ACME with a DID, a virtual number and a trunk; BETA; RES, and below it SHOP; three free numbers."""
    admin = Admin("tester", START, Sealer(make_key(console.key)))
    rates = tmp_path / "rates.csv"
    rates.write_text(RATES)
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        provision(txn, admin, rates)
        for code, above in (("BETA", None), ("RES", None), ("SHOP", "RES")):
            add_account(txn, Account(code=code, currency="USD", reseller=above), admin)
        import_numbers(txn, NumberFile("numbers.csv", NUMBERS, None), admin)
        for role in Role:
            add_user(txn, User(name=role.value, role=role.value, account=BOUND.get(role)), admin)
    return admin


@pytest.fixture
def switch(dsn: str, site: Admin) -> Iterator[Switch]:
    """A switch with calls of ACME's, now."""
    with closing(psycopg2.connect(dsn)) as connection:
        catalogue = load_catalogue(connection, site.sealer)
    made = Switch(dsn, catalogue)
    made.now = datetime.now(UTC)
    yield made
    made.close()


class Person(NamedTuple):
    """Somebody who is logged in: the session's token, and what its forms carry."""

    token: str
    csrf: str


@pytest.fixture
def person(dsn: str, site: Admin) -> Callable[..., Person]:
    """Log somebody in by the database: passwords are slow on purpose, and tested by themselves."""

    def log_in(role: Role, ago: timedelta = timedelta()) -> Person:
        now = datetime.now(UTC) - ago
        with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
            candidate = begin_login(txn, role.value, "127.0.0.1", now)
            session = finish_login(txn, candidate, True, "", now, site.sealer)
        return Person(session.token, session.csrf_token)

    return log_in


Visitor = Callable[..., Page]


@pytest.fixture
def visit(browser: Browser, url: str, person: Callable[..., Person]) -> Iterator[Visitor]:
    """Return a new browser's page at a path, for a role or for nobody; a script that fails fails the test."""
    contexts = []
    faults: list[str] = []

    def visit(role: Role | None, path: str, **look: object) -> Page:
        # Each comes from an address of its own: what is slowed down is one of them, never another test.
        n = next(ADDRESSES)
        address = {"X-Forwarded-For": f"10.{n // 250}.{n % 250}.1"}
        context = browser.new_context(base_url=url, extra_http_headers=address, **look)  # type: ignore[arg-type]
        contexts.append(context)
        if role is not None:
            context.add_cookies([{"name": "tollwire_session", "value": person(role).token, "url": url}])
        page = context.new_page()
        page.set_default_timeout(LONGEST_MS)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(path)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert [] == faults


@pytest.fixture
def ask(console: Console) -> Callable[..., tuple[int, dict[str, str], str]]:
    """Send one request as a program would, and return the status, the headers and the text."""

    def ask(method: str, path: str, form: dict[str, str] | None = None, token: str = "", **headers: str):  # type: ignore[no-untyped-def]
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            given["Cookie"] = f"tollwire_session={token}"
        if form is not None:
            given.setdefault("Content-Type", "application/x-www-form-urlencoded")
        with closing(http.client.HTTPConnection("127.0.0.1", console.port, timeout=30)) as connection:
            connection.request(method, path, None if form is None else urlencode(form), given)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode()

    return ask
