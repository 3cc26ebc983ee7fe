"""Run ``tollwire`` in this process, on the tests' database, with calls that the real journal has settled."""

import random
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from click.testing import CliRunner, Result

from provisioning.accounts import Account, add_account
from provisioning.admin import Admin, Secret
from provisioning.balances import Posting, post
from provisioning.buckets import Bucket, add_bucket
from provisioning.cli import main
from provisioning.clients import Client, add_client
from provisioning.decks import Deck, import_deck
from provisioning.plans import Plan, add_plan
from provisioning.rate_files import RateFile
from provisioning.service_kinds import Did, Trunk, Virtual
from provisioning.services import add_service
from provisioning.suppliers import Supplier, add_supplier
from radiusd.calls.authorization import Attempt
from radiusd.calls.events import CallEvent, Kind, Status
from radiusd.storage.catalogue import Catalogue, load_catalogue
from radiusd.storage.database import BlockingConnection, finish
from radiusd.storage.journal import Ask, Journal, Outcome, Report, Work
from radiusd.storage.ledger import STATEMENTS
from radiusd.storage.recurring import charge_recurring
from radiusd.storage.secrets import Sealer, make_key

Run = Callable[..., Result]
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
RATES = """\
prefix,description,rate,connect_fee,initial,increment
1,United States,0.0125,0,6,6
44,United Kingdom,0.02,0.01,60,60
"""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run ``tollwire WORDS...`` in an empty folder, with no configuration anywhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOLLWIRE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TOLLWIRE_CONFIG", raising=False)

    def run(*words: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(main, words, input=stdin)

    return run


@pytest.fixture
def config(dsn: str, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration file for the tests' database, found by every command."""
    path = tmp_path / "tollwire.toml"
    path.write_text(f'key_file = "{tmp_path}/secret.key"\n[database]\ndsn = "{dsn}"\n')
    monkeypatch.setenv("TOLLWIRE_CONFIG", str(path))
    return path


class Switch:
    """A switch with calls of ACME: the DID 15550100 with a minute of included time, and a trunk of 2."""

    def __init__(self, dsn: str, catalogue: Catalogue) -> None:
        self.now = START
        self.client_id = next(client.id for client in catalogue.clients.clients)
        self._connection = BlockingConnection(dsn, STATEMENTS)
        self._journal = Journal(
            lambda: catalogue.directory,
            {client.id: client for client in catalogue.clients.clients}.get,
            random.Random(1),
        )

    def charge_fees(self, monthly_fee_micros: int) -> None:
        """Give all plans a monthly fee, and charge what is due now."""
        finish(self._connection.run("UPDATE plan SET monthly_fee_micros = %s", (monthly_fee_micros,)))
        finish(charge_recurring(self._connection, self.now, lambda: str(uuid.uuid4())))

    def ask(self, call_id: str, **fields: Any) -> Outcome:
        """Ask for a call."""
        return self._settle(Ask(Attempt(self._event(call_id, Kind.AUTHORIZE, fields), None)))

    def start(self, call_id: str, **fields: Any) -> Outcome:
        """Report that a call was answered now."""
        fields = {"status": Status.ANSWERED, "connect_at": self.now, **fields}
        return self._settle(Report(self._event(call_id, Kind.START, fields)))

    def stop(self, call_id: str, seconds: int, **fields: Any) -> Outcome:
        """Report that a call has lasted *seconds* and ended now."""
        fields = {
            "connect_at": self.now - timedelta(seconds=seconds),
            "disconnect_at": self.now,
            "duration_ms": seconds * 1000,
            **fields,
        }
        return self._settle(Report(self._event(call_id, Kind.STOP, fields)))

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def _event(self, call_id: str, kind: Kind, fields: dict[str, Any]) -> CallEvent:
        usual = {"calling": "15550100", "called": "442071838750", "leg_id": f"{call_id}-leg"}
        return CallEvent(
            client_id=self.client_id,
            dialect="rfc2866",
            kind=kind,
            received_at=self.now,
            event_at=self.now,
            event_at_known=True,
            call_id=call_id,
            **{**usual, **fields},
        )

    def _settle(self, work: Work) -> Outcome:
        (outcome,) = finish(self._journal.settle(self._connection, [work], self.now))
        assert outcome is not None, "the client is in the catalogue"
        return outcome


@pytest.fixture
def switch(dsn: str, config: Path, tmp_path: Path) -> Iterator[Switch]:
    """A provisioned database, and a switch that reports calls to it."""
    sealer = Sealer(make_key(tmp_path / "secret.key"))
    rates = tmp_path / "rates.csv"
    rates.write_text(RATES)
    with closing(psycopg2.connect(dsn)) as connection:
        with connection, connection.cursor() as txn:
            provision(txn, Admin("test", START, sealer), rates)
        catalogue = load_catalogue(connection, sealer)
    made = Switch(dsn, catalogue)
    yield made
    made.close()


def provision(txn: psycopg2.extensions.cursor, admin: Admin, rates: Path) -> None:
    """Add what :class:`Switch` says, and a virtual number on the DID's minutes."""
    since = START - timedelta(days=30)
    add_client(
        txn,
        Client(name="sbc", networks=("10.0.0.1",), secret=Secret(b"0123456789abcdef"), asserts_numbers=True),
        admin,
    )
    add_account(txn, Account(code="ACME", name="Acme", currency="USD"), admin)
    post(txn, Posting(account="ACME", amount=Decimal("10.00")), admin)
    import_deck(txn, Deck(name="retail", currency="USD"), RateFile(rates), admin)
    add_plan(txn, Plan(code="P", deck="retail"), admin)
    add_supplier(txn, Supplier(code="carrier", deck="retail", trunks=("out9",)), admin)
    add_bucket(txn, Bucket(plan="P", name="minutes", seconds=60), admin)
    for service in (
        Did(account="ACME", activated=since, number="15550100", plan="P"),
        Virtual(account="ACME", activated=since, number="15550199", primary="15550100"),
        Trunk(account="ACME", activated=since, trunk="tg2", plan="P", max_channels=2),
    ):
        add_service(txn, service, admin)
