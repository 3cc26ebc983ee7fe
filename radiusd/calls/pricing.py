"""What an answered call costs one payer: its own price, what comes on top, and what it earns."""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction

import msgspec

from radiusd.calls.books import Books
from radiusd.calls.buckets import buckets_of
from radiusd.calls.matching import Party
from radiusd.calls.tariffs import AS_DIALLED, Tariff, additional_rate, outpayment_rate
from rating.buckets import Direction
from rating.engine import rate_call
from rating.ratings import Rating


class Cost(msgspec.Struct, frozen=True, gc=False):
    """What rating found: the call itself, what comes on top, and what the customer earns."""

    rated: Rating | None
    additional: Rating | None
    outpayment: Rating | None
    buckets: dict[str, int]
    total_micros: int
    outpayment_micros: int
    destination: str


NOTHING = Cost(None, None, None, {}, 0, 0, "")


def price(
    books: Books,
    party: Party,
    terms: Tariff,
    calling: str,
    called: str,
    setup_at: datetime,
    answer_at: datetime,
    duration_ms: int,
) -> Cost:
    """Return what *party* owes for a call of *duration_ms* by *terms*; minutes are those in *books*."""
    whole_s, rest_ms = divmod(duration_ms, 1000)
    duration_s = Fraction(duration_ms, 1000) if rest_ms else whole_s
    account = party.service.account
    rated = None
    if terms.rate is not None:
        end = answer_at + timedelta(seconds=whole_s + bool(rest_ms))
        rated = rate_call(
            terms.rate,
            called=called,
            answer_at=answer_at,
            duration_s=duration_s,
            buckets=buckets_of(books, party, called, answer_at, end, {}),
            rounding=terms.rate.rules.rounding or party.plan.rounding,
            zone=account.zone,
            holidays=account.holidays,
            direction=Direction(party.role),
            payphone=terms.payphone,
            dips=terms.dips,
            duration_rounding=party.plan.duration_rounding,
        )
    on_top = additional_rate(party)
    earns = outpayment_rate(party, calling, called, setup_at, answer_at)
    additional = on_top(duration_s) if on_top else None
    outpayment = earns(duration_s) if earns else None
    return Cost(
        rated=rated,
        additional=additional,
        outpayment=outpayment,
        buckets=rated.bucket_use if rated else {},
        total_micros=sum(part.total_micros for part in (rated, additional) if part),
        outpayment_micros=outpayment.total_micros if outpayment else 0,
        destination=terms.rate.description if terms.rate else "",
    )


def explained(cost: Cost, terms: Tariff | None) -> dict[str, object]:
    """Return the explanation that a CDR keeps: the parts of the price, and what is to be said of them."""
    parts = {"call": cost.rated, "additional": cost.additional, "outpayment": cost.outpayment}
    found: dict[str, object] = {name: part.as_dict() for name, part in parts.items() if part}
    if terms is not None:
        said = {"free": terms.detail if terms.free else "", "jurisdiction": terms.jurisdiction}
        if terms.rate is not None and terms.source != "deck":
            said["price_of"] = terms.source
        found |= {name: text for name, text in said.items() if text}
        if terms.ported != AS_DIALLED:
            found["ported"] = {name: text for name, text in terms.ported._asdict().items() if text}
    return found
