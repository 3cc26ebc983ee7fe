"""Reports from sums are what the records say, whatever changes, whoever has not committed yet."""

import random
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from provisioning.peaks import Peak, peaks
from provisioning.roles import Actor
from provisioning.traffic import FIRST, GROUPS, traffic
from radiusd.storage import traffic_sums
from radiusd.storage.books_check import check_books
from radiusd.storage.database import BlockingConnection, finish
from radiusd.storage.time_steps import ceiling, floor
from radiusd.storage.traffic_parts import parts
from radiusd.storage.traffic_proofs import TRAFFIC_CHECKS
from radiusd.storage.traffic_sums import HOUR_MINUTES, add_up, forget_needless

pytestmark = pytest.mark.postgres

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
STEPS = 60
AGES = (0.1, 0.6, 1.5, 3, 5, 26, 30, 49, 24 * 9, 24 * 33, 24 * 39, 24 * 44, 24 * 70)  # hours
NOBODY = Actor("test")
COLUMNS = (
    *("account_id", "started_at", "call_id", "role", "status", "reason", "client_id", "service_id"),
    *("channel_service_id", "plan_id", "deck_version_id", "location", "calling", "called", "remote_ip"),
    *("trunk_in", "trunk_out", "ended_at", "duration_ms", "billed_s", "included_s", "total_micros"),
    *("currency", "prefix", "destination", "release_side", "flags", "rating", "match", "supplier_id"),
    "margin_micros",
)


class Records:
    """Records at random, and a report of them that is added up in Python."""

    def __init__(self, dsn: str, seed: int) -> None:
        self.random = random.Random(seed)
        self.connection = psycopg2.connect(dsn, options="-c timezone=UTC")
        self.now = datetime.now(UTC)

    def insert(self, connection: Connection, started_at: datetime | None = None) -> None:
        """Write a record, as the ledger does."""
        pick = self.random.choice
        status = pick(("answered", "answered", "failed", "refused"))
        age_s = int(pick(AGES) * 3600 + self.random.randrange(-900, 900))
        begin = started_at or self.now - timedelta(seconds=age_s)
        end = begin + timedelta(seconds=pick((0, 61, 61, 1800, 7200, 100_000)))
        answered = status == "answered"
        earned = pick(("", "", '{"outpayment": {"total": "0.0125"}}')) if answered else ""
        row = (
            *(pick((0, 1, 2)), begin, self._id(), "out", status),
            *("", pick((1, 2)), pick((1, 2, None)), pick((3, None)), pick((1, None)), pick((1, 2, None))),
            *(pick(("", "Austin")), "1", "2", "", "", "", end, pick((0, 61_000)), pick((0, 90))),
            *(pick((0, 30)), pick((0, 15_000)) if answered else 0, pick(("USD", "EUR")), pick(("1", "44"))),
            *(pick(("US", "UK", "")), "", [], earned or "{}", "[]", pick((None, 1)), pick((None, 700, -20))),
        )
        marks = ", ".join(["%s"] * len(COLUMNS))
        with connection.cursor() as txn:
            txn.execute(f"INSERT INTO cdr ({', '.join(COLUMNS)}) VALUES ({marks})", row)

    def change(self, connection: Connection) -> None:
        """Rate a record again, correct it or take it away, unless somebody else is at it."""
        sql = self.random.choice(
            (
                "UPDATE cdr SET total_micros = total_micros + 40, billed_s = billed_s + 6",
                "UPDATE cdr SET destination = 'elsewhere', channel_service_id = 3, status = 'answered'",
                "UPDATE cdr SET margin_micros = NULL",
                "UPDATE cdr SET cause = 16",
                "DELETE FROM cdr",
            )
        )
        with connection.cursor() as txn:
            txn.execute(
                sql + " WHERE (account_id, started_at, call_id) IN (SELECT account_id, started_at, call_id"
                " FROM cdr ORDER BY call_id OFFSET %s LIMIT 1 FOR UPDATE SKIP LOCKED)",
                (self.random.randrange(12),),
            )

    def add_up(self) -> None:
        """Do what the console does every minute."""
        with self.connection, self.connection.cursor() as txn:
            add_up(txn)

    def compare(self) -> None:
        """Compare a report of everything that may be asked for with what the records say."""
        with self.connection, self.connection.cursor() as txn:
            by = self.random.choice(list(GROUPS))
            since, until = self._time(), self._time()
            account = self.random.choice((None, None, "A1"))
            zone = self.random.choice(("UTC", "Asia/Kathmandu", "America/New_York"))
            first = self.random.choice(list(FIRST))
            found = traffic(txn, NOBODY, by, since, until, account, zone, first=first)

            expected = expected_traffic(txn, by, since, until, account, zone)
            assert expected == {
                (one.key, one.currency): (
                    *(one.calls, one.answered, one.charge, one.earned, one.margin),
                    *(one.minutes, one.billed_minutes, one.included_minutes),
                )
                for one in found
            }, (by, since, until, account, zone)
            greatest = [getattr(one, first) or 0 for one in found]
            assert by in ("day", "hour") or greatest == sorted(greatest, reverse=True), (by, first)

    def compare_peaks(self) -> None:
        """Compare the peaks of the trunk at some time with what its records say."""
        since, until = sorted((self._time(), self._time()))
        with self.connection, self.connection.cursor() as txn:
            found = peaks(txn, NOBODY, since, until)
            txn.execute(
                "SELECT started_at, ended_at FROM cdr WHERE channel_service_id = 3"
                " AND status IN ('answered', 'failed') AND ended_at > started_at"
            )
            assert expected_peaks(txn.fetchall(), since, until) == found

    def _time(self) -> datetime:
        moment = self.now - timedelta(hours=self.random.choice((-1, 0, *AGES, 24 * 90)))
        return self.random.choice((moment, floor(moment, 60), ceiling(moment, 1440)))

    def _id(self) -> str:
        return f"{self.random.getrandbits(128):032x}"


