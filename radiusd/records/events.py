"""What a record means to the books: one event of its sender, whose trunks and numbers its source explains."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

import msgspec

from radiusd.calls.events import PART, TOLD_AFTER, CallEvent, Kind, Status
from radiusd.errors import BadInput
from radiusd.records.record import Entry, Record, RecordError
from radiusd.records.values import LONGEST_TEXT

KEY_OCTETS = 16
GREATEST_CAUSE = 9999  # of Q.850, SIP and what vendors add to them
_SIGNS = str.maketrans("", "", "+*#")
Rules = tuple[tuple[str, str], ...]
Choice = tuple[str, frozenset[str]]


def read_rules(field: str, written: Iterable[str]) -> Rules:
    """Return rules such as ``00:``, ``101#:`` and ``0:49``: a number's beginning, and what replaces it."""
    rules = []
    for rule in written:
        prefix, colon, replacement = rule.partition(":")
        if not colon or not prefix or not (prefix + replacement).translate(_SIGNS).isalnum():
            raise BadInput(f"{field}: {rule!r} is not PREFIX:REPLACEMENT, as 00: or 0:49 is")
        rules.append((prefix, replacement))
    return tuple(rules)


def read_choice(field: str, written: str) -> Choice | None:
    """Return a column and those of its values that count, of ``COLUMN=VALUE|VALUE``; None of nothing."""
    column, equals, values = written.partition("=")
    if not written:
        return None
    if not column or not equals or not values:
        raise BadInput(f"{field}: {written!r} is not COLUMN=VALUE|VALUE, as dcontext=from-trunk is")
    return column, frozenset(values.split("|"))


class Meaning(msgspec.Struct, frozen=True, kw_only=True):
    """What a source's records mean: the fields of a provisioned source, ready for use."""

    source_id: int
    name: str
    client_id: int
    format: str
    shares_calls: bool = False
    tenant: str = ""
    tenant_from: str = ""
    username_from: str = ""
    trunk_in_from: str = ""
    trunk_out_from: str = ""
    incoming: Choice | None = None
    calling_rules: Rules = ()
    called_rules: Rules = ()

    def event(self, entry: Entry, key: bytes = b"") -> CallEvent:
        """
        Return the event that *entry* tells; *key* is what :meth:`key` gave for it, where that was asked.

        Raises:
            RecordError: Nothing tells when the call was.
        """
        record, fields = entry.record, entry.fields
        times = _times(record, entry.duration_ms)
        name = (key or self.key(entry)).hex()
        return CallEvent(
            client_id=self.client_id,
            dialect=self.format,
            kind=Kind.STOP if entry.part else _kind(record, times.ended_at),
            # Records come late by their nature: their stamps are believed as if they had come at once.
            received_at=times.told_at,
            event_at=times.told_at,
            event_at_known=True,
            call_id=self._call_id(entry, name),
            leg_id=self._leg_id(entry, name),
            calling=_ruled(_text(record.calling), self.calling_rules),
            called=_ruled(_text(record.called), self.called_rules),
            remote_ip=_text(record.source_ip),
            dest_ip=_text(record.dest_ip),
            trunk_in=_text(fields.get(self.trunk_in_from) or record.trunk_in or record.realm_in),
            trunk_out=_text(fields.get(self.trunk_out_from) or record.trunk_out or record.realm_out),
            tenant=_text(fields.get(self.tenant_from) or self.tenant).lower(),
            username=_text(fields.get(self.username_from)),
            setup_at=times.setup_at,
            connect_at=times.connect_at,
            disconnect_at=times.ended_at,
            duration_ms=times.duration_ms,
            cause=_whole(record.cause) if record.cause else _whole(record.isup_cause),
            sip_code=_sip_code(record),
            status=Status.ANSWERED if record.answered else Status.FAILED,
            flags=(TOLD_AFTER, PART) if entry.part else (TOLD_AFTER,),
            source=f"{self.name}:{name}",
            incoming=record.direction == "in" or self._is_incoming(fields),
        )

    def _leg_id(self, entry: Entry, key: str) -> str:
        """Return what the record is about, beside what RADIUS tells: each part and each node by itself."""
        if entry.part:
            return f"record of {self.name} {entry.part} {key}"
        return f"record of {self.name} {entry.teller}".rstrip()

    def _is_incoming(self, fields: Mapping[str, str]) -> bool:
        if self.incoming is None:
            return False
        column, values = self.incoming
        return fields.get(column, "") in values

    def key(self, entry: Entry) -> bytes:
        """Return what the record is known by: the sender's own key of it, else its octets."""
        own = entry.key.encode(errors="surrogatepass")
        content = b"key\0" + own if own else b"octets\0" + entry.raw
        return blake2b(content, digest_size=KEY_OCTETS).digest()

    def _call_id(self, entry: Entry, name: str) -> str:
        """
        Return the sender's name of the call.

        Where RADIUS, or another record, tells of the same call, it is the name that both have. Else each
        record is a call of its own: PBXs use one id for all rows of a call that was transferred, and again
        after they have booted.
        """
        call_id = _text(entry.record.call_id) or _text(entry.record.session_id)
        if self.shares_calls and entry.radius_id:
            return _text(entry.radius_id)
        if call_id and (self.shares_calls or entry.in_parts):
            return call_id
        return f"{call_id}#{name}"


