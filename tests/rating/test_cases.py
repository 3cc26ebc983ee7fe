"""Rating cases: all vectors go through the engine, and what is wrong in a file is named."""

import copy
import json
from pathlib import Path

import pytest

from rating.__main__ import main
from rating.cases import CaseError, check, check_file, differences, load, run

VECTORS = Path(__file__).parents[1] / "vectors" / "rating"
CASES = [
    pytest.param(case, id=f"{path.stem}-{case['id']}")
    for path in sorted(VECTORS.glob("*.json"))
    for case in load(path)
]


def test_there_are_vectors():
    """
    An empty directory would pass everything below.
    """
    assert 47 <= len(CASES)


@pytest.mark.parametrize("case", CASES)
def test_comes_out_as_expected(case):
    """
    To the letter: no field more, no field less.
    """
    outcome = run(case)

    assert [] == list(differences(case["expect"], outcome))
    if case.get("kind") != "grant":
        assert case["expect"]["calls"] == outcome["calls"]


def a_case(**changes):
    """A case that can be run: one rate, one call."""
    return {
        "id": "a",
        "rates": [{"prefix": "44", "price": "0.06"}],
        "calls": [
            {
                "id": "c",
                "to": "4420",
                "from": "33145678901",
                "answer": "2026-01-05T10:00:00Z",
                "duration": "60",
            }
        ],
        **changes,
    }


