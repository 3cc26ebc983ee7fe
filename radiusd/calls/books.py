"""
The rows that one batch of events works on, in memory, and what has changed in them.

Loaded under the accounts' locks, changed by pure decisions, written back in one transaction. A row's
fields are its columns; what a column means stands in ``storage/schema``.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any

import msgspec

from radiusd.calls.facts import Closing, Events, Identity
from radiusd.calls.matching import Try

NOBODY = 0
"""The account of calls that match no one."""


class Row(msgspec.Struct, kw_only=True, gc=False):
    """A row of a hot table."""


class Balance(Row):
    """Money and channels of an account; its row is also the account's lock."""

    account_id: int
    balance_micros: int = 0
    held_micros: int = 0
    channels: int = 0


class Channel(Row):
    """Channels in use of a trunk or IP service: the count of its sessions."""

    account_id: int
    service_id: int
    used: int = 0


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

    @property
    def free_s(self) -> int:
        """Return the seconds that no call has used or holds."""
        return self.included_s - self.used_s - self.held_s


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


class Booked(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What we decided about a call and booked for it."""

    authorized: bool = False
    verified: bool = False
    refusal: str = ""
    closing: Closing | None = None
    charges: tuple[Charge, ...] = ()


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


class Cdr(Row):
    """What a call was and cost, for one payer."""

    account_id: int
    started_at: datetime
    call_id: str
    role: str
    status: str
    reason: str
    client_id: int
    service_id: int | None
    channel_service_id: int | None
    plan_id: int | None
    deck_version_id: int | None
    location: str
    calling: str
    called: str
    remote_ip: str
    trunk_in: str
    trunk_out: str
    connect_at: datetime | None
    ended_at: datetime
    duration_ms: int
    billed_s: int
    included_s: int
    total_micros: int
    currency: str
    prefix: str
    destination: str
    cause: int | None
    sip_code: int | None
    release_side: str
    flags: list[str]
    rating: dict[str, Any]
    match: tuple[Try, ...]


class CdrKey(Row):
    """Which CDR a new one takes the place of."""

    account_id: int
    started_at: datetime
    call_id: str
    role: str


class Posting(Row):
    """One immutable line of the ledger."""

    account_id: int
    posted_at: datetime
    id: str
    kind: str
    amount_micros: int
    bucket_id: str | None
    seconds: int
    call_id: str | None
    role: str | None
    started_at: datetime | None
    service_id: int | None
    location: str
    note: str


class CdrNote(Row):
    """What a later event adds to a CDR without changing its charge."""

    account_id: int
    started_at: datetime
    call_id: str
    role: str
    remote_ip: str
    trunk_in: str
    trunk_out: str
    cause: int | None
    sip_code: int | None
    release_side: str
    flags: list[str]
    match: tuple[Try, ...]


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


class QueueKey(Row):
    """An entry of the queue that is mended."""

    account_id: int
    call_id: str
    role: str


class Missing(Exception):
    """A decision needs rows that were not loaded or accounts that are not locked; load them and try again."""

    def __init__(self, accounts: set[int], services: set[int], since: datetime) -> None:
        super().__init__(accounts, services, since)
        self.accounts = accounts
        self.services = services
        self.since = since


class Books:
    """
    The working copy of one batch.

    *locked*: the accounts whose rows are loaded and locked. *served*: the services whose buckets are
    loaded, as far as their periods end after *since*.
    """

    def __init__(self, locked: set[int], served: set[int], since: datetime) -> None:
        self.locked = locked
        self.served = served
        self.since = since
        self.balances: dict[int, Balance] = {}
        self.channels: dict[tuple[int, int], Channel] = {}
        self.buckets: dict[tuple[int, str], BucketRow] = {}
        self.calls: dict[str, list[CallRow]] = defaultdict(list)
        self.sessions: dict[str, dict[tuple[int, str], Session]] = defaultdict(dict)
        self.changed: dict[type[Row], dict[tuple[object, ...], Row]] = defaultdict(dict)
        self.new_calls: dict[tuple[str, int], CallRow] = {}
        self.ended_sessions: dict[tuple[int, str, str], SessionKey] = {}
        self.stored_sessions: set[tuple[int, str, str]] = set()
        self.new_sessions: dict[tuple[int, str, str], Session] = {}
        self.replaced_cdrs: dict[tuple[int, datetime, str, str], CdrKey] = {}
        self.mended: dict[tuple[int, str, str], QueueKey] = {}
        self.postings: list[Posting] = []

    def load(self, row: Row) -> None:
        """Take a row as the database holds it."""
        if isinstance(row, Balance):
            self.balances[row.account_id] = row
        elif isinstance(row, Channel):
            self.channels[row.account_id, row.service_id] = row
        elif isinstance(row, BucketRow):
            self.buckets[row.account_id, row.bucket_id] = row
        elif isinstance(row, CallRow):
            self.calls[row.call_key].append(row)
        elif isinstance(row, Session):
            self.sessions[row.call_id][row.account_id, row.role] = row
            self.stored_sessions.add((row.account_id, row.call_id, row.role))

    def require(self, accounts: set[int], services: set[int], since: datetime) -> None:
        """
        Make sure that these accounts are locked, and these services' buckets from *since* on loaded.

        Raises:
            Missing: They are not.
        """
        if not (accounts <= self.locked and services <= self.served) or (services and since < self.since):
            raise Missing(accounts, services, since)

    def balance(self, account_id: int) -> Balance:
        """Return the account's balance, which the caller is about to change."""
        balance = self.balances.get(account_id)
        if balance is None:
            balance = self.balances[account_id] = Balance(account_id=account_id)
        self.changed[Balance][account_id,] = balance
        return balance

    def channel(self, account_id: int, service_id: int) -> Channel:
        """Return the channels of a service, which the caller is about to change."""
        key = (account_id, service_id)
        channel = self.channels.get(key)
        if channel is None:
            channel = self.channels[key] = Channel(account_id=account_id, service_id=service_id)
        self.changed[Channel][key] = channel
        return channel

    def bucket(self, account_id: int, bucket_id: str) -> BucketRow:
        """Return a bucket, which the caller is about to change."""
        row = self.buckets[account_id, bucket_id]
        self.changed[BucketRow][account_id, bucket_id] = row
        return row

    def add_call(self, row: CallRow) -> None:
        """Write a new call."""
        self.calls[row.call_key].append(row)
        self.new_calls[row.call_key, row.seq] = row

    def change_call(self, row: CallRow) -> None:
        """Write a call that has changed."""
        if (row.call_key, row.seq) not in self.new_calls:
            self.changed[CallRow][row.call_key, row.seq] = row

    def put_session(self, session: Session) -> None:
        """Write a session, new or changed."""
        key = (session.account_id, session.call_id, session.role)
        self.sessions[session.call_id][session.account_id, session.role] = session
        if key in self.stored_sessions and key not in self.ended_sessions:
            self.changed[SessionChange][key] = SessionChange(
                account_id=session.account_id,
                call_id=session.call_id,
                role=session.role,
                state=session.state,
                connect_at=session.connect_at,
                granted_s=session.granted_s,
                held_s_until=session.held_s_until,
                expires_at=session.expires_at,
                held_micros=session.held_micros,
                held_buckets=session.held_buckets,
            )
        else:
            self.new_sessions[key] = session

    def end_session(self, session: Session) -> None:
        """Remove a session."""
        key = (session.account_id, session.call_id, session.role)
        del self.sessions[session.call_id][session.account_id, session.role]
        self.changed[SessionChange].pop(key, None)
        self.new_sessions.pop(key, None)
        if key in self.stored_sessions:
            self.ended_sessions[key] = SessionKey(
                account_id=session.account_id, call_id=session.call_id, role=session.role
            )

    def put_cdr(self, cdr: Cdr) -> None:
        """Write a CDR, in place of one with the same key if there is one."""
        key = (cdr.account_id, cdr.started_at, cdr.call_id, cdr.role)
        self.changed[Cdr][key] = cdr
        self.changed[CdrNote].pop(key, None)  # it is older than this record

    def note_cdr(self, note: CdrNote) -> None:
        """Write what a later event adds to a CDR."""
        self.changed[CdrNote][note.account_id, note.started_at, note.call_id, note.role] = note

    def remove_cdr(self, account_id: int, started_at: datetime, call_id: str, role: str) -> None:
        """Remove the CDR that was written for a call before, if any."""
        key = (account_id, started_at, call_id, role)
        self.changed[Cdr].pop(key, None)
        self.replaced_cdrs[key] = CdrKey(
            account_id=account_id, started_at=started_at, call_id=call_id, role=role
        )

    def queue(self, entry: QueueEntry) -> None:
        """Queue a call for an admin."""
        key = (entry.account_id, entry.call_id, entry.role)
        self.mended.pop(key, None)
        self.changed[QueueEntry][key] = entry

    def mend(self, account_id: int, call_id: str, role: str) -> None:
        """Take a call out of the queue, if it is there."""
        key = (account_id, call_id, role)
        self.changed[QueueEntry].pop(key, None)
        self.mended[key] = QueueKey(account_id=account_id, call_id=call_id, role=role)
