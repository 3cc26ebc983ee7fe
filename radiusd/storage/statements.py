"""Questions of admins about the books: postings, buckets, channels, balances. Reads only."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from psycopg2.extensions import cursor

_BUCKET_NAME = """coalesce(plan_bucket.name, account_bucket.name)
        || CASE WHEN strpos(bucket.bucket_id, '+') > 0 THEN ' (rolled over)' ELSE '' END"""
# The key of a bucket is the second part of its id; an account's own begins with a letter.
_BUCKET_SOURCE = """
        LEFT JOIN plan_bucket ON plan_bucket.id = bucket.plan_bucket_id
        LEFT JOIN account_bucket ON account_bucket.account_id = bucket.account_id
            AND 'a' || account_bucket.id = split_part(split_part(bucket.bucket_id, '/', 2), '+', 1)
"""


class PostingLine(NamedTuple):
    """One line of the ledger that a call wrote."""

    posted_at: datetime
    account: str | None
    role: str | None
    kind: str
    amount_micros: int
    currency: str | None
    bucket: str | None
    seconds: int
    used_before_s: int | None
    included_s: int | None
    note: str


def postings_of(txn: cursor, accounts: list[int], call_id: str) -> list[PostingLine]:
    """
    Return what a call wrote in the ledgers of *accounts*, in order.

    *used_before_s* are the seconds that earlier postings had drawn from the bucket.
    """
    txn.execute(
        f"""
        SELECT posting.posted_at, account.code, posting.role, posting.kind, posting.amount_micros,
               account.currency, {_BUCKET_NAME}, posting.seconds,
               CASE WHEN posting.bucket_id IS NOT NULL THEN (
                   SELECT coalesce(sum(earlier.seconds), 0) FROM posting AS earlier
                   WHERE earlier.account_id = posting.account_id AND earlier.bucket_id = posting.bucket_id
                     AND (earlier.posted_at, earlier.id) < (posting.posted_at, posting.id)
               ) END,
               bucket.included_s, posting.note
        FROM posting
        LEFT JOIN account ON account.id = posting.account_id
        LEFT JOIN bucket ON bucket.account_id = posting.account_id AND bucket.bucket_id = posting.bucket_id
        {_BUCKET_SOURCE}
        WHERE posting.account_id = ANY(%s) AND posting.call_id = %s::uuid
        ORDER BY posting.posted_at, posting.id
        """,
        (accounts, call_id),
    )
    return [PostingLine(*row) for row in txn.fetchall()]


class BucketLine(NamedTuple):
    """Included seconds of one service and period."""

    account: str | None
    service: str | None
    bucket: str | None
    period_start: datetime
    period_end: datetime
    included_s: int
    used_s: int
    held_s: int
    bucket_id: str


def bucket_lines(txn: cursor, bucket_ids: list[str] | None = None) -> list[BucketLine]:
    """Return the buckets with these ids, or all that calls have opened."""
    txn.execute(
        f"""
        SELECT account.code, service.name, {_BUCKET_NAME}, bucket.period_start, bucket.period_end,
               bucket.included_s, bucket.used_s, bucket.held_s, bucket.bucket_id
        FROM bucket
        LEFT JOIN account ON account.id = bucket.account_id
        LEFT JOIN service ON service.id = bucket.service_id
        {_BUCKET_SOURCE}
        WHERE %(ids)s::text[] IS NULL OR bucket.bucket_id = ANY(%(ids)s::text[])
        ORDER BY account.code, service.name, bucket.period_start, bucket.bucket_id
        """,
        {"ids": bucket_ids},
    )
    return [BucketLine(*row) for row in txn.fetchall()]


class ChannelLine(NamedTuple):
    """Channels of a trunk or IP service: in use and allowed (None: no limit)."""

    account: str | None
    kind: str | None
    service: str | None
    used: int
    max_channels: int | None


def channel_lines(txn: cursor) -> list[ChannelLine]:
    """Return the channels of every trunk and IP service that has had a call."""
    txn.execute(
        """
        SELECT account.code, service.kind, service.name, channel.used, service.max_channels
        FROM channel
        LEFT JOIN account ON account.id = channel.account_id
        LEFT JOIN service ON service.id = channel.service_id
        ORDER BY account.code, service.kind, service.name
        """
    )
    return [ChannelLine(*row) for row in txn.fetchall()]


class BalanceLine(NamedTuple):
    """Money of an account. *credit_limit_micros* None is no limit."""

    account: str
    currency: str
    balance_micros: int
    held_micros: int
    credit_limit_micros: int | None
    channels: int


def balance_lines(txn: cursor) -> list[BalanceLine]:
    """Return the balance of every account."""
    txn.execute(
        """
        SELECT account.code, account.currency, coalesce(balance.balance_micros, 0),
               coalesce(balance.held_micros, 0), account.credit_limit_micros, coalesce(balance.channels, 0)
        FROM account LEFT JOIN balance ON balance.account_id = account.id
        ORDER BY account.code
        """
    )
    return [BalanceLine(*row) for row in txn.fetchall()]
