"""Cisco BroadWorks: a record for each user of a call, in attributes of its own that hold its CDR's fields."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from radiusd.calls.events import CallEvent, Kind, Leg, Side, Status
from radiusd.dialects.dialect import Dialect
from radiusd.dialects.reading import LONGEST_CALL_MS, Reading
from radiusd.dialects.standard import ACCT_SESSION_ID, CALLED_STATION_ID, CALLING_STATION_ID, USER_NAME
from radiusd.dialects.values import address, identifier, number, text
from radiusd.radius.clients import Client

BROADSOFT = 6431
RECORD_ID = 1
SERVICE_PROVIDER = 2
DIRECTION = 6
CALLING_NUMBER = 7
CALLED_NUMBER = 9
START_TIME = 10
ANSWER_INDIC = 12
ANSWER_TIME = 13
RELEASE_TIME = 14
TERMINATION_CAUSE = 15
DIALED_DIGITS = 18
TRANSLATED_NUMBER = 21
RELEASING_PARTY = 23
ROUTE = 24
NETWORK_CALLID = 25
ACCESS_DEVICE_ADDRESS = 27
LOCAL_CALLID = 45
USERID = 121
TRUNK_GROUP_NAME = 135
TRUNK_GROUP_INFO = 182
Q850_CAUSE = 188

_LEGS = {"originating": Leg.ANSWER, "terminating": Leg.ORIGINATE}
_STAMP = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\.\d{1,9})? ?(.*)", re.ASCII)
_INSIDE = frozenset({"group", "enterprise"})  # a route that is none: the call stays inside
_MILLISECOND = timedelta(milliseconds=1)


class BroadWorks(Dialect):
    """
    The dialect of BroadWorks.

    The record of who calls is Originating, that of who is called Terminating: to us they are the two legs
    of the call. There is no duration; a call lasts from its answer to its release.
    """

    name = "broadworks"
    vendor = BROADSOFT

    def read_call(self, reading: Reading, client: Client) -> CallEvent:
        """See :meth:`Dialect.read_call`."""
        said = _Said(reading, self.vendor_of(reading.settings))
        leg = _LEGS.get(said.text(DIRECTION).lower())
        setup_at = said.moment(START_TIME)
        answered = said.is_answered
        connect_at = said.moment(ANSWER_TIME) if answered else None
        disconnect_at = said.moment(RELEASE_TIME)
        reading.settle_time(_time_of_event(reading.kind, setup_at, connect_at, disconnect_at))
        duration_ms = _duration_ms(reading, answered, connect_at, disconnect_at)
        status = _status(reading.kind, connect_at, duration_ms)
        session_id = identifier(reading.packet.first(ACCT_SESSION_ID))
        call_id = (
            reading.text("call_id_from")
            or said.text(NETWORK_CALLID, LOCAL_CALLID)
            or session_id
            or reading.call_class
        )
        device, trunk, route = said.text(ACCESS_DEVICE_ADDRESS), said.trunk_group, said.route
        outbound = leg is not Leg.ORIGINATE
        return reading.event(
            client,
            call_id=call_id,
            leg_id=said.text(RECORD_ID) or session_id or call_id,
            leg=leg,
            calling=said.number("calling_from", CALLING_NUMBER, CALLING_STATION_ID),
            called=said.number("called_from", CALLED_NUMBER, CALLED_STATION_ID),
            called_in=number(said.text(DIALED_DIGITS)),
            called_out=number(said.text(TRANSLATED_NUMBER)),
            remote_ip=reading.address("remote_ip_from", device if outbound else ""),
            dest_ip="" if outbound else address(device),
            trunk_in=reading.text("trunk_in_from", trunk if outbound else route),
            trunk_out=reading.text("trunk_out_from", route if outbound else trunk),
            tenant=reading.text("tenant_from", said.text(SERVICE_PROVIDER)),
            username=reading.text("username_from", said.text(USERID) or reading.attribute(USER_NAME)),
            setup_at=setup_at,
            connect_at=connect_at if status is not Status.FAILED else None,
            disconnect_at=disconnect_at,
            clock_ok=reading.clock_ok,
            duration_ms=duration_ms,
            cause=reading.cause(said.text(TERMINATION_CAUSE, Q850_CAUSE), 10),
            release_side=_release_side(said.text(RELEASING_PARTY).lower(), leg),
            status=status,
        )


class _Said:
    """The attributes of BroadWorks in one packet."""

    def __init__(self, reading: Reading, vendor: int) -> None:
        self._reading = reading
        self._vendor = vendor

    def text(self, *types: int) -> str:
        """Return the first of the attributes *types* that says something, the empty string when none does."""
        for type in types:
            value = text(self._reading.packet.vendor_first(self._vendor, type))
            if value:
                return value
        return ""

    def moment(self, type: int) -> datetime | None:
        """Return the moment in attribute *type*; without a zone there or in the settings it is UTC."""
        written = self.text(type)
        match = _STAMP.fullmatch(written)
        if match is None:
            return self._reading.moment(written)
        year, month, day, hour, minute, second, fraction, label = match.groups()
        if not label and self._reading.settings.zone is None:
            label = "UTC"
        stamp = f"{year}-{month}-{day} {hour}:{minute}:{second}{fraction or ''} {label}"
        return self._reading.moment(stamp.rstrip())

    def number(self, setting: str, type: int, plain: int) -> str:
        """Return the number in attribute *type*, else in the plain one, unless *setting* names a place."""
        own = "" if self._reading.is_set(setting) else number(self.text(type))
        return own or self._reading.number(setting, plain)

    @property
    def is_answered(self) -> bool:
        """Tell whether the record says that somebody answered: Yes, Yes-PostRedirection, or since when."""
        return not self.text(ANSWER_INDIC).lower().startswith("no") and bool(
            self.text(ANSWER_INDIC, ANSWER_TIME)
        )

    @property
    def trunk_group(self) -> str:
        """The user's trunk group: of a PBX that is a user."""
        return self.text(TRUNK_GROUP_NAME, TRUNK_GROUP_INFO)

    @property
    def route(self) -> str:
        """Where the network is, on the other side of the user."""
        route = self.text(ROUTE)
        return "" if route.lower() in _INSIDE else route


