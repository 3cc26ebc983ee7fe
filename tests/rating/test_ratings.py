"""An explanation is plain data, and proves its own total."""

import json
from datetime import UTC, datetime
from fractions import Fraction

import pytest

from rating.buckets import Bucket
from rating.engine import rate_call
from rating.increments import Increment
from rating.money import Mode, Rounding, Scope
from rating.prices import Price
from rating.rates import Rate, Rules
from rating.ratings import recompute


def explained(rounding=None, **rules):
    """A call of 130 s at 0.0137, 60/6 with a fee, of which a bucket pays 75 s."""
    rate = Rate("44", Price.of("0.0137"), Increment(60, 6), Fraction("0.03"), rules=Rules(**rules))
    rating = rate_call(
        rate,
        called="4420",
        answer_at=datetime(2026, 1, 5, 10, tzinfo=UTC),
        duration_s=130,
        buckets=[Bucket("b", 75)],
        rounding=rounding,
        dips=Fraction("0.001"),
    )
    return rating.as_dict()


def test_is_told_line_by_line():
    """
    Amounts are decimal strings; a bucket's line has no price.
    """
    assert {
        "prefix": "44",
        "billed_s": 132,
        "charged_s": 57,
        "bucket_use": {"b": 75},
        "slices": [
            {"from_s": 0, "seconds": 75, "band": "base", "bucket": "b", "amount": "0"},
            {
                "from_s": 75,
                "seconds": 57,
                "band": "base",
                "bucket": None,
                "price": "0.0137",
                "per": 60,
                "amount": "0.013015",
            },
        ],
        "connect_fee": "0.03",
        "rounding": {"decimals": 4, "mode": "half_up", "scope": "call"},
        "surcharge_percent": "10",
        "max_charge": "0.02",
        "dip_fees": "0.001",
        "total": "0.0210",
    } == explained(surcharge_percent=Fraction(10), max_charge=Fraction("0.02"), connect_fee_on_included=True)


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("mode", Mode)
def test_survives_json_and_proves_its_total(scope, mode):
    """
    Whatever is rounded, and however.
    """
    told = json.loads(json.dumps(explained(Rounding(4, mode, scope), min_charge=Fraction("0.01"))))

    assert told["total"] == recompute(told)


def test_the_stated_total_is_not_believed():
    """
    It is computed again from the lines.
    """
    told = explained()
    told["total"] = "99"

    assert "0.0140" == recompute(told)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"amount": "0.5"}, "slice from 75 s: amount is 0.013015, not 0.5"),
        ({"seconds": 58}, "slice from 75 s: amount is"),
        ({"price": "0.0138"}, "slice from 75 s: amount is"),
    ],
)
def test_a_line_that_does_not_add_up_is_named(change, message):
    """
    Seconds, price and amount of a line prove each other.
    """
    told = explained()
    told["slices"][1].update(change)

    with pytest.raises(ValueError, match=message):
        recompute(told)


def test_increments_that_are_not_the_slice_are_named():
    """
    Where each increment is rounded, the line lists them.
    """
    told = explained(Rounding(4, scope=Scope.INCREMENT))
    told["slices"][1]["increments"] = [[1, 56]]

    with pytest.raises(ValueError, match="its increments are not its 57 s"):
        recompute(told)


def test_more_than_six_decimals_cannot_be_booked():
    """
    A charge with seven is told, but has no micro-units.
    """
    rate = Rate("44", Price.of("0.0000001"))
    rating = rate_call(
        rate, called="44", answer_at=datetime(2026, 1, 5, tzinfo=UTC), duration_s=60, rounding=Rounding(7)
    )

    assert "0.0000001" == rating.total_text
    with pytest.raises(ValueError, match="7 decimals cannot be booked"):
        _ = rating.total_micros
