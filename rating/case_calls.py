"""The cases of kind "rating": a tariff and calls, settled in the order listed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from rating.buckets import Bucket, Direction
from rating.decks import Deck
from rating.engine import rate_call
from rating.fields import Fields
from rating.increments import DurationRounding
from rating.jurisdiction import Jurisdiction, classify, is_payphone, state_of, with_country_code
from rating.lines import Slice
from rating.money import ZERO, exact_text
from rating.notation import read_buckets, read_origins, read_rate
from rating.rates import Rate
from rating.ratings import Rating


class Tariff(NamedTuple):
    """What the calls of a case are rated by."""

    deck: Deck
    outpayments: Deck
    zone: ZoneInfo
    holidays: frozenset[Any]
    states: Mapping[str, str]
    indeterminate_as: Jurisdiction
    lrn_fee: Fraction
    cnam_fee: Fraction


def read_tariff(case: Fields) -> Tariff:
    """Return the tariff of a case."""
    origins = read_origins(case.table("origin_groups"))
    states = case.table("nanp")
    fees = case.table("dip_fees")
    zone = case.zone("tz")
    return Tariff(
        deck=_deck(case, "rates", origins),
        outpayments=_deck(case, "outpayments", origins),
        zone=zone,
        holidays=frozenset(Fields({"": day}, "holidays").day("", zone) for day in case.texts("holidays")),
        states={code: states.text(code) for code in states.values},
        indeterminate_as=case.choice("indeterminate_as", Jurisdiction, Jurisdiction.INDETERMINATE),
        lrn_fee=fees.amount("lrn", ZERO),
        cnam_fee=fees.amount("cnam", ZERO),
    )


def _deck(case: Fields, name: str, origins: Mapping[str, Any]) -> Deck:
    with case.blamed(name):
        return Deck.of(read_rate(rate, origins) for rate in case.tables(name))


def rate_calls(case: Fields) -> dict[str, Any]:
    """Return the outcome of each call, and what is left in the buckets after all of them."""
    tariff = read_tariff(case)
    buckets = read_buckets(case)
    outcomes = []
    for call in case.tables("calls"):
        outcome = {"call": call.text("id"), **_charge(call, tariff, buckets), **_outpayment(call, tariff)}
        used = outcome.get("bucket_use", {})
        buckets = [replace(each, seconds=each.seconds - used.get(each.id, 0)) for each in buckets]
        outcomes.append(outcome)
    return {"calls": outcomes, "buckets_after": {bucket.id: bucket.seconds for bucket in buckets}}


def find_rate(call: Fields, tariff: Tariff) -> tuple[Rate | None, Jurisdiction | None]:
    """Return the rate for a call, at the price of its jurisdiction if it has such prices."""
    lrn = call.text("lrn", "")  # a ported number is priced where it is now
    number = with_country_code(lrn) if lrn else call.text("to").removeprefix("+")
    rate = tariff.deck.lookup(number, read_answer(call), call.text("from", ""))
    if rate is None or not rate.rules.jurisdiction:
        return rate, None
    jurisdiction = classify(
        state_of(call.text("from", ""), tariff.states, call.text("from_lrn", "")),
        state_of(call.text("to"), tariff.states, call.text("lrn", "")),
    )
    indeterminate = jurisdiction == Jurisdiction.INDETERMINATE
    return rate.in_jurisdiction(tariff.indeterminate_as if indeterminate else jurisdiction), jurisdiction


def read_answer(call: Fields) -> Any:
    """Return when the call was answered."""
    answer_at = call.moment("answer")
    if answer_at is None:
        raise call.error("answer", "is missing")
    return answer_at


def call_terms(call: Fields, rate: Rate, tariff: Tariff) -> dict[str, Any]:
    """Return the arguments that a rating and a grant of this call have in common."""
    called = call.text("to").removeprefix("+")
    dips = tariff.lrn_fee if "lrn" in call or "from_lrn" in call else ZERO
    if call.flag("cnam_dipped"):
        dips += tariff.cnam_fee
    return {
        "called": called,
        "answer_at": read_answer(call),
        "zone": tariff.zone,
        "holidays": tariff.holidays,
        "direction": call.choice("direction", Direction, Direction.OUT),
        "device": call.text("device", "") or None,
        "payphone": is_payphone(call.text("ii", ""), called),
        "dips": dips,
    }


def _duration(call: Fields) -> dict[str, Any]:
    with call.blamed("duration"):
        raw_s = call.amount("duration")
    return {
        "duration_s": raw_s,
        "duration_rounding": call.choice("duration_rounding", DurationRounding, DurationRounding.UP),
    }


def _charge(call: Fields, tariff: Tariff, buckets: Sequence[Bucket]) -> dict[str, Any]:
    rate, jurisdiction = find_rate(call, tariff)
    if rate is None:
        return {"error": "no_rate"}
    if rate.blocked:
        return {"error": "blocked"}
    with call.blamed():
        rating = rate_call(rate, buckets=buckets, **call_terms(call, rate, tariff), **_duration(call))
    outcome = _told(rating)
    if jurisdiction is not None:
        outcome["jurisdiction"] = jurisdiction.value
    return outcome


def _told(rating: Rating) -> dict[str, Any]:
    """Return a rating in the words of a case."""
    outcome: dict[str, Any] = {
        "prefix": rating.prefix,
        "billed_seconds": rating.billed_s,
        "charged_seconds": rating.charged_s,
        "bucket_use": rating.bucket_use,
        "slices": [_slice_told(line) for line in rating.slices],
        "connect_fee": exact_text(rating.connect_fee),
        "total": rating.total_text,
    }
    if rating.dips:
        outcome["dip_fees"] = exact_text(rating.dips)
    if rating.payphone:
        outcome["payphone_surcharge"] = exact_text(rating.payphone)
    return outcome


def _slice_told(line: Slice) -> dict[str, Any]:
    told: dict[str, Any] = {
        "from": line.from_s,
        "seconds": line.seconds,
        "band": line.band,
        "bucket": line.bucket,
    }
    if line.bucket is None:
        told["price"] = line.price.text
        told["per"] = line.price.per_s
    told["amount"] = exact_text(Fraction(line.numerator, line.denominator))
    return told


def _outpayment(call: Fields, tariff: Tariff) -> dict[str, Any]:
    """Return what the customer is paid for an inbound call, whatever the call costs."""
    if call.choice("direction", Direction, Direction.OUT) != Direction.IN:
        return {}
    called, answer_at = call.text("to").removeprefix("+"), read_answer(call)
    rate = tariff.outpayments.lookup(called, answer_at, call.text("from", ""))
    if rate is None or rate.blocked:
        return {}
    with call.blamed():
        paid = rate_call(
            rate,
            called=called,
            answer_at=answer_at,
            zone=tariff.zone,
            holidays=tariff.holidays,
            **_duration(call),
        )
    return {"outpayment": paid.total_text, "outpayment_seconds": paid.billed_s}