NAMES = {
    "account": "SELECT id, code FROM account",
    "service": "SELECT id, kind || ' ' || name FROM service",
    "trunk": "SELECT id, name FROM service",
    "plan": "SELECT id, code FROM plan",
    "client": "SELECT id, name FROM client",
    "supplier": "SELECT id, code FROM supplier",
}


def expected_traffic(
    txn: Cursor, by: str, since: datetime, until: datetime, account: str | None, zone: str
) -> dict[tuple[str, str], tuple[Any, ...]]:
    """Return what the report has to be, from all records, one by one."""
    txn.execute("SELECT row_to_json(cdr)::jsonb, started_at FROM cdr")
    rows = txn.fetchall()
    names = {}
    if by in NAMES:
        txn.execute(NAMES[by])
        names = dict(txn.fetchall())
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row, started_at in rows:
        if since <= started_at < until and (account is None or row["account_id"] == 1):
            local = started_at.astimezone(ZoneInfo(zone))
            if by in NAMES:
                key = names.get(row["channel_service_id" if by == "trunk" else f"{by}_id"], "")
            else:
                key = {**row, "day": f"{local:%Y-%m-%d}", "hour": f"{local:%Y-%m-%d %H:00}"}[by]
            groups.setdefault((key, row["currency"]), []).append(row)
    return {key: _expected(rows) for key, rows in groups.items()}


def _expected(rows: list[dict[str, Any]]) -> tuple[Any, ...]:
    margins = [row["margin_micros"] for row in rows if row["margin_micros"] is not None]
    seconds = (
        Decimal(sum(row["duration_ms"] for row in rows)) / 1000,
        Decimal(sum(row["billed_s"] for row in rows)),
        Decimal(sum(row["included_s"] for row in rows)),
    )
    return (
        len(rows),
        sum(row["status"] == "answered" for row in rows),
        Decimal(sum(row["total_micros"] for row in rows)) / 1_000_000,
        sum((Decimal(row["rating"].get("outpayment", {}).get("total", 0)) for row in rows), Decimal(0)),
        Decimal(sum(margins)) / 1_000_000 if margins else None,
        *((part / 60).quantize(Decimal("0.1")) for part in seconds),
    )


