"""What open calls have cost so far: rated to this second, as settlement would if they ended now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from psycopg2.extensions import cursor

from radiusd.calls.directory import Account, Plan, RateDeck, Service, ServiceKind
from radiusd.calls.matching import Party
from radiusd.calls.tariffs import additional_rate
from rating.buckets import Bucket
from rating.decks import Deck
from rating.engine import rate_call
from rating.money import Mode, Rounding

_held = msgspec.json.Decoder(dict[str, int])
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class _Open(msgspec.Struct):
    """One answered call with its price in force, as the query below returns it."""

    call_id: str
    role: str
    connect_at: datetime
    called: str
    held_buckets: str
    currency: str
    timezone: str
    plan_initial_s: int | None
    plan_increment_s: int | None
    rounding_decimals: int
    rounding_mode: str
    additional_charge_nano: int | None
    rate: tuple[Any, ...]  # the columns of a rate, as Deck.build takes them


_COLUMNS = 12

_QUERY = """
    SELECT session.call_id::text, session.role, session.connect_at, session.called,
           session.held_buckets::text, account.currency, account.timezone,
           plan.initial_s, plan.increment_s, plan.rounding_decimals, plan.rounding_mode,
           service.additional_charge_nano,
           rate.prefix, rate.description, rate.price_nano, rate.connect_fee_micros, rate.initial_s,
           rate.increment_s, rate.effective_at, rate.expires_at, rate.blocked
    FROM session
    JOIN account ON account.id = session.account_id
    JOIN service ON service.id = session.service_id
    JOIN plan ON plan.id = (session.match::jsonb ->> 'plan_id')::bigint
    LEFT JOIN LATERAL (
        SELECT * FROM rate
        WHERE rate.deck_version_id = (session.match::jsonb ->> 'deck_version_id')::bigint
          AND rate.prefix = session.match::jsonb ->> 'prefix' AND rate.effective_at <= session.connect_at
        ORDER BY rate.effective_at DESC LIMIT 1
    ) AS rate ON true
    WHERE session.connect_at IS NOT NULL
"""


def running_costs(txn: cursor, at: datetime) -> dict[tuple[str, str], int]:
    """
    Return the cost so far in micro-units of every answered open call, by call id and role.

    A call draws the included minutes that it holds before money, as it will when it ends.
    """
    buckets = _buckets_in_use(txn)
    txn.execute(_QUERY)
    found = [_Open(*(*row[:_COLUMNS], row[_COLUMNS:])) for row in txn.fetchall()]
    return {(call.call_id, call.role): _cost_micros(call, buckets, at) for call in found}


def _buckets_in_use(txn: cursor) -> dict[str, dict[str, Any]]:
    txn.execute(
        "SELECT bucket.bucket_id, bucket.period_start, bucket.period_end, plan_bucket.priority,"
        " destination_set.prefixes, plan_bucket.clock_initial_s, plan_bucket.clock_increment_s"
        " FROM bucket JOIN plan_bucket ON plan_bucket.id = bucket.plan_bucket_id"
        " LEFT JOIN destination_set ON destination_set.id = plan_bucket.destination_set_id"
        " WHERE bucket.held_s > 0"
    )
    return {
        bucket_id: {
            "priority": priority,
            "prefixes": ("",) if prefixes is None else tuple(prefixes),
            "valid_from": valid_from,
            "valid_to": valid_to,
            "initial_s": initial_s if increment_s else None,
            "increment_s": increment_s,
        }
        for bucket_id, valid_from, valid_to, priority, prefixes, initial_s, increment_s in txn.fetchall()
    }


def _cost_micros(call: _Open, buckets: dict[str, dict[str, Any]], at: datetime) -> int:
    elapsed_s = max(0, -(-(at - call.connect_at) // timedelta(seconds=1)))
    party = _party(call)
    on_top = additional_rate(party)
    cost = on_top(elapsed_s).total_micros if on_top else 0
    rate = Deck.build([call.rate]).lookup(call.called, call.connect_at) if call.rate[0] is not None else None
    if rate is None or rate.blocked:
        return cost
    if party.plan.initial_s is not None and party.plan.increment_s is not None:
        rate = rate.with_increments(party.plan.initial_s, party.plan.increment_s)
    return (
        cost
        + rate_call(
            rate,
            called=call.called,
            answer_at=call.connect_at,
            duration_s=elapsed_s,
            buckets=[
                Bucket(id=bucket_id, seconds=seconds, **buckets[bucket_id])
                for bucket_id, seconds in _held.decode(call.held_buckets).items()
                if bucket_id in buckets
            ],
            rounding=party.plan.rounding,
            zone=party.service.account.zone,
        ).total_micros
    )


def _party(call: _Open) -> Party:
    """Return the payer, with as much of service and plan as prices ask for."""
    rounding = Rounding(call.rounding_decimals, Mode(call.rounding_mode))
    account = Account(
        id=0,
        code="",
        name="",
        currency=call.currency,
        zone=ZoneInfo(call.timezone),
        credit_limit_micros=None,
        max_channels=None,
    )
    plan = Plan(
        id=0,
        code="",
        deck=RateDeck(0, "", call.currency, ()),
        inbound_deck=None,
        initial_s=call.plan_initial_s,
        increment_s=call.plan_increment_s,
        rounding=rounding,
    )
    service = Service(
        id=0,
        kind=ServiceKind.VIRTUAL,
        name="",
        account=account,
        plan=plan,
        activated_at=_BEGINNING,
        additional_charge_nano=call.additional_charge_nano,
    )
    return Party(call.role, service, None, plan)
