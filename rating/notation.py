"""Rates, bands and buckets as they are written in a case file or a site file."""

from collections.abc import Iterable, Mapping
from fractions import Fraction

from rating.bands import DAY_S, EVERY_DAY, Band
from rating.buckets import Bucket, Direction, Partial
from rating.deck_builder import LONGEST_PREFIX, Row
from rating.fields import Fields
from rating.increments import Increment
from rating.jurisdiction import Jurisdiction
from rating.money import ZERO, Mode, Rounding, Scope, micros_text, units_text
from rating.origins import Origin
from rating.prices import PER_MINUTE_S, Price
from rating.rates import ALWAYS, PLAIN, BandRule, Rate, Rules
from rating.steps import Step

_HOLIDAYS = "H"

NANO_DECIMALS = 9  # of a deck's prices, by the minute

_RATE_FIELDS = (
    *("prefix", "effective", "expires", "price", "per", "initial", "increment", "connect_fee", "blocked"),
    *("min_charge", "max_charge", "free_seconds", "grace_seconds", "surcharge_percent", "payphone_surcharge"),
    *("connect_fee_on_included", "round", "band_rule", "bands", "steps", "origin", "jurisdiction"),
)


def read_rate(fields: Fields, origins: Mapping[str, Origin]) -> Rate:
    """
    Return the rate that *fields* describe; *origins* are the groups its ``origin`` may name.

    Raises:
        FieldError: A field is missing or wrong; the message begins with its path.
    """
    fields.only(*_RATE_FIELDS)
    blocked = fields.flag("blocked")
    per_s = fields.whole("per", PER_MINUTE_S, 1)
    price = Price(0, 1, per_s) if blocked and "price" not in fields else _price(fields, "price", per_s)
    rules = _rules(fields, per_s, origins)
    return Rate(
        prefix=fields.digits("prefix", LONGEST_PREFIX),
        price=price,
        increment=Increment(fields.whole("initial", 1, 0), fields.whole("increment", 1, 1)),
        connect_fee=read_fee(fields, "connect_fee"),
        effective_at=fields.moment("effective") or ALWAYS,
        expires_at=fields.moment("expires"),
        blocked=blocked,
        description=fields.text("description", ""),
        rules=PLAIN if rules == PLAIN else rules,
    )


def whole_rate(row: Row, origin: str, rules: Mapping[str, object], origins: Mapping[str, Origin]) -> Rate:
    """
    Return the rate of a deck's *row* that is for callers of *origin* or has *rules*, written as in a case.

    Raises:
        FieldError: As :func:`read_rate`.
    """
    prefix, description, price_nano, fee_micros, initial_s, increment_s = row[:6]
    effective_at, expires_at, blocked = row[6:]
    document = {
        "prefix": prefix,
        "price": units_text(price_nano, NANO_DECIMALS),
        "connect_fee": micros_text(fee_micros),
        "initial": initial_s,
        "increment": increment_s,
        "blocked": blocked,
        **({"origin": origin} if origin else {}),
        **rules,
    }
    rate = read_rate(Fields(document), origins)
    return rate._replace(description=description, effective_at=effective_at, expires_at=expires_at)


def _rules(fields: Fields, per_s: int, origins: Mapping[str, Origin]) -> Rules:
    prices = fields.table("jurisdiction")
    prices.only(*Jurisdiction)
    with fields.blamed():
        return Rules(
            min_charge=read_fee(fields, "min_charge"),
            max_charge=read_fee(fields, "max_charge") if "max_charge" in fields else None,
            surcharge_percent=fields.amount("surcharge_percent", ZERO),
            payphone_surcharge=read_fee(fields, "payphone_surcharge"),
            connect_fee_on_included=fields.flag("connect_fee_on_included"),
            free_s=fields.whole("free_seconds", 0, 0),
            grace_s=fields.whole("grace_seconds", 0, 0),
            rounding=read_rounding(fields.table("round")) if "round" in fields else None,
            band_rule=fields.choice("band_rule", BandRule, BandRule.INCREMENT_START),
            bands=tuple(_band(band, per_s) for band in fields.tables("bands")),
            steps=tuple(_step(step, per_s) for step in fields.tables("steps")),
            origin=_origin_named(fields, origins),
            jurisdiction={each: _price(prices, each, per_s) for each in Jurisdiction if each in prices},
        )


def _price(fields: Fields, name: str, per_s: int) -> Price:
    with fields.blamed(name):
        return Price.of(fields.decimal_text(name), fields.whole("per", per_s, 1))


def _own_price(fields: Fields, per_s: int) -> Price | None:
    """Return the price of a band or a step; None when it is as in the rate."""
    if "price" in fields:
        return _price(fields, "price", per_s)
    if "per" in fields:
        raise fields.error("per", "says nothing without a price; give both")
    return None


def read_fee(fields: Fields, name: str) -> Fraction:
    """Return an amount that is owed, nothing when the field is absent; raises FieldError when negative."""
    amount = fields.amount(name, ZERO)
    if amount < 0:
        raise fields.error(name, "cannot be negative")
    return amount


