"""An import's lanes: what breaks one of them costs no other piece, and nobody's outcome."""

from __future__ import annotations

import asyncio
import random
from contextlib import closing
from hashlib import md5
from types import SimpleNamespace
from typing import Any

import psycopg2
import pytest

from radiusd.calls.books import Books
from radiusd.calls.claims import ServiceKind
from radiusd.calls.context import Context
from radiusd.storage.laned import LanedJournal, Settled
from radiusd.storage.record_files import known_keys
from radiusd.storage.told_records import RecordOutcome, RecordReport
from tests.builders import NOW, a_client, a_directory, a_service, a_stop, an_account
from tests.node import open_accounts, rows

pytestmark = pytest.mark.postgres


RECORDS = """
    INSERT INTO record (source_id, record_key, file_id, call_key, seq, begun_at)
    SELECT %(source_id)s, decode(md5(n::text), 'hex'), '00000000-0000-7000-8000-000000000000', '', 0, now()
    FROM generate_series(1, 20000) AS n
"""


class Broken(RecordReport):
    """A record that the books cannot bear."""

    __slots__ = ()

    def decide(self, books: Books, context: Context) -> RecordOutcome:
        raise ValueError("unbearable")


def a_catalogue() -> Any:
    """Two accounts, one a lane, with a trunk each."""
    accounts = {number: an_account(number, code=f"A{number}") for number in (1, 2)}
    services = [
        a_service(ServiceKind.TRUNK, f"tg{number}", number, account=account)
        for number, account in accounts.items()
    ]
    return SimpleNamespace(directory=a_directory(*services), clients=SimpleNamespace(clients=[a_client()]))


def a_record(kind: type[RecordReport], number: int, duration_s: float | None = 60) -> RecordReport:
    """A record of a call over the trunk of one account or the other; without a duration it has no price."""
    told = {"call_id": f"call {number}", "trunk_in": f"tg{number % 2 + 1}", "source": f"file:{number}"}
    return kind(a_stop(NOW, duration_s, **told))


def test_what_breaks_a_lane_costs_nobody_else_a_thing(dsn: str) -> None:
    """
    All others are booked once, and each is told where it led: unrated ones, too, which are told of only once.
    """
    open_accounts(dsn, 1, 2)
    batch = [a_record(RecordReport, number) for number in range(6)]
    batch[2] = a_record(Broken, 2)
    batch[3] = a_record(RecordReport, 3, None)

    async def settle() -> list[Settled]:
        async with LanedJournal(dsn, a_catalogue(), random.Random(1)) as journal:
            return await journal.settle(batch, NOW)

    outcomes = asyncio.run(settle())

    assert [2] == [place for place, outcome in enumerate(outcomes) if isinstance(outcome, Exception)]
    queued = [outcome.queued for outcome in outcomes if isinstance(outcome, RecordOutcome)]
    assert ["", "", "unrated", "", ""] == queued
    assert 5 == len(rows(dsn, "cdr")) == len({row["call_id"] for row in rows(dsn, "cdr")})


def test_a_database_that_is_away_is_nobodys_fault(dsn: str) -> None:
    """
    It is told as what it is, and no piece is blamed.
    """
    open_accounts(dsn, 1, 2)
    async def settle() -> None:
        async with LanedJournal(dsn, a_catalogue(), random.Random(1)) as journal:
            with closing(psycopg2.connect(dsn)) as other, other, other.cursor() as txn:
                txn.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE pid <> pg_backend_pid() AND datname = current_database()"
                )
            for _ in range(2):  # whoever comes later is told the same
                with pytest.raises(psycopg2.OperationalError, match="terminating connection"):
                    await journal.settle([a_record(RecordReport, 1)], NOW)

    asyncio.run(settle())
    assert [] == rows(dsn, "cdr")


@pytest.mark.parametrize("is_analyzed", [False, True])
def test_records_are_looked_up_by_their_keys(dsn: str, is_analyzed: bool) -> None:
    """
    Not by reading all that came from the source: neither when nothing of the table was counted yet, nor when
    it was before the source's first record came.
    """
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        with connection.cursor() as txn:
            for source_id in (1, 2):
                txn.execute(RECORDS, {"source_id": source_id})
                if is_analyzed and source_id == 1:
                    txn.execute("ANALYZE record")
    keys = [md5(str(number).encode()).digest() for number in range(19_501, 20_501)]
    asked: list[tuple[str, Any]] = []

    async def look_up() -> tuple[set[bytes], str]:
        async with LanedJournal(dsn, a_catalogue(), random.Random(1)) as journal:

            async def run(sql: str, args: Any = ()) -> Any:
                asked.append((sql, args))
                return await journal.notes.run(sql, args)

            known = await known_keys(SimpleNamespace(run=run), 2, keys)
            [(sql, args)] = asked
            return known, str(await journal.notes.run(f"EXPLAIN {sql}", args))

    known, plan = asyncio.run(look_up())

    assert set(keys[:500]) == known
    assert "record_pkey" in plan
    assert "Seq Scan" not in plan
    assert "record_of_file" not in plan
