"""
The rows that one batch of events works on, in memory, and what has changed in them.

Loaded under the accounts' locks, changed by pure decisions, written back in one transaction.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from radiusd.calls.rows import (
    Balance,
    BucketRow,
    CallRow,
    Cdr,
    CdrKey,
    CdrNote,
    Channel,
    Disconnect,
    Posting,
    QueueEntry,
    QueueKey,
    Row,
    Session,
    SessionChange,
    SessionKey,
    TimeChange,
)


class Missing(Exception):
    """A decision needs rows that were not loaded or accounts that are not locked; load them and try again."""

    def __init__(
        self, accounts: set[int], services: set[int], since: datetime, keys: frozenset[str] = frozenset()
    ) -> None:
        super().__init__(accounts, services, since, keys)
        self.accounts = accounts
        self.services = services
        self.since = since
        self.keys = keys


class Books:
    """
    The working copy of one batch.

    *locked*: the accounts whose rows are loaded and locked. *served*: the services whose buckets are
    loaded, as far as their periods end after *since*. *keys*: the calls that are loaded; None: all.
    """

    def __init__(
        self, locked: set[int], served: set[int], since: datetime, keys: set[str] | None = None
    ) -> None:
        self.locked = locked
        self.served = served
        self.since = since
        self.keys = keys
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

    def require_call(self, key: str) -> None:
        """
        Make sure that what is known under *key* is loaded.

        Raises:
            Missing: It is not.
        """
        if self.keys is not None and key not in self.keys:
            raise Missing(set(), set(), self.since, frozenset((key,)))

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

    def cut(self, wanted: Disconnect) -> None:
        """Have a switch asked to hang up; a call that it was asked for already stays as it is."""
        self.changed[Disconnect].setdefault((wanted.account_id, wanted.call_id), wanted)

    def retime(self, wanted: TimeChange) -> None:
        """Have a switch told another time of a call; what it was to be told before is overtaken."""
        self.changed[TimeChange][wanted.account_id, wanted.call_id] = wanted

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
