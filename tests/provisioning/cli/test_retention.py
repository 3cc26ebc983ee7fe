"""Months that leave: exported, proved, detached, dropped; and the books add up before and after."""

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psycopg2
import pytest

from radiusd.errors import BadInput, Conflict
from radiusd.exports import month_tables, retention
from radiusd.storage.books_check import check_books
from radiusd.storage.database import BlockingConnection, finish
from radiusd.storage.duties import make_partitions
from radiusd.storage.traffic_sums import add_up
from tests.cdr_records import put_row

pytestmark = pytest.mark.postgres

MARCH = date(2026, 3, 1)
NOW = datetime(2026, 7, 15, tzinfo=UTC)
NAMES = ("cdr_2026_03", "posting_2026_03")


@pytest.fixture
def months(dsn: str) -> Iterator[None]:
    """Tables for the months from March to June 2026; they are gone afterwards."""
    with closing(BlockingConnection(dsn)) as connection:
        made = finish(make_partitions(connection, datetime(2026, 3, 10, tzinfo=UTC)))
    yield
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        for name in made:
            txn.execute(f"DROP TABLE IF EXISTS {name}; DROP TABLE IF EXISTS {name}_detached")


@pytest.fixture
def calls(months, switch):
    """Two calls in March and one in April, with included minutes and money."""
    switch.stop("c1", 30)
    switch.now += timedelta(minutes=1)
    switch.stop("c2", 90)
    switch.now += timedelta(days=31)
    switch.stop("c3", 90)


@pytest.fixture
def connection(dsn: str) -> Iterator[psycopg2.extensions.connection]:
    """A connection of its own."""
    with closing(psycopg2.connect(dsn)) as made:
        yield made


def wrong(connection) -> list[str]:
    """Return which checks of the books find anything."""
    return [proof.check for proof in check_books(connection) if proof.differing]


def query(connection, sql):
    with connection, connection.cursor() as txn:
        txn.execute(sql)
        return txn.fetchall()


def lines(path: str) -> list[str]:
    with gzip.open(path, "rt") as file:
        return file.read().splitlines()


def test_a_month_leaves_and_the_books_add_up(run, calls, connection, tmp_path):
    """
    Its files have all of its rows; balance, bucket and the calls of other months are as before.
    """
    balances = query(connection, "SELECT * FROM balance ORDER BY account_id")
    assert [] == wrong(connection)

    found = json.loads(run("db", "retain", "2026-03", "--folder", str(tmp_path), "--json").stdout)
    assert [("cdr", "2026-03", "detached"), ("posting", "2026-03", "detached")] == [
        (each["relation"], each["month"], each["state"]) for each in found
    ]
    assert 2 == found[0]["records"]
    assert [each["records"] + 1 for each in found] == [len(lines(each["file"])) for each in found]
    assert lines(found[0]["file"])[0].startswith("account_id\tstarted_at\tcall_id")
    assert [(1,)] == query(connection, "SELECT count(*) FROM cdr")
    assert balances == query(connection, "SELECT * FROM balance ORDER BY account_id")
    assert [] == wrong(connection)


def test_what_was_carried_is_needed(run, calls, connection, tmp_path):
    """
    Without it the books' check finds the month that is gone.
    """
    run("db", "retain", "2026-03", "--folder", str(tmp_path))
    query(connection, "DELETE FROM carried RETURNING 1")

    missed = ["balance is the sum of its postings", "bucket use is the sum of its postings"]
    assert missed == wrong(connection)


def test_reports_are_of_the_months_that_are_left(run, calls, connection, tmp_path):
    """
    Whether they were added up or not; a record that comes late for a month that is gone is in them.
    """

    def reported() -> dict[str, int]:
        year = ("--since", "2026-01-01", "--until", "2026-12-31")
        said = run("report", "traffic", "--by", "day", *year, "--json")
        return {line["day"]: line["calls"] for line in json.loads(said.stdout)}

    with connection, connection.cursor() as txn:
        txn.execute("UPDATE traffic_state SET mark_at = %s, mark_xid = '0'", (NOW,))
        add_up(txn)
    assert {"2026-03-02": 2, "2026-04-02": 1} == reported()

    run("db", "retain", "2026-03", "--folder", str(tmp_path))
    assert {"2026-04-02": 1} == reported()
    assert [] == wrong(connection)

    with connection, connection.cursor() as txn:
        put_row(txn, 7, datetime(2026, 3, 12, tzinfo=UTC))
        add_up(txn)
    assert {"2026-03-12": 1, "2026-04-02": 1} == reported()

    run("db", "drop-month", "2026-03")
    with connection, connection.cursor() as txn:
        add_up(txn)
        txn.execute("SELECT min(begins) > '2026-02-01' FROM traffic_sum")
        assert (True,) == txn.fetchone()
    assert {"2026-03-12": 1, "2026-04-02": 1} == reported()


