"""
The rows of the hot tables, as decisions see them.

A row's fields are its columns; what a column means stands in ``storage/schema``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from radiusd.calls.facts import Closing, Events, Identity
from radiusd.calls.gauges import Gauges
from radiusd.calls.matching import Try

NOBODY = 0
"""The account of calls that match no one."""


class Row(msgspec.Struct, kw_only=True, gc=False):
    """A row of a hot table. Long ones omit their defaults: the statement that writes them has those."""


class Balance(Row):
    """Money and channels of an account; its row is also the account's lock."""

    account_id: int
    balance_micros: int = 0
    held_micros: int = 0
    channels: int = 0
    paced_until: datetime | None = None
    gauges: Gauges | None = None


class Channel(Row):
    """Channels in use of a trunk or IP service: the count of its sessions."""

    account_id: int
    service_id: int
    used: int = 0
    paced_until: datetime | None = None


class BucketRow(Row):
    """Included seconds of one service and period."""

    account_id: int
    bucket_id: str
    service_id: int
    plan_bucket_id: int
    period_start: datetime
    period_end: datetime
    included_s: int
    used_s: int = 0
    held_s: int = 0
    rolled_s: int = 0  # moved to a bucket of the next period

    @property
    def free_s(self) -> int:
        """Return the seconds that no call has used or holds."""
        return self.included_s - self.used_s - self.held_s - self.rolled_s


class Charge(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """
    What was booked for an ended call at one payer; enough to take it back.

    *signature* is what the charge was computed from: the same signature means the same charge.
    """

    account_id: int
    role: str
    started_at: datetime
    signature: str
    total_micros: int = 0
    outpayment_micros: int = 0
    buckets: dict[str, int] = {}
    service_id: int | None = None
    channel_service_id: int | None = None
    plan_id: int | None = None
    location: str = ""
    supplier_id: int | None = None
    cost_micros: int = 0


class Booked(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What we decided about a call and booked for it."""

    authorized: bool = False
    verified: bool = False
    refusal: str = ""
    closing: Closing | None = None
    charges: tuple[Charge, ...] = ()
    joined: str = ""  # the key of the call that this is a leg of; the row holds nothing and leads there


_decoder = msgspec.json.Decoder(Booked)


def read_booked(text: str) -> Booked:
    """Return what the column *charges* of a call says, given as text."""
    return _decoder.decode(text)


class Matched(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """What a session remembers of its match: service and plan hold for the whole call."""

    identity: Identity  # by which it was matched
    called: str  # without tech prefix
    plan_id: int | None
    deck_version_id: int | None
    prefix: str
    destination: str
    trace: tuple[Try, ...]


class CallRow(Row):
    """Where a sender's call id leads: the facts of the call and what was booked for it."""

    call_key: str
    seq: int
    call_id: str
    client_id: int
    state: str
    begun_at: datetime
    ended_at: datetime | None
    accounts: list[int]
    facts: Events = ()
    charges: Booked = Booked()


class CallColumns(Row):
    """A call's columns but for the two long ones, which go to the database beside it."""

    call_key: str
    seq: int
    call_id: str
    client_id: int
    state: str
    begun_at: datetime
    ended_at: datetime | None
    accounts: list[int]


class Session(Row):
    """An open call as one payer sees it."""

    account_id: int
    call_id: str
    role: str
    call_key: str
    seq: int
    client_id: int
    service_id: int | None
    channel_service_id: int | None
    state: str
    calling: str
    called: str
    setup_at: datetime
    connect_at: datetime | None
    granted_s: int | None
    held_s_until: int
    expires_at: datetime
    held_micros: int
    held_buckets: dict[str, int]
    over_limit: bool
    match: Matched


class SessionKey(Row):
    """A session that has ended."""

    account_id: int
    call_id: str
    role: str


class SessionChange(Row):
    """What changes in a session while the call is up."""

    account_id: int
    call_id: str
    role: str
    state: str
    connect_at: datetime | None
    granted_s: int | None
    held_s_until: int
    expires_at: datetime
    held_micros: int
    held_buckets: dict[str, int]


class Cdr(Row, kw_only=True, omit_defaults=True):
    """What a call was and cost, for one payer."""

    account_id: int
    started_at: datetime
    call_id: str
    role: str
    status: str
    reason: str = ""
    client_id: int
    service_id: int | None = None
    channel_service_id: int | None = None
    plan_id: int | None = None
    deck_version_id: int | None = None
    location: str = ""
    calling: str
    called: str
    remote_ip: str = ""
    trunk_in: str = ""
    trunk_out: str = ""
    connect_at: datetime | None = None
    ended_at: datetime
    duration_ms: int = 0
    billed_s: int = 0
    included_s: int = 0
    total_micros: int = 0
    currency: str
    prefix: str = ""
    destination: str = ""
    cause: int | None = None
    sip_code: int | None = None
    release_side: str = ""
    flags: list[str]
    rating: dict[str, Any]
    match: tuple[Try, ...]
    supplier_id: int | None = None
    cost_micros: int | None = None
    margin_micros: int | None = None
    cost: dict[str, Any] | None = None


class CdrKey(Row):
    """Which CDR a new one takes the place of."""

    account_id: int
    started_at: datetime
    call_id: str
    role: str


class Posting(Row, kw_only=True, omit_defaults=True):
    """One immutable line of the ledger."""

    account_id: int
    posted_at: datetime
    id: str
    kind: str
    amount_micros: int
    bucket_id: str | None = None
    seconds: int = 0
    call_id: str | None = None
    role: str | None = None
    started_at: datetime | None = None
    service_id: int | None = None
    location: str = ""
    note: str = ""
    supplier_id: int | None = None
    cost_micros: int = 0


class CdrNote(Row, kw_only=True, omit_defaults=True):
    """What a later event adds to a CDR without changing its charge."""

    account_id: int
    started_at: datetime
    call_id: str
    role: str
    remote_ip: str = ""
    trunk_in: str = ""
    trunk_out: str = ""
    cause: int | None = None
    sip_code: int | None = None
    release_side: str = ""
    flags: list[str]
    match: tuple[Try, ...]
    supplier_id: int | None = None
    cost_micros: int | None = None
    margin_micros: int | None = None
    cost: dict[str, Any] | None = None


class QueueEntry(Row):
    """An ended call that waits for an admin."""

    account_id: int
    call_id: str
    role: str
    call_key: str
    seq: int
    reason: str
    detail: str
    queued_at: datetime


class Disconnect(Row):
    """A call that its switch is to be asked to hang up."""

    account_id: int
    call_id: str
    call_key: str
    seq: int
    client_id: int
    begun_at: datetime
    reason: str
    asked_at: datetime
    due_at: datetime


class TimeChange(Row):
    """A call whose switch is to be told that it may last for another time."""

    account_id: int
    call_id: str
    call_key: str
    seq: int
    client_id: int
    begun_at: datetime
    reason: str
    timeout_s: int
    asked_at: datetime
    due_at: datetime


class QueueKey(Row):
    """An entry of the queue that is mended."""

    account_id: int
    call_id: str
    role: str
