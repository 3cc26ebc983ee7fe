"""What an account earned by calls in a month, number by number: what goes with an out-payment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from psycopg2.extensions import cursor as Cursor

from provisioning.account_statements import month, refuse_kept_elsewhere
from provisioning.accounts import read_account
from provisioning.amounts import MICRO_DECIMALS
from provisioning.roles import Actor, require_account

# A call's lines first: rated again in its own month it has several, and is still one call. Where what it
# earned at first was posted before the month, at least as much was taken back as was given: a correction,
# whose call and time the statement of that other month has.
_EARNED = """
    WITH calls AS (
        SELECT p.call_id, p.role, p.started_at, p.service_id, p.location, sum(p.amount_micros) AS micros,
            count(*) FILTER (WHERE p.kind = 'outpayment') <= count(*) FILTER (WHERE p.kind = 'reversal')
                AS is_correction
        FROM posting p WHERE p.account_id = %(id)s AND p.posted_at >= %(begin)s AND p.posted_at < %(end)s
            AND (p.kind = 'outpayment' OR (p.kind = 'reversal' AND p.amount_micros < 0))
        GROUP BY 1, 2, 3, 4, 5 HAVING sum(p.amount_micros) <> 0
    )
    SELECT coalesce(s.kind || ' ' || s.name, ''), calls.location, is_correction, count(*),
        coalesce(sum(c.duration_ms), 0)::bigint, sum(calls.micros)
    FROM calls LEFT JOIN service s ON s.id = calls.service_id
    LEFT JOIN cdr c ON c.account_id = %(id)s AND c.started_at = calls.started_at
        AND c.call_id = calls.call_id AND c.role = calls.role
    GROUP BY 1, 2, 3 ORDER BY 3, 1, 2
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Earned:
    """
    What *calls* to one service earned, which lasted *seconds* together.

    A *correction* is about calls of earlier months that were rated again: their time is not counted anew.
    """

    service: str
    location: str
    correction: bool
    calls: int
    seconds: int
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class OutPayments:
    """What an account earned from *begin* up to, not including, *end*: *total* is the sum of *lines*."""

    account: str
    name: str
    currency: str
    begin: datetime
    end: datetime
    lines: tuple[Earned, ...]
    calls: int
    seconds: int
    total: Decimal


def outpayments(txn: Cursor, actor: Actor, account: str, period: str) -> OutPayments:
    """
    Return what *account* earned in the month *period*, like 2026-11, in the account's zone.

    Seconds are whole: what is left of each line's milliseconds is cut off.

    Raises:
        NotFound: There is no such account, or *actor* does not reach it.
        BadInput: The period is none.
        Conflict: Its postings are kept elsewhere.
        Forbidden: The actor may not read balances.
    """
    actor.require("balances:read")
    require_account(txn, actor, account)
    account_id, found = read_account(txn, account)
    begin, end = month(period, ZoneInfo(found.timezone))
    refuse_kept_elsewhere(txn, period, end)
    txn.execute(_EARNED, {"id": account_id, "begin": begin, "end": end})
    lines = tuple(
        Earned(
            service=service,
            location=location,
            correction=correction,
            calls=calls,
            seconds=0 if correction else duration_ms // 1000,
            amount=Decimal(int(micros)).scaleb(-MICRO_DECIMALS),
        )
        for service, location, correction, calls, duration_ms, micros in txn.fetchall()
    )
    return OutPayments(
        account=found.code,
        name=found.name,
        currency=found.currency,
        begin=begin,
        end=end,
        lines=lines,
        calls=sum(line.calls for line in lines if not line.correction),
        seconds=sum(line.seconds for line in lines),
        total=sum((line.amount for line in lines), Decimal(0)),
    )