def read_rounding(fields: Fields) -> Rounding:
    """Return the rounding that *fields* describe: decimals, mode, scope."""
    fields.only("decimals", "mode", "scope")
    mode = fields.choice("mode", Mode, Mode.HALF_UP)
    scope = fields.choice("scope", Scope, Scope.CALL)
    with fields.blamed("decimals"):
        return Rounding(fields.whole("decimals", 4), mode, scope)


def _band(fields: Fields, per_s: int) -> Band:
    fields.only("days", "from", "to", "price", "per", "initial", "increment", "connect_fee", "weight")
    days, holidays = _days(fields)
    with fields.blamed():
        return Band(
            name=fields.text("name", f"{fields.text('from', '')}-{fields.text('to', '')}"),
            from_s=_wall_clock_s(fields, "from", "00:00"),
            to_s=_wall_clock_s(fields, "to", "24:00"),
            days=days,
            holidays=holidays,
            price=_own_price(fields, per_s),
            initial_s=fields.whole("initial", least=0) if "initial" in fields else None,
            following_s=fields.whole("increment", least=1) if "increment" in fields else None,
            connect_fee=read_fee(fields, "connect_fee") if "connect_fee" in fields else None,
            weight=fields.whole("weight", 0),
        )


def _days(fields: Fields) -> tuple[frozenset[int], bool]:
    if "days" not in fields:
        return EVERY_DAY, False
    names = fields.texts("days")
    for index, name in enumerate(names):
        if name != _HOLIDAYS and not (len(name) == 1 and name in "1234567"):
            raise fields.error(f"days[{index}]", f"expected 1 (Monday) to 7 (Sunday) or H, not {name!r}")
    return frozenset(int(name) for name in names if name != _HOLIDAYS), _HOLIDAYS in names


def _wall_clock_s(fields: Fields, name: str, default: str) -> int:
    text = fields.text(name, default)
    hour, colon, minute = text.partition(":")
    digits = text.isascii() and hour.isdigit() and minute.isdigit()
    if not (colon and digits and len(hour) <= 2 and len(minute) == 2 and int(minute) < 60):
        raise fields.error(name, f'expected a time of day like "08:00", not {text!r}')
    second = int(hour) * 3600 + int(minute) * 60
    if second > DAY_S:
        raise fields.error(name, f"a day ends at 24:00, before {text}")
    return second


def _step(fields: Fields, per_s: int) -> Step:
    fields.only("from", "price", "per", "increment")
    following_s = fields.whole("increment", least=1) if "increment" in fields else None
    return Step(fields.whole("from", least=0), _own_price(fields, per_s), following_s)


def _origin_named(fields: Fields, origins: Mapping[str, Origin]) -> Origin | None:
    if "origin" not in fields:
        return None
    name = fields.text("origin")
    if name not in origins:
        raise fields.error("origin", f"no group of that name in origin_groups: {name!r}")
    return origins[name]


def read_origins(fields: Fields) -> dict[str, Origin]:
    """Return the groups of callers by name."""
    groups = {}
    for name in fields.values:
        group = fields.table(name)
        group.only("prefixes", "invalid")
        groups[name] = Origin(name, _prefixes(group, ()), group.flag("invalid"))
    return groups


def _prefixes(fields: Fields, default: Iterable[str]) -> tuple[str, ...]:
    """Return the list ``prefixes``; one that is no digits would fit no number, in silence."""
    prefixes = fields.texts("prefixes", default)
    for index, prefix in enumerate(prefixes):
        Fields({"": prefix}, f"{fields.path}.prefixes[{index}]").digits("", LONGEST_PREFIX)
    return prefixes


def read_buckets(document: Fields) -> list[Bucket]:
    """Return the list ``buckets`` of a document, in which no id may occur twice."""
    buckets = [read_bucket(fields) for fields in document.tables("buckets")]
    seen: set[str] = set()
    for index, bucket in enumerate(buckets):
        if bucket.id in seen:
            raise document.error(f"buckets[{index}].id", f"another bucket is called {bucket.id!r} too")
        seen.add(bucket.id)
    return buckets


def read_bucket(fields: Fields) -> Bucket:
    """
    Return the bucket that *fields* describe.

    Raises:
        FieldError: A field is missing or wrong; the message begins with its path.
    """
    fields.only(
        *("id", "seconds", "priority", "prefixes", "devices", "direction", "valid_from", "valid_to"),
        *("partial", "increment", "initial"),
    )
    initial_s = fields.whole("initial", least=0) if "initial" in fields else None
    with fields.blamed():
        return Bucket(
            id=fields.text("id"),
            seconds=fields.whole("seconds", least=0),
            priority=fields.whole("priority", 0),
            prefixes=_prefixes(fields, [""]),
            valid_from=fields.moment("valid_from"),
            valid_to=fields.moment("valid_to"),
            partial=fields.choice("partial", Partial, Partial.SPLIT),
            initial_s=initial_s,
            increment_s=fields.whole("increment", least=1) if "increment" in fields else initial_s,
            devices=frozenset(fields.texts("devices")) if "devices" in fields else None,
            direction=fields.choice("direction", Direction, Direction.ANY),
        )