def test_a_dropped_month_is_gone_and_its_files_put_it_back(run, calls, connection, tmp_path):
    """
    Into a table of the same form, with PostgreSQL's own COPY.
    """
    run("db", "retain", "2026-03", "--folder", str(tmp_path))
    before = query(connection, "SELECT one::text FROM cdr_2026_03_detached AS one ORDER BY one::text")

    found = json.loads(run("db", "drop-month", "2026-03", "--json").stdout)
    assert ["dropped", "dropped"] == [each["state"] for each in found]
    assert [(None, None)] == query(
        connection, "SELECT to_regclass('cdr_2026_03_detached'), to_regclass('posting_2026_03_detached')"
    )
    assert [] == wrong(connection)
    with connection, connection.cursor() as txn, gzip.open(found[0]["file"]) as file:
        txn.execute("CREATE TEMP TABLE back (LIKE cdr) ON COMMIT DROP")
        txn.copy_expert("COPY back FROM STDIN WITH (HEADER MATCH)", file)
        txn.execute("SELECT one::text FROM back AS one ORDER BY one::text")
        assert before == txn.fetchall()


def test_months_are_listed_with_what_became_of_them(run, calls, tmp_path):
    """
    Attached ones are counted; those that left say where they are.
    """
    run("db", "retain", "2026-03", "--folder", str(tmp_path))

    found = json.loads(run("db", "months", "--json").stdout)
    states = {(each["relation"], each["month"]): (each["state"], each["records"]) for each in found}
    assert ("detached", 2) == states["cdr", "2026-03"]
    assert ("attached", 1) == states["cdr", "2026-04"]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("DELETE FROM cdr_2026_03_detached WHERE called = '442071838750'", "has 0 records"),
        ("UPDATE cdr_2026_03_detached SET destination = 'elsewhere'", "has other records than"),
    ],
)
def test_a_table_that_differs_from_its_file_is_not_dropped(run, calls, connection, tmp_path, damage, words):
    """
    Neither when counts differ, nor when contents do.
    """
    run("db", "retain", "2026-03", "--folder", str(tmp_path))
    query(connection, f"{damage} RETURNING 1")

    result = run("db", "drop-month", "2026-03")
    assert 0 != result.exit_code
    assert words in result.stderr
    assert [(True, True)] == query(
        connection,
        "SELECT to_regclass('cdr_2026_03_detached') IS NOT NULL,"
        " to_regclass('posting_2026_03_detached') IS NOT NULL",
    )


def test_a_file_that_was_changed_or_lost_keeps_its_table(run, calls, connection, tmp_path):
    """
    The file is all that would be left.
    """
    run("db", "retain", "2026-03", "--folder", str(tmp_path))
    path = tmp_path / "posting_2026_03.copy.gz"
    octets = path.read_bytes()
    path.write_bytes(octets[:-1] + bytes((octets[-1] ^ 1,)))
    assert "SHA-256" in run("db", "drop-month", "2026-03").stderr
    path.unlink()
    assert "No such file" in run("db", "drop-month", "2026-03").stderr

    path.write_bytes(octets)
    assert 0 == run("db", "drop-month", "2026-03").exit_code


def test_what_changed_after_the_export_is_not_detached(calls, connection, tmp_path, monkeypatch):
    """
    A late correction between file and detachment: nothing is lost, and the next run exports anew.
    """
    export = retention._export

    def exported_and_then_changed(connection, relation, month, folder, now):
        made = export(connection, relation, month, folder, now)
        query(connection, "UPDATE cdr_2026_03 SET location = 'late' RETURNING 1")
        return made

    monkeypatch.setattr(retention, "_export", exported_and_then_changed)
    with pytest.raises(Conflict, match="has other records than"):
        retention.retain(connection, MARCH, tmp_path, NOW)
    assert [(3,)] == query(connection, "SELECT count(*) FROM cdr")

    monkeypatch.undo()
    retention.retain(connection, MARCH, tmp_path, NOW)
    assert [] == wrong(connection)
    assert all("late" in line for line in lines(str(tmp_path / "cdr_2026_03.copy.gz"))[1:])


