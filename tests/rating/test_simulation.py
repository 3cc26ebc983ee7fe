"""
A second, slower, simpler rating, and random tariffs on which both must agree.

It goes through a call second by second, with fractions, straight from the
text of a case: it shares no code with the product.
"""

from datetime import datetime, timedelta
from fractions import Fraction
from itertools import groupby
from math import ceil, floor
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rating.cases import run
from rating.engine import rate_call
from rating.fields import Fields
from rating.notation import read_rate
from rating.ratings import recompute

ROUND = {
    "up": ceil,
    "down": floor,
    "half_up": lambda x: floor(x + Fraction(1, 2)),
    "half_even": round,
}


def _instant(text):
    return datetime.fromisoformat(text)


def _rounded(amount, rule):
    step = 10 ** rule.get("decimals", 4)
    return Fraction(ROUND[rule.get("mode", "half_up")](amount * step), step)


def _band(case, rate, at):
    """Return the band in force at an instant, by the rule of the tariff."""
    local = at.astimezone(ZoneInfo(case["tz"]))
    bands = rate.get("bands", [])
    clock = f"{local:%H:%M}"
    day = local.isoweekday()
    if local.date().isoformat() in case["holidays"] and any("H" in band["days"] for band in bands):
        day = "H"
    fitting = [band for band in bands if day in band["days"] and band["from"] <= clock < band["to"]]
    return max(fitting, key=lambda b: b.get("weight", 0), default={})  # max() keeps the first of equals


def _price(case, rate, answer, second):
    """Return (label, price of a second, initial, increment) for an increment that starts at *second*."""
    by_start = rate.get("band_rule") == "call_start"
    band = _band(case, rate, answer + timedelta(seconds=0 if by_start else second))
    terms = {**rate, **band}
    label = band.get("name", "base")
    reached = [step for step in rate.get("steps", []) if step["from"] <= second]
    if reached:
        step = max(reached, key=lambda step: step["from"])
        terms |= step
        label += f"+{step['from']}"
    initial = band.get("initial", rate["initial"])
    return label, Fraction(terms["price"]) / terms.get("per", 60), initial, terms["increment"]


def _own_step(bucket, first):
    following = bucket.get("increment", bucket.get("initial"))
    return bucket.get("initial", following) if first else following


def _able(bucket, left, call, now, length):
    return (
        left[bucket["id"]] > 0
        and (bucket.get("partial") != "skip" or left[bucket["id"]] >= length)
        and any(call["to"].startswith(prefix) for prefix in bucket.get("prefixes", [""]))
        and call["device"] in bucket.get("devices", [call["device"]])
        and bucket.get("direction", "any") in ("any", call["direction"])
        and ("valid_from" not in bucket or _instant(bucket["valid_from"]) <= now)
        and ("valid_to" not in bucket or now < _instant(bucket["valid_to"]))
    )


def _order(bucket):
    return -bucket.get("priority", 0), bucket.get("valid_to", "9999"), bucket["id"]


def _seconds(case, rate, call, lasted, left):
    """Yield (second, increment, label, payer, price of the second) for every billed second."""
    answer = _instant(call["answer"])
    now = start = rate.get("free_seconds", 0)
    number = 0
    while now < lasted:
        label, price, initial, following = _price(case, rate, answer, now)
        length = initial if now == start else following
        at = answer + timedelta(seconds=now)
        ordered = sorted(case["buckets"], key=_order)
        first = now == start
        able = [b for b in ordered if _able(b, left, call, at, _own_step(b, first) or length)]
        if able and _own_step(able[0], first):
            payers = [able[0]["id"]] * min(_own_step(able[0], first), left[able[0]["id"]])
        else:
            payers = [b["id"] for b in able for _ in range(left[b["id"]])][:length]
            payers += [None] * (length - len(payers))
        for payer in payers:
            if payer:
                left[payer] -= 1
            yield now, number, label, payer, price
            now += 1
        number += 1


def _amount(group, rule):
    scope = rule.get("scope", "call")
    if scope == "increment":
        parts = groupby(group, key=lambda second: second[1])
        return sum(_rounded(sum(second[4] for second in part), rule) for _, part in parts)
    amount = sum(second[4] for second in group)
    return _rounded(amount, rule) if scope == "slice" else amount


