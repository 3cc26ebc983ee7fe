"""A record of a call that RADIUS told of, too: one call, or none when their clocks are of different zones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from radiusd.calls.claims import ServiceKind
from radiusd.calls.events import TOLD_AFTER, CallEvent
from radiusd.storage.told_records import RecordOutcome, RecordReport
from tests.builders import NOW, a_directory, a_service, a_stop
from tests.node import Node, open_accounts, rows

pytestmark = pytest.mark.postgres
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
def node(dsn: str) -> Iterator[Node]:
    """A node whose switch told of a call by RADIUS, which ended an hour ago after 61 seconds."""
    open_accounts(dsn, 1)
    node = Node(dsn, a_directory(a_service(ServiceKind.TRUNK, "tg1", 1)))
    node.post(a_stop(NOW - HOUR, 61, call_id="c1", trunk_in="tg1"))
    yield node
    node.close()


def a_record(off: timedelta, duration_s: float = 61) -> CallEvent:
    """The record of that call, by a clock that is so much off."""
    told = {"call_id": "c1", "trunk_in": "tg1", "source": "pbx:1", "leg_id": "record of pbx"}
    return a_stop(NOW - HOUR + off, duration_s, flags=(TOLD_AFTER,), **told)


def take(node: Node, record: CallEvent) -> RecordOutcome:
    """Take *record* into the books."""
    (outcome,) = node.settle([RecordReport(record)], NOW)
    assert isinstance(outcome, RecordOutcome)
    return outcome


@pytest.mark.parametrize(
    ("off", "said"),
    [
        (HOUR, "1:00:00 before this record"),
        (-5 * HOUR + timedelta(seconds=1), "5:00:00 after this record"),
        (5 * HOUR + 45 * MINUTE, "5:45:00 before this record"),
    ],
)
def test_a_record_of_another_zone_is_no_call_of_its_own(node: Node, dsn: str, off: timedelta, said: str):
    """
    The source's zone is wrong: the call would be charged once more for each record.
    """
    outcome = take(node, a_record(off))

    assert said in outcome.refused
    assert "is the zone of the source right?" in outcome.refused
    assert 1 == len(rows(dsn, "cdr"))


@pytest.mark.parametrize(
    ("off", "duration_s", "calls"),
    [
        (timedelta(seconds=2), 61, 1),  # it is that call
        (HOUR, 300, 2),  # the switch used its id again
        (HOUR + 10 * MINUTE, 61, 2),
        (27 * HOUR, 61, 2),  # no zones are so far apart
    ],
)
def test_other_records_are_taken(node: Node, dsn: str, off: timedelta, duration_s: float, calls: int):
    outcome = take(node, a_record(off, duration_s))

    assert not outcome.refused
    assert calls == len(rows(dsn, "cdr"))
