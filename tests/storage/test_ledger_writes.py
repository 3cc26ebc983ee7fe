"""What a batch sends to the database, and in which order."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from radiusd.storage.database import Rows
from radiusd.storage.journal import Ask, Report
from tests.builders import NOW, a_directory, a_start, a_stop, an_attempt, seconds
from tests.node import Node, open_accounts, rows

pytestmark = pytest.mark.postgres


class Heard:
    """A connection that keeps what was sent over it."""

    def __init__(self, node: Node) -> None:
        self._connection = node.connection
        self.sent: list[str] = []

    async def run(self, sql: str, args: Sequence[object] = ()) -> Rows:
        """Run *sql*, and remember it."""
        self.sent.append(sql)
        return await self._connection.run(sql, args)


def test_a_small_batch_writes_by_one_statement(dsn: str) -> None:
    """
    A Start and a Stop alone are one statement and the commit each.
    """
    open_accounts(dsn, 1)
    node = Node(dsn, a_directory())
    heard = Heard(node)
    for event in (a_start(), a_stop(NOW + seconds(60), 60)):
        node.settle([Report(event)], event.received_at, heard)
    node.close()

    _, started, _, stopped = heard.sent
    assert ["EXECUTE begin_calls", "COMMIT"] == [step.split(" (")[0] for step in started.split("; ")]
    assert ["EXECUTE end_calls", "COMMIT"] == [step.split(" (")[0] for step in stopped.split("; ")]


def test_what_ends_goes_before_what_begins_under_its_key(dsn: str) -> None:
    """
    A call asked for again with another number holds anew, in the very batch in which another one begins.
    """
    open_accounts(dsn, 1)
    node = Node(dsn, a_directory())
    node.ask(an_attempt(call_id="again"))
    other = an_attempt(NOW + seconds(1), call_id="again", called="442071234567")
    node.settle([Ask(other), Report(a_start(call_id="begins"))], other.event.received_at)
    node.close()

    held = sorted(row["called"] for row in rows(dsn, "session"))
    assert sorted([a_start().called, "442071234567"]) == held
