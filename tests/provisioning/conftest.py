"""A transaction on the tests' database that is never committed, an admin, a small installation, a file."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import cursor as Cursor

from provisioning.accounts import Account, add_account
from provisioning.admin import Admin
from provisioning.decks import Deck, import_deck
from provisioning.plans import Plan, add_plan
from provisioning.rate_files import RateFile
from radiusd.storage.secrets import Sealer

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SINCE = date(2026, 11, 1)
RATES = "prefix,description,rate,initial,increment\n1,North America,0.01,6,6\n44,United Kingdom,0.02,60,60\n"


@pytest.fixture
def admin() -> Admin:
    """Somebody who changes things at noon of 2026-11-20."""
    return Admin("tester", NOW, Sealer(bytes(32)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of rates to be written."""
    return tmp_path / "rates.csv"


@pytest.fixture
def txn(dsn: str) -> Iterator[Cursor]:
    """A transaction; it is rolled back after the test."""
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as txn:
        yield txn
        connection.rollback()


@pytest.fixture
def site(txn: Cursor, admin: Admin, tmp_path: Path) -> Cursor:
    """The transaction with deck and plan ``retail`` in USD, and accounts ACME and BETA."""
    path = tmp_path / "rates.csv"
    path.write_text(RATES)
    import_deck(txn, Deck(name="retail", currency="USD"), RateFile(path), admin)
    add_plan(txn, Plan(code="retail", deck="retail"), admin)
    for code in ("ACME", "BETA"):
        add_account(txn, Account(code=code, currency="USD"), admin)
    return txn
