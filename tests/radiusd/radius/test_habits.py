"""What is counted of a client's packets."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from radiusd.radius.assigned import Attribute, Code
from radiusd.radius.duplicates import DuplicateCache
from radiusd.radius.habits import Habits, is_habit
from radiusd.radius.packet import Packet
from radiusd.radius.reply import ReplyAttribute, integer

NOW_S = 1_800_000_000.25


def a_packet(status: int | None = 1, *attributes: ReplyAttribute) -> Packet:
    """Return an Accounting-Request with that status; None: an Access-Request."""
    code = Code.ACCESS_REQUEST if status is None else Code.ACCOUNTING_REQUEST
    own = [] if status is None else [integer(Attribute.ACCT_STATUS_TYPE, status)]
    return Packet(code, 1, bytes(16), b"", [*own, *attributes])


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (None, "access"),
        (1, "start"),
        (2, "stop"),
        (3, "interim"),
        (7, "on"),
        (8, "off"),
        (15, "failed"),
        (9, "other"),
    ],
)
def test_counts_kinds(status: int | None, kind: str) -> None:
    """
    An Access-Request, or an Accounting-Request by its status.
    """
    habits = Habits()
    habits.met(a_packet(status), NOW_S)

    assert {f"~kind:{kind}": 1, f"~sampled:{kind}": 1} == {
        word: count for word, count in habits.counts.items() if not word.startswith("~has:")
    }
    assert all(map(is_habit, habits.counts))


def test_counts_what_requests_hold() -> None:
    """
    Of each kind apart; and which Access-Requests are signed.
    """
    habits = Habits()
    habits.met(a_packet(1, (Attribute.ACCT_SESSION_ID, b"a")), NOW_S)
    habits.met(a_packet(None, (Attribute.MESSAGE_AUTHENTICATOR, bytes(16))), NOW_S)
    habits.met(a_packet(None), NOW_S)

    assert (1, 0) == (habits.counts["~has:start:44"], habits.counts.get("~has:access:44", 0))
    assert (2, 1) == (habits.counts["~kind:access"], habits.counts["~signed"])


@pytest.mark.parametrize(
    ("stamp_s", "word"),
    [
        (1_800_000_000, "~clock:0"),
        (1_800_000_007, "~clock:7"),
        (1_799_999_960, "~clock:-40"),
        (1_800_003_600, "~clock:3600"),
        (1_800_003_640, "~clock:3600"),
        (0, "~clock:-86000"),
        (2**32 - 1, "~clock:86000"),
    ],
)
def test_measures_the_clock(stamp_s: int, word: str) -> None:
    """
    By the second, and coarser the further it is off: a stranger cannot make it count without end.
    """
    habits = Habits()
    habits.met(a_packet(1, integer(Attribute.EVENT_TIMESTAMP, stamp_s)), NOW_S)

    assert [word] == [one for one in habits.counts if one.startswith("~clock")]


def test_a_record_that_has_waited_tells_nothing_of_the_clock() -> None:
    """
    Its stamp is as old as it says.
    """
    habits = Habits()
    stamp, delay = integer(Attribute.EVENT_TIMESTAMP, 1_799_999_000), integer(Attribute.ACCT_DELAY_TIME, 1000)
    habits.met(a_packet(1, stamp, delay), NOW_S)

    assert 1 == habits.counts["~delayed"]
    assert not [word for word in habits.counts if word.startswith("~clock")]


def test_looks_at_few_of_many() -> None:
    """
    After the first ones, at one in sixteen; kinds are counted all.
    """
    habits = Habits()
    for _ in range(64 + 1600):
        habits.met(a_packet(), NOW_S)

    assert (1664, 164) == (habits.counts["~kind:start"], habits.counts["~sampled:start"])


def test_counts_copies_by_how_late_they_are() -> None:
    """
    Before our answer or after it.
    """
    habits = Habits()
    habits.repeated(0.4, answered=False)
    habits.repeated(2.1, answered=True)
    habits.repeated(500, answered=True)

    copies = {"~copy:pending": 1, "~copy:answered": 2}
    assert {**copies, "~retry:0": 1, "~retry:2": 1, "~retry:60": 1} == habits.counts


def test_a_copy_is_as_old_as_its_request_or_answer() -> None:
    """
    The memory of duplicates knows.
    """
    clock = Clock()
    cache = DuplicateCache(clock)
    cache.admit("192.0.2.1", 1, 7, bytes(16))
    clock.advance(3)
    assert 3 == cache.age_s("192.0.2.1", 1, 7)
    cache.settle("192.0.2.1", 1, 7, bytes(16), b"reply")
    clock.advance(2)

    assert (2, 0) == (cache.age_s("192.0.2.1", 1, 7), cache.age_s("192.0.2.1", 1, 8))