def _time_of_event(
    kind: Kind, setup_at: datetime | None, connect_at: datetime | None, disconnect_at: datetime | None
) -> datetime | None:
    if kind is Kind.START:
        return connect_at or setup_at
    return disconnect_at if kind in (Kind.STOP, Kind.FAILED) else None


def _duration_ms(
    reading: Reading, answered: bool, connect_at: datetime | None, disconnect_at: datetime | None
) -> int | None:
    """Return how long the call was connected by its own times; 0 for one that nobody answered."""
    told_ms = reading.duration_ms(since=connect_at)
    if reading.kind is Kind.STOP and not answered:
        return told_ms or 0
    if reading.kind is not Kind.STOP or connect_at is None or disconnect_at is None:
        return told_ms
    lasted_ms = max(0, (disconnect_at - connect_at) // _MILLISECOND)
    if lasted_ms > LONGEST_CALL_MS:
        reading.doubt("bad_time_stamp")
        return told_ms
    return lasted_ms


def _status(kind: Kind, connect_at: datetime | None, duration_ms: int | None) -> Status | None:
    if kind is Kind.AUTHORIZE:
        return None
    if kind is Kind.FAILED or (kind is Kind.STOP and duration_ms == 0):
        return Status.FAILED
    if kind is Kind.STOP or duration_ms or connect_at is not None:
        return Status.ANSWERED
    return Status.SETUP


def _release_side(party: str, leg: Leg | None) -> Side | None:
    """Return who hung up: ``local`` is the user of the record, ``remote`` the other one."""
    if leg is None or party not in ("local", "remote"):
        return None
    return Side.CALLER if (party == "local") is (leg is Leg.ANSWER) else Side.CALLEE
