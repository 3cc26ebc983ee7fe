"""A sender that nobody foresaw: where each field stands, and how it is written, is for its client to say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache

from radiusd.calls.events import CallEvent, Kind, Leg, Side, Status
from radiusd.dialects import h323, rfc2866
from radiusd.dialects.client_settings import (
    ROUTING_NUMBERS,
    SETTINGS,
    SOURCES,
    ClientSettings,
    read_settings,
)
from radiusd.dialects.dialect import Dialect
from radiusd.dialects.dictionary import definitions
from radiusd.dialects.h323 import Times
from radiusd.dialects.mapping import SETTINGS as MAPPED
from radiusd.dialects.mapping import TIMES, FieldMap, is_mapped, read_field_map
from radiusd.dialects.reading import Reading
from radiusd.dialects.standard import ACCT_SESSION_ID, CALLED_STATION_ID, CALLING_STATION_ID, USER_NAME
from radiusd.dialects.values import NO_ADDRESS, address, conference_id, identifier, number, realm_of
from radiusd.radius.clients import Client

_COMMON = tuple(setting for setting in SETTINGS if setting not in SOURCES or setting in ROUTING_NUMBERS)
_LEGS = {leg.value: leg for leg in Leg}
_SIP_CODES = range(100, 700)
_ENDS = (Kind.STOP, Kind.FAILED)


class Generic(Dialect):
    """
    The dialect that is made of a client's settings.

    What they do not mention is read as RFC 2866 has it; so a client without any is one of ``rfc2866``.
    """

    name = "generic"

    def read_call(self, reading: Reading, client: Client) -> CallEvent:
        """See :meth:`Dialect.read_call`."""
        fields = _field_map(tuple(client.settings.items()))
        packet, kind = reading.packet, reading.kind
        times = h323.times_of(reading, *(fields.stamp(name, reading) for name in TIMES))
        reading.settle_time(h323.time_of_event(kind, times))
        duration_ms = _duration_ms(reading, fields, times)
        status = _status(reading, fields, times, duration_ms)
        session_id = identifier(packet.first(ACCT_SESSION_ID))
        call_id = conference_id(fields.text("call_id", packet)) or session_id or reading.call_class
        username = fields.text("username", packet, reading.attribute(USER_NAME))
        return reading.event(
            client,
            call_id=call_id,
            leg_id=fields.text("leg_id", packet) or session_id or call_id,
            leg=_leg(fields, reading),
            calling=number(fields.text("calling", packet, reading.attribute(CALLING_STATION_ID))),
            called=number(fields.text("called", packet, reading.attribute(CALLED_STATION_ID))),
            calling_in=number(fields.text("calling_in", packet)),
            calling_out=number(fields.text("calling_out", packet)),
            called_in=number(fields.text("called_in", packet)),
            called_out=number(fields.text("called_out", packet)),
            remote_ip=_address(fields, reading, "remote_ip"),
            dest_ip=_address(fields, reading, "dest_ip"),
            trunk_in=fields.text("trunk_in", packet),
            trunk_out=fields.text("trunk_out", packet),
            tenant=fields.text("tenant", packet, realm_of(username)),
            username=username,
            setup_at=times.setup_at,
            connect_at=_connect_at(reading, times.connect_at, status),
            disconnect_at=times.disconnect_at or (reading.event_at if kind in _ENDS else None),
            clock_ok=reading.clock_ok,
            duration_ms=0 if status is Status.FAILED and kind is not Kind.START else duration_ms,
            cause=reading.cause(fields.text("cause", packet), 10),
            sip_code=_sip_code(fields.text("sip_code", packet)),
            release_side=_side(fields.word("release_side", packet)),
            status=status,
        )

    def check_settings(self, settings: Mapping[str, str]) -> list[str]:
        """See :meth:`Dialect.check_settings`."""
        common, mapped = _split(settings.items())
        known = {setting: value for setting, value in common.items() if setting in _COMMON}
        every = ", ".join(_COMMON + MAPPED)
        return [
            *(
                f"setting {setting}: there is no such setting; a client may have {every}"
                for setting in common
                if setting not in known
            ),
            *read_settings(known, definitions(self.name), self.vendor)[1],
            *read_field_map(mapped, definitions(self.name))[1],
        ]

    def settings_of(self, client: Client) -> ClientSettings:
        """See :meth:`Dialect.settings_of`."""
        return _common(tuple(client.settings.items()))


_Written = Iterable[tuple[str, str]]


@lru_cache(maxsize=4096)
def _field_map(written: _Written) -> FieldMap:
    return read_field_map(_split(written)[1], definitions(Generic.name))[0]


@lru_cache(maxsize=4096)
def _common(written: _Written) -> ClientSettings:
    return read_settings(_split(written)[0], definitions(Generic.name), Generic.vendor)[0]


def _split(written: _Written) -> tuple[dict[str, str], dict[str, str]]:
    """Return the settings that every dialect has, and those that say where fields stand."""
    common: dict[str, str] = {}
    mapped: dict[str, str] = {}
    for setting, value in written:
        (mapped if is_mapped(setting) else common)[setting] = value
    return common, mapped


def _duration_ms(reading: Reading, fields: FieldMap, times: Times) -> int | None:
    """Return the sender's own figure, else what its times say."""
    kind = reading.kind
    if kind in (Kind.STOP, Kind.INTERIM) and "duration" in fields.places:
        told_ms = fields.milliseconds("duration", reading)
    else:
        told_ms = reading.duration_ms(since=times.connect_at or times.setup_at)
    return times.connected_ms if told_ms is None and kind is Kind.STOP else told_ms


def _status(reading: Reading, fields: FieldMap, times: Times, duration_ms: int | None) -> Status | None:
    """Return how far the call had come: as the sender says, else by its times, else as RFC 2866 means it."""
    kind = reading.kind
    if kind is Kind.AUTHORIZE:
        return None
    said = fields.word("status", reading.packet)
    if said:
        return Status(said)
    by_times = "connect" in fields.places and fields.start_means != "answer"
    if by_times or (fields.start_means == "setup" and kind is not Kind.STOP):
        return h323.status_of(kind, times, duration_ms)
    return rfc2866.status_of(kind, duration_ms)


def _connect_at(reading: Reading, connect_at: datetime | None, status: Status | None) -> datetime | None:
    if status is Status.FAILED:
        return None
    answered_now = reading.kind is Kind.START and status is Status.ANSWERED
    return connect_at or (reading.event_at if answered_now else None)


def _leg(fields: FieldMap, reading: Reading) -> Leg | None:
    """Return which leg it is about: one record a call, unless the settings say where legs are told."""
    if "leg" not in fields.places:
        return Leg.SINGLE
    return _LEGS.get(fields.word("leg", reading.packet))


def _side(word: str) -> Side | None:
    return Side(word) if word else None


def _sip_code(written: str) -> int | None:
    code = int(written) if written.isdecimal() and len(written) == 3 else 0
    return code if code in _SIP_CODES else None


def _address(fields: FieldMap, reading: Reading, name: str) -> str:
    place = fields.places.get(name)
    value = place.find(reading.packet) if place else None
    if not value:
        return ""
    found = address(value)
    if not found and value not in NO_ADDRESS:
        reading.doubt("bad_address")
    return found
