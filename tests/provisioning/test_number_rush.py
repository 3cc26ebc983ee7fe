"""Many sign-ups at the same moment, on real connections: nobody gets a number that another has."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import psycopg2
import pytest

from provisioning.accounts import Account, add_account
from provisioning.admin import begin
from provisioning.decks import Deck, import_deck
from provisioning.inventory import Number, add_number
from provisioning.number_search import Wanted, search
from provisioning.number_states import pass_reservation, reserve, reserve_any
from provisioning.pages import Page
from provisioning.plans import Plan, add_plan
from provisioning.rate_files import RateFile
from provisioning.service_kinds import Did
from provisioning.services import add_service
from radiusd.errors import Conflict
from tests.provisioning.conftest import NOW, RATES

pytestmark = pytest.mark.postgres

SIGN_UPS, NUMBERS, AT_ONCE = 120, 100, 24
QUARTER = timedelta(minutes=15)


@pytest.fixture
def shop(dsn, admin, tmp_path) -> str:
    """A database with a plan and a hundred numbers, committed."""
    path = tmp_path / "rates.csv"
    path.write_text(RATES)
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        import_deck(txn, Deck(name="retail", currency="USD"), RateFile(path), admin)
        add_plan(txn, Plan(code="retail", deck="retail"), admin)
        for at in range(NUMBERS):
            add_number(txn, Number(number=f"1512555{at:04}", country="US", currency="USD"), admin)
    return dsn


def test_a_rush_on_one_number_has_one_winner(shop, admin):
    """
    All others are told that it is reserved.
    """

    def rush(at: int) -> bool:
        with closing(psycopg2.connect(shop)) as connection, connection, connection.cursor() as txn:
            try:
                return bool(reserve(txn, "15125550007", f"browser-{at}", QUARTER, admin, sign_up=True))
            except Conflict:
                return False

    with ThreadPoolExecutor(AT_ONCE) as pool:
        assert 1 == sum(pool.map(rush, range(48)))


def test_more_sign_ups_than_numbers(shop, admin):
    """
    Each looks, reserves, makes an account and takes its DID; every number has one owner, and none is left.
    """

    def sign_up(at: int) -> str | None:
        me = replace(admin, name=f"sign-up {at}")
        with closing(psycopg2.connect(shop)) as connection:
            while True:
                with connection, connection.cursor() as txn:
                    offers = [
                        each.number for each in search(txn, me, Wanted(country="US"), NOW, Page(limit=10))
                    ]
                if not offers:
                    return None
                try:
                    with connection, connection.cursor() as txn:
                        number = reserve_any(txn, offers, f"browser-{at}", QUARTER, me, sign_up=True)
                    break
                except Conflict:
                    continue
            with connection, connection.cursor() as txn:
                begin(txn)
                add_account(txn, Account(code=f"NEW{at}", currency="USD"), me)
                assert pass_reservation(txn, number, f"browser-{at}", f"NEW{at}")
                did = Did(number=number, account=f"NEW{at}", plan="retail", activated=NOW)
                add_service(txn, did, me)
            return number

    with ThreadPoolExecutor(AT_ONCE) as pool:
        got = Counter(pool.map(sign_up, range(SIGN_UPS)))

    assert SIGN_UPS - NUMBERS == got.pop(None)
    assert {1} == set(got.values())
    with closing(psycopg2.connect(shop)) as connection, connection.cursor() as txn:
        txn.execute(
            "SELECT count(*), count(DISTINCT n.account_id) FROM number n JOIN service s ON s.name = n.number"
            " AND s.account_id = n.account_id WHERE n.state = 'assigned'"
        )
        assert (NUMBERS, NUMBERS) == txn.fetchone()
