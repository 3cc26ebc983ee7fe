"""What the columns of a rate file mean, by the names that carriers and billing systems give them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction

from provisioning.rate_rules import RULE_COLUMNS

PER_MINUTE_S = 60

_NAMES: Mapping[str, str] = {
    "prefix": (
        "prefix, code, codes, dial code, dial codes, dialcode, dialcodes, dialing code, dial prefix,"
        " dialprefix, destination code, destination codes, destination prefix, match prefix, number"
        " prefix, dest code, rate prefix, dialled prefix, dialed prefix, prefixes, e 164, e164, full code,"
        " dialing codes, destination prefixes"
    ),
    "country_code": (
        "country code, countrycode, country prefix, country dial code, cc, countrycodes, country codes"
    ),
    "area_code": (
        "area code, area codes, areacode, areacodes, city code, city codes, national code, ndc, region"
        " code, breakout code, city prefix, area prefix"
    ),
    "npanxx": "npanxx, npa nxx, npanxxx, npa nxx x, npanxxs",
    "description": (
        "destination, description, destination name, name, zone, rate name, breakout, dest name, dest,"
        " destination description, location, area, area name, breakout name, zone name, region, prefix"
        " name, label"
    ),
    "country": "country, country name",
    "rate": (
        "rate, price, cost, selling rate, rateinitial, rate cost, retail rate, new rate, new price,"
        " tariff, price n, sell rate, call rate, charge, amount, retailrate, sell price, buy rate, net"
        " rate, voice rate, price next, next price"
    ),
    "first_price": "price 1, first price, initial price, price first, price initial",
    "connect_fee": (
        "connect fee, connection fee, connect cost, connection cost, connect charge, connectcharge,"
        " connection charge, setup fee, set up fee, setup charge, call setup, connect, rate surcharge,"
        " flag fall, call setup fee, setup cost"
    ),
    "initial": (
        "initial, initial increment, initial interval, first interval, first increment, initblock,"
        " initial s, min time, minimum time, min duration, minimum duration, interval 1, rate minimum,"
        " duration, initial seconds, initial block, minimum seconds, min seconds, initial period, initial"
        " billing, min length, initial time, minimum, first block, initial duration, interval first, interval"
        " initial"
    ),
    "increment": (
        "increment, interval, next interval, additional increment, next increment, billingblock, billing"
        " block, interval n, rate increment, billing interval, subsequent increment, billing increment,"
        " billing increments, increments, billing, billable unit, increment s, increment seconds,"
        " following increment, additional interval, billing terms, next block, incr, billing unit, time"
        " increment, rounding, interval next"
    ),
    "effective": (
        "effective, effective date, eff date, effdate, valid from, startdate, start date, effective from,"
        " date from, activation date, from date, effective since, date, active from, effectivedate,"
        " validity, starting date, effective on, valid since"
    ),
    "expires": (
        "expires, valid to, valid until, valid till, stopdate, stop date, end date, enddate, effective"
        " till, effective to, effective until, expiry, expiry date, expiration, expiration date,"
        " discontinue date, till, end of validity"
    ),
    "blocked": "blocked, forbidden, barred, block",
    "closed": "discontinued, closed, no longer offered, deleted, withdrawn",
    "status": (
        "status, change, rate change, change type, change indicator, type of change, rate status, change"
        " code, action, change status, price change, code status"
    ),
    "operation": "ops",
    "app": "app",
    "origin": (
        "origin, origin group, origin groups, source type, origination, origin set, origin based, origin zone"
    ),
    "interstate": (
        "inter, interstate, interrate, inter rate, inter state, interstate rate, inter state rate, interstate"
        " price, inter price, interstate cost"
    ),
    "intrastate": (
        "intra, intrastate, intrarate, intra rate, intra state, intrastate rate, intra state rate, intrastate"
        " price, intra price, intrastate cost"
    ),
    "indeterminate": (
        "indeterminate, ijrate, ij rate, ij, indeterminate rate, indet, undetermined, indeterminate price, ij"
        " price, indeterminate cost, indet rate, undetermined rate"
    ),
    "min_charge": "min charge, minimum charge, minimal cost, minimal call cost, minimum cost, minimum price",
    "max_charge": "max charge, maximum charge, max price, max cost, maximum cost",
    "free_seconds": "free seconds, included seconds, grace time, free time",
    "grace_seconds": "grace seconds, grace period, rate nocharge time, grace",
    "surcharge_percent": "surcharge percent, surcharge",
    "payphone_surcharge": "payphone surcharge, payphone",
    "peak": "peak, peak rate, peak price, day rate, day, standard rate",
    "offpeak": (
        "off peak, offpeak, off peak rate, offpeak rate, off peak price, night rate, night, economy rate"
    ),
    "weekend": "weekend, weekend rate, weekend price",
    "currency": "currency, cur, currency code, rate currency",
}
_HARMLESS = (
    "hidden, created date, creation date, modified date, last modified date, rate group, reseller,"
    " reseller id, trunk, trunk name, conn in, duration in, buyrate, buyrateinitblock, buyrateincrement,"
    " tag, old rate, previous rate, last rate, old price, previous price, current rate, current price,"
    " change percent, difference, delta, iso, iso code, country iso, iso country, notes, note, comment,"
    " comments, remark, remarks, id, weight, direction, ratedeck id, operator, carrier, network, type,"
    " destination type, mcc, mnc, mccmnc, time zone, timezone, number length, rounding calltime, rounding"
    " threshold, announce time correction, routing, routing type, route type, quality, routing notes,"
    " level, lata, ocn, state, company, line, no, row, index, customerid, customer id, customer, version,"
    " percent, product, service, account, rate id, category, continent, world region, call type, status"
    " date, lcr type"
)
# Of A2Billing, Kazoo and Yeastar: prices that no column of ours can hold; zero and empty are harmless.
_UNKEPT = (
    "disconnectcharge, disconnectcharge after, stepchargea, stepchargeb, stepchargec, chargea, chargeb,"
    " chargec, timechargea, timechargeb, timechargec, billingblocka, billingblockb, billingblockc,"
    " additional grace, additional block charge, additional block charge time, initial cost, caller id"
    " numbers, disconnect charge, starttime, endtime, disconnection fee, disconnect fee"
)


def _names(text: str) -> list[str]:
    return [" ".join(name.split()) for name in text.split(",")]


FIELDS = tuple(dict.fromkeys((*_NAMES, *RULE_COLUMNS)))
"""What a column can be."""

_FIELD_OF = {
    **{name: field for field, names in _NAMES.items() for name in _names(names)},
    **{str(column).replace("_", " "): str(column) for column in RULE_COLUMNS},
    **dict.fromkeys(_names(_HARMLESS), ""),
    **dict.fromkeys(_names(_UNKEPT), "unkept"),
}
UNKEPT = "unkept"
CDRTOOL = {"ops", "rate", "destination", "connect", "duration"}
_CDRTOOL_FIELDS = {
    "ops": "operation",
    "destination": "prefix",
    "connect": "connect_fee",
    "duration": "rate",
    "app": "app",
}
CDRTOOL_UNITS = Fraction(1, 10_000)

_UNIT = re.compile(r"(?:\bper|/)\s*(?P<unit>min(?:ute)?s?|sec(?:ond)?s?|s)\b", re.IGNORECASE)
_BRACKETS = re.compile(r"[(\[{]([^)\]}]*)[)\]}]")
_CODE = re.compile(r"\b[A-Z]{3}\b")
_TEN_THOUSANDTHS = re.compile(r"\b1\s*/\s*10[.,' ]?000\b")
_CENTS = re.compile(r"\bcents?\b|¢", re.IGNORECASE)
# ISO 4217: those in which traffic is sold; any other three capitals are taken for a word.
CURRENCIES = frozenset(
    "AED AUD BGN BRL CAD CHF CNY CZK DKK EUR GBP HKD HUF IDR ILS INR JPY KRW MXN MYR NOK NZD PHP PLN RON RUB"
    " SAR SEK SGD THB TRY TWD UAH USD ZAR".split()
)


@dataclass(frozen=True, slots=True)
class Column:
    """
    A column of a file: *field* is what it means, empty when it does not count.

    *factor* turns its prices into prices per minute; *currency* is one that its name tells.
    """

    place: int
    title: str
    field: str
    factor: Fraction = Fraction(1)
    currency: str = ""


class UnknownColumn(ValueError):
    """A column has a name that is nearly one that we know: a slip would change prices in silence."""


def read_header(cells: Sequence[str]) -> list[Column]:
    """
    Return what the titles in *cells* mean; titles that mean nothing to us have no field.

    Raises:
        UnknownColumn: A title is nearly one that we know.
    """
    plain = [_plain(cell) for cell in cells]
    special = _CDRTOOL_FIELDS if set(plain) >= CDRTOOL else None
    columns = []
    for place, (title, name) in enumerate(zip(cells, plain, strict=True)):
        if special is not None:
            field = special.get(name, "")
            factor = CDRTOOL_UNITS if field in ("rate", "connect_fee") else Fraction(1)
            columns.append(Column(place, title, field, factor))
        else:
            columns.append(_column(place, title, name))
    return columns


def is_title(cell: str) -> bool:
    """Say whether *cell* is a title that counts."""
    return bool(_FIELD_OF.get(_plain(cell)))


def score(cells: Sequence[str]) -> int:
    """Return in how far *cells* look like titles: known ones, if a code and a price are among them."""
    fields = {_FIELD_OF.get(_plain(cell), "") for cell in cells} - {""}
    if {_plain(cell) for cell in cells} >= CDRTOOL:
        return len(cells)
    code = fields & {"prefix", "country_code", "npanxx", "area_code"}
    price = fields & {"rate", "interstate", "intrastate", "indeterminate", "peak", "offpeak"}
    if code and price:
        return len(fields)
    return 1 if len(fields) > 1 or (code or price) else 0


def _column(place: int, title: str, name: str) -> Column:
    field = _FIELD_OF.get(name)
    if field is None:
        near = (
            get_close_matches(name, [known for known in _FIELD_OF if _FIELD_OF[known]], 1, 0.86)
            if name
            else []
        )
        if near:
            raise UnknownColumn(f"column {title[:40]!r} is unknown; did you mean {near[0]}?")
        return Column(place, title, "")
    if not field or field == UNKEPT:
        return Column(place, title, field)
    unit = _UNIT.search(title)
    seconds = unit is not None and unit["unit"].lower().startswith("s")
    factor = Fraction(PER_MINUTE_S if seconds and field not in NOT_PER_TIME else 1)
    if _CENTS.search(title):
        factor /= 100
    if _TEN_THOUSANDTHS.search(title):
        factor /= 10_000
    named = [code for code in _CODE.findall(title) if code in CURRENCIES]
    return Column(place, title, field, factor, named[0] if named else "")


NOT_PER_TIME = ("connect_fee", "min_charge", "max_charge", "payphone_surcharge")
PRICES = ("rate", "first_price", "interstate", "intrastate", "indeterminate", "peak", "offpeak", "weekend")
MONEY = (*PRICES, *NOT_PER_TIME)


def _plain(title: str) -> str:
    """Return a title without case, units, brackets and currency: ``Price per min (USD)`` is ``price``."""
    text = _BRACKETS.sub(" ", title)
    shorter = _TEN_THOUSANDTHS.sub(" ", _CENTS.sub(" ", _UNIT.sub(" ", text)))
    shorter = _CODE.sub(lambda code: " " if code[0] in CURRENCIES else code[0], shorter)
    for candidate in (shorter, text):
        name = " ".join(re.sub(r"[^a-z0-9]+", " ", candidate.lower()).split())
        if name in _FIELD_OF or candidate is text:
            return name
    return ""
