"""The cases of kind "rating": a tariff and calls, settled in the order listed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from rating.buckets import Bucket, Direction
from rating.decks import Deck
from rating.engine import rate_call
from rating.fields import Fields
from rating.increments import DurationRounding, whole_seconds
from rating.jurisdiction import Jurisdiction, classify, is_payphone, state_of, with_country_code
from rating.lines import Slice
from rating.money import ZERO, exact_text
from rating.notation import read_buckets, read_fee, read_origins, read_rate
from rating.rates import Rate
from rating.ratings import Rating

#: What a case says that is rated, and what each of its calls says.
TARIFF_FIELDS = (
    *("tz", "holidays", "rates", "origin_groups", "nanp", "indeterminate_as", "dip_fees", "outpayments"),
    *("buckets", "calls"),
)
_CALL_FIELDS = (
    *("id", "to", "from", "answer", "duration", "duration_rounding", "direction", "device"),
    *("lrn", "from_lrn", "ii", "cnam_dipped"),
)
_AREA_DIGITS = (3, 6)  # NPA, NPA-NXX


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
    fees = case.table("dip_fees")
    fees.only("lrn", "cnam")
    zone = case.zone("tz")
    return Tariff(
        deck=_deck(case, "rates", origins),
        outpayments=_deck(case, "outpayments", origins),
        zone=zone,
        holidays=frozenset(
            Fields({"": day}, f"holidays[{index}]").day("", zone)
            for index, day in enumerate(case.texts("holidays"))
        ),
        states=_states(case.table("nanp")),
        indeterminate_as=case.choice("indeterminate_as", Jurisdiction, Jurisdiction.INDETERMINATE),
        lrn_fee=read_fee(fees, "lrn"),
        cnam_fee=read_fee(fees, "cnam"),
    )


def _states(areas: Fields) -> dict[str, str]:
    for code in areas.values:
        if not (code.isascii() and code.isdigit() and len(code) in _AREA_DIGITS):
            raise areas.error(code, "expected an NPA or NPA-NXX of 3 or 6 digits, without the 1 before it")
    return {code: areas.text(code) for code in areas.values}


def _deck(case: Fields, name: str, origins: Mapping[str, Any]) -> Deck:
    with case.blamed(name):
        return Deck.of(read_rate(rate, origins) for rate in case.tables(name))


def rate_calls(case: Fields) -> dict[str, Any]:
    """Return the outcome of each call, and what is left in the buckets after all of them."""
    tariff = read_tariff(case)
    buckets = read_buckets(case)
    outcomes = []
    for call in read_calls(case):
        outcome = {"call": call.text("id"), **_charge(call, tariff, buckets), **_outpayment(call, tariff)}
        used = outcome.get("bucket_use", {})
        buckets = [replace(each, seconds=each.seconds - used.get(each.id, 0)) for each in buckets]
        outcomes.append(outcome)
    return {"calls": outcomes, "buckets_after": {bucket.id: bucket.seconds for bucket in buckets}}


def read_calls(case: Fields) -> Iterator[Fields]:
    """Yield the calls, of which every field is known and is what it should be, be it needed or not."""
    for call in case.tables("calls"):
        call.only(*_CALL_FIELDS)
        for name in ("from", "device", "lrn", "from_lrn", "ii"):
            call.text(name, "")
        call.flag("cnam_dipped")
        yield call


def _direction(call: Fields) -> Direction:
    direction = call.choice("direction", Direction, Direction.OUT)
    if direction == Direction.ANY:
        raise call.error("direction", "expected one of out, in: a call has one direction")
    return direction


def find_rate(call: Fields, tariff: Tariff) -> tuple[Rate | None, Jurisdiction | None]:
    """Return the rate for a call, at the price of its jurisdiction if it has such prices."""
    lrn = call.text("lrn", "")  # a ported number is priced where it is now
    number = with_country_code(lrn) if lrn else call.text("to").removeprefix("+")
    rate = tariff.deck.lookup(number, call.event("answer"), call.text("from", ""))
    if rate is None or not rate.rules.jurisdiction:
        return rate, None
    jurisdiction = classify(
        state_of(call.text("from", ""), tariff.states, call.text("from_lrn", "")),
        state_of(call.text("to"), tariff.states, call.text("lrn", "")),
    )
    indeterminate = jurisdiction == Jurisdiction.INDETERMINATE
    return rate.in_jurisdiction(tariff.indeterminate_as if indeterminate else jurisdiction), jurisdiction


def call_terms(call: Fields, rate: Rate, tariff: Tariff) -> dict[str, Any]:
    """Return the arguments that a rating and a grant of this call have in common."""
    called = call.text("to").removeprefix("+")
    dips = tariff.lrn_fee if "lrn" in call or "from_lrn" in call else ZERO
    if call.flag("cnam_dipped"):
        dips += tariff.cnam_fee
    return {
        "called": called,
        "answer_at": call.event("answer"),
        "zone": tariff.zone,
        "holidays": tariff.holidays,
        "direction": _direction(call),
        "device": call.text("device", "") or None,
        "payphone": is_payphone(call.text("ii", ""), called),
        "dips": dips,
    }


def _duration(call: Fields) -> dict[str, Any]:
    raw_s = call.amount("duration")
    rounding = call.choice("duration_rounding", DurationRounding, DurationRounding.UP)
    with call.blamed("duration"):
        whole_seconds(raw_s, rounding)
    return {"duration_s": raw_s, "duration_rounding": rounding}


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
    if _direction(call) != Direction.IN:
        return {}
    called, answer_at = call.text("to").removeprefix("+"), call.event("answer")
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
