"""Drafts of prices, from a file, another deck or a plan: what past calls would have cost under them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from provisioning.rate_files import Problems, RateSource
from radiusd.calls.directory import Directory
from radiusd.calls.rate_decks import RateDeck
from radiusd.calls.what_if import Sum, Sums, as_of
from radiusd.errors import BadInput, NotFound
from radiusd.storage.decks import load_origins
from rating.deck_builder import Columns, Row
from rating.decks import Deck
from rating.notation import whole_rate

MICRO_DECIMALS = 6


def deck_of_file(txn: Cursor, name: str, currency: str, source: RateSource, now: datetime) -> RateDeck:
    """
    Return the rates in a file as a deck, as they stand when all that it announces holds.

    Raises:
        BadInput: What is wrong with the rows, a line each.
    """
    problems = Problems(source.name)
    origins = load_origins(txn)
    columns = Columns()
    last = now
    for _, rate in source.rates(problems):
        if rate.closed:
            continue
        last = max(last, rate.effective_at)
        row: Row = rate[:9]
        if rate.origin or rate.rules:
            columns.add_rate(whole_rate(row, rate.origin, _rules(rate.rules), origins))
        else:
            columns.add_row(row)
    problems.refuse()
    return as_of(name, currency, Deck(columns.finished()), last)


def _rules(text: str | None) -> dict[str, object]:
    found: dict[str, object] = json.loads(text) if text else {}
    return found


def deck_by_name(directory: Directory, name: str, now: datetime) -> RateDeck:
    """
    Return the newest version of a deck, as it stands when all that it announces holds.

    Raises:
        NotFound: No plan has a deck of that name, or it has no rates.
    """
    for deck in decks_in_use(directory):
        if deck.name == name and deck.versions:
            rates = deck.versions[0][2]
            last = max((rate.effective_at for rate in rates.rates()), default=now)
            return as_of(name, deck.currency, rates, max(now, last))
    raise NotFound(f"deck {name} is no file here, and no plan uses a deck of that name that has rates")


def decks_in_use(directory: Directory) -> list[RateDeck]:
    """Return the decks that price calls of any plan."""
    found: dict[int, RateDeck] = {}
    for plan in directory.plans.values():
        for deck in (plan.deck, plan.inbound_deck):
            if deck is not None:
                found[deck.id] = deck
    return list(found.values())


class Line(NamedTuple):
    """One customer or destination: what its calls cost by the tariff of today, and by the draft."""

    name: str
    currency: str
    calls: int
    now: Decimal
    draft: Decimal
    difference: Decimal
    percent: Decimal | None
    margin_now: Decimal
    margin_draft: Decimal
    unrated: int


class BucketLine(NamedTuple):
    """Included seconds of one bucket that the calls would draw, today and by the draft."""

    account: str
    bucket: str
    now_s: int
    draft_s: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a draft comes to; *totals* by currency, *booked* what the very calls were charged."""

    totals: list[Line]
    booked: dict[str, Decimal]
    customers: list[Line]
    destinations: list[Line]
    buckets: list[BucketLine]

    def changes_by(self, percent: Decimal) -> bool:
        """Tell whether the revenue in any currency changes by more than *percent*, up or down."""
        return any(
            line.difference != 0 and (line.percent is None or abs(line.percent) > percent)
            for line in self.totals
        )


def outcome(sums: Sums, bucket_names: dict[str, str]) -> Outcome:
    """Return *sums* as lines, the greatest differences first."""
    currencies = sorted(sums.booked_micros)
    return Outcome(
        totals=[_line("total", currency, sums.total(currency)) for currency in currencies],
        booked={currency: _money(micros) for currency, micros in sums.booked_micros.items()},
        customers=_lines(sums.by_account),
        destinations=_lines(sums.by_destination),
        buckets=sorted(
            (
                BucketLine(account, bucket_names.get(key, key), part.now_s, part.draft_s)
                for (account, key), part in sums.by_bucket.items()
            ),
            key=lambda line: (-abs(line.draft_s - line.now_s), line.account, line.bucket),
        ),
    )


def _lines(sums: dict[tuple[str, str], Sum]) -> list[Line]:
    lines = [_line(name, currency, part) for (currency, name), part in sums.items()]
    return sorted(lines, key=lambda line: (-abs(line.difference), line.currency, line.name))


def _line(name: str, currency: str, part: Sum) -> Line:
    change = part.draft_micros - part.now_micros
    percent = None
    if part.now_micros:
        percent = (Decimal(change) * 100 / Decimal(part.now_micros)).quantize(Decimal("0.01"))
    elif not change:
        percent = Decimal("0.00")
    return Line(
        name=name,
        currency=currency,
        calls=part.calls,
        now=_money(part.now_micros),
        draft=_money(part.draft_micros),
        difference=_money(change),
        percent=percent,
        margin_now=_money(part.margin_micros),
        margin_draft=_money(part.margin_draft_micros),
        unrated=part.unrated,
    )


def _money(micros: int) -> Decimal:
    return Decimal(micros).scaleb(-MICRO_DECIMALS)


def bucket_names(connection: Connection) -> dict[str, str]:
    """Return what the buckets of plans are called, by their key."""
    with connection.cursor() as txn:
        txn.execute("SELECT id::text, name FROM plan_bucket")
        return dict(txn.fetchall())


def percent(text: str) -> Decimal:
    """Return the number in ``5%``. Raises BadInput when it is none."""
    try:
        value = Decimal(text.strip().removesuffix("%").strip())
    except ArithmeticError:
        raise BadInput(f"{text[:20]!r} is no percentage like 5%") from None
    if not value.is_finite() or value < 0:
        raise BadInput(f"{text[:20]!r} is no percentage like 5%")
    return value