class _Times(msgspec.Struct, frozen=True, gc=False):
    setup_at: datetime | None
    connect_at: datetime | None
    ended_at: datetime | None
    told_at: datetime
    duration_ms: int | None


def _times(record: Record, exact_ms: int | None) -> _Times:
    """Return when the call of *record* was."""
    setup, answer, release = _moment(record.setup), _moment(record.answer), _moment(record.release)
    release = release or _moment(record.release_minute)
    seconds = record.duration_seconds
    duration_ms = exact_ms if exact_ms is not None else None if seconds is None else seconds * 1000
    if answer is None and record.answered and release is not None and duration_ms:
        answer = release - timedelta(milliseconds=duration_ms)
    told_at = release or answer or setup
    if told_at is None:
        raise RecordError("no time tells when the call was")
    if release is None and duration_ms is not None:
        release = told_at
    return _Times(setup, answer, release, told_at, duration_ms)


def _kind(record: Record, ended_at: datetime | None) -> Kind:
    if ended_at is None:
        return Kind.START
    return Kind.STOP if record.answered else Kind.FAILED


def _moment(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None


def _text(value: object) -> str:
    """Return *value* as the books bear it: bounded, and without what does not print."""
    if not value or not isinstance(value, str):
        return ""
    if len(value) > LONGEST_TEXT:
        value = value[:LONGEST_TEXT]
    return value if value.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in value)


def _sip_code(record: Record) -> int | None:
    status = record.sip_status
    if isinstance(status, str) and len(status) == 3 and status.isascii() and status.isdigit():
        return int(status)
    return _whole(record.sip_code)


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and 0 <= value <= GREATEST_CAUSE else None


def _ruled(number: str, rules: Rules) -> str:
    for prefix, replacement in rules:
        if number.startswith(prefix):
            return replacement + number.removeprefix(prefix)
    return number


def meaning_of(source_id: int, client_id: int, shares_calls: bool, fields: Mapping[str, Any]) -> Meaning:
    """Return the meaning of a provisioned source's *fields*."""
    return Meaning(
        source_id=source_id,
        name=fields["name"],
        client_id=client_id,
        format=fields["format"],
        shares_calls=shares_calls,
        tenant=fields["tenant"],
        tenant_from=fields["tenant_from"],
        username_from=fields["username_from"],
        trunk_in_from=fields["trunk_in_from"],
        trunk_out_from=fields["trunk_out_from"],
        incoming=read_choice("incoming", fields["settings"].get("incoming", "")),
        calling_rules=read_rules("calling_rules", fields["calling_rules"]),
        called_rules=read_rules("called_rules", fields["called_rules"]),
    )
