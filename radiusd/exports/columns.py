"""The fields of a CDR that an export may have, and under which names."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from operator import attrgetter, itemgetter
from types import NoneType, UnionType
from typing import NamedTuple, get_args, get_origin, get_type_hints

from radiusd.errors import BadInput
from radiusd.exports.values import money, seconds
from radiusd.storage.reports import CdrRecord

_RENAMED = {"calling": "from", "called": "to", "total_micros": "total"}
_JSON = ("rating", "match")

Value = Callable[[CdrRecord], object]


class Column(NamedTuple):
    """A field under the name that the receiver wants."""

    field: str
    title: str


def _value_of(name: str) -> Value:
    if name == "total_micros":
        return lambda record: money(record.total_micros)
    if name in _JSON:
        return lambda record: json.loads(getattr(record, name) or "null")
    return itemgetter(CdrRecord._fields.index(name))


def _text_of(name: str) -> Value:
    """Return what gives a field of JSON as text; null is nothing."""
    value_of = attrgetter(name)

    def text_of(record: CdrRecord) -> object:
        text = value_of(record)
        return None if text == "null" else text

    return text_of


VALUES: dict[str, Value] = {_RENAMED.get(name, name): _value_of(name) for name in CdrRecord._fields}
FIELDS = tuple(VALUES)
"""What an export without columns of its own has."""

VALUES["seconds"] = lambda record: seconds(record.duration_ms)

FLAT = VALUES | {name: _text_of(name) for name in _JSON}
"""The same, with JSON as the text that it is."""

_HINTS = {_RENAMED.get(name, name): hint for name, hint in get_type_hints(CdrRecord).items()}


def kind_of(field: str) -> type:
    """Return which type the values of *field* have, None apart: str, int, datetime, Decimal, list or dict."""
    if field in ("total", "seconds"):
        return Decimal
    if field in _JSON:
        return dict
    hint = _HINTS[field]
    if isinstance(hint, UnionType):
        [hint] = [each for each in get_args(hint) if each is not NoneType]
    kind: type = get_origin(hint) or hint
    return kind


def parse_columns(written: Iterable[str]) -> tuple[Column, ...]:
    """
    Return the columns that ``field`` or ``field=Title`` name, all of them when there are none.

    Raises:
        BadInput: A field does not exist, or two columns would have one title.
    """
    columns = []
    for each in written:
        field, _, title = (part.strip() for part in each.partition("="))
        if field not in VALUES:
            raise BadInput(f"columns: there is no field {field!r}; the fields are {', '.join(VALUES)}")
        columns.append(Column(field, title or field))
    titles = [column.title for column in columns]
    doubled = sorted({title for title in titles if titles.count(title) > 1})
    if doubled:
        raise BadInput(f"columns: two of them have the title {', '.join(doubled)}; give each its own")
    return tuple(columns) or tuple(Column(field, field) for field in FIELDS)


def reader_of(columns: Sequence[Column], nested: bool = True) -> Callable[[CdrRecord], list[object]]:
    """Return what makes a row of a record; without *nested*, what is JSON stays the text that it is."""
    accessors = VALUES if nested else FLAT
    values = [accessors[column.field] for column in columns]
    return lambda record: [value(record) for value in values]
