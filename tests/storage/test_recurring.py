"""Fees that come round, on a real database: each once, however often and late; what ended is given back."""

import itertools
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest

from radiusd.storage.books_check import check_books
from radiusd.storage.database import BlockingConnection, finish
from radiusd.storage.recurring import charge_recurring

pytestmark = pytest.mark.postgres

NOVEMBER_20 = datetime(2026, 11, 20, 12, tzinfo=UTC)
JANUARY_5 = datetime(2027, 1, 5, tzinfo=UTC)


class Fees:
    """An account with a plan in the database, and the job that charges it."""

    def __init__(self, dsn: str) -> None:
        self.connection = BlockingConnection(dsn)
        self.ids = itertools.count(1)
        self.run("INSERT INTO account (code, name, currency) VALUES ('ACME', '', 'USD')")
        self.account_id = self.run("SELECT id FROM account")[0][0]
        self.run("INSERT INTO balance (account_id) VALUES (%s)", self.account_id)
        self.run("INSERT INTO deck (name, currency) VALUES ('d', 'USD')")
        self.run("INSERT INTO plan (code, name, deck_id) SELECT 'retail', '', id FROM deck")

    def run(self, sql: str, *args: object) -> list[Any]:
        """Run a statement."""
        return list(finish(self.connection.run(sql, args)))

    def plan(self, **columns: object) -> None:
        """Change the plan."""
        for column, value in columns.items():
            self.run(f"UPDATE plan SET {column} = %s", value)

    def service(self, name: str, activated_at: datetime, **columns: object) -> int:
        """Add a DID on the plan."""
        row = self.run(
            "INSERT INTO service (account_id, kind, name, plan_id, activated_at, location)"
            " SELECT %s, 'did', %s, id, %s, 'Austin' FROM plan RETURNING id",
            self.account_id,
            name,
            activated_at,
        )
        for column, value in columns.items():
            self.run(f"UPDATE service SET {column} = %s WHERE id = %s", value, row[0][0])
        return int(row[0][0])

    def charge(self, now: datetime) -> int:
        """Run the job as of *now*."""
        return finish(charge_recurring(self.connection, now, self.new_id))

    def new_id(self) -> str:
        """Return another id."""
        return f"{next(self.ids):032x}"

    @property
    def balance(self) -> int:
        """The account's balance."""
        sql = "SELECT balance_micros FROM balance WHERE account_id = %s"
        return int(self.run(sql, self.account_id)[0][0])


@pytest.fixture
def fees(dsn: str) -> Iterator[Fees]:
    """The books must add up when the test is over."""
    made = Fees(dsn)
    yield made
    made.connection.close()
    with closing(psycopg2.connect(dsn)) as connection:
        assert [] == [shown for proof in check_books(connection) for shown in proof.shown]


def test_charges_each_month_once_and_catches_up(fees: Fees) -> None:
    """
    The month of the activation by its days; run again nothing; late, each month that was missed.
    """
    fees.plan(monthly_fee_micros=30_000_000)
    fees.service("15125550100", datetime(2026, 11, 16, tzinfo=UTC))

    assert 0 == fees.charge(datetime(2026, 11, 15, tzinfo=UTC))
    assert (1, -15_000_000) == (fees.charge(NOVEMBER_20), fees.balance)
    assert (0, -15_000_000) == (fees.charge(NOVEMBER_20 + timedelta(days=3)), fees.balance)
    assert (2, -75_000_000) == (fees.charge(JANUARY_5), fees.balance)

    notes = [note for (note,) in fees.run("SELECT note FROM posting ORDER BY note")]
    assert "monthly fee of plan retail, 2026-11-01 to 2026-12-01" == notes[0]
    assert [("Austin",)] == fees.run("SELECT DISTINCT location FROM posting")


def test_gives_back_what_an_end_makes_too_much(fees: Fees) -> None:
    """
    Ended at the end of the 10th: 20 of 30 days of November come back, and no later month is due.
    """
    fees.plan(monthly_fee_micros=30_000_000)
    service = fees.service("15125550100", datetime(2026, 11, 1, tzinfo=UTC))
    fees.charge(NOVEMBER_20)
    fees.run("UPDATE service SET ended_at = %s WHERE id = %s", datetime(2026, 11, 11, tzinfo=UTC), service)

    assert (1, -10_000_000) == (fees.charge(NOVEMBER_20), fees.balance)
    assert 0 == fees.charge(JANUARY_5)


def test_a_new_fee_counts_from_the_next_month(fees: Fees) -> None:
    """
    A month that was charged keeps the fee that it had.
    """
    fees.plan(monthly_fee_micros=10_000_000)
    fees.service("15125550100", datetime(2026, 11, 1, tzinfo=UTC))
    fees.charge(NOVEMBER_20)
    fees.plan(monthly_fee_micros=12_000_000)

    assert 0 == fees.charge(NOVEMBER_20)
    fees.charge(datetime(2026, 12, 1, tzinfo=UTC))
    assert -22_000_000 == fees.balance


def test_fees_that_come_later_are_not_due_for_the_time_before(fees: Fees) -> None:
    """
    A plan that gets a fee on the 16th charges from the 16th, and no set-up to those who were there.
    """
    fees.service("15125550100", datetime(2025, 1, 1, tzinfo=UTC))
    fees.plan(
        monthly_fee_micros=30_000_000,
        setup_fee_micros=5_000_000,
        fees_from=datetime(2026, 11, 16, tzinfo=UTC),
    )

    assert (1, -15_000_000) == (fees.charge(NOVEMBER_20), fees.balance)


def test_set_up_is_due_once_and_services_have_fees_of_their_own(fees: Fees) -> None:
    """
    Plan and service, each its monthly and its set-up fee: four lines.
    """
    fees.plan(monthly_fee_micros=3_000_000, setup_fee_micros=1_000_000)
    own = {"monthly_fee_micros": 600_000, "setup_fee_micros": 2_000_000}
    fees.service("15125550100", datetime(2026, 11, 1, tzinfo=UTC), **own)

    assert (4, -6_600_000) == (fees.charge(NOVEMBER_20), fees.balance)
    assert (2, -10_200_000) == (fees.charge(datetime(2026, 12, 2, tzinfo=UTC)), fees.balance)


def test_months_of_the_anniversary(fees: Fees) -> None:
    """
    Activated on the 16th, whole months from the 16th on.
    """
    fees.plan(monthly_fee_micros=30_000_000, fee_cycle="anniversary")
    fees.service("15125550100", datetime(2026, 11, 16, tzinfo=UTC))

    assert (1, -30_000_000) == (fees.charge(NOVEMBER_20), fees.balance)
    assert 0 == fees.charge(datetime(2026, 12, 15, 23, tzinfo=UTC))
    assert 1 == fees.charge(datetime(2026, 12, 16, tzinfo=UTC))


def test_two_nodes_charge_once(fees: Fees, dsn: str) -> None:
    """
    Both read that nothing was charged, both post; one line of each month stands.
    """
    fees.plan(monthly_fee_micros=1_000_000)
    for number in range(40):
        fees.service(f"151255501{number:02}", datetime(2026, 11, 1, tzinfo=UTC))
    barrier = threading.Barrier(4)

    def charge() -> None:
        connection = BlockingConnection(dsn)
        barrier.wait()
        finish(charge_recurring(connection, NOVEMBER_20, fees.new_id))
        connection.close()

    threads = [threading.Thread(target=charge) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert -40_000_000 == fees.balance
    assert [(40,)] == fees.run("SELECT count(*)::integer FROM posting")
