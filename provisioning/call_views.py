"""Calls as somebody may see them: live ones, ended ones, queued ones, and why one was charged or refused."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from psycopg2.extensions import cursor as Cursor

from provisioning.accounts import find_account
from provisioning.amounts import MICRO_DECIMALS
from provisioning.explanation import Document, explain
from provisioning.pages import Page
from provisioning.roles import Actor, reached_accounts, require_account
from radiusd.errors import BadInput, NotFound
from radiusd.exports.columns import FIELDS, VALUES
from radiusd.storage.reports import (
    CdrFilter,
    CdrLine,
    LiveCall,
    QueuedCall,
    cdr_lines,
    cdr_records,
    live_calls,
    queued_calls,
)
from radiusd.storage.running_costs import running_costs
from radiusd.storage.trails import CallTrail, find_calls

MOST_CALLS = 10
HOUR = timedelta(hours=1)  # a switch's clock may be ahead of ours by so much
SPANS = (2 * HOUR, 6 * HOUR, timedelta(days=1), timedelta(days=7), timedelta(days=31))
"""How far back the newest calls of all accounts are looked for, step by step: no index has all by time."""

SPANS_OF_NUMBER = SPANS[2:3]
"""A number is found by an index in all; only what is called all the time is found sooner so."""


def live_for(txn: Cursor, actor: Actor, at: datetime, account: str | None = None) -> list[Document]:
    """Return the open calls that *actor* may see, oldest first, with what each has cost by *at*."""
    actor.require("calls:read")
    if account is not None:
        _require_named(txn, actor, account)
    codes = _codes(txn, actor)
    found = [call for call in live_calls(txn, account) if codes is None or call.account in codes]
    costs = running_costs(txn, at) if found else {}
    return [_live(call, costs.get((call.call_id, call.role), 0), at) for call in found]


def cdrs_for(txn: Cursor, actor: Actor, wanted: CdrFilter, now: datetime, page: Page) -> list[CdrLine]:
    """
    Return a page of the ended calls that *actor* may see, newest first.

    The page's key is the beginning of a record in milliseconds since 1970, its call id and its role.
    """
    wanted = narrowed(txn, actor, wanted)
    after = None
    if page.after:
        moment, call_id, role = page.after
        after = (moment_of_key(str(moment)), str(call_id), str(role))
    wanted = replace(wanted, limit=page.limit, after=after)
    newest = min(filter(None, (wanted.until, after and after[0])), default=now + HOUR)
    if wanted.account is None and wanted.account_ids is None:
        for span in SPANS if wanted.number is None or wanted.number.endswith("*") else SPANS_OF_NUMBER:
            since = newest - span
            if wanted.since is not None and wanted.since >= since:
                break
            found = cdr_lines(txn, replace(wanted, since=since))
            if len(found) == page.limit:
                return found
    return cdr_lines(txn, wanted)


def narrowed(txn: Cursor, actor: Actor, wanted: CdrFilter) -> CdrFilter:
    """
    Return *wanted* without what *actor* may not see.

    Raises:
        NotFound: There is no such account, or *actor* does not reach it.
        Forbidden: It may not look at calls.
    """
    actor.require("calls:read")
    if wanted.account is not None:
        _require_named(txn, actor, wanted.account)
    return replace(wanted, account_ids=reached_accounts(txn, actor))


def records_for(txn: Cursor, actor: Actor, call_id: str) -> list[Document]:
    """Return all that is recorded of an ended call, once for each payer that *actor* may see."""
    found = cdr_records(txn, narrowed(txn, actor, CdrFilter(call_id=call_id)))
    if not found:
        raise NotFound(f"no ended call has the id {call_id}")
    return [{name: VALUES[name](record) for name in FIELDS} for record in found]


def cdr_key(line: CdrLine) -> tuple[str, str, str]:
    """Return the key of a record in a list."""
    return (line.started_at.isoformat(), line.call_id, line.role)


def cdr_document(line: CdrLine) -> Document:
    """Return a record with the names that the command line has for its columns."""
    return {
        "start": line.started_at,
        "account": line.account,
        "role": line.role,
        "status": line.status,
        "reason": line.reason,
        "service": _service(line.service_kind, line.service),
        "from": line.calling,
        "to": line.called,
        "destination": line.destination,
        "duration_ms": line.duration_ms,
        "billed_s": line.billed_s,
        "included_s": line.included_s,
        "total": _money(line.total_micros),
        "currency": line.currency,
        "call_id": line.call_id,
    }


def queue_for(txn: Cursor, actor: Actor) -> list[QueuedCall]:
    """Return the calls that wait to be matched or rated, those that *actor* may see, oldest first."""
    actor.require("calls:read")
    codes = _codes(txn, actor)
    return [entry for entry in queued_calls(txn) if codes is None or entry.account in codes]


def explain_for(txn: Cursor, actor: Actor, name: str, now: datetime) -> list[Document]:
    """
    Return why the calls of that *name*, ours or their sender's, were charged or refused; newest first.

    Bound actors get what is about accounts that they reach.

    Raises:
        NotFound: There is none that *actor* may see.
    """
    actor.require("calls:read")
    reached = reached_accounts(txn, actor)
    trails = [trail for trail in find_calls(txn, name, MOST_CALLS) if _is_seen(trail, reached)]
    if not trails:
        raise NotFound(f"no call is known as {name}")
    codes = _codes(txn, actor)
    return [_narrowed(explain(txn, trail, now), codes) for trail in trails]


def require_call(txn: Cursor, actor: Actor, call_id: str) -> None:
    """Return when *actor* may end the open call. Raises NotFound, Forbidden."""
    actor.require("calls:write")
    codes = _codes(txn, actor)
    if not any(codes is None or call.account in codes for call in live_calls(txn, call_id=call_id)):
        raise NotFound(f"call {call_id} is not open")


def _require_named(txn: Cursor, actor: Actor, account: str) -> None:
    """Return when *actor* reaches the account that a filter names. Raises NotFound."""
    require_account(txn, actor, account, "account")
    if find_account(txn, account) is None:
        raise NotFound(f"account: account {account} does not exist; add it first")


def _codes(txn: Cursor, actor: Actor) -> set[str] | None:
    reached = reached_accounts(txn, actor)
    if reached is None:
        return None
    txn.execute("SELECT code FROM account WHERE id = ANY(%s)", (reached,))
    return {code for (code,) in txn.fetchall()}


def _is_seen(trail: CallTrail, reached: Iterable[int] | None) -> bool:
    return reached is None or bool(set(trail.accounts) & set(reached))


def _narrowed(document: Document, codes: set[str] | None) -> Document:
    """Return the explanation without what is about accounts that are not of *codes*."""
    if codes is None:
        return document
    return {
        **document,
        "live": [each for each in document["live"] if each["account"] in codes],
        "payers": [each for each in document["payers"] if each["account"] in codes],
        "queue": [],
        "cuts": [],
        "times": [],
    }


def _live(call: LiveCall, cost_micros: int, at: datetime) -> dict[str, Any]:
    elapsed_s = int((at - call.connect_at).total_seconds()) if call.connect_at else 0
    return {
        "start": call.setup_at,
        "seconds": max(0, elapsed_s),
        "state": call.state,
        "account": call.account,
        "service": _service(call.service_kind, call.service),
        "from": call.calling,
        "to": call.called,
        "cost": _money(cost_micros),
        "held": _money(call.held_micros),
        "currency": call.currency,
        "trunk": call.trunk,
        "channels_used": call.trunk_used,
        "channels_max": call.trunk_max,
        "over_limit": call.over_limit,
        "client": call.client,
        "role": call.role,
        "call_id": call.call_id,
    }


def moment_of_key(text: str) -> datetime:
    """Return the moment in a list's key. Raises BadInput."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInput("cursor: it is none of this list; leave it out to begin anew") from error
    if found.tzinfo is None:
        raise BadInput("cursor: it is none of this list; leave it out to begin anew")
    return found


def _service(kind: str | None, name: str | None) -> str | None:
    return None if name is None else f"{kind} {name}"


def _money(micros: int) -> Decimal:
    return Decimal(micros).scaleb(-MICRO_DECIMALS)
