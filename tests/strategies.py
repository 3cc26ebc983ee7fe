"""Hypothesis strategies: calls as switches tell of them, in any order and any number of times."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from hypothesis import strategies as st

from radiusd.calls.events import CallEvent, Leg, Status
from tests.builders import NOW, a_failure, a_start, a_stop, an_interim, seconds

short_delays = st.sampled_from([0, 0, 0, 1, 8, 60])
legs = st.sampled_from([Leg.ANSWER, Leg.SINGLE, Leg.ORIGINATE, None])
numbers = st.sampled_from(["15125550100", "15125550199", "442071838750", "33123456789", "101", ""])
trunks = st.sampled_from(["tg1", "tg2", ""])


@st.composite
def reports(draw: st.DrawFn) -> list[CallEvent]:
    """Return what is told of one call: up to three legs, each with some of its reports, copies among them."""
    told = []
    for number in range(draw(st.integers(1, 3))):
        told += draw(reports_of_leg(f"leg{number}", draw(legs)))
    return told


@st.composite
def reports_of_leg(draw: st.DrawFn, leg_id: str, leg: Leg | None) -> list[CallEvent]:
    """Return reports of one leg that agree about when it was answered and how long it lasted."""
    answered_at = NOW + seconds(draw(st.integers(0, 20)))
    lasted_s = draw(st.integers(0, 400))
    known = draw(st.booleans())
    about = {
        "leg_id": leg_id,
        "leg": leg,
        "calling": draw(numbers),
        "called": draw(numbers),
        "trunk_in": draw(trunks),
        "trunk_out": draw(trunks),
        "event_at_known": known,
    }
    ended_at = answered_at + seconds(lasted_s)
    half = answered_at + seconds(lasted_s // 2)
    made = [
        a_start(NOW, **about, status=Status.SETUP, connect_at=None),
        a_start(answered_at, **about),
        an_interim(half, lasted_s // 2, **about),
        an_interim(half, None, **about),
        a_stop(ended_at, lasted_s, **about),
        a_stop(ended_at, None, **about),
        a_failure(answered_at, **about),
    ]
    chosen = draw(st.lists(st.sampled_from(made), min_size=1, max_size=5))
    return [late(event, draw(short_delays), str(number)) for number, event in enumerate(chosen)]


def late(event: CallEvent, delay_s: int, source: str) -> CallEvent:
    """Return *event* as it arrives *delay_s* later; a sender without a clock seems to mean that time."""
    arrived = event.received_at + timedelta(seconds=delay_s)
    changes = {"received_at": arrived, "source": f"192.0.2.1:1024/{source}"}
    if not event.event_at_known:
        changes["event_at"] = arrived
    return msgspec.structs.replace(event, **changes)
