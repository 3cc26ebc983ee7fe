"""A quote is what the call would cost: the same engine, the version and the price of its moment."""

from datetime import UTC, datetime, timedelta

import pytest

from provisioning.decks import Deck, import_deck
from provisioning.plans import Plan, add_plan
from provisioning.quotes import quote
from provisioning.rate_files import RateFile
from radiusd.errors import BadInput, NotFound

pytestmark = pytest.mark.postgres

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=30)
HEADER = "prefix,description,rate,connect_fee,initial,increment,effective,blocked\n"


@pytest.fixture
def deck(txn, admin, tmp_path):
    """Import a version of deck ``us``, which plan ``retail`` and, with its own increments, ``whole`` use."""

    def put(*rows: str, active_from: datetime | None = None) -> None:
        path = tmp_path / "us.csv"
        path.write_text(HEADER + "".join(f"{row}\n" for row in rows))
        import_deck(txn, Deck(name="us", currency="USD"), RateFile(path), admin, active_from)

    put(
        "1,US,0.01,0.005,6,6,,",
        "1907,Alaska,0.5,0,60,60,,",
        "1900,Premium,,0,1,1,,yes",
        "44,UK,0.02,0,30,6,2026-12-01,",
    )
    add_plan(txn, Plan(code="retail", deck="us"), admin)
    whole = Plan(
        code="whole", deck="us", initial_s=60, increment_s=60, rounding_decimals=2, rounding_mode="up"
    )
    add_plan(txn, whole, admin)
    return put


@pytest.mark.parametrize(
    ("plan", "to", "seconds", "billed_s", "total"),
    [
        ("retail", "+1 512 555 0100", 61, 66, "0.0160"),
        ("retail", "19075550100", 61, 120, "1.0000"),
        ("retail", "15125550100", 0, 0, "0.0000"),
        ("whole", "15125550100", 61, 120, "0.03"),
    ],
)
def test_rates_as_a_real_call_is_rated(txn, deck, plan, to, seconds, billed_s, total):
    """
    Longest prefix, increments of the rate or the plan, connect fee, rounding.
    """
    found = quote(txn, plan, to, seconds, NOW)

    assert (billed_s, total) == (found.rating.billed_s, found.rating.total_text)
    assert ("us", 1, "USD") == (found.deck, found.version, found.currency)


def test_a_rate_that_is_not_in_force_does_not_count(txn, deck):
    """
    The message says which deck lacks what, when.
    """
    with pytest.raises(NotFound, match=r"^to: deck us has no rate for 442071838750 at 2026-11-20"):
        quote(txn, "retail", "442071838750", 60, NOW)
    assert "0.0200" == quote(txn, "retail", "442071838750", 60, LATER).rating.total_text


def test_the_version_is_that_of_the_moment(txn, deck):
    """
    The newest that has begun; before all of them, the oldest.
    """
    deck("1,US,0.03,0,6,6,,", active_from=LATER)
    deck("1,US,0.02,0,6,6,,", active_from=NOW)

    versions = {
        at: quote(txn, "retail", "15125550100", 60, at).version for at in (LATER, NOW, NOW - timedelta(999))
    }
    assert {LATER: 2, NOW: 3, NOW - timedelta(999): 1} == versions


@pytest.mark.parametrize(
    ("plan", "to", "seconds", "message"),
    [
        ("nope", "15125550100", 60, "plan nope does not exist"),
        ("retail", "alice", 60, "^to: "),
        ("retail", "19005550100", 60, "^to: prefix 1900 is blocked in deck us"),
        ("retail", "15125550100", -1, "^seconds: "),
        ("retail", "15125550100", 10**12, "^seconds: "),
    ],
)
def test_refuses_what_has_no_price(txn, deck, plan, to, seconds, message):
    """
    With the field that is wrong.
    """
    with pytest.raises(BadInput, match=message):
        quote(txn, plan, to, seconds, NOW)
