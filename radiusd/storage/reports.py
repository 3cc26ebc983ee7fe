"""Questions of admins about calls: live ones, ended ones, queued ones. Reads only; plain values come back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, NamedTuple

from psycopg2.extensions import connection, cursor

from radiusd.errors import NotFound

EXPORTED_AT_ONCE = 2_000


class LiveCall(NamedTuple):
    """An open call as one payer sees it, with the channels in use and allowed of the trunk that it is on."""

    call_id: str
    role: str
    state: str
    setup_at: datetime
    connect_at: datetime | None
    account: str | None
    service_kind: str | None
    service: str | None
    calling: str
    called: str
    client: str | None
    trunk: str | None
    trunk_used: int | None
    trunk_max: int | None
    held_s_until: int
    held_micros: int
    currency: str | None
    over_limit: bool
    granted_s: int | None
    expires_at: datetime
    held_buckets: str
    match: str


def live_calls(txn: cursor, account: str | None = None, call_id: str | None = None) -> list[LiveCall]:
    """Return the open calls, oldest first; only those of an account, by its code, or of one call."""
    txn.execute(
        """
        SELECT session.call_id::text, session.role, session.state, session.setup_at, session.connect_at,
               account.code, service.kind, service.name, session.calling, session.called, client.name,
               trunk.name, channel.used, trunk.max_channels, session.held_s_until, session.held_micros,
               account.currency, session.over_limit, session.granted_s,
               session.expires_at, session.held_buckets::text, session.match::text
        FROM session
        LEFT JOIN account ON account.id = session.account_id
        LEFT JOIN service ON service.id = session.service_id
        LEFT JOIN service AS trunk ON trunk.id = session.channel_service_id
        LEFT JOIN channel
            ON channel.account_id = session.account_id AND channel.service_id = session.channel_service_id
        LEFT JOIN client ON client.id = session.client_id
        WHERE (%(account)s IS NULL OR account.code = %(account)s)
          AND (%(call_id)s IS NULL OR session.call_id = %(call_id)s::uuid)
        ORDER BY session.setup_at, session.call_id, session.role
        """,
        {"account": account, "call_id": call_id},
    )
    return [LiveCall(*row) for row in txn.fetchall()]


@dataclass(frozen=True, slots=True)
class CdrFilter:
    """
    Which CDRs are wanted; None is any.

    From *since* (inclusive) to *until* (exclusive), by the call's beginning. *number* is the calling or the
    called number, with or without ``+``; a ``*`` at its end stands for any digits. *after* are the beginning,
    call id and role of a record.
    """

    account: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    status: str | None = None
    number: str | None = None
    call_id: str | None = None
    account_ids: list[int] | None = None
    limit: int | None = None
    after: tuple[datetime, str, str] | None = None  # the record that comes before, in the order of lists


def require_account(txn: cursor, wanted: CdrFilter) -> None:
    """Raise NotFound when there is no account as *wanted* names: it would find nothing, for ever."""
    if wanted.account is None:
        return
    txn.execute("SELECT FROM account WHERE code = %s", (wanted.account,))
    if txn.fetchone() is None:
        raise NotFound(f"account {wanted.account} does not exist")


class CdrLine(NamedTuple):
    """An ended call as one payer sees it: what a list shows."""

    started_at: datetime
    account: str | None
    role: str
    status: str
    reason: str
    service_kind: str | None
    service: str | None
    calling: str
    called: str
    destination: str
    duration_ms: int
    billed_s: int
    included_s: int
    total_micros: int
    currency: str
    call_id: str


class CdrRecord(NamedTuple):
    """An ended call as one payer sees it: all there is. *rating* and *match* are the explanation, as JSON."""

    started_at: datetime
    account: str | None
    role: str
    status: str
    reason: str
    service_kind: str | None
    service: str | None
    calling: str
    called: str
    destination: str
    duration_ms: int
    billed_s: int
    included_s: int
    total_micros: int
    currency: str
    call_id: str
    client: str | None
    trunk: str | None
    plan: str | None
    deck_version_id: int | None
    location: str
    prefix: str
    remote_ip: str
    trunk_in: str
    trunk_out: str
    connect_at: datetime | None
    ended_at: datetime
    cause: int | None
    sip_code: int | None
    release_side: str
    flags: list[str]
    rating: str
    match: str


_LINE = """
    cdr.started_at, account.code, cdr.role, cdr.status, cdr.reason, service.kind, service.name,
    cdr.calling, cdr.called, cdr.destination, cdr.duration_ms, cdr.billed_s, cdr.included_s,
    cdr.total_micros, cdr.currency, cdr.call_id::text
"""
_RECORD = f"""
    {_LINE}, client.name, trunk.name, plan.code, cdr.deck_version_id, cdr.location, cdr.prefix,
    cdr.remote_ip, cdr.trunk_in, cdr.trunk_out, cdr.connect_at, cdr.ended_at, cdr.cause, cdr.sip_code,
    cdr.release_side, cdr.flags, cdr.rating::text, cdr.match::text
