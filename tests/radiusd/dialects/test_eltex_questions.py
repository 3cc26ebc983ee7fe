"""An Eltex SMG's questions and records, which have no id in common."""

from datetime import datetime, timedelta

import pytest

from radiusd.calls.events import CallEvent
from radiusd.dialects.registry import DIALECTS
from tests.builders import NOW, a_client
from tests.radiusd.dialects.vectors import a_packet

SMG = DIALECTS["eltex-smg"]
CLIENT = a_client(1, dialect="eltex-smg")
NUMBERS = (("Calling-Station-Id", "442071234567"), ("Called-Station-Id", "15551230000"))


def a_question(at: datetime, *more: tuple[str, str]) -> CallEvent:
    return SMG.read_attempt(
        a_packet("eltex-smg", *NUMBERS, ("h323-conf-id", "1 2 3 4"), *more, code=1), CLIENT, at, ""
    )


def a_record(at: datetime, *more: tuple[str, str]) -> CallEvent:
    told = (("Acct-Status-Type", "Start"), ("h323-conf-id", "5 6 7 8"))
    return SMG.read_event(a_packet("eltex-smg", *told, *(more or NUMBERS)), CLIENT, at, "")


@pytest.mark.parametrize("rings_s", [0, 1, 59, 60, 299, 300])
@pytest.mark.parametrize("asked_s", range(0, 300, 37))
def test_a_record_is_of_a_question_of_the_last_five_minutes(asked_s: int, rings_s: int) -> None:
    """
    With the same numbers, whenever the five minutes begin.
    """
    at = NOW + timedelta(seconds=asked_s)
    (asked,) = a_question(at).asked

    assert asked in a_record(at + timedelta(seconds=rings_s)).asked


@pytest.mark.parametrize(
    ("later_s", "more"),
    [
        (601, NUMBERS),
        (1, (NUMBERS[0], ("Called-Station-Id", "15551230001"))),
        (1, (("Calling-Station-Id", "442071234568"), NUMBERS[1])),
        (1, (("User-Name", "442071234567"),)),
        (1, (("Called-Station-Id", "15551230000"),)),
    ],
)
def test_and_of_no_other(later_s: int, more: tuple[tuple[str, str], ...]) -> None:
    """
    One of other numbers, of none, or of long ago is not meant.
    """
    (asked,) = a_question(NOW).asked

    assert asked not in a_record(NOW + timedelta(seconds=later_s), *more).asked
