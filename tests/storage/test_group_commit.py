"""Lanes: what is queued, settled together, shed, given up and put aside."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

from radiusd.storage.group_commit import Lane, Lanes
from radiusd.storage.journal import Outcome


class Log:
    """Keeps what lanes say."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def warning(self, event: str, **_: Any) -> None:
        self.lines.append(event)

    error = warning


class Connection:
    """A connection that is always there."""

    is_open = True

    async def open(self, _: object) -> None:
        """Connect."""

    async def run(self, *_: object) -> list[Any]:
        """Answer with nothing."""
        return []

    def close(self) -> None:
        """Close."""


class Journal:
    """Settles whatever it is handed; work called ``bad`` breaks it."""

    def __init__(self) -> None:
        self.batches: list[list[Any]] = []

    async def settle(self, _: object, batch: list[Any], __: object) -> list[Outcome]:
        if "bad" in batch:
            raise ValueError("bad")
        self.batches.append(batch)
        return [Outcome(call_id=str(work)) for work in batch]

    def home(self, work: Any, _: object) -> int:
        return int(work)


def a_lane(clock: Clock, journal: Journal, log: Log, **settings: Any) -> Lane:
    return Lane("test", clock, Connection, journal, log, **{"limit": 10, **settings})  # type: ignore[arg-type]


def told(done: list[Outcome | None]) -> list[str | None]:
    return [outcome and outcome.call_id for outcome in done]


def run(clock: Clock, seconds: float = 0.0) -> None:
    """Let everything happen that is due."""
    for _ in range(5):
        clock.advance(0)
    clock.advance(seconds)


def test_settles_together_what_has_queued_meanwhile() -> None:
    """
    The first piece is settled at once; what comes before the reactor turns is the next batch.
    """
    clock, journal, done = Clock(), Journal(), []
    lane = a_lane(clock, journal, Log())
    for work in ("1", "2", "3"):
        lane.submit(work, done.append)  # type: ignore[arg-type]
    run(clock)

    assert [["1"], ["2", "3"]] == journal.batches
    assert ["1", "2", "3"] == told(done)
    assert (3, 2, 0) == (lane.counts.settled, lane.counts.batches, lane.queued)


def test_sheds_what_does_not_fit() -> None:
    """
    A full queue takes no more: the sender is not answered and sends again.
    """
    clock, journal, done = Clock(), Journal(), []
    lane = a_lane(clock, journal, Log(), limit=2)
    for work in ("1", "2", "3", "4"):
        lane.submit(work, done.append)  # type: ignore[arg-type]

    assert ["1", None] == told(done)
    assert 1 == lane.counts.shed


def test_gives_up_attempts_whose_switch_has_stopped_waiting() -> None:
    """
    An attempt older than the lane's patience is not decided: what it would hold, nobody would use.
    """
    clock, journal, done = Clock(), Journal(), []
    lane = a_lane(clock, journal, Log(), patience_s=5.0)
    lane.submit("1", done.append)  # type: ignore[arg-type]
    lane.submit("2", done.append)  # type: ignore[arg-type]
    clock.advance(6)
    run(clock)

    assert ["1", None] == told(done)
    assert 1 == lane.counts.stale


def test_one_piece_that_breaks_us_does_not_keep_others_from_the_books() -> None:
    """
    The batch is settled piece by piece; the bad one is logged whole and left unanswered.
    """
    clock, journal, log, done = Clock(), Journal(), Log(), []
    lane = a_lane(clock, journal, log)
    for work in ("1", "2", "bad", "3"):
        lane.submit(work, done.append)  # type: ignore[arg-type]
    run(clock)

    assert ["1", "2", None, "3"] == told(done)
    assert (["work refused by the books"], 1) == (log.lines, lane.counts.broken)


def test_draining_answers_what_is_queued_and_takes_no_more() -> None:
    """
    SIGTERM: what has been read is answered, what comes after is not.
    """
    clock, journal, done, drained = Clock(), Journal(), [], []
    lane = a_lane(clock, journal, Log())
    lane.submit("1", done.append)  # type: ignore[arg-type]
    lane.submit("2", done.append)  # type: ignore[arg-type]
    lane.drain().addCallback(drained.append)
    lane.submit("3", done.append)  # type: ignore[arg-type]
    assert [] == drained
    run(clock)

    assert ["1", None, "2"] == told(done)
    assert [None] == drained


def test_the_account_chooses_the_lane() -> None:
    """
    All work of an account goes through one lane, so that lanes rarely meet at a row.
    """
    clock, journal, done = Clock(), Journal(), []
    lanes = [a_lane(clock, journal, Log()) for _ in range(2)]
    both = Lanes(clock, journal, lanes)  # type: ignore[arg-type]
    for work in ("1", "2", "3", "5"):
        both.submit(work, done.append)  # type: ignore[arg-type]
    run(clock)

    assert [1, 3] == [lane.counts.settled for lane in lanes]
    assert both.is_healthy
    assert 0 == both.queued


def test_work_whose_account_cannot_be_told_still_reaches_a_lane() -> None:
    """
    What breaks the choice is found, and told of, where batches are settled.
    """
    clock, journal, done = Clock(), Journal(), []
    lanes = [a_lane(clock, journal, Log()) for _ in range(2)]
    Lanes(clock, journal, lanes).submit("bad", done.append)  # type: ignore[arg-type]
    run(clock)

    assert [None] == done
    assert [1, 0] == [lane.counts.broken for lane in lanes]