def test_what_changes_in_the_last_moment_attaches_the_month_again(calls, connection, tmp_path, monkeypatch):
    """
    Between the proof and the lock somebody wrote: the month is back, with that.
    """
    carry = retention._carry

    def changed_after_its_proof(txn, name, month):
        carry(txn, name, month)
        txn.execute("UPDATE cdr_2026_03 SET location = 'late'")

    monkeypatch.setattr(retention, "_carry", changed_after_its_proof)
    with pytest.raises(Conflict, match="has other records than"):
        retention.retain(connection, MARCH, tmp_path, NOW)

    assert [(3,)] == query(connection, "SELECT count(*) FROM cdr")
    assert [(0,)] == query(connection, "SELECT count(*) FROM carried")
    assert [] == wrong(connection)
    monkeypatch.undo()
    retention.retain(connection, MARCH, tmp_path, NOW)


def test_calls_that_hold_the_tables_are_waited_for_shortly(calls, connection, dsn, tmp_path, monkeypatch):
    """
    Detaching gives way and tries again, so that calls go on; in the end it succeeds.
    """
    monkeypatch.setattr(retention, "LOCK_WAIT", "50ms")
    with closing(psycopg2.connect(dsn)) as other:
        with other.cursor() as txn:
            txn.execute("LOCK TABLE posting IN ROW EXCLUSIVE MODE")
        timer = threading.Timer(0.3, other.rollback)
        timer.start()
        retention.retain(connection, MARCH, tmp_path, NOW)
        timer.join()

    monkeypatch.setattr(retention, "TRIES", 2)
    with closing(psycopg2.connect(dsn)) as other, other.cursor() as txn:
        txn.execute("LOCK TABLE posting IN ROW EXCLUSIVE MODE")
        with pytest.raises(Conflict, match="calls held the tables 2 times"):
            retention.retain(connection, date(2026, 4, 1), tmp_path, NOW)


def test_repeated_it_changes_nothing_more(calls, connection, tmp_path):
    """
    A second run finds the month detached and right; a second drop finds it dropped.
    """
    first = retention.retain(connection, MARCH, tmp_path, NOW)
    assert first == retention.retain(connection, MARCH, tmp_path, NOW)
    dropped = retention.drop(connection, MARCH, NOW)
    assert dropped == retention.drop(connection, MARCH, NOW)


@pytest.mark.parametrize(
    ("month", "now", "words"),
    [
        (MARCH, datetime(2026, 5, 31, tzinfo=UTC), "ended less than 62 days ago"),
        (date(2026, 4, 1), NOW, "2026-03 is still there"),
        (date(2026, 1, 1), NOW, "there is no cdr_2026_01"),
    ],
)
def test_only_the_oldest_month_leaves_and_not_too_soon(calls, connection, tmp_path, month, now, words):
    """
    Else sums would be carried past calls that are still in the books.
    """
    with pytest.raises(BadInput, match=words):
        retention.retain(connection, month, tmp_path, now)


def test_rows_without_a_month_of_their_own_hold_it_back(calls, connection, tmp_path):
    """
    They would be left behind, older than what has gone.
    """
    with connection, connection.cursor() as txn:
        put_row(txn, uuid4().int, datetime(2026, 2, 3, tzinfo=UTC))

    with pytest.raises(BadInput, match="cdr_default holds 1 rows from before 2026-04-01"):
        retention.retain(connection, MARCH, tmp_path, NOW)


