"""Why a call was charged or refused: packets, match, holds, price line by line, postings."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from psycopg2.extensions import cursor

from provisioning.amounts import MICRO_DECIMALS
from radiusd.calls.events import CallEvent
from radiusd.calls.facts import read_facts
from radiusd.calls.rows import read_booked
from radiusd.errors import Refusal
from radiusd.storage.books_check import recomputed_micros
from radiusd.storage.disconnects import cut_lines
from radiusd.storage.reports import (
    CdrFilter,
    CdrRecord,
    LiveCall,
    QueuedCall,
    cdr_records,
    live_calls,
    queued_calls,
)
from radiusd.storage.running_costs import running_costs
from radiusd.storage.statements import PostingLine, postings_of
from radiusd.storage.time_changes import time_lines
from radiusd.storage.trails import CallTrail

Document = dict[str, Any]
SAME_TIME = timedelta(minutes=1)


def explain(txn: cursor, trail: CallTrail, now: datetime) -> Document:
    """Return everything that is known of the call of *trail*; amounts are exact decimals."""
    booked = read_booked(trail.charges)
    records = cdr_records(
        txn,
        CdrFilter(
            call_id=trail.call_id,
            account_ids=[0, *trail.accounts],
            # A record begins with its call; with the time, its index finds it among an account's millions.
            since=trail.begun_at - SAME_TIME,
            until=trail.begun_at + SAME_TIME,
        ),
    )
    live = live_calls(txn, call_id=trail.call_id)
    costs = running_costs(txn, now) if live else {}
    decks = _decks(txn, records)
    postings = postings_of(txn, trail.accounts, trail.call_id)
    queued = [entry for entry in queued_calls(txn) if entry.call_id == trail.call_id]
    return {
        "call_id": trail.call_id,
        "client": trail.client,
        "state": trail.state,
        "begun_at": trail.begun_at,
        "ended_at": trail.ended_at,
        "authorized": booked.authorized,
        "refusal": _refusal(booked.refusal),
        "closed_by_us": booked.closing.how if booked.closing else None,
        "events": [_event(event) for event in read_facts(trail.facts)],
        "live": [_live(call, costs.get((call.call_id, call.role), 0)) for call in live],
        "payers": [_payer(record, postings, decks) for record in records],
        "queue": [_queued(entry) for entry in queued],
        "cuts": [line._asdict() for line in cut_lines(txn, call_id=trail.call_id)],
        "times": [line._asdict() for line in time_lines(txn, call_id=trail.call_id)],
    }


def _refusal(word: str) -> Document | None:
    for refusal in Refusal:
        if refusal.word == word:
            return {"word": word, "reply_message": refusal.reply_message}
    return {"word": word, "reply_message": ""} if word else None


def _event(event: CallEvent) -> Document:
    return {
        "at": event.event_at,
        "received_at": event.received_at,
        "kind": event.kind.value,
        "leg": event.leg.value if event.leg else None,
        "status": event.status.value if event.status else None,
        "from": event.calling,
        "to": event.called,
        "duration_ms": event.duration_ms,
        "cause": event.cause,
        "sip_code": event.sip_code,
        "source": event.source,
        "call": event.call_id,
        "leg_id": event.leg_id,
        "flags": list(event.flags),
    }


def _live(call: LiveCall, cost_micros: int) -> Document:
    matched = json.loads(call.match)
    return {
        "account": call.account,
        "role": call.role,
        "service": _service(call.service_kind, call.service),
        "state": call.state,
        "connect_at": call.connect_at,
        "over_limit": call.over_limit,
        "trunk": call.trunk,
        "channels_used": call.trunk_used,
        "channels_max": call.trunk_max,
        "granted_s": call.granted_s,
        "held_s_until": call.held_s_until,
        "held": _money(call.held_micros),
        "held_buckets": json.loads(call.held_buckets),
        "expires_at": call.expires_at,
        "cost_so_far": _money(cost_micros),
        "currency": call.currency,
        "match": _trace(matched["trace"]),
    }


def _decks(txn: cursor, records: list[CdrRecord]) -> dict[int, str]:
    """Return what to call the deck versions of *records*: name, number and the file that they came from."""
    versions = [record.deck_version_id for record in records if record.deck_version_id is not None]
    txn.execute(
        "SELECT v.id, d.name, v.number, v.source FROM deck_version v JOIN deck d ON d.id = v.deck_id"
        " WHERE v.id = ANY (%s)",
        (versions,),
    )
    return {
        version_id: f"deck {name} version {number} from {source}"
        for version_id, name, number, source in txn.fetchall()
    }


def _payer(record: CdrRecord, postings: list[PostingLine], decks: dict[int, str]) -> Document:
    rating = json.loads(record.rating)
    recomputed = recomputed_micros(record.rating)
    return {
        "account": record.account,
        "role": record.role,
        "status": record.status,
        "reason": record.reason,
        "service": _service(record.service_kind, record.service),
        "trunk": record.trunk,
        "match": _trace(json.loads(record.match)),
        "plan": record.plan,
        "deck_version_id": record.deck_version_id,
        "deck": decks.get(record.deck_version_id or 0),
        "prefix": record.prefix,
        "destination": record.destination,
        "connect_at": record.connect_at,
        "duration_ms": record.duration_ms,
        "billed_s": record.billed_s,
        "included_s": record.included_s,
        "rating": rating,
        "total": _money(record.total_micros),
        "recomputed": None if recomputed is None else _money(recomputed),
        "currency": record.currency,
        "flags": record.flags,
        "postings": [
            _posting(line) for line in postings if (line.account, line.role) == (record.account, record.role)
        ],
    }


def _posting(line: PostingLine) -> Document:
    before_s = line.used_before_s
    return {
        "at": line.posted_at,
        "kind": line.kind,
        "amount": _money(line.amount_micros),
        "bucket": line.bucket,
        "seconds": line.seconds,
        "bucket_before_s": before_s,
        "bucket_after_s": None if before_s is None else before_s + line.seconds,
        "bucket_included_s": line.included_s,
    }


def _queued(entry: QueuedCall) -> Document:
    return {"queued_at": entry.queued_at, "reason": entry.reason, "detail": entry.detail}


def _trace(tries: list[list[str]]) -> list[Document]:
    return [{"identifier": name, "value": value, "outcome": outcome} for name, value, outcome in tries]


def _service(kind: str | None, name: str | None) -> str | None:
    return None if name is None else f"{kind} {name}"


def _money(micros: int) -> Decimal:
    return Decimal(micros).scaleb(-MICRO_DECIMALS)