def simulate(case, rate, call, left):
    """Return what a call costs under *rate*, and take what it uses from *left*."""
    raw = Fraction(call["duration"])
    lasted = {"up": ceil, "down": floor, "half_up": ROUND["half_up"]}[call["duration_rounding"]](raw)
    rule = rate.get("round", {})
    outcome = {"bucket_use": {}, "slices": [], "fee": Fraction(0), "billed": 0, "total": Fraction(0)}
    if lasted == 0 or raw <= rate.get("grace_seconds", 0):
        return outcome
    seconds = list(_seconds(case, rate, call, lasted, left))
    for (label, payer, price), lines in groupby(
        seconds, key=lambda second: (second[2], second[3], None if second[3] else second[4])
    ):
        group = list(lines)
        amount = Fraction(0) if payer else _amount(group, rule)
        outcome["slices"].append((group[0][0], len(group), label, payer, price, amount))
        if payer:
            outcome["bucket_use"][payer] = outcome["bucket_use"].get(payer, 0) + len(group)
    band = _band(case, rate, _instant(call["answer"])) if "bands" in rate else {}
    if not (seconds and seconds[0][3]) or rate.get("connect_fee_on_included"):
        outcome["fee"] = Fraction(band.get("connect_fee", rate.get("connect_fee", "0")))
    money = sum(line[5] for line in outcome["slices"]) + outcome["fee"]
    money *= 1 + Fraction(rate.get("surcharge_percent", "0")) / 100
    if money > 0:
        money = max(money, Fraction(rate.get("min_charge", "0")))
    money = min(money, Fraction(rate.get("max_charge", "1000000")))
    outcome["billed"] = len(seconds)
    outcome["total"] = _rounded(money, rule)
    return outcome


# Times at which something happens to a clock: DST both ways, midnight, a month's end, an odd offset.
ANSWERS = st.sampled_from(
    [
        ("Europe/Vienna", "2026-03-29T00:58:20+00:00"),
        ("Europe/Vienna", "2026-10-25T00:57:30+00:00"),
        ("America/New_York", "2026-03-08T06:59:00+00:00"),
        ("America/New_York", "2026-11-01T05:58:00+00:00"),
        ("Australia/Lord_Howe", "2026-04-04T14:58:30+00:00"),
        ("Asia/Kathmandu", "2026-05-01T18:13:00+00:00"),
        ("UTC", "2026-01-31T23:57:00+00:00"),
        ("America/Sao_Paulo", "2018-11-04T02:58:10+00:00"),
    ]
)
INCREMENTS = st.sampled_from([1, 5, 6, 7, 30, 60])
PRICES = st.sampled_from(["0", "0.01", "0.0137", "0.06", "0.1", "0.123456789"])
CLOCKS = ["00:00", "00:30", "01:00", "01:30", "02:00", "02:30", "03:00", "19:00", "23:59", "24:00"]
DAYS = st.lists(st.sampled_from([1, 2, 3, 4, 5, 6, 7, "H"]), min_size=1, unique=True)
SPANS = st.lists(st.sampled_from(CLOCKS), min_size=2, max_size=2, unique=True).map(sorted)


@st.composite
def bands(draw):
    """A band at the hours at which the clocks of ANSWERS do something."""
    since, until = draw(SPANS)
    band = {"name": draw(st.sampled_from(["peak", "off"])), "days": draw(DAYS), "from": since, "to": until}
    optional = {
        "initial": INCREMENTS,
        "increment": INCREMENTS,
        "connect_fee": st.just("0.07"),
        "weight": st.integers(0, 2),
    }
    return band | draw(st.fixed_dictionaries({"price": PRICES}, optional=optional))


