"""Hypothesis strategies: calls as switches tell of them, in any order and any number of times."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from hypothesis import strategies as st

from radiusd.calls.events import CallEvent, Leg, Status
from tests.builders import NOW, a_failure, a_start, a_stop, an_interim, seconds

durations = st.integers(30, 400)
short_delays = st.sampled_from([0, 0, 0, 1, 8, 60])
shapes: st.SearchStrategy[list[Leg | None]] = st.sampled_from(
    [[Leg.SINGLE] * 3, [None] * 3, [Leg.ANSWER, Leg.ORIGINATE, Leg.ORIGINATE]]
)
numbers = st.sampled_from(["15125550100", "15125550199", "442071838750", "33123456789", "101", ""])
trunks = st.sampled_from(["tg1", "tg2", ""])


@st.composite
def reports(draw: st.DrawFn, stamps: bool | None = None) -> list[CallEvent]:
    """
    Return what is told of one call: up to three legs, each with some of its reports, copies among them.

    The sender stamps all its reports or none, see *stamps*. Legs that are answered are so in the first 20
    seconds, and last longer than that.
    """
    count = draw(st.integers(1, 3))
    shape = draw(shapes)
    if stamps is None:
        stamps = draw(st.booleans())
    if shape[0] is Leg.ANSWER:  # the far legs are answered no longer than the near one
        outcomes = st.just(draw(st.booleans()))
        told = draw(reports_of_leg("leg0", Leg.ANSWER, stamps, outcomes, st.just(420)))
    else:
        outcomes = st.booleans()
        told = draw(reports_of_leg("leg0", shape[0], stamps, outcomes, alone=count == 1))
    for number in range(1, count):
        told += draw(reports_of_leg(f"leg{number}", shape[number], stamps, outcomes))
    return told


@st.composite
def reports_of_leg(
    draw: st.DrawFn,
    leg_id: str,
    leg: Leg | None,
    stamps: bool,
    outcomes: st.SearchStrategy[bool],
    lasts: st.SearchStrategy[int] = durations,
    alone: bool = False,
) -> list[CallEvent]:
    """Return reports of one leg that agree about when it was answered, if it was, and how long it lasted."""
    answered_at = NOW + seconds(draw(st.integers(0, 20)))
    lasted_s = draw(lasts)
    about = {
        "leg_id": leg_id,
        "leg": leg,
        "calling": draw(numbers),
        "called": draw(numbers),
        "trunk_in": draw(trunks),
        "trunk_out": draw(trunks),
        "event_at_known": stamps,
    }
    made = [a_start(NOW, **{**about, "status": Status.SETUP, "connect_at": None})]
    if draw(outcomes):
        ended_at, half = answered_at + seconds(lasted_s), answered_at + seconds(lasted_s // 2)
        made += [a_start(answered_at, **about), an_interim(half, lasted_s // 2, **about)]
        made += [a_stop(ended_at, lasted_s, **about)]
        if alone:  # a proxy that does not count time, and tells of a re-INVITE
            made += [an_interim(half, None, **about), a_stop(ended_at, None, **about)]
    else:
        made += [a_failure(answered_at, **about), a_stop(answered_at, 0, **about)]
    chosen = draw(st.lists(st.sampled_from(made), min_size=1, max_size=5))
    return [late(event, draw(short_delays), str(number)) for number, event in enumerate(chosen)]


def late(event: CallEvent, delay_s: int, source: str) -> CallEvent:
    """Return *event* as it arrives *delay_s* later; a sender without a clock seems to mean that time."""
    arrived = event.received_at + timedelta(seconds=delay_s)
    changes = {"received_at": arrived, "source": f"192.0.2.1:1024/{source}"}
    if not event.event_at_known:
        changes["event_at"] = arrived
    return msgspec.structs.replace(event, **changes)
