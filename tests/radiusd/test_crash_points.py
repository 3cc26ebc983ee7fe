"""The labelled places where tests let the server die."""

from __future__ import annotations

import os

import pytest

from radiusd.crash_points import KILLED, LABELS, read_crash_point


class Died(Exception):
    """Stands for the end of the process."""


@pytest.fixture(autouse=True)
def deaths(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the process survive what it does to itself here."""

    def die(status: int) -> None:
        raise Died(status)

    monkeypatch.setattr(os, "_exit", die)


@pytest.mark.parametrize("label", LABELS)
def test_nothing_happens_unless_it_is_asked_for(label: str) -> None:
    """
    Without the variable every place is passed.
    """
    read_crash_point("")(label)


@pytest.mark.parametrize("label", LABELS)
def test_it_dies_at_the_label_and_at_no_other(label: str) -> None:
    """
    As if SIGKILL had ended it.
    """
    crash_point = read_crash_point(label)
    for other in LABELS:
        if other != label:
            crash_point(other)

    with pytest.raises(Died) as death:
        crash_point(label)
    assert (KILLED,) == death.value.args


def test_it_dies_at_the_nth_passage() -> None:
    """
    Twice it goes on, the third time it dies.
    """
    crash_point = read_crash_point("after-send:3")
    crash_point("after-send")
    crash_point("after-send")

    with pytest.raises(Died):
        crash_point("after-send")


@pytest.mark.parametrize("written", ["nowhere", "after-send:0", "after-send:x", "after-send:-1", ":2"])
def test_a_wrong_label_is_refused_by_name(written: str) -> None:
    """
    A test that names no place would prove nothing.
    """
    with pytest.raises(ValueError, match=r"TOLLWIRE_CRASH_AT: .*before-load"):
        read_crash_point(written)
