"""What a version of a deck changes: which prefixes are new, gone, dearer, cheaper, and what it comes to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor

from provisioning.amounts import NANO_DECIMALS, amount_of
from provisioning.decks import list_versions
from radiusd.errors import NotFound
from radiusd.storage.traffic_parts import Grouping, parts
from radiusd.storage.traffic_sums import RATES

CHANGES = ("new", "gone", "up", "down", "other", "same")


class RateChange(NamedTuple):
    """
    One prefix of which the rate changes: prices per minute, None where there is no rate.

    *minutes* were charged under the deck of late; *effect* is what they would have cost more.
    """

    prefix: str
    origin: str
    destination: str
    change: str
    before: Decimal | None
    after: Decimal | None
    minutes: Decimal
    effect: Decimal | None


@dataclass(frozen=True, slots=True)
class DeckChanges:
    """How a version differs from an earlier one; *counts* by the words of :data:`CHANGES`."""

    deck: str
    currency: str
    before: int | None
    after: int
    counts: dict[str, int]
    effect: Decimal
    largest: list[RateChange]


def compare_versions(
    txn: Cursor, deck: str, before: int | None, after: int, since: datetime, limit: int
) -> DeckChanges:
    """
    Return how version *after* of a deck differs from version *before*, None being a deck without rates.

    Of each prefix the last price is compared, the one that stays. The *limit* changes of the greatest effect
    in money are returned, as the traffic from *since* on tells it, and after them those of the greatest
    relative change.

    Raises:
        NotFound: There is no such deck or version.
    """
    deck_id, currency, ids = _versions(txn, deck)
    for number in (before, after):
        if number is not None and number not in ids:
            raise NotFound(f"deck {deck} has no version {number}; 'tollwire deck show {deck}' lists them")
    used = parts(txn, _USAGE, since, _EVER)
    # Nested loops over decks of a million would take days; nothing here is worth one.
    txn.execute("SET LOCAL enable_nestloop = off")
    txn.execute(
        _COMPARE.format(used.sql),
        {
            "before": None if before is None else ids[before],
            "after": ids[after],
            "deck": deck_id,
            **used.values,
        },
    )
    txn.execute("SET LOCAL enable_nestloop = on")
    txn.execute("SELECT change, count(*), coalesce(sum(effect), 0) FROM rate_changes GROUP BY change")
    found = txn.fetchall()
    counts = dict.fromkeys(CHANGES, 0) | {change: count for change, count, _ in found}
    effect = sum((Decimal(part) for _, _, part in found), Decimal())
    txn.execute(
        "SELECT prefix, origin, destination, change, before, after, seconds, effect FROM rate_changes"
        " WHERE change <> 'same' ORDER BY abs(coalesce(effect, 0)) DESC,"
        " abs(after - before)::numeric / nullif(before, 0) DESC NULLS LAST, prefix, origin LIMIT %s",
        (limit,),
    )
    largest = [
        RateChange._make((*names, _price(before_nano), _price(after_nano), _minutes(seconds), _money(micros)))
        for *names, before_nano, after_nano, seconds, micros in txn.fetchall()
    ]
    txn.execute("DROP TABLE rate_changes")
    return DeckChanges(deck, currency, before, after, counts, _money(effect) or Decimal(), largest)


def compare_usual(
    txn: Cursor, deck: str, before: int | None, after: int | None, since: datetime, limit: int
) -> DeckChanges:
    """
    Compare as :func:`compare_versions` does; None is the newest version, and what it was made from.

    Raises:
        NotFound: There is no such deck or version.
    """
    versions = {version.number: version for version in list_versions(txn, deck)}
    after = max(versions, default=1) if after is None else after
    if before is None:
        base = versions[after].base if after in versions and versions[after].kind != "rollback" else None
        before = base if base is not None else after - 1 if after - 1 in versions else None
    return compare_versions(txn, deck, before, after, since, limit)


def _versions(txn: Cursor, deck: str) -> tuple[int, str, dict[int, int]]:
    txn.execute("SELECT id, currency FROM deck WHERE name = %s", (deck,))
    row = txn.fetchone()
    if row is None:
        raise NotFound(f"deck {deck} does not exist; import it first")
    txn.execute("SELECT number, id FROM deck_version WHERE deck_id = %s", (row[0],))
    return row[0], row[1], dict(txn.fetchall())


_USAGE = Grouping("deck_version_id", "prefix", RATES, if_call="status = 'answered'")
_EVER = datetime.max.replace(tzinfo=UTC, microsecond=0)

# The last rate of each prefix, unless it ends: that is what a version comes to.
_LAST = """
    SELECT prefix, origin, description, price_nano,
           ROW(connect_fee_micros, initial_s, increment_s, blocked, rules::text)::text AS terms
    FROM (
        SELECT DISTINCT ON (prefix, origin) * FROM rate WHERE deck_version_id = {}
        ORDER BY prefix, origin, effective_at DESC
    ) AS last WHERE expires_at IS NULL
"""
_COMPARE = f"""
    CREATE TEMP TABLE rate_changes ON COMMIT DROP AS
    WITH usage AS (
        SELECT key_text AS prefix, sum(billed_s - included_s) AS seconds FROM ({{}}) AS parts
        WHERE key_id IN (SELECT id FROM deck_version WHERE deck_id = %(deck)s)
        GROUP BY key_text HAVING sum(calls) <> 0
    )
    SELECT prefix, origin, coalesce(new.description, old.description) AS destination,
           CASE WHEN old.price_nano IS NULL THEN 'new' WHEN new.price_nano IS NULL THEN 'gone'
                WHEN new.price_nano > old.price_nano THEN 'up'
                WHEN new.price_nano < old.price_nano THEN 'down'
                WHEN new.terms <> old.terms THEN 'other' ELSE 'same' END AS change,
           old.price_nano AS before, new.price_nano AS after, coalesce(seconds, 0) AS seconds,
           seconds * (new.price_nano - old.price_nano)::numeric / 60000 AS effect
    FROM ({_LAST.format("%(before)s")}) AS old
    FULL JOIN ({_LAST.format("%(after)s")}) AS new USING (prefix, origin)
    LEFT JOIN usage USING (prefix)
"""


def _price(nano: int | None) -> Decimal | None:
    return amount_of(nano, NANO_DECIMALS)


def _minutes(seconds: int) -> Decimal:
    return (Decimal(seconds) / 60).quantize(Decimal("0.1"))


def _money(micros: Decimal | None) -> Decimal | None:
    return None if micros is None else Decimal(micros).scaleb(-6).quantize(Decimal("0.0001"))
