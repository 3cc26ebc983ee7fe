"""The way between a worker and the ledger process."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from radiusd.channel import LedgerEnd, Saw, WatchThem, WorkerEnd
from radiusd.handlers.answers import Posted
from radiusd.handlers.credentials import Proof
from radiusd.metrics import Metrics
from radiusd.radius.watching import Seen, Watched
from tests.builders import a_start, an_attempt


class Log:
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def exception(self, event: str, **_: Any) -> None:
        self.lines.append(event)


class Door:
    """Posts every event, and breaks at every attempt."""

    is_healthy = True

    def post(self, event: Any, done: Any) -> None:
        done(Posted(event.call_id, "started"))

    def judge(self, *_: Any) -> None:
        raise ValueError("a password that cannot be opened")


def test_a_question_that_breaks_the_ledger_is_unanswered_and_others_go_on() -> None:
    """
    One hostile or unlucky request costs neither the worker its connection nor others their answers.
    """
    clock, log, answers = Clock(), Log(), []
    ledger = LedgerEnd(clock, Door(), Metrics(), log)
    worker = WorkerEnd(clock, lambda: None, lambda: None, lambda until: None)
    for end in (ledger, worker):
        end.makeConnection(StringTransport())
    worker.judge(an_attempt().event, Proof(), answers.append)
    worker.post(a_start(call_id="c1"), answers.append)
    for end, other in ((worker, ledger), (ledger, worker)):
        clock.advance(0)
        other.dataReceived(end.transport.value())

    assert [None, Posted("c1", "started")] == answers
    assert ["request failed"] == log.lines
    assert not ledger.transport.disconnecting
    assert 0 == worker.waiting


def test_watched_packets_cross_the_way() -> None:
    """
    The ledger says whom to watch, the worker what it has seen.
    """
    clock, followed = Clock(), []
    ledger = LedgerEnd(clock, Door(), Metrics(), Log())
    worker = WorkerEnd(clock, lambda: None, lambda: None, followed.append)
    for end in (ledger, worker):
        end.makeConnection(StringTransport())
    seen = Watched([Seen(1, "auth", 5.5, "192.0.2.1", 1645, b"\x01", "dropped", "too_short")], {1: 3})
    ledger.say(WatchThem({1: 99.5}))
    worker.say(Saw(seen))
    for end, other in ((worker, ledger), (ledger, worker)):
        clock.advance(0)
        other.dataReceived(end.transport.value())

    assert [{1: 99.5}] == followed
    assert [seen] == ledger.seen