def expected_peaks(calls: list[tuple[datetime, datetime]], since: datetime, until: datetime) -> list[Peak]:
    """Return the peak of the trunk: looked for at the beginning of each of its calls, one by one."""
    up = [(max(begin, since), end) for begin, end in calls if begin < until and end > since]
    counts = {at: sum(begin <= at < end for begin, end in up) for at, _ in up}
    if not counts:
        return []
    most = max(counts.values())
    first = min(at for at, count in counts.items() if count == most)
    return [Peak("trunk", "tg", "A1", most, None, first)]


@pytest.fixture
def site(dsn: str) -> str:
    """Names for the ids of records: account 2 and client 2 have none, like what was removed."""
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        txn.execute(
            """
            INSERT INTO account (id, code, name, currency) OVERRIDING SYSTEM VALUE
            VALUES (1, 'A1', '', 'USD');
            INSERT INTO deck (id, name, currency) OVERRIDING SYSTEM VALUE VALUES (1, 'd', 'USD');
            INSERT INTO plan (id, code, name, deck_id) OVERRIDING SYSTEM VALUE VALUES (1, 'retail', '', 1);
            INSERT INTO supplier (id, code, name, deck_id) OVERRIDING SYSTEM VALUE VALUES (1, 'S', '', 1);
            INSERT INTO service (id, account_id, kind, name, plan_id, activated_at) OVERRIDING SYSTEM VALUE
            VALUES (1, 1, 'did', '1', 1, '2020-01-01Z'), (2, 1, 'did', '2', 1, '2020-01-01Z'),
                (3, 1, 'trunk', 'tg', 1, '2020-01-01Z');
            """
        )
    return dsn


@pytest.fixture
def others(dsn: str) -> Iterator[list[Connection]]:
    """Connections whose transactions stay open for a while."""
    opened = [psycopg2.connect(dsn, options="-c timezone=UTC") for _ in range(3)]
    yield opened
    for each in opened:
        each.close()


@pytest.fixture
def control(dsn: str) -> Iterator[BlockingConnection]:
    """What servers do their periodic work with."""
    with closing(BlockingConnection(dsn)) as connection:
        yield connection


@pytest.mark.parametrize("seed", range(8))
def test_a_report_is_what_the_records_say(
    site: str, others: list[Connection], control: BlockingConnection, seed: int
):
    """
    Records come early and late, are corrected and taken away, in transactions that end in any order or never.
    """
    records = Records(site, seed)
    with closing(records.connection):
        for _ in range(STEPS):
            other = records.random.choice(others)
            step = records.random.choice((records.insert, records.insert, records.change, None))
            if step is not None:
                step(other)
            if records.random.random() < 0.3:
                other.commit() if records.random.random() < 0.8 else other.rollback()
            if records.random.random() < 0.3:
                records.add_up()
            if records.random.random() < 0.3:
                finish(forget_needless(control))
            records.compare()
        for other in others:
            other.commit()
        records.add_up()
        records.add_up()
        records.compare()
        for _ in range(5):
            records.compare_peaks()

        with records.connection, records.connection.cursor() as txn:
            txn.execute("SELECT count(*) FROM traffic_change")
            assert (0,) == txn.fetchone()
        proofs = [proof for proof in check_books(records.connection) if proof.check in TRAFFIC_CHECKS]
        assert [] == [shown for proof in proofs for shown in proof.shown]
        assert all(proof.compared for proof in proofs)


@pytest.mark.parametrize("first", FIRST)
def test_the_greatest_come_first(site: str, first: str):
    """
    Asked for one account, a report shows the one that is greatest when all are asked for.
    """
    records = Records(site, 3)
    with closing(records.connection), records.connection, records.connection.cursor() as txn:
        for _ in range(40):
            records.insert(records.connection)
        txn.execute("UPDATE cdr SET currency = 'USD', account_id = greatest(account_id, 1)")
        span = (records.now - timedelta(days=90), records.now)
        every = traffic(txn, NOBODY, "account", *span, first=first)
        one = traffic(txn, NOBODY, "account", *span, most=1, first=first)

        assert 2 == len(every)
        assert every[:1] == one
        assert getattr(every[0], first) > getattr(every[1], first)


