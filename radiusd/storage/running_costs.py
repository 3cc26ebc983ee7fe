"""What open calls have cost so far: rated to this second, as settlement would if they ended now."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
from psycopg2.extensions import cursor

from radiusd.calls.buckets import bucket, key_of_bucket
from radiusd.calls.directory import Directory
from radiusd.calls.facts import Identity
from radiusd.calls.matching import Party, is_internal
from radiusd.calls.tariffs import Ported, additional_rate, tariff
from radiusd.storage.excerpts import load_excerpt
from rating.buckets import Bucket, Direction
from rating.engine import rate_call

Periods = dict[str, tuple[datetime, datetime]]  # of the buckets that calls hold
_held = msgspec.json.Decoder(dict[str, int])

_QUERY = """
    SELECT call_id::text, role, service_id, (match::jsonb ->> 'plan_id')::bigint, calling, called,
           setup_at, connect_at, held_buckets::text, match::jsonb -> 'identity'
    FROM session WHERE connect_at IS NOT NULL AND service_id IS NOT NULL
"""


class _Open(NamedTuple):
    """One answered call as one payer sees it."""

    call_id: str
    role: str
    service_id: int
    plan_id: int
    calling: str
    called: str
    setup_at: datetime
    connect_at: datetime
    held_buckets: str
    identity: list[object]

    @property
    def ported(self) -> Ported:
        """What look-ups told of its numbers."""
        identity = msgspec.convert(self.identity, Identity)
        return Ported(identity.lrn, identity.calling_lrn, identity.ii)


def running_costs(txn: cursor, at: datetime) -> dict[tuple[str, str], int]:
    """
    Return the cost so far in micro-units of every answered open call, by call id and role.

    A call draws the included minutes that it holds before money, as it will when it ends.
    """
    txn.execute(_QUERY)
    calls = [_Open._make(row) for row in txn.fetchall()]
    if not calls:
        return {}
    numbers = {call.ported.number_of(call.called) for call in calls}
    directory = load_excerpt(txn, numbers, {call.service_id for call in calls})
    periods = _periods(txn)
    internal = _internal(calls, directory)
    costs = {}
    for call in calls:
        party = _party(call, directory, call.call_id in internal)
        if party is not None:
            costs[call.call_id, call.role] = _cost_micros(call, party, directory, periods, at)
    return costs


def _party(call: _Open, directory: Directory, internal: bool) -> Party | None:
    service = directory.services.get(call.service_id)
    plan = directory.plans.get(call.plan_id)
    if service is None or plan is None:
        return None
    return Party(call.role, service, None, plan, internal and call.role == "out")


def _internal(calls: list[_Open], directory: Directory) -> set[str]:
    """Return the calls that stay inside one account's PBX."""
    services = {(call.call_id, call.role): directory.services.get(call.service_id) for call in calls}
    found = set()
    for (call_id, role), out in services.items():
        into = services.get((call_id, "in"))
        if role == "out" and out is not None and into is not None and is_internal(out, into):
            found.add(call_id)
    return found


def _periods(txn: cursor) -> Periods:
    txn.execute("SELECT bucket_id, period_start, period_end FROM bucket WHERE held_s > 0")
    return {bucket_id: (start, end) for bucket_id, start, end in txn.fetchall()}


def _cost_micros(call: _Open, party: Party, directory: Directory, periods: Periods, at: datetime) -> int:
    elapsed_s = max(0, -(-(at - call.connect_at) // timedelta(seconds=1)))
    on_top = additional_rate(party)
    cost = on_top(elapsed_s).total_micros if on_top else 0
    asked = (call.calling, call.called, call.setup_at, call.connect_at, directory, call.ported)
    terms = tariff(party, *asked)
    if terms.rate is None:
        return cost
    account = party.service.account
    rated = rate_call(
        terms.rate,
        called=call.called,
        answer_at=call.connect_at,
        duration_s=elapsed_s,
        buckets=_buckets(call, party, periods),
        rounding=terms.rate.rules.rounding or party.plan.rounding,
        zone=account.zone,
        holidays=account.holidays,
        direction=Direction(call.role),
        duration_rounding=party.plan.duration_rounding,
    )
    return cost + rated.total_micros


def _buckets(call: _Open, party: Party, periods: Periods) -> list[Bucket]:
    """Return what the call holds, as buckets."""
    allowances = {each.key: each for each in (*party.plan.buckets, *party.service.account.allowances)}
    found = []
    for bucket_id, seconds in _held.decode(call.held_buckets).items():
        allowance = allowances.get(key_of_bucket(bucket_id))
        period = periods.get(bucket_id)
        if allowance is not None and period is not None:
            found.append(bucket(allowance, bucket_id, seconds, *period))
    return found
