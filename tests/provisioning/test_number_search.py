"""Search of the inventory: places, patterns, letters; it finds what a plain look at all would find."""

import re
from datetime import timedelta

import pytest

from provisioning.inventory import Number, add_number
from provisioning.number_search import FIRST, Wanted, digits_of, search
from provisioning.number_states import reserve
from provisioning.pages import Page
from provisioning.roles import Actor, Role
from radiusd.errors import BadInput, Forbidden
from tests.provisioning.conftest import NOW

pytestmark = pytest.mark.postgres

OPERATOR = Actor("ann")
STOCK = {
    "15125558294": "Austin",  # 512 555 TAXI
    "15128294000": "Austin",  # TAXI in the middle
    "15125550100": "Austin",
    "12145558294": "Dallas",
    "442079460000": "London",
}


@pytest.fixture
def stock(txn, admin):
    for number, area in STOCK.items():
        country = "GB" if number.startswith("44") else "US"
        add_number(
            txn,
            Number(number=number, country=country, area=area, currency="USD", features=("voice",)),
            admin,
        )
    return txn


def found(txn, actor=OPERATOR, page=FIRST, **wanted) -> list[str]:
    return [each.number for each in search(txn, actor, Wanted(**wanted), NOW, page)]


@pytest.mark.parametrize(
    ("pattern", "digits"),
    [
        ("1512*TAXI", "1512*8294"),
        ("+1 (512) ?55", "1512?55*"),
        ("*", "*"),
        ("1512", "1512*"),
        ("*pqrs*", "*7777*"),
    ],
)
def test_letters_are_the_digits_of_their_keys(pattern, digits):
    """
    As on a telephone; what has no star is how numbers begin.
    """
    assert digits == digits_of(pattern)


@pytest.mark.parametrize("pattern", ["15#", "%", "1_2", "é", "1" * 41, "٣"])
def test_other_characters_are_refused(pattern):
    """
    With what to write instead.
    """
    with pytest.raises(BadInput, match=r"pattern: .* like 1512\*TAXI"):
        digits_of(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "1512*TAXI",
        "*TAXI",
        "*TAXI*",
        "1512",
        "*",
        "*94",
        "1?12*",
        "*5558?94",
        "*0000",
        "?5125558294",
        "1512*829*",
    ],
)
def test_finds_what_looking_at_all_would_find(stock, pattern):
    """
    Whichever index leads there.
    """
    plain = digits_of(pattern)
    looks = re.compile(plain.replace("*", "[0-9]*").replace("?", "[0-9]"))

    assert sorted(number for number in STOCK if looks.fullmatch(number)) == found(stock, pattern=pattern)


def test_narrows_by_place_and_feature(stock):
    """
    All that is given counts together.
    """
    assert ["12145558294"] == found(stock, country="US", area="Dallas", pattern="*TAXI", feature="voice")
    assert [] == found(stock, country="GB", area="Dallas")
    assert [] == found(stock, feature="fax")


def test_pages_follow_one_another(stock):
    """
    Each begins after the last number of the one before.
    """
    first = found(stock, page=Page(limit=3))
    rest = found(stock, page=Page((first[-1],), 3))

    assert sorted(STOCK) == first + rest


def test_what_is_reserved_is_not_for_sale_until_it_lapses(stock, admin):
    """
    A search needs no sweep before it.
    """
    reserve(stock, "442079460000", "nobody", timedelta(hours=1), admin, sign_up=True)
    assert [] == found(stock, country="GB")
    (held,) = search(stock, admin, Wanted(state="reserved"), NOW)
    assert (None, NOW + timedelta(hours=1)) == (held.account, held.until)

    later = search(stock, admin, Wanted(country="GB"), NOW + timedelta(hours=1))
    assert ["442079460000"] == [each.number for each in later]


def test_customers_see_what_is_for_sale_and_nothing_of_others(stock, admin):
    """
    The rest of the stock is the provider's.
    """
    customer = Actor("kim", role=Role.CUSTOMER, account="ACME")
    assert len(STOCK) == len(found(stock, customer))
    assert [] == found(stock, customer, state=None)
    with pytest.raises(Forbidden):
        found(stock, Actor("bot", scopes=frozenset({"calls:read"})))
    with pytest.raises(BadInput, match="state: 'sold' is none of available"):
        found(stock, state="sold")
