"""``books check``: clean books are proved, and every kind of damage is found with both numbers."""

import json
import re
from contextlib import closing
from datetime import timedelta

import psycopg2
import pytest

from provisioning.cli.errors import Exit
from radiusd.storage.books_check import CHECKS, RECOMPUTED, recomputed_micros
from radiusd.storage.traffic_sums import add_up

pytestmark = pytest.mark.postgres

DAMAGE = {
    "balance is the sum of its postings": "UPDATE balance SET balance_micros = balance_micros + 1",
    "bucket use is the sum of its postings": "UPDATE bucket SET used_s = used_s - 1 WHERE used_s > 0",
    "bucket has no more used and held than included": (
        "ALTER TABLE bucket DROP CONSTRAINT bucket_not_overdrawn;"
        " UPDATE bucket SET included_s = used_s + held_s - 1 WHERE used_s + held_s > 0"
    ),
    "seconds that rolled over are those of the buckets they became": (
        "UPDATE bucket SET included_s = included_s + 1, rolled_s = rolled_s + 1"
    ),
    "recurring charges are the sum of their postings": (
        "UPDATE recurring_charge SET charged_micros = charged_micros + 1"
    ),
    "money held is the sum of open calls": "UPDATE balance SET held_micros = held_micros + 1",
    "seconds held are the sum of open calls": "UPDATE bucket SET held_s = held_s - 1 WHERE held_s > 0",
    "account channels are its open calls": "UPDATE balance SET channels = channels + 1",
    "trunk channels are its open calls": "UPDATE channel SET used = used + 1",
    "open calls have sessions, and sessions open calls": (
        "UPDATE call SET state = 'ended' WHERE state = 'started'"
    ),
    "charge of a call, less its out-payment, is the sum of its postings": (
        "DELETE FROM posting WHERE kind = 'usage'"
    ),
    "included seconds of a call are the sum of its postings": "UPDATE cdr SET included_s = included_s + 1",
    "cost of a call is the sum of its postings": (
        "UPDATE cdr SET cost_micros = cost_micros + 1 WHERE cost_micros > 0"
    ),
    "what a call says it was charged is on its record": "DELETE FROM cdr",
    "traffic of an account is what its records say": (
        "UPDATE traffic_sum SET earned_micros = earned_micros + 1 WHERE what = 'account' AND minutes = 0"
    ),
    "traffic of a day is what its records say": "UPDATE cdr SET duration_ms = duration_ms + 1",
    "traffic added up by any key comes to the traffic of all": (
        "DELETE FROM traffic_sum WHERE what = 'trunk' AND minutes = 60"
    ),
    RECOMPUTED: (
        'UPDATE cdr SET rating = replace(rating::text, \'"price":"0.02"\', \'"price":"0.03"\')::json'
    ),
}


@pytest.fixture
def busy(switch):
    """Books with an ended, an open and a corrected call, an open one on a trunk, and one of nobody."""
    switch.stop("ended", 30, called="12125550002")
    switch.start("open", called="12125550001")
    switch.start("trunk", trunk_in="tg2")
    switch.start("stranger", calling="stranger")
    switch.stop("carried", 30, trunk_out="out9")
    switch.stop("corrected", 30)
    switch.stop("corrected", 61)
    switch.stop("nobody", 30, calling="stranger")
    switch.charge_fees(monthly_fee_micros=1_000_000)
    return switch


def checked(run):
    """Return the exit code and what the check says as JSON."""
    result = run("books", "check", "--json")
    return result.exit_code, json.loads(result.stdout)


def test_clean_books_are_proved(run, busy, dsn):
    """
    Every check compares rows and finds no difference.
    """
    _add_up(dsn, busy.now)
    code, said = checked(run)

    assert (Exit.OK, True, []) == (code, said["ok"], said["differences"])
    assert [*CHECKS, RECOMPUTED] == [proof["check"] for proof in said["checks"]]
    assert [] == [proof["check"] for proof in said["checks"] if proof["compared"] == 0]


def test_books_stay_clean_when_all_calls_have_ended(run, busy):
    """
    What calls held is given back, and charges are booked in its place.
    """
    busy.now += timedelta(seconds=600)
    for name, fields in {
        "open": {"called": "12125550001"},
        "trunk": {"trunk_in": "tg2"},
        "stranger": {"calling": "stranger"},
    }.items():
        busy.stop(name, 600, **fields)

    assert (Exit.OK, True) == (checked(run)[0], checked(run)[1]["ok"])


def _add_up(dsn, now):
    """Add the traffic up as if its calls were long over, whatever the database's clock says."""
    with closing(psycopg2.connect(dsn, options="-c timezone=UTC")) as connection, connection:
        with connection.cursor() as txn:
            txn.execute("UPDATE traffic_state SET mark_at = %s, mark_xid = '0'", (now + timedelta(days=40),))
            add_up(txn)


@pytest.mark.parametrize("check", [*CHECKS, RECOMPUTED])
def test_damage_is_found(run, busy, dsn, check):
    """
    Whatever row is changed behind the books' back, the check that guards it names row and numbers.
    """
    _add_up(dsn, busy.now)
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        txn.execute("SET LOCAL session_replication_role = replica")  # nothing notes it
        txn.execute(DAMAGE[check])
        assert txn.rowcount > 0

    code, said = checked(run)
    found = [difference for difference in said["differences"] if difference["check"] == check]

    _repair(dsn)
    assert (Exit.DIFFERS, False) == (code, said["ok"])
    assert found
    assert all(difference["kept"] != difference["counted"] for difference in found)


def _repair(dsn):
    """Put the constraint back that one kind of damage had to drop."""
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        txn.execute("DELETE FROM bucket")
        txn.execute("ALTER TABLE bucket DROP CONSTRAINT IF EXISTS bucket_not_overdrawn")
        txn.execute(
            "ALTER TABLE bucket ADD CONSTRAINT bucket_not_overdrawn"
            " CHECK (used_s + held_s + rolled_s <= included_s)"
        )


def test_shows_differing_rows_as_text(run, busy, dsn):
    """
    Without --json the differing rows stand below the checks.
    """
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        txn.execute("UPDATE balance SET channels = channels + 5 WHERE account_id <> 0")

    result = run("books", "check")

    assert Exit.DIFFERS == result.exit_code
    assert re.search(r"^account channels are its open calls\t\d+\tchannels\t7\t2$", result.stdout, re.M)


def test_a_live_server_is_not_disturbed(run, busy, dsn):
    """
    The check waits for no lock: it runs while a batch has every account locked, and sees what was committed.
    """
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as txn:
        txn.execute("SELECT 1 FROM balance FOR UPDATE")
        txn.execute("UPDATE balance SET balance_micros = 7")

        assert Exit.OK == checked(run)[0]


@pytest.mark.parametrize(
    "rating",
    ["", "[]", "null", "{", '{"call": {}}', '{"call": []}', '{"call": {"rounding": {"decimals": "x"}}}'],
)
def test_an_explanation_that_explains_nothing_is_no_charge(rating):
    """
    A damaged explanation is a difference, never a crash.
    """
    assert None is recomputed_micros(rating)
