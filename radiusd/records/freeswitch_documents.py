"""FreeSWITCH's mod_json_cdr and mod_xml_cdr: one document a leg, many in a file or one posted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

from msgspec import UNSET

from radiusd.errors import BadInput
from radiusd.records.documents import Document, json_documents, xml_documents
from radiusd.records.freeswitch import timing_of, unescaped
from radiusd.records.record import Direction, Entry, Outcomes, PassedOver, Record, RecordError, SetAside
from radiusd.records.stamps import read_zone
from radiusd.records.timing import Timing
from radiusd.records.values import address, number, text, whole

JSON_NAME, XML_NAME = "freeswitch-json", "freeswitch-xml"
SETTINGS = {
    "zone": "time zone of the server's clock, for documents that have stamps and no epochs",
    "legs": "a (default): the caller's leg; or both",
}
_DIRECTIONS: Mapping[str, Direction] = {"outbound": "out", "inbound": "in", "local": "internal"}
_PLAIN = frozenset((str, int, float, bool))
_ORIGINATORS = ("originator", "originating_leg_uuid")


def read_json(file: BinaryIO, settings: Mapping[str, str]) -> Outcomes:
    """Return what documents of mod_json_cdr tell. Raises BadInput for settings."""
    reader = _Reader(JSON_NAME, settings)
    return reader.read_all(json_documents(file))


def read_xml(file: BinaryIO, settings: Mapping[str, str]) -> Outcomes:
    """Return what documents of mod_xml_cdr tell. Raises BadInput for settings."""
    reader = _Reader(XML_NAME, settings)
    return reader.read_all(xml_documents(file))


class _Reader:
    def __init__(self, name: str, settings: Mapping[str, str]) -> None:
        self._name = name
        self._zone: ZoneInfo = read_zone(settings)
        self._both_legs = settings.get("legs", "a") == "both"
        if settings.get("legs", "a") not in ("a", "both"):
            raise BadInput(f"setting legs: {settings['legs']!r} is neither a nor both")

    def read_all(self, documents: Iterator[Document | SetAside]) -> Outcomes:
        """Yield what each document tells."""
        for document in documents:
            if isinstance(document, SetAside):
                yield document
                continue
            try:
                yield self._read(document)
            except RecordError as error:
                yield SetAside(
                    reason=error.reason,
                    field=error.field,
                    line=document.line,
                    offset=document.offset,
                    raw=document.octets,
                )

    def _read(self, document: Document) -> Entry | PassedOver:
        variables = _texts(document.content.get("variables"), "variables")
        for name in [name for name, value in variables.items() if "%" in value]:
            variables[name] = unescaped(variables[name])
        profile = _profile(document.content.get("callflow"))
        fields = {**profile, **variables}
        if not self._both_legs and variables.get("direction") == "outbound" and _has_originator(fields):
            return PassedOver(reason="the other leg of a call", line=document.line, offset=document.offset)
        times = timing_of(variables, self._zone)
        return Entry(
            record=self._record(variables, profile, times),
            line=document.line,
            offset=document.offset,
            raw=document.octets,
            key=variables.get("uuid", ""),
            duration_ms=times.ms,
            fields=fields,
        )

    def _record(self, variables: Mapping[str, str], profile: Mapping[str, str], times: Timing) -> Record:
        get = variables.get
        is_json = self._name == JSON_NAME
        calling = profile.get("caller_id_number") or get("caller_id_number") or get("sip_from_user")
        called = profile.get("destination_number") or get("destination_number")
        called = called or get("sip_req_user") or get("sip_to_user")
        network = profile.get("network_addr") or get("sip_received_ip") or get("sip_network_ip", "")
        return Record(
            source=self._name,
            calling=number(calling or ""),
            called=number(called or ""),
            direction=_DIRECTIONS.get(get("call_direction", "")),
            setup=times.setup,
            answer=times.answer,
            release=times.release,
            duration_seconds=times.seconds,
            answered=times.answered,
            call_id=text(get("uuid", "")),
            sip_call_id=text(get("sip_call_id", "")),
            account=text(get("accountcode", "")),
            hangup_cause=UNSET if is_json else text(get("hangup_cause", "")),
            cause=whole(get("hangup_cause_q850", ""), "hangup_cause_q850") if is_json else UNSET,
            source_ip=address(network) if is_json else UNSET,
        )


def _has_originator(fields: Mapping[str, str]) -> bool:
    return any(fields.get(name) for name in _ORIGINATORS)


def _texts(found: object, field: str) -> dict[str, str]:
    """Return the plain values of an object as text. Raises RecordError when it is none."""
    if not isinstance(found, dict):
        raise RecordError("it has no such object; is it a call record of FreeSWITCH?", field)
    return {
        name: value if value.__class__ is str else str(value)
        for name, value in found.items()
        if value.__class__ in _PLAIN
    }


def _profile(callflow: Any) -> dict[str, str]:
    """Return the caller's profile as the call began: a transfer adds a newer one in front of it."""
    if isinstance(callflow, dict):
        callflow = [callflow]
    if not isinstance(callflow, list) or not callflow or not isinstance(callflow[-1], dict):
        return {}
    profile = callflow[-1].get("caller_profile")
    if not isinstance(profile, dict):
        return {}
    told = {name: unescaped(value) for name, value in _texts(profile, "caller_profile").items()}
    if profile.get("originator"):  # the profile of the leg that made this one
        told.setdefault("originator", "told")
    return told