def test_a_month_that_had_no_tables_gets_them_and_leaves(run, calls, connection, tmp_path):
    """
    Records of a time before the database was made: no report misses one, and they leave like any other.
    """
    with connection, connection.cursor() as txn:
        for day in (3, 4):
            put_row(txn, uuid4().int, datetime(2026, 2, day, tzinfo=UTC))
    february = ("--since", "2026-02-01", "--until", "2026-03-01", "--json")
    before = run("report", "traffic", "--by", "day", *february).stdout
    with pytest.raises(BadInput, match="'tollwire db make-month 2026-02' gives the oldest"):
        retention.retain(connection, MARCH, tmp_path, NOW)

    made = json.loads(run("db", "make-month", "2026-02", "--json").stdout)

    try:
        assert [("cdr_2026_02", 2), ("posting_2026_02", 0)] == [tuple(each.values()) for each in made]
        assert before == run("report", "traffic", "--by", "day", *february).stdout
        with connection, connection.cursor() as txn:
            add_up(txn)
            add_up(txn)
        assert before == run("report", "traffic", "--by", "day", *february).stdout
        assert [] == [check for check in wrong(connection) if "traffic" in check]
        assert "2026-02 has its tables already" in run("db", "make-month", "2026-02").stderr
        with connection, connection.cursor() as txn:
            # These two have no ledger, which is not what this is about.
            txn.execute("DELETE FROM cdr WHERE started_at < '2026-03-01Z'")
        retention.retain(connection, date(2026, 2, 1), tmp_path, NOW)
        retention.retain(connection, MARCH, tmp_path, NOW)
        assert [] == wrong(connection)
        assert "2026-02 has left the books" in run("db", "make-month", "2026-02").stderr
    finally:
        with connection, connection.cursor() as txn:
            for name in ("cdr_2026_02", "posting_2026_02"):
                txn.execute(f"DROP TABLE IF EXISTS {name}; DROP TABLE IF EXISTS {name}_detached")


def test_what_comes_while_a_month_gets_its_tables_is_there(dsn, months, connection, monkeypatch):
    """
    A record that is written after the others were moved, and before the table is closed to others.
    """
    lock = month_tables._lock

    def come_late(txn, table):
        with closing(psycopg2.connect(dsn)) as other, other, other.cursor() as late:
            put_row(late, uuid4().int, datetime(2026, 2, 5, tzinfo=UTC))
        monkeypatch.setattr(month_tables, "_lock", lock)
        lock(txn, table)

    monkeypatch.setattr(month_tables, "_lock", come_late)
    try:
        assert ("cdr_2026_02", 1) == month_tables.make_month(connection, date(2026, 2, 1))[0]
        with connection, connection.cursor() as txn:
            txn.execute("SELECT count(*) FROM cdr")
            assert (1,) == txn.fetchone()
    finally:
        with connection, connection.cursor() as txn:
            txn.execute("DROP TABLE IF EXISTS cdr_2026_02; DROP TABLE IF EXISTS posting_2026_02")


def test_a_month_gets_no_tables_while_calls_hold_the_lock(dsn, months, connection, monkeypatch):
    """
    It gives way, says so, and has moved nothing.
    """
    monkeypatch.setattr(month_tables, "TRIES", 2)
    monkeypatch.setattr(month_tables, "LOCK_WAIT", "10ms")
    with closing(psycopg2.connect(dsn)) as other, other.cursor() as call:
        put_row(call, uuid4().int, datetime(2026, 2, 5, tzinfo=UTC))
        with pytest.raises(Conflict, match="calls held the tables all the time"):
            month_tables.make_month(connection, date(2026, 2, 1))
    with connection, connection.cursor() as txn:
        txn.execute("SELECT to_regclass('cdr_2026_02')")
        assert (None,) == txn.fetchone()


def test_a_late_record_of_a_month_that_has_left_holds_up_no_other(calls, connection, tmp_path):
    """
    It is in no month's table any more, and the books do not look for its ledger.
    """
    retention.retain(connection, MARCH, tmp_path, NOW)
    with connection, connection.cursor() as txn:
        put_row(txn, uuid4().int, datetime(2026, 3, 3, tzinfo=UTC))

    assert [] == wrong(connection)
    retention.retain(connection, date(2026, 4, 1), tmp_path, NOW)
    assert [] == wrong(connection)


def test_a_month_that_is_not_detached_is_not_dropped(run, calls):
    """
    Whatever was exported: first it leaves the books.
    """
    assert "is not detached" in run("db", "drop-month", "2026-03").stderr
    assert "'March' is no month like 2025-01" in run("db", "retain", "March", "--folder", ".").stderr


def test_a_folder_that_is_not_there_is_said(calls, connection, tmp_path):
    """
    Before anything is done.
    """
    with pytest.raises(BadInput, match="none is not there"):
        retention.retain(connection, MARCH, Path(tmp_path / "none"), NOW)