def with_field(path, value):
    """A case in which the field at *path* has another value."""
    case = copy.deepcopy(a_case(buckets=[{"id": "b", "seconds": 1}]))
    *parents, last = path
    place = case
    for name in parents:
        place = place[name]
    place[last] = value
    return case


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("tz",), "Mars/Olympus", "case a: tz: no such time zone: 'Mars/Olympus'"),
        (("tz",), "../../etc/passwd", "case a: tz: no such time zone"),
        (("kind",), "guess", "case a: kind: expected one of rating, grant, reservation, common_end"),
        (("rates",), {}, "case a: rates: expected a list"),
        (("rates", 0), "44", r"case a: rates\[0\]: expected a table"),
        (("rates", 0, "price"), None, r"case a: rates\[0\].price: is missing"),
        (("rates", 0, "price"), 0.06, r"case a: rates\[0\].price: expected a decimal string like"),
        (("rates", 0, "price"), "0,06", r"case a: rates\[0\].price: '0,06' is not a decimal number"),
        (("rates", 0, "price"), "-1", r"case a: rates\[0\].price: a price cannot be negative"),
        (("rates", 0, "prefix"), "44x", r"case a: rates\[0\].prefix: expected up to 15 digits, without \+"),
        (("rates", 0, "prefix"), "1" * 16, r"case a: rates\[0\].prefix: expected up to 15 digits"),
        (("rates", 0, "per"), 0, r"case a: rates\[0\].per: must be 1 or more, not 0"),
        (("rates", 0, "increment"), 0, r"case a: rates\[0\].increment: must be 1 or more, not 0"),
        (("rates", 0, "increment"), "6", r"case a: rates\[0\].increment: expected a whole number"),
        (("rates", 0, "incremnt"), 6, r"case a: rates\[0\].incremnt: unknown field; did you mean increment"),
        (
            ("rates", 0, "tariff"),
            "x",
            r"case a: rates\[0\].tariff: unknown field; known are band_rule, bands",
        ),
        (("rates", 0, "effective"), "2026-01-01", r"case a: rates\[0\].effective: the time carries no zone"),
        (("rates", 0, "effective"), "soon", r"case a: rates\[0\].effective: expected a time like"),
        (("rates", 0, "min_charge"), "-1", r"case a: rates\[0\].min_charge: cannot be negative"),
        (("rates", 0, "grace_seconds"), -1, r"case a: rates\[0\].grace_seconds: must be 0 or more"),
        (("rates", 0, "blocked"), "yes", r"case a: rates\[0\].blocked: expected true or false"),
        (("rates", 0, "round"), {"mode": "up!"}, r"case a: rates\[0\].round.mode: expected one of up, down"),
        (("rates", 0, "round"), {"decimals": 99}, r"case a: rates\[0\].round.decimals: decimals must be"),
        (("rates", 0, "origin"), "EEA", r"case a: rates\[0\].origin: no group of that name"),
        (
            ("rates", 0, "jurisdiction"),
            {"lunar": "1"},
            r"case a: rates\[0\].jurisdiction.lunar: unknown field",
        ),
        (("rates", 0, "bands"), [{"days": ["X"]}], r"case a: rates\[0\].bands\[0\].days\[0\]: expected 1"),
        (
            ("rates", 0, "bands"),
            [{"from": "25:00"}],
            r"case a: rates\[0\].bands\[0\].from: a day ends at 24:00",
        ),
        (
            ("rates", 0, "bands"),
            [{"from": "8am"}],
            r"case a: rates\[0\].bands\[0\].from: expected a time of day",
        ),
        (
            ("rates", 0, "bands"),
            [{"from": "20:00", "to": "08:00"}],
            r"case a: rates\[0\].bands\[0\]: band .* two bands",
        ),
        (("rates", 0, "steps"), [{"from": -1}], r"case a: rates\[0\].steps\[0\].from: must be 0 or more"),
        (("rates", 0, "steps"), [{"from": 9, "per": 1}], r"case a: rates\[0\].steps\[0\].per: says nothing"),
        (("rates", 0, "bands"), [{"per": 1}], r"case a: rates\[0\].bands\[0\].per: says nothing without"),
        (("buckets", 0, "seconds"), -1, r"case a: buckets\[0\].seconds: must be 0 or more, not -1"),
        (("buckets", 0, "prefixes"), ["1", "+44"], r"case a: buckets\[0\].prefixes\[1\]: expected up to 15"),
        (
            ("buckets",),
            [{"id": "b", "seconds": 1}] * 2,
            r"case a: buckets\[1\].id: another bucket is called 'b'",
        ),
        (("calls", 0, "answer"), None, r"case a: calls\[0\].answer: is missing; give a time like"),
        (("calls", 0, "answer"), "9999-12-31T23:59:59Z", r"case a: calls\[0\].answer: expected a year from"),
        (("calls", 0, "answr"), "x", r"case a: calls\[0\].answr: unknown field; did you mean answer"),
        (("calls", 0, "lrn_dipped"), True, r"case a: calls\[0\].lrn_dipped: unknown field; known are"),
        (("calls", 0, "from_lrn"), 0.5, r"case a: calls\[0\].from_lrn: expected a text, not 0.5"),
        (("calls", 0, "duration"), "-1", r"case a: calls\[0\].duration: a call cannot last -1 s"),
        (("calls", 0, "duration"), "NaN", r"case a: calls\[0\].duration: 'NaN' is not a decimal number"),
        (("calls", 0, "direction"), "up", r"case a: calls\[0\].direction: expected one of out, in, any"),
        (("calls", 0, "direction"), "any", r"case a: calls\[0\].direction: expected one of out, in: a call"),
        (("holidays",), ["2026-01-01", "Xmas"], r"case a: holidays\[1\]: expected a date like"),
        (("holidays",), ["0001-01-01T00:00:00+14:00"], r"case a: holidays\[0\]: expected a year from 1900"),
        (("origin_groups",), {"EEA": {"prefixes": ["0x"]}}, r"case a: origin_groups.EEA.prefixes\[0\]: exp"),
        (("nanp",), {"1212": "NY"}, "case a: nanp.1212: expected an NPA or NPA-NXX of 3 or 6 digits"),
        (("rate",), [], "case a: rate: unknown field; did you mean rates"),
        (("dip_fees",), {"LRN": "1"}, "case a: dip_fees.LRN: unknown field; known are cnam, lrn"),
        (("dip_fees",), {"lrn": "-1"}, "case a: dip_fees.lrn: cannot be negative"),
        (("dip_fees",), {"lrn": "x"}, "case a: dip_fees.lrn: 'x' is not a decimal number"),
    ],
)
def test_a_wrong_field_is_named(path, value, message):
    """
    The error says which case, which field, and what would be right.
    """
    with pytest.raises(CaseError, match=message):
        run(with_field(path, value))


def outcome_of(case):
    """The outcome of the only call of *case*."""
    (outcome,) = run(case)["calls"]
    return outcome


def test_an_unrated_and_a_blocked_call_touch_no_bucket():
    """
    They have an error and nothing else.
    """
    buckets = [{"id": "b", "seconds": 60}]

    unrated = run(a_case(rates=[], buckets=buckets))
    blocked = run(a_case(rates=[{"prefix": "44", "blocked": True}], buckets=buckets))

    assert [{"call": "c", "error": "no_rate"}] == unrated["calls"]
    assert [{"call": "c", "error": "blocked"}] == blocked["calls"]
    assert {"b": 60} == unrated["buckets_after"] == blocked["buckets_after"]


def test_a_ported_number_is_priced_where_it_is_now():
    """
    The LRN replaces the called number for the price; the bucket is for what was dialled.
    """
    case = with_field(("calls", 0), {**a_case()["calls"][0], "to": "13105550100", "lrn": "12125550000"})
    case["rates"] = [{"prefix": "1310", "price": "1"}, {"prefix": "1212", "price": "2"}]
    case["buckets"] = [{"id": "b", "seconds": 30, "prefixes": ["1310"]}]

    outcome = outcome_of(case)

    assert ("1212", {"b": 30}) == (outcome["prefix"], outcome["bucket_use"])