@pytest.mark.parametrize("months", (1, 2, 3))
def test_a_month_is_one_list_of_sums(site: str, months: int):
    """
    However many days it has, and whatever was before: more would be read for each account.
    """
    with closing(psycopg2.connect(site, options="-c timezone=UTC")) as connection, connection.cursor() as txn:
        txn.execute("UPDATE traffic_state SET added_until = '2026-06-01Z'")
        since, until = datetime(2026, 6 - months, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
        found = parts(txn, GROUPS["account"][0], since, until)

        assert months == found.sql.count("FROM traffic_sum")


def test_an_hour_is_added_up_once_those_are_done_that_began_in_it(
    site: str, others: list[Connection], monkeypatch: pytest.MonkeyPatch
):
    """
    A record that is not noted, being young, and not committed, keeps its hour from being added up.
    """
    monkeypatch.setattr(traffic_sums, "NOTED_AFTER", timedelta(0))
    monkeypatch.setattr(traffic_sums, "CLOCK_MAY_STEP_BACK", timedelta(0))
    records = Records(site, 1)
    this_hour = floor(datetime.now(UTC), HOUR_MINUTES)
    with closing(records.connection):
        records.insert(others[0], this_hour - timedelta(seconds=1))
        for _ in range(3):
            records.add_up()
        assert this_hour > _added_until(records.connection)

        others[0].commit()
        for _ in range(2):
            records.add_up()
        assert this_hour <= _added_until(records.connection)
        with records.connection.cursor() as txn:
            [found] = traffic(txn, NOBODY, "day", this_hour - DAY, this_hour)
            assert 1 == found.calls


def test_adding_up_goes_on_after_a_restore(site: str, others: list[Connection]):
    """
    Transactions are numbered anew in another server, and the old one's numbers would be waited for.
    """
    records = Records(site, 1)
    with closing(records.connection), others[0], others[0].cursor() as txn:
        txn.execute("UPDATE traffic_state SET mark_xid = '99999999999', mark_at = now()")
        others[0].commit()
        for _ in range(2):
            records.add_up()

        assert records.now - timedelta(hours=3) < _added_until(records.connection)


def test_records_of_the_last_hour_are_not_noted(site: str, others: list[Connection]):
    """
    What calls write costs nothing more; an hour later a correction is noted, as it was and as it is.
    """
    records = Records(site, 1)
    with closing(records.connection), others[0].cursor() as txn:
        records.insert(others[0], records.now - HOUR / 2)
        txn.execute("UPDATE cdr SET total_micros = 1")
        txn.execute("SELECT count(*) FROM traffic_change")
        assert (0,) == txn.fetchone()

        records.insert(others[0], records.now - 2 * HOUR)
        txn.execute("UPDATE cdr SET total_micros = 2 WHERE started_at < %s", (records.now - HOUR,))
        txn.execute("SELECT count(*), sum(sign) FROM traffic_change")
        assert (3, 1) == txn.fetchone()


def test_notes_do_not_pile_up_where_nobody_adds_up(
    site: str, others: list[Connection], control: BlockingConnection
):
    """
    A server removes what the records themselves say; not while somebody adds up, nor what he will need.
    """
    records = Records(site, 1)
    with closing(records.connection), others[0], others[0].cursor() as txn:
        for age in (2, 30, 60):
            records.insert(others[0], records.now - age * HOUR)
        txn.execute("UPDATE traffic_state SET added_until = %s", (records.now - 40 * HOUR,))
        others[0].commit()
        txn.execute("SELECT FROM traffic_state FOR UPDATE")
        finish(forget_needless(control))
        txn.execute("SELECT count(*) FROM traffic_change")
        assert (3,) == txn.fetchone()

        others[0].commit()
        finish(forget_needless(control))
        txn.execute("SELECT started_at FROM traffic_change")
        assert [(records.now - 60 * HOUR,)] == txn.fetchall()


def _added_until(connection: Connection) -> datetime:
    with connection, connection.cursor() as txn:
        txn.execute("SELECT added_until FROM traffic_state")
        [(moment,)] = txn.fetchall()
        return moment
