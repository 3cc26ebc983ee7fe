"""Switches as they are: how they count, stamp, retransmit, reboot and forget."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec

from radiusd.calls.events import CallEvent, Kind, Leg, Status
from tests.builders import a_call_event
from tests.simulation.auditor import TrueCall

TRIES, PATIENCE_S = 4, 2.0  # what most client libraries do before they lose a record for good


@dataclass
class Model:
    """A make of switch."""

    name: str
    asks: bool = False
    stamps: bool = True
    stamps_starts: bool = True
    counts: bool = True  # tells durations
    tells_start: bool = True
    two_legs: bool = False
    second_name: bool = False  # its leg towards the callee has an id of its own, and tells once of which call
    interims: bool = False
    used_ids: int = 0  # session ids before it uses the first again; 0: never
    off_s: int = 0  # its clock


MODELS = (
    Model("plain", asks=True, interims=True),
    Model("counter", asks=True, used_ids=20),
    Model("blind", stamps=False, interims=True),
    Model("proxy", asks=True, counts=False),
    Model("gateway", two_legs=True, used_ids=25),
    Model("asking gateway", asks=True, two_legs=True, interims=True),
    Model("second name", two_legs=True, second_name=True, stamps_starts=False),
    Model("pbx", tells_start=False),
    Model("fast clock", asks=True, off_s=3600, interims=True),
    Model("slow clock", asks=True, off_s=-3600),
)


@dataclass
class Live:
    """A call on its switch."""

    truth: TrueCall
    session_id: str
    setup_at: datetime
    answer_at: datetime | None = None
    is_over: bool = False


@dataclass
class Switch:
    """One switch. What it tells are events; how they travel is the network's business."""

    client_id: int
    model: Model
    chance: random.Random
    boots: int = 0
    made: int = 0
    live: list[Live] = field(default_factory=list)

    def new_session_id(self) -> str:
        """Return the id of the next call; one that is in use is left out, as a switch would."""
        in_use = {live.session_id for live in self.live if not live.is_over}
        while True:
            self.made += 1
            number = self.made % self.model.used_ids if self.model.used_ids else self.made
            boot = "" if self.model.used_ids else f"{self.boots}-"
            session_id = f"{boot}{number}"
            if session_id not in in_use:
                return session_id

    def reboot(self) -> list[Live]:
        """Forget everything and count from the beginning; return the calls that were cut."""
        self.boots += 1
        self.made = 0
        cut = [live for live in self.live if not live.is_over]
        for live in cut:
            live.is_over = True
        self.live.clear()
        return cut

    def tell(self, live: Live, kind: Kind, now: datetime, leg: Leg, **fields: Any) -> CallEvent:
        """Return one report of one leg, as its clock and its make tell it; it has not yet arrived."""
        truth, model = live.truth, self.model
        off = timedelta(seconds=model.off_s)
        stamps = [name for name in ("setup_at", "connect_at", "disconnect_at") if fields.get(name)]
        fields.update({name: fields[name] + off for name in stamps})
        if kind is not Kind.AUTHORIZE:
            known = model.stamps and (model.stamps_starts or kind is not Kind.START)
            fields |= {"event_at": now + off, "event_at_known": known}
        if leg is Leg.ORIGINATE:
            # After its translation the call goes to another price; told first, that is what is charged.
            fields |= {"called": f"1{truth.mark}", "trunk_out": "carrier"}
        call_id, leg_id = live.session_id, f"{live.session_id}/{leg.value}"
        if leg is Leg.ORIGINATE and model.second_name:
            if kind is Kind.START:
                fields |= {"also": (leg_id,)}
            else:
                call_id = leg_id
        return a_call_event(
            kind,
            now,
            **{
                "client_id": self.client_id,
                "call_id": call_id,
                "leg_id": leg_id,
                "leg": leg,
                "calling": truth.calling,
                "called": truth.called,
                "trunk_in": truth.trunk,
                **fields,
            },
        )

    def legs(self) -> list[Leg]:
        """Return the legs it reports; the first decides."""
        return [Leg.ANSWER, Leg.ORIGINATE] if self.model.two_legs else [Leg.SINGLE]

    def starts(self, live: Live, now: datetime) -> list[CallEvent]:
        """Return what it tells when a call is answered; gateways tell at set-up."""
        if not self.model.tells_start:
            return []
        status = Status.SETUP if self.model.two_legs else Status.ANSWERED
        connect_at = None if self.model.two_legs or not self.model.stamps else now
        setup_at = live.setup_at if self.model.two_legs and self.model.stamps_starts else None
        about = {"status": status, "connect_at": connect_at, "setup_at": setup_at}
        return [self.tell(live, Kind.START, now, leg, **about) for leg in self.legs()]

    def interim(self, live: Live, now: datetime) -> list[CallEvent]:
        """Return what it tells while a call is up."""
        assert live.answer_at is not None
        lasted_ms = (now - live.answer_at) // timedelta(milliseconds=1)
        connect_at = live.answer_at if self.model.two_legs else None
        about = {"status": Status.ANSWERED, "duration_ms": lasted_ms, "connect_at": connect_at}
        return [self.tell(live, Kind.INTERIM, now, leg, **about) for leg in self.legs()[:1]]

    def stops(self, live: Live, now: datetime) -> list[CallEvent]:
        """Return what it tells when a call is over."""
        answered, model = live.answer_at is not None, self.model
        about: dict[str, Any] = {"status": Status.ANSWERED if answered else Status.FAILED}
        kind = Kind.STOP if answered or model.counts else Kind.FAILED
        if model.counts or not answered:
            about["duration_ms"] = live.truth.lasted_s * 1000
        if model.stamps:
            about["disconnect_at"] = now
        if model.two_legs:
            about |= {"setup_at": live.setup_at, "connect_at": live.answer_at}
        return [self.tell(live, kind, now, leg, **about) for leg in self.legs()]

    def attempt(self, live: Live, now: datetime) -> CallEvent:
        """Return what it asks."""
        return msgspec.structs.replace(self.tell(live, Kind.AUTHORIZE, now, Leg.SINGLE), leg=None)
