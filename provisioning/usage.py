"""
The feed of postings for who writes invoices: each is told once, in an order that never changes.

Postings are committed in another order than they are dated, and by several nodes. So the feed numbers them
itself, when it is read: whatever is visible and not yet in it gets the next numbers. What may still come in
for an earlier moment is bounded by the transactions that were under way: as soon as they are over, a later
one dates its postings later. That holds because a posting is dated when it is written (*posted_at*), give or
take :data:`GRACE` for clocks that differ and for work before the first write.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from psycopg2.extensions import cursor as Cursor

from provisioning.amounts import MICRO_DECIMALS
from provisioning.pages import Page
from provisioning.roles import Actor, reached_accounts

GRACE = timedelta(minutes=5)
AT_ONCE = 5000
FIRST_SPAN = timedelta(hours=1)
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """
    One posting: *amount* is added to the account's balance, so a charge is negative.

    *seconds* were drawn from *bucket*. A call's charges have its *call_id*.
    """

    seq: int
    id: str
    account: str
    posted: datetime
    kind: str
    amount: Decimal
    currency: str
    call_id: str | None
    role: str | None
    started: datetime | None
    service_kind: str | None
    service: str | None
    location: str
    bucket: str | None
    seconds: int
    note: str


def read_usage(txn: Cursor, actor: Actor, now: datetime, page: Page) -> tuple[list[Usage], int]:
    """
    Return the postings after the page's key, and the key of the next page; that is there, even if empty.

    *page* has a limit. Bound actors get those of the accounts that they reach.
    """
    actor.require("usage:read")
    assert page.limit is not None
    reached = reached_accounts(txn, actor)
    if _last_seq(txn) - page.after_number < page.limit:
        extend(txn, now, max(page.limit, AT_ONCE))
    told = _last_seq(txn)
    txn.execute(
        QUERY,
        {"after": page.after_number, "until": told, "reached": reached, "limit": page.limit},
    )
    found = [_usage_of(row) for row in txn.fetchall()]
    return found, found[-1].seq if len(found) == page.limit else max(told, page.after_number)


def extend(txn: Cursor, now: datetime, most: int) -> None:
    """Put up to *most* postings that are not in the feed yet at its end."""
    txn.execute(
        "SELECT last_seq, complete_until, mark_at, pg_snapshot_xmin(pg_current_snapshot()) >= mark_xid,"
        " pg_current_xact_id() < mark_xid FROM usage_feed_state FOR UPDATE"
    )
    ((last_seq, complete_until, mark_at, is_over, is_foreign),) = txn.fetchall()
    # What was under way at the mark is over: whatever is still to come began after it, and is dated so.
    safe = max(complete_until, mark_at - GRACE) if is_over else complete_until
    added, reached = _fill(txn, last_seq, complete_until, now, most)
    # Our own number is the mark: who is under way has a smaller one. A number that is still to come is of
    # the server from which the database was restored.
    is_next = is_over or is_foreign
    txn.execute(
        "UPDATE usage_feed_state SET last_seq = %s, complete_until = %s,"
        " mark_xid = CASE WHEN %s THEN pg_current_xact_id() ELSE mark_xid END,"
        " mark_at = CASE WHEN %s THEN %s ELSE mark_at END",
        (last_seq + added, safe if reached is None else min(safe, reached), is_next, is_next, now),
    )


QUERY = """
SELECT f.seq, p.id::text, a.code, p.posted_at, p.kind, p.amount_micros, a.currency, p.call_id::text, p.role,
    p.started_at, s.kind, s.name, p.location, b.name, p.seconds, p.note
FROM usage_feed f
JOIN posting p ON p.account_id = f.account_id AND p.posted_at = f.posted_at AND p.id = f.posting_id
JOIN account a ON a.id = p.account_id
LEFT JOIN service s ON s.id = p.service_id
LEFT JOIN bucket u ON u.account_id = p.account_id AND u.bucket_id = p.bucket_id
LEFT JOIN plan_bucket b ON b.id = u.plan_bucket_id
WHERE f.seq > %(after)s AND f.seq <= %(until)s
  AND (%(reached)s::bigint[] IS NULL OR f.account_id = ANY(%(reached)s::bigint[]))
ORDER BY f.seq LIMIT %(limit)s
"""


def _last_seq(txn: Cursor) -> int:
    txn.execute("SELECT last_seq FROM usage_feed_state")
    ((last_seq,),) = txn.fetchall()
    return int(last_seq)


def _fill(
    txn: Cursor, last_seq: int, complete_until: datetime, now: datetime, most: int
) -> tuple[int, datetime | None]:
    """
    Number postings from *complete_until* on, in growing spans of time, so that a long past is never sorted.

    Returns:
        How many, and the moment of the last one when there may be more.
    """
    start, span, added = complete_until, FIRST_SPAN, 0
    if start <= BEGINNING:
        txn.execute("SELECT min(posted_at) FROM posting")
        ((first,),) = txn.fetchall()
        start = first or now
    while added < most:
        end = start + span if start + span < now else None
        txn.execute(
            "INSERT INTO usage_feed (seq, account_id, posted_at, posting_id)"
            " SELECT %(last)s + row_number() OVER (ORDER BY posted_at, account_id, id),"
            " account_id, posted_at, id FROM (SELECT p.account_id, p.posted_at, p.id FROM posting p"
            "   WHERE p.posted_at >= %(start)s AND (%(end)s::timestamptz IS NULL OR p.posted_at < %(end)s)"
            "   AND NOT EXISTS (SELECT FROM usage_feed f WHERE f.posted_at = p.posted_at"
            "     AND f.account_id = p.account_id AND f.posting_id = p.id)"
            "   ORDER BY p.posted_at, p.account_id, p.id LIMIT %(most)s) AS fresh"
            " RETURNING posted_at",
            {"last": last_seq + added, "start": start, "end": end, "most": most - added},
        )
        moments = [moment for (moment,) in txn.fetchall()]
        added += len(moments)
        if added == most:
            return added, max(moments)
        if end is None:
            break
        start, span = end, span * 4
    return added, None


def _usage_of(row: tuple[object, ...]) -> Usage:
    values = dict(zip(Usage.__slots__, row, strict=True))
    values["amount"] = Decimal(str(values["amount"])).scaleb(-MICRO_DECIMALS)
    return Usage(**values)  # type: ignore[arg-type]  # the SELECT's order