def test_an_indeterminate_call_may_be_priced_as_another():
    """
    It stays indeterminate, at the price that the customer's setting names.
    """
    rate = {"prefix": "44", "price": "9", "jurisdiction": {"intrastate": "2", "indeterminate": "3"}}

    assert "3.0000" == outcome_of(a_case(rates=[rate]))["total"]
    as_intrastate = outcome_of(a_case(rates=[rate], indeterminate_as="intrastate"))
    assert ("indeterminate", "2.0000") == (as_intrastate["jurisdiction"], as_intrastate["total"])


def test_payphone_and_dips_come_on_top():
    """
    A toll-free call from a payphone, after a CNAM dip.
    """
    call = {**a_case()["calls"][0], "to": "18005550100", "ii": 27, "cnam_dipped": True}
    rate = {"prefix": "1800", "price": "0.06", "payphone_surcharge": "0.60", "max_charge": "0.01"}

    outcome = outcome_of(a_case(calls=[call], rates=[rate], dip_fees={"cnam": "0.004"}))

    assert "0.6140" == outcome["total"]
    assert ("0.6", "0.004") == (outcome["payphone_surcharge"], outcome["dip_fees"])


def test_an_out_payment_does_not_depend_on_the_charge():
    """
    It is due though the inbound call itself has no rate; its own grace is its own.
    """
    call = {**a_case()["calls"][0], "direction": "in"}
    paid = {"prefix": "44", "price": "0.0125", "increment": 1, "round": {"mode": "down"}}

    assert {"call": "c", "error": "no_rate", "outpayment": "0.0125", "outpayment_seconds": 60} == outcome_of(
        a_case(calls=[call], rates=[], outpayments=[paid])
    )
    graced = outcome_of(a_case(calls=[call], outpayments=[{**paid, "grace_seconds": 60}]))
    assert ("0.0600", "0.0000", 0) == (graced["total"], graced["outpayment"], graced["outpayment_seconds"])


def test_reserves_one_call_after_the_other():
    """
    Balance 0.06, bucket 120 s, lease 100 s: 100 s from the bucket, then 20 s and 60 s of money, then none.
    """
    call = a_case()["calls"][0]
    outcome = run(
        a_case(
            kind="reservation",
            balance="0.01",
            credit_limit="0.05",
            lease_seconds=100,
            buckets=[{"id": "b", "seconds": 120}],
            calls=[
                {**call, "id": "x"},
                {**call, "id": "y"},
                {**call, "id": "z"},
                {**call, "id": "q", "to": "1"},
            ],
        )
    )

    assert {
        "calls": [
            {"call": "x", "grant": 100, "reserved_money": "0.0000", "reserved_seconds": {"b": 100}},
            {"call": "y", "grant": 80, "reserved_money": "0.0600", "reserved_seconds": {"b": 20}},
            {"call": "z", "grant": 0, "reserved_money": "0.0000", "reserved_seconds": {}},
            {"call": "q", "grant": 0, "error": "no_rate", "reserved_money": "0", "reserved_seconds": {}},
        ],
        "unreserved_money": "0",
        "unreserved_seconds": {"b": 0},
    } == outcome


def test_calls_of_a_balance_end_together():
    """
    9.9534 less 0.0877 due, over 0.16 and 0.02 a minute: 3288 s.
    """
    case = {
        "id": "a",
        "kind": "common_end",
        "balance": "9.9534",
        "ongoing": [{"price": "0.16", "due": "0.0677"}],
        "new": [{"price": "0.02", "connect_fee": "0.02"}],
    }

    assert {"seconds": 3288} == run(case)


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        ({"prorate": False}, (60_000, 0)),
        ({"terminated": "2026-01-01T08:00:00Z"}, (1_935, 0)),
        ({"rollover": {"unused_seconds": 900, "age_periods": 2, "max_periods": 1}}, (40_645, 0)),
        ({"rollover": {"unused_seconds": 900}, "activated": None}, (60_000, 900)),
        ({"tz": "Asia/Tokyo"}, (38_710, 0)),  # there it is the 12th already
        ({"tz": "Asia/Tokyo", "activated": "2026-01-11"}, (40_645, 0)),  # a date is one of the customer's
    ],
)
def test_a_plan_brings_seconds(plan, expected):
    """
    Prorated by the days in the customer's zone, unless told not to; with what rolled over.
    """
    own = {
        "period_start": "2026-01-01",
        "period_end": "2026-02-01",
        "included_seconds": 60_000,
        "activated": None if "terminated" in plan else "2026-01-11T20:00:00Z",
        **plan,
    }

    outcome = run({"id": "a", "kind": "grant", "grant": own})

    assert expected == (outcome["granted_seconds"], outcome["rolled_seconds"])
    assert sum(expected) == outcome["total_seconds"]


