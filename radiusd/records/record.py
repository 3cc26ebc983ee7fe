"""What one call record tells, in one form for every format; and what becomes of what tells no call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from radiusd.errors import TollwireError

LONGEST_EXCERPT = 120
KEPT_OCTETS = 4096
"""Of what is set aside or may be: enough to look at it."""

Direction = Literal["in", "out", "internal"]
Text = str | None | UnsetType
Number = int | None | UnsetType
Moment = datetime | None | UnsetType


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """
    One call as a record tells it: the normal form, and in JSON exactly that.

    A field that the format never tells is left out (UNSET); one that this record does not fill is None.
    Moments are UTC and whole seconds. Numbers are digits without ``+``. *duration_seconds* is the time
    connected; *answered* tells whether anybody was.
    """

    source: str  # the format's name
    record: str | UnsetType = UNSET  # which of the format's records, where it has several
    session_id: Text = UNSET
    icid: Text = UNSET
    node: Text = UNSET
    role: Text = UNSET
    calling: str | None
    called: str | None
    extension: Text = UNSET
    trunk: Text = UNSET
    direction: Direction | UnsetType | None = UNSET
    setup: Moment = UNSET
    answer: Moment = UNSET
    release: Moment = UNSET
    release_minute: Moment = UNSET  # of a format that tells minutes only
    duration_seconds: int | None
    ring_seconds: Number = UNSET
    duration_ms: Number = UNSET
    answered: bool
    call_id: Text = UNSET
    sip_call_id: Text = UNSET
    account: Text = UNSET
    user: Text = UNSET
    disposition: Text = UNSET
    hangup_cause: Text = UNSET
    cause: Number = UNSET
    sip_code: Number = UNSET
    sequence: Number = UNSET
    sip_status: Text = UNSET
    orig_ioi: Text = UNSET
    term_ioi: Text = UNSET
    trunk_in: Text = UNSET
    trunk_out: Text = UNSET
    isup_cause: Number = UNSET
    charge: Text = UNSET  # what the sender asks for it, as a decimal number in *currency*
    currency: Text = UNSET
    source_ip: Text = UNSET
    dest_ip: Text = UNSET
    device_out: Text = UNSET
    realm_in: Text = UNSET
    realm_out: Text = UNSET
    group: Text = UNSET
    service_provider: Text = UNSET
    network_call_id: Text = UNSET
    department: Text = UNSET


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """
    A record, and what the books need beside it: where it stood and what tells it from all others.

    *key* is the sender's own name of the record, empty where it has none: then its octets, *raw*, name it.
    *duration_ms* is the duration as exactly as the record tells it, None when no better than its seconds.
    *fields* are the record's own columns by the format's names; a source's settings speak of them.
    """

    record: Record
    line: int | None = None  # of a text file, from 1
    offset: int = 0  # of its first octet, in the unpacked file
    key: str = ""
    raw: bytes = b""
    duration_ms: int | None = None
    sequence: int | None = None  # the sender's running number, by which lost records show
    fields: Mapping[str, str] = {}
    in_parts: bool = False  # other records tell the rest of the call, under the same call_id
    radius_id: str = ""  # what RADIUS calls the same call, where that is not its call_id
    teller: str = ""  # which node tells it, where several tell of one call
    part: str = ""  # where the times of such records add up: what puts this one in its order among them
    parts: tuple[Entry, ...] = ()  # of a call that several records tell: each of them, for the books


class SetAside(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What should be a record and cannot be read; the file goes on behind it."""

    reason: str  # what is wrong and what to do
    field: str = ""
    line: int | None = None
    offset: int = 0
    raw: bytes = b""

    def place(self, file: str) -> str:
        """Return where it stands, as ``file:line (octet N)``."""
        line = "" if self.line is None else f":{self.line}"
        return f"{file}{line} (octet {self.offset})"

    def __str__(self) -> str:
        field = f"{self.field}: " if self.field else ""
        return f"{field}{self.reason}"


class PassedOver(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is rightly no record of a call: a header, a page rule, a start record."""

    reason: str
    line: int | None = None
    offset: int = 0


Outcome = Entry | SetAside | PassedOver
Outcomes = Iterator[Outcome]


class RecordError(TollwireError):
    """
    One record cannot be read: it is set aside, and the file goes on; with ``--strict`` the file is refused.

    Raised by what reads a field or a record; the reader of the file, which knows the place, catches it.
    """

    def __init__(
        self, reason: str, field: str = "", *, file: str = "", line: int | None = None, offset: int = 0
    ) -> None:
        self.reason, self.field = reason, field
        self.file, self.line, self.offset = file, line, offset
        self.set_aside = SetAside(reason=reason, field=field, line=line, offset=offset)
        super().__init__(f"{self.set_aside.place(file)}: {self.set_aside}" if file else str(self.set_aside))


def excerpt(text: str) -> str:
    """Return *text* as a message may show it: printable, in quotes and not long."""
    return repr(text if len(text) <= LONGEST_EXCERPT else text[:LONGEST_EXCERPT] + "…")
