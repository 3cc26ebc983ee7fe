"""Search the inventory: by place, by the digits of a number, and by the letters on a telephone's keys."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from psycopg2.extensions import cursor as Cursor

from provisioning.inventory import SELECT, STATES, StockedNumber, number_of
from provisioning.number_sweep import expire_reservations
from provisioning.pages import Page
from provisioning.roles import Actor, reached_accounts
from radiusd.errors import BadInput

KEYS = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "22233344455566677778889999")  # ITU-T E.161
DECORATION = str.maketrans("", "", " +-().")
PATTERN = re.compile(r"[0-9?]*(\*+[0-9?]*)*", re.ASCII)
LONGEST_PATTERN = 40
INDEXED = 3  # digits that an index needs to find few numbers
FIRST = Page(limit=50)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """
    Which numbers are looked for; None is any.

    In *pattern* ``*`` stands for any digits, ``?`` for one, and a letter for the digit of its key; one
    without ``*`` is how numbers begin.
    """

    country: str | None = None
    area: str | None = None
    rate_centre: str | None = None
    pattern: str | None = None
    state: str | None = "available"
    account: str | None = None
    supplier: str | None = None
    feature: str | None = None


def digits_of(pattern: str) -> str:
    """
    Return *pattern* in digits, ``*`` and ``?``: ``1512*TAXI`` is ``1512*8294``.

    Raises:
        BadInput: It has other characters.
    """
    plain = pattern.translate(DECORATION).upper().translate(KEYS)
    if len(plain) > LONGEST_PATTERN or not PATTERN.fullmatch(plain):
        raise BadInput(
            f"pattern: {pattern[:60]!r} is none; write digits, letters, * for any digits and ? for one, "
            "like 1512*TAXI"
        )
    return plain if "*" in plain else plain + "*"


def search(
    txn: Cursor, actor: Actor, wanted: Wanted, now: datetime, page: Page = FIRST
) -> list[StockedNumber]:
    """Return a page of the wanted numbers in order; the page's key is a number."""
    actor.require("numbers:read")
    if wanted.state is not None and wanted.state not in STATES:
        raise BadInput(f"state: {wanted.state[:20]!r} is none of {', '.join(STATES)}")
    expire_reservations(txn, now)
    reached = reached_accounts(txn, actor)
    conditions, values = _conditions(wanted)
    if reached is not None and wanted.state != "available":
        conditions.append("n.account_id = ANY(%s)")  # the rest of our stock is not theirs to see
        values.append(reached)
    if page.after:
        conditions.append("n.number > %s")
        values.append(page.after_text)
    where = " AND ".join(conditions) or "true"
    txn.execute(SELECT + f" WHERE {where} ORDER BY n.number LIMIT %s", (*values, page.limit))
    return [number_of(row, ours=reached is None) for row in txn.fetchall()]


def _conditions(wanted: Wanted) -> tuple[list[str], list[object]]:
    """Return conditions, each of which an index can serve, and their values."""
    asked: list[tuple[str, object | None]] = [
        ("n.state = %s", wanted.state),
        ("n.country = %s", wanted.country),
        ("n.area = %s", wanted.area),
        ("n.rate_centre = %s", wanted.rate_centre),
        ("n.supplier = %s", wanted.supplier),
        ("%s = ANY(n.features)", wanted.feature),
        ("n.account_id = (SELECT id FROM account WHERE code = %s)", wanted.account),
    ]
    if wanted.pattern:
        asked += _pattern_conditions(digits_of(wanted.pattern))
    given = [(condition, value) for condition, value in asked if value is not None]
    return [condition for condition, _ in given], [value for _, value in given]


def _pattern_conditions(pattern: str) -> list[tuple[str, object | None]]:
    """
    Return what finds the numbers of *pattern*.

    The whole decides; that the end or something in the middle is there too only leads to an index.
    """
    found: list[tuple[str, object | None]] = [("n.number LIKE %s", _like(pattern))]
    *_, end = pattern.split("*")
    end = end.rpartition("?")[2]
    if len(end) >= INDEXED:
        found.append(("reverse(n.number) LIKE %s", end[::-1] + "%"))
        return found
    pieces = [piece for piece in re.split(r"[*?]+", pattern) if len(piece) >= INDEXED]
    grams = sorted({piece[at : at + 3] for piece in pieces for at in range(len(piece) - 2)})
    if grams and pattern.startswith(("*", "?")):
        found.append(("trigrams(n.number) @> %s", grams))
    return found


def _like(pattern: str) -> str:
    return re.sub(r"\*+", "%", pattern).replace("?", "_")