def a_file(tmp_path, text):
    """A file of cases."""
    path = tmp_path / "cases.json"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not readable as JSON"),
        ("[]", 'expected {"format": "rating-case/1"'),
        ('{"format": "rating-case/2", "cases": []}', 'expected {"format": "rating-case/1"'),
        ('{"format": "rating-case/1", "cases": {"a": 1}}', "cases: expected a list of tables"),
        ("[" * 100_000, "not readable as JSON"),
    ],
)
def test_a_file_of_something_else_is_named(tmp_path, text, message):
    """
    The error begins with the path.
    """
    path = a_file(tmp_path, text)

    with pytest.raises(CaseError) as caught:
        load(path)

    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_a_difference_is_told_with_file_case_and_field(tmp_path, capsys):
    """
    A broken case does not hide the others, and the exit code says that something differs.
    """
    wrong = a_case(
        expect={"calls": [{"call": "c", "total": "0.0700", "bucket_use": {"b": 1}, "connect_fee": "0.00"}]}
    )
    broken = {**a_case(), "id": "b", "tz": "nowhere"}
    path = a_file(tmp_path, json.dumps({"format": "rating-case/1", "cases": [broken, wrong]}))

    assert [
        f"{path}: case b: tz: no such time zone: 'nowhere'",
        f"{path}: case a: expect.calls[0].total: expected '0.0700', but it is '0.0600'",
        f"{path}: case a: expect.calls[0].bucket_use.b: expected 1, but there is none",
    ] == list(check_file(path))
    assert 1 == main([str(path)])
    assert f"{path}: 2 cases, 3 differences" in capsys.readouterr().out


def test_a_case_that_is_no_table_does_not_hide_the_others(tmp_path):
    """
    It has failed by its number, and the next one is judged.
    """
    good = a_case(expect={"calls": [{"total": "0.0600"}]})

    checked = list(check([1.5, good]))

    assert [("number 1", ["document: expected a table of fields, not 1.5"]), ("a", [])] == [
        (each.case, each.found) for each in checked
    ]


def test_a_field_that_means_nothing_is_told():
    """
    A remark may stand in a case under any name; where it was meant to count, somebody reads that it does not.
    """
    expect = {"calls": [{"total": "0.0600"}]}

    (checked,) = check([a_case(timezone="Europe/Vienna", origin="by hand", tags=["x"], expect=expect)])

    assert ([], ["timezone"]) == (checked.found, checked.ignored)


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({"activatd": "2026-01-11"}, "case a: grant.activatd: unknown field; did you mean activated"),
        ({"activated": "9999-12-31T23:59:59-14:00"}, "case a: grant.activated: expected a year from"),
        ({"rollover": {"unused_seconds": -1}}, "case a: grant.rollover.unused_seconds: must be 0 or more"),
        ({"rollover": {"unused": 1}}, "case a: grant.rollover.unused: unknown field; known are age_periods"),
        ({"included_seconds": None}, "case a: grant.included_seconds: is missing; give a whole number"),
    ],
)
def test_a_wrong_field_of_a_plan_is_named(plan, message):
    """
    As those of a tariff are.
    """
    own = {"period_start": "2026-01-01", "period_end": "2026-02-01", "included_seconds": 60_000, **plan}

    with pytest.raises(CaseError, match=message):
        run({"id": "a", "kind": "grant", "grant": own})


def test_the_command_tells_apart_wrong_and_unreadable(tmp_path, capsys):
    """
    Exit 0, or 2 for a file that cannot be read or for no file at all.
    """
    assert 0 == main([str(VECTORS / "fees.json")])
    assert 2 == main([str(tmp_path / "none.json")])
    assert 2 == main([])
    assert "usage: python -m rating FILE..." in capsys.readouterr().err


def test_a_bucket_that_should_not_have_paid_is_a_difference():
    """
    Elsewhere a field that is not expected is not looked at.
    """
    assert ["expect.bucket_use.b: expected none, but it is 5"] == list(
        differences({"bucket_use": {}}, {"bucket_use": {"b": 5}, "more": 1})
    )
    assert ["expect: expected 2 of them, but there are 1: [1]"] == list(differences([1, 2], [1]))


def test_a_case_that_expects_nothing_has_failed():
    """
    It would pass whatever came out; what came out is told, to be checked and taken over.
    """
    (checked,) = check([a_case()])

    assert checked.found[0].startswith('expect: is missing; what comes out is {"calls": [{"call": "c"')
