"""``tollwire dispute``: a supplier's records beside ours, and properties of laying them side by side."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.cli.errors import Exit
from provisioning.disputes import Limits, Side, Totals, compare
from tests.provisioning.cli.conftest import START, Run, Switch

AT = datetime(2026, 3, 2, tzinfo=UTC)
COLUMNS = {"calling": "a", "called": "b", "answer": "at", "duration": "s"}
SETTINGS = [word for name, column in COLUMNS.items() for word in ("--settings", f"{name}={column}")]
FIND = (
    "dispute", "find", "theirs.csv", "--supplier", "carrier", "--source", "files", "--price", "cost",
    "--since", "2026-03-01", "--until", "2026-04-01",
)  # fmt: skip
sides = st.lists(
    st.builds(
        Side,
        st.integers(0, 600).map(lambda seconds: AT + timedelta(seconds=seconds)),
        st.sampled_from(["1", "2"]),
        st.sampled_from(["44", "49"]),
        st.integers(1, 3),
        st.sampled_from([Decimal("0.1"), Decimal("0.2")]),
    ),
    max_size=12,
).map(sorted)


@given(sides)
def test_a_file_agrees_with_itself(calls):
    """
    Two sides that say the same differ in nothing.
    """
    totals = Totals()
    copies = [Side(*call) for call in calls]

    assert [] == list(compare(calls, copies, Limits(), totals))
    assert len(calls) == totals.kinds["agrees"]


@given(sides, sides)
def test_every_call_is_judged_once(theirs, ours):
    """
    What agrees or differs is one of each side, what only one side has is one of it; money adds up.
    """
    totals = Totals()
    found = list(compare(theirs, ours, Limits(clock_s=20), totals))

    both = totals.kinds["agrees"] + totals.kinds["duration"] + totals.kinds["price"]
    assert len(theirs) == both + totals.kinds["only_theirs"]
    assert len(ours) == both + totals.kinds["only_ours"]
    charged = sum((side.amount or Decimal(0)) for side in theirs)
    expected = sum((side.amount or Decimal(0)) for side in ours)
    assert charged - expected == totals.difference
    assert totals.difference == sum((each.difference or Decimal(0)) for each in found)


@pytest.mark.parametrize("theirs_s", [-1, 1])
def test_a_call_at_the_edge_is_of_the_month_in_which_they_bill_it(theirs_s):
    """
    Their clock goes otherwise than ours: with them the call is in one month, with us in the other.
    """
    edge, second = AT, timedelta(seconds=1)
    theirs = Side(edge + theirs_s * second, "1", "44", 60, Decimal("0.1"))
    ours = Side(edge - theirs_s * second, "1", "44", 60, Decimal("0.1"))
    before, after = Totals(), Totals()

    assert [] == list(compare([theirs], [ours], Limits(), before, lambda at: at < edge))
    assert [] == list(compare([theirs], [ours], Limits(), after, lambda at: at >= edge))
    assert (theirs_s < 0, theirs_s > 0) == (before.kinds["agrees"] == 1, after.kinds["agrees"] == 1)


@pytest.mark.postgres
def test_calls_that_nobody_pays_went_to_the_supplier_all_the_same(
    run: Run, switch: Switch, tmp_path: Path
) -> None:
    """
    A call of an unknown caller is no call that we know nothing of: what they charge is no expected price.
    """
    switch.now = START + timedelta(seconds=60)
    switch.stop("call-1", 60, trunk_out="out9", calling="99999", trunk_in="", username="")
    at = f"{START:%Y-%m-%d %H:%M:%S}"
    (tmp_path / "theirs.csv").write_text(f"a,b,at,s,cost\n99999,442071838750,{at},60,0.03\n")
    add = run("source", "add", "files", "--format", "mapped", "--zone", "UTC", *SETTINGS)
    assert Exit.OK == add.exit_code, add.output
    (call,) = json.loads(run("cdr", "list", "--json").stdout)
    assert "unmatched" == call["status"]

    (found,) = map(json.loads, run(*FIND, "--jsonl").stdout.splitlines())

    assert ("price", 60, None) == (found["kind"], found["our_seconds"], found["our_amount"])


@pytest.mark.postgres
def test_differences_are_told_in_time_and_money(run: Run, switch: Switch, tmp_path: Path) -> None:
    """
    Of four calls one agrees, one is longer with the supplier, one is only ours and one only theirs.
    """
    for number, seconds in enumerate((60, 60, 60)):
        switch.now = START + timedelta(minutes=10 * number, seconds=seconds)
        switch.stop(f"call-{number}", seconds, trunk_out="out9")
    form = "%Y-%m-%d %H:%M:%S"
    at = [(START + timedelta(minutes=10 * number, seconds=2)).strftime(form) for number in range(5)]
    (tmp_path / "theirs.csv").write_text(
        "a,b,at,s,cost\n"
        f"15550100,442071838750,{at[0]},60,0.03\n"
        f"15550100,442071838750,{at[1]},130,0.07\n"
        f"15550100,442071838750,{at[4]},60,0.03\n"
    )
    add = run("source", "add", "files", "--format", "mapped", "--zone", "UTC", *SETTINGS)
    assert Exit.OK == add.exit_code, add.output

    result = run(*FIND, "--jsonl")

    found = {row["kind"]: row for row in map(json.loads, result.stdout.splitlines())}
    assert {"duration", "only_theirs", "only_ours"} == found.keys()
    assert (130, 60) == (found["duration"]["their_seconds"], found["duration"]["our_seconds"])
    assert ["0.04", "0.03", "-0.03"] == [
        format(Decimal(found[kind]["difference"]).normalize(), "f")
        for kind in ("duration", "only_theirs", "only_ours")
    ]
    assert "1 agrees, 1 duration, 0 price, 1 only_theirs, 1 only_ours; difference 0.04" in run(*FIND).stderr