"""
_FROM = """
    FROM cdr
    LEFT JOIN account ON account.id = cdr.account_id
    LEFT JOIN service ON service.id = cdr.service_id
    LEFT JOIN service AS trunk ON trunk.id = cdr.channel_service_id
    LEFT JOIN client ON client.id = cdr.client_id
    LEFT JOIN plan ON plan.id = cdr.plan_id
    WHERE (%(account)s IS NULL OR cdr.account_id = (SELECT id FROM account WHERE code = %(account)s))
      AND (%(account_ids)s::bigint[] IS NULL OR cdr.account_id = ANY(%(account_ids)s::bigint[]))
      AND (%(since)s IS NULL OR cdr.started_at >= %(since)s::timestamptz)
      AND (%(until)s IS NULL OR cdr.started_at < %(until)s::timestamptz)
      AND (%(status)s IS NULL OR cdr.status = %(status)s)
      AND (%(call_id)s IS NULL OR cdr.call_id = %(call_id)s::uuid)
      AND (%(number)s IS NULL OR ltrim(cdr.calling, '+') = %(number)s OR ltrim(cdr.called, '+') = %(number)s)
      AND (%(pattern)s IS NULL OR ltrim(cdr.calling, '+') LIKE %(pattern)s
                               OR ltrim(cdr.called, '+') LIKE %(pattern)s)
      AND (%(after_at)s IS NULL OR cdr.started_at < %(after_at)s::timestamptz
           OR (cdr.started_at = %(after_at)s::timestamptz
               AND (cdr.call_id, cdr.role) > (%(after_call)s::uuid, %(after_role)s)))
"""
_NEWEST_FIRST = " ORDER BY cdr.started_at DESC, cdr.call_id, cdr.role LIMIT %(limit)s"
_OLDEST_FIRST = " ORDER BY cdr.started_at, cdr.call_id, cdr.role LIMIT %(limit)s"


def cdr_lines(txn: cursor, wanted: CdrFilter) -> list[CdrLine]:
    """Return the wanted CDRs, newest first."""
    return [CdrLine(*row) for row in _newest(txn, _LINE, wanted)]


def cdr_records(txn: cursor, wanted: CdrFilter) -> list[CdrRecord]:
    """Return all of the wanted CDRs, newest first."""
    return [CdrRecord(*row) for row in _newest(txn, _RECORD, wanted)]


def _newest(txn: cursor, columns: str, wanted: CdrFilter) -> list[tuple[Any, ...]]:
    """
    Return the rows.

    PostgreSQL cannot know that summaries (schema/0020) rule out most pages for a number or a rare state, and
    would rather read all.
    """
    txn.execute("SET LOCAL enable_seqscan = off")
    txn.execute("SELECT" + columns + _FROM + _NEWEST_FIRST, _parameters(wanted))
    rows = txn.fetchall()
    txn.execute("SET LOCAL enable_seqscan = on")
    return rows


def stream_cdrs(connection: connection, wanted: CdrFilter) -> Iterator[CdrRecord]:
    """Yield the wanted CDRs, oldest first; from a cursor on the server, so that any number will do."""
    with connection.cursor(name="cdr_export") as txn:
        txn.itersize = EXPORTED_AT_ONCE
        txn.execute("SELECT" + _RECORD + _FROM + _OLDEST_FIRST, _parameters(wanted))
        for row in txn:
            yield CdrRecord(*row)


def _parameters(wanted: CdrFilter) -> dict[str, object]:
    after_at, after_call, after_role = wanted.after or (None, None, None)
    number, pattern = _number(wanted.number)
    return {
        **asdict(wanted),
        "after": None,
        "after_at": after_at,
        "after_call": after_call,
        "after_role": after_role,
        "number": number,
        "pattern": pattern,
    }


def _number(wanted: str | None) -> tuple[str | None, str | None]:
    """Return the number that is wanted, which an index serves, or a pattern of LIKE for many."""
    if wanted is None:
        return None, None
    literal = wanted.removesuffix("*").lstrip("+")
    if not wanted.endswith("*"):
        return literal, None
    for special in ("\\", "%", "_"):  # LIKE's own; what a number holds is matched as it is
        literal = literal.replace(special, "\\" + special)
    return None, literal + "%"


class QueuedCall(NamedTuple):
    """An ended call that could not be matched or rated, and waits for an admin."""

    queued_at: datetime
    call_id: str
    role: str
    account: str | None
    client: str | None
    reason: str
    detail: str


def queued_calls(txn: cursor) -> list[QueuedCall]:
    """Return the queue, oldest first."""
    txn.execute(
        """
        SELECT queue.queued_at, queue.call_id::text, queue.role, account.code, client.name,
               queue.reason, queue.detail
        FROM queue
        LEFT JOIN account ON account.id = queue.account_id
        LEFT JOIN call ON call.call_key = queue.call_key AND call.seq = queue.seq
        LEFT JOIN client ON client.id = call.client_id
        ORDER BY queue.queued_at, queue.call_id, queue.role
        """
    )
    return [QueuedCall(*row) for row in txn.fetchall()]