ROUNDINGS = st.fixed_dictionaries(
    {
        "decimals": st.integers(0, 6),
        "mode": st.sampled_from(list(ROUND)),
        "scope": st.sampled_from(["call", "slice", "increment"]),
    }
)
STEPS = st.lists(
    st.fixed_dictionaries(
        {"from": st.sampled_from([0, 20, 60, 97]), "price": PRICES},
        optional={"increment": INCREMENTS, "per": st.sampled_from([1, 60])},
    ),
    max_size=2,
    unique_by=lambda step: step["from"],
)
RATES = st.fixed_dictionaries(
    {"prefix": st.just("44"), "price": PRICES, "initial": INCREMENTS, "increment": INCREMENTS},
    optional={
        "per": st.sampled_from([1, 60]),
        "connect_fee": st.sampled_from(["0.05", "0.0333"]),
        "connect_fee_on_included": st.booleans(),
        "min_charge": st.just("0.02"),
        "max_charge": st.just("0.3"),
        "surcharge_percent": st.sampled_from(["10", "2.5"]),
        "free_seconds": st.sampled_from([5, 60]),
        "grace_seconds": st.sampled_from([0, 3]),
        "round": ROUNDINGS,
        "band_rule": st.sampled_from(["increment_start", "call_start"]),
        "bands": st.lists(bands(), min_size=1, max_size=4),
        "steps": STEPS,
    },
)


@st.composite
def cases(draw):
    """A case with one rate, a few buckets, and two calls that share them."""
    zone, answer = draw(ANSWERS)
    moment = _instant(answer)
    turns = st.integers(0, 200).map(lambda second: (moment + timedelta(seconds=second)).isoformat())
    bucket = st.fixed_dictionaries(
        {"seconds": st.integers(0, 150)},
        optional={
            "priority": st.integers(0, 1),
            "prefixes": st.sampled_from([["44"], ["1", "447"], ["1"]]),
            "devices": st.sampled_from([["a"], ["b"], ["a", "b"]]),
            "direction": st.sampled_from(["in", "out", "any"]),
            "valid_from": turns,
            "valid_to": turns,
            "partial": st.sampled_from(["split", "skip"]),
            "increment": INCREMENTS,
            "initial": INCREMENTS,
        },
    )
    call = st.fixed_dictionaries(
        {
            "to": st.sampled_from(["447700", "442070"]),
            "answer": st.just(answer),
            "duration": st.decimals(0, 240, places=1).map(str),
            "duration_rounding": st.sampled_from(["up", "down", "half_up"]),
            "direction": st.sampled_from(["in", "out"]),
            "device": st.sampled_from(["a", "b"]),
        }
    )
    return {
        "id": "random",
        "tz": zone,
        "holidays": draw(st.sampled_from([[], ["2026-03-29", "2026-02-01"]])),
        "rates": [draw(RATES)],
        "buckets": [{"id": f"b{n}", **draw(bucket)} for n in range(draw(st.integers(0, 3)))],
        "calls": [{"id": f"c{n}", **draw(call)} for n in range(draw(st.integers(1, 2)))],
    }


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cases())
def test_agrees_with_a_simulation_second_by_second(case):
    """
    Bands, DST, steps, buckets, fees and rounding: every slice and every total is the same.
    """
    left = {bucket["id"]: bucket["seconds"] for bucket in case["buckets"]}

    outcome = run(case)

    for call, told in zip(case["calls"], outcome["calls"], strict=True):
        expected = simulate(case, case["rates"][0], call, left)
        got = [
            (line["from"], line["seconds"], line["band"], line["bucket"], Fraction(line["amount"]))
            for line in told["slices"]
        ]
        assert [(*line[:4], line[5]) for line in expected["slices"]] == got
        assert expected["bucket_use"] == told["bucket_use"]
        assert expected["billed"] == told["billed_seconds"]
        assert expected["billed"] - sum(expected["bucket_use"].values()) == told["charged_seconds"]
        assert expected["fee"] == Fraction(told["connect_fee"])
        assert expected["total"] == Fraction(told["total"])
    assert left == outcome["buckets_after"]


@settings(max_examples=100, deadline=None)
@given(RATES, ANSWERS, st.integers(0, 240))
def test_an_explanation_proves_its_total(rate, where, duration_s):
    """
    From the plain form of a rating, without the rate, the same total comes out.
    """
    zone, answer = where
    rating = rate_call(
        read_rate(Fields(rate), {}),
        called="44",
        answer_at=_instant(answer),
        duration_s=duration_s,
        zone=ZoneInfo(zone),
    )

    explained = rating.as_dict()

    assert rating.total_text == recompute(explained)
