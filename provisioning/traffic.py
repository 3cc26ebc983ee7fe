"""Traffic reports: calls, minutes, charges, out-payments, cost and margin, added up by whatever is asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from psycopg2.extensions import cursor as Cursor

from provisioning import names
from provisioning.accounts import read_account
from provisioning.amounts import MICRO_DECIMALS
from provisioning.moments import zone_named
from provisioning.roles import Actor, reached_accounts, require_account

GROUPS: dict[str, str] = {
    "account": "account.code",
    "location": "cdr.location",
    "service": "service.kind || ' ' || service.name",
    "trunk": "trunk.name",
    "destination": "cdr.destination",
    "plan": "plan.code",
    "supplier": "supplier.code",
    "client": "client.name",
    "day": "to_char(cdr.started_at AT TIME ZONE %(zone)s, 'YYYY-MM-DD')",
    "hour": "to_char(cdr.started_at AT TIME ZONE %(zone)s, 'YYYY-MM-DD HH24:00')",
}
"""What may be asked for, and the column that says it. All of this is ours: no text of anybody's is in it."""

MOST_ROWS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """
    What the calls of one *key* came to, in one currency.

    *margin* is what is left of charges less the suppliers' cost, where that is known; *earned* is what
    customers get for inbound calls.
    """

    key: str
    currency: str
    calls: int
    answered: int
    minutes: Decimal
    billed_minutes: Decimal
    included_minutes: Decimal
    charge: Decimal
    earned: Decimal
    margin: Decimal | None


def traffic(
    txn: Cursor,
    actor: Actor,
    by: str,
    since: datetime,
    until: datetime,
    account: str | None = None,
    zone: str = "UTC",
) -> list[Traffic]:
    """
    Return what calls set up from *since* up to, not including, *until* came to, the dearest first.

    Raises:
        BadInput: Calls are not added up by that, or *zone* is none.
        NotFound: There is no such account, or *actor* does not reach it.
    """
    actor.require("calls:read")
    names.word("by", by, tuple(GROUPS))
    zone_named("zone", zone)
    if account is not None:
        require_account(txn, actor, account, "account")
        read_account(txn, account)
    order = "1" if by in ("day", "hour") else "8 DESC, 3 DESC, 1"
    txn.execute(
        f"""
        SELECT coalesce({GROUPS[by]}, ''), cdr.currency, count(*),
            count(*) FILTER (WHERE cdr.status = 'answered'), coalesce(sum(cdr.duration_ms), 0),
            coalesce(sum(cdr.billed_s), 0), coalesce(sum(cdr.included_s), 0),
            coalesce(sum(cdr.total_micros), 0),
            coalesce(sum((cdr.rating::jsonb #>> '{{outpayment,total}}')::numeric), 0), sum(cdr.margin_micros)
        FROM cdr
        LEFT JOIN account ON account.id = cdr.account_id
        LEFT JOIN service ON service.id = cdr.service_id
        LEFT JOIN service AS trunk ON trunk.id = cdr.channel_service_id
        LEFT JOIN plan ON plan.id = cdr.plan_id
        LEFT JOIN client ON client.id = cdr.client_id
        LEFT JOIN supplier ON supplier.id = cdr.supplier_id
        WHERE cdr.started_at >= %(since)s AND cdr.started_at < %(until)s
            AND (%(account)s::text IS NULL OR account.code = %(account)s)
            AND (%(reached)s::bigint[] IS NULL OR cdr.account_id = ANY (%(reached)s::bigint[]))
        GROUP BY 1, 2 ORDER BY {order} LIMIT %(most)s
        """,
        {
            "since": since,
            "until": until,
            "account": account,
            "reached": reached_accounts(txn, actor),
            "zone": zone,
            "most": MOST_ROWS,
        },
    )
    return [_traffic(row, actor) for row in txn.fetchall()]


def _traffic(row: tuple[object, ...], actor: Actor) -> Traffic:
    key, currency, calls, answered, duration_ms, billed_s, included_s, total, earned, margin = row
    return Traffic(
        key=str(key),
        currency=str(currency),
        calls=int(str(calls)),
        answered=int(str(answered)),
        minutes=_minutes(Decimal(str(duration_ms)) / 1000),
        billed_minutes=_minutes(Decimal(str(billed_s))),
        included_minutes=_minutes(Decimal(str(included_s))),
        charge=_amount(total),
        earned=Decimal(str(earned)),
        # What we pay is for our own eyes.
        margin=None if margin is None or actor.is_bound else _amount(margin),
    )


def _minutes(seconds: Decimal) -> Decimal:
    return (seconds / 60).quantize(Decimal("0.1"))


def _amount(micros: object) -> Decimal:
    return Decimal(str(micros)).scaleb(-MICRO_DECIMALS)
