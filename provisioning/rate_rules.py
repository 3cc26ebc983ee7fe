"""
What few rates have beside price and increments: minimum, bands, steps, prices by jurisdiction.

Every rule is a column of a rate file, named as in a rating case; ``bands``, ``steps`` and ``round`` are JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from provisioning.rate_texts import shortest
from rating.fields import FieldError, Fields
from rating.jurisdiction import Jurisdiction
from rating.money import MICRO_DECIMALS
from rating.notation import read_rate

AMOUNTS = ("min_charge", "max_charge", "surcharge_percent", "payphone_surcharge")
SECONDS = ("free_seconds", "grace_seconds")
FLAGS = ("connect_fee_on_included",)
TEXTS = ("band_rule",)
TABLES = ("bands", "steps", "round")
PRICES = tuple(Jurisdiction)

RULE_COLUMNS = (*AMOUNTS, *SECONDS, *FLAGS, *TEXTS, *PRICES, *TABLES)
_YES, _NO = ("yes", "y", "true", "1"), ("no", "n", "false", "0")


def read_rules(cells: Mapping[str, str]) -> str | None:
    """
    Return the rules in *cells* as the JSON that the books keep, None when there are none.

    Raises:
        ValueError: A rule cannot be read; the message begins with its column.
    """
    texts = tuple(cells.get(column, "") for column in RULE_COLUMNS)
    return _checked(texts) if any(texts) else None


@lru_cache(maxsize=4096)
def _checked(texts: tuple[str, ...]) -> str:
    """Return rules as JSON. A deck has few of them, each a thousand times."""
    document: dict[str, Any] = {}
    for column, text in zip(RULE_COLUMNS, texts, strict=True):
        if text and column in PRICES:
            document.setdefault("jurisdiction", {})[str(column)] = shortest(text)
        elif text:
            document[column] = _value(column, text)
    try:
        rate = read_rate(Fields({"prefix": "", "price": "0", **document}), {})
    except FieldError as error:
        raise ValueError(str(error).removeprefix("jurisdiction.")) from None
    if rate.rules.rounding is not None and rate.rules.rounding.decimals > MICRO_DECIMALS:
        raise ValueError(f"round: decimals: the books keep {MICRO_DECIMALS}")
    return json.dumps(document, sort_keys=True)


def _value(column: str, text: str) -> Any:
    if column in AMOUNTS:
        return shortest(text)
    if column in SECONDS:
        if not (text.isascii() and text.isdecimal()):
            raise ValueError(f"{column}: {text[:40]!r} is not a number of seconds")
        return int(text)
    if column in FLAGS:
        if text.lower() not in _YES + _NO:
            raise ValueError(f"{column}: {text[:40]!r} is neither yes nor no")
        return text.lower() in _YES
    if column in TABLES:
        try:
            return json.loads(text, parse_float=str)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{column}: not JSON: {error}") from None
    return text


def cells_of(rules: str | None) -> dict[str, str]:
    """Return the columns that :func:`read_rules` made *rules* of."""
    return cells_of_document(json.loads(rules) if rules else {})


def cells_of_document(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the columns of rules that the database has read already."""
    prices: Mapping[str, str] = document.get("jurisdiction", {})
    others = {name: value for name, value in document.items() if name != "jurisdiction"}
    return {
        name: value if isinstance(value, str) else cell(value) for name, value in {**prices, **others}.items()
    }


def cell(value: object) -> str:
    """Return a value of a TOML file as a cell holds it: lists and tables as JSON, numbers without loss."""
    return json.dumps(value, default=_exact, sort_keys=True)


def _exact(value: object) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{type(value).__name__} has no place in a rate")
