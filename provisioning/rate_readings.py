"""Find how a rate file is read: its separator, its row of titles or the lack of one, and its columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice, pairwise
from typing import NoReturn

from provisioning.rate_codes import codes
from provisioning.rate_columns import (
    PRICES,
    UNKEPT,
    Column,
    UnknownColumn,
    is_title,
    read_header,
    score,
)
from provisioning.rate_layouts import Layout
from provisioning.rate_rows import CODES, Reading
from provisioning.rate_texts import Decimals, decimals_of, number
from provisioning.tables import LOOKED_AT, Row, Table, Unreadable
from radiusd.errors import BadInput

SAMPLE = 2_000  # rows from which the sign before decimals and the order of dates are found


def find_reading(table: Table, layout: Layout, source: str, currency: str = "") -> Reading:
    """
    Return how the rows of *table* are read.

    Raises:
        BadInput: There is no row of titles, or its columns cannot be told apart.
    """
    heads = _heads(table)
    if not any(_title_row(head, layout) for _, head in heads):
        heads += chain.from_iterable(map(_heads, table.others()))
    if not heads:
        raise BadInput(f"{source}:1: there are no rates in it")
    heads.sort(key=lambda found: max(_titles(cells, layout) for _, cells in found[1]), reverse=True)
    if not layout.header:
        widest = max(heads, key=lambda found: len(found[1][0][1]))
        reading = _by_numbers(*widest, layout, source)
    else:
        told = (_by_content(*found, layout, source) for found in heads)
        reading = (
            _by_titles(*heads[0], layout, source)
            or next(filter(None, told), None)
            or _unknown(heads[0][1], source)
        )
    _check_currency(reading, source, currency)
    reading.currency = currency
    sample = list(islice(_below_titles(reading), SAMPLE))
    try:
        reading.learn(sample)
    except ValueError as error:
        raise BadInput(f"{source}: {error}") from error
    return reading


def _heads(table: Table) -> list[tuple[Table, list[Row]]]:
    """Return the first rows of *table* by each separator that it may have."""
    separated = map(table.separated_by, table.delimiters())
    return [(each, head) for each in separated if (head := list(islice(_readable(each), LOOKED_AT)))]


def _readable(table: Table) -> Iterator[Row]:
    """Yield the rows up to one that is none, which is told when all are read."""
    try:
        yield from table.rows()
    except Unreadable:
        return


def _below_titles(reading: Reading) -> Iterator[Row]:
    return (row for row in _readable(reading.table) if row[0] > reading.header_line)


def _title_row(head: Sequence[Row], layout: Layout) -> Row | None:
    """
    Return the row of titles: the one, among the first, that has most of them.

    Two rows are one where cells are merged: ``Price`` over ``First`` and ``Next``, or ``Code`` over nothing.
    The titles' line is then the lower row's.
    """
    merged = ((line, _joined(above, cells)) for (_, above), (line, cells) in pairwise(head))
    line, cells = max(chain(head, merged), key=lambda row: _titles(row[1], layout))
    return (line, cells) if _titles(cells, layout) > 1 else None


def _joined(above: Sequence[str], below: Sequence[str]) -> list[str]:
    """Return the titles that two rows make together."""
    titles, last = [], ""
    for place, own in enumerate(below):
        over = above[place] if place < len(above) else ""
        last = over or last
        whole = f"{last} {own}"
        titles.append(whole if own and not is_title(own) and is_title(whole) else own or over)
    return titles


def _by_titles(table: Table, head: Sequence[Row], layout: Layout, source: str) -> Reading | None:
    """Return the reading by the row of titles, None when there is none."""
    found = _title_row(head, layout)
    if found is None:
        return None
    line, cells = found
    try:
        columns = read_header([_unless_mapped(cell, layout) for cell in cells])
    except UnknownColumn as error:
        raise BadInput(f"{source}:{line}: {error} Or say --ignore") from error
    columns = [replace(column, title=cell) for column, cell in zip(columns, cells, strict=True)]
    columns = [_mapped(column, layout, columns) for column in columns]
    return _checked_reading(Reading(layout, table, columns, len(cells), line), columns, source)


def _titles(cells: Sequence[str], layout: Layout) -> int:
    """Return in how far *cells* look like the titles of columns."""
    mapped = {title.lower() for title in layout.columns.values()}
    return score(cells) + 2 * len(mapped & {cell.lower() for cell in cells})


def _unknown(head: Sequence[Row], source: str) -> NoReturn:
    line, cells = head[0]
    raise BadInput(
        f"{source}:{line}: no column is known for a code and one for a price (it has: "
        f"{', '.join(cells)[:200]}); say which they are, with --column prefix=TITLE --column rate=TITLE, "
        "or, where there are no titles, --no-header --column prefix=1 --column rate=2"
    )


def _unless_mapped(title: str, layout: Layout) -> str:
    """Return a title, or nothing when the layout says itself what it is."""
    said = {text.lower() for text in (*layout.columns.values(), *layout.ignore)}
    return "" if title.lower() in said else title


def _mapped(column: Column, layout: Layout, columns: Sequence[Column]) -> Column:
    for name, title in layout.columns.items():
        if title.lower() == column.title.lower() or title == str(column.place + 1):
            return replace(column, field=name)
    return replace(column, field="") if column.field in layout.columns else column


def _by_numbers(table: Table, head: Sequence[Row], layout: Layout, source: str) -> Reading:
    width = max(len(cells) for _, cells in head)
    columns = []
    for name, place in layout.columns.items():
        if not place.isdecimal() or not 1 <= int(place) <= width:
            raise BadInput(f"column: {name}={place[:40]} is no number of a column from 1 to {width}")
        columns.append(Column(int(place) - 1, "", name))
    return _checked_reading(Reading(layout, table, columns, width, 0), columns, source)


def _by_content(table: Table, head: Sequence[Row], layout: Layout, source: str) -> Reading | None:
    """Return the reading of a file without titles: one column of codes, one of prices, perhaps names."""
    width = len(head[0][1])
    places: Sequence[int] = range(width)
    kept = [cells for _, cells in head if len(cells) == width]
    texts = {place: [cells[place] for cells in kept] for place in places}
    places = [place for place in places if any(texts[place])]
    code = [p for p in places if all(_is_code(text) for text in texts[p])]
    price = [
        p for p in places if all(_is_price(t) for t in texts[p]) and any(not t.isdigit() for t in texts[p])
    ]
    price = [p for p in price if [p] != code]  # +44 is a code
    name = [p for p in places if any(c.isalpha() for text in texts[p] for c in text)]
    if not len(code) == len(price) == 1 or len(name) > 1 or len(places) != 2 + len(name):
        return None
    columns = [Column(code[0], "", "prefix"), Column(price[0], "", "rate")]
    columns += [Column(place, "", "description") for place in name]
    return _checked_reading(Reading(layout, table, columns, width, 0), columns, source)


def _is_code(text: str) -> bool:
    try:
        return bool(codes(text)) and "," not in text and not ("." in text and text.split(".")[1].strip("0"))
    except ValueError:
        return False


def _is_price(text: str) -> bool:
    try:
        number(text, decimals_of([text]) or Decimals.POINT)
    except ValueError:
        return False
    return True


def _checked_reading(reading: Reading, columns: Sequence[Column], source: str) -> Reading:
    place = f"{source}:{reading.header_line or 1}"
    for name in {column.field for column in columns} - {"", UNKEPT, "description"}:
        twice = [column.title for column in columns if column.field == name]
        if len(twice) > 1:
            raise BadInput(
                f"{place}: columns {' and '.join(twice)} both say {name}; take one away with --ignore"
            )
    fields = reading.columns
    for name, title in reading.layout.columns.items():
        if name not in fields:
            raise BadInput(f"{place}: no column is called {title[:40]!r}")
    _find_codes_elsewhere(reading)
    if not fields.keys() & set(CODES):
        raise BadInput(f"{place}: no column is known for the code; say which, with --column prefix=TITLE")
    if not fields.keys() & set(PRICES):
        raise BadInput(f"{place}: no column is known for the price; say which, with --column rate=TITLE")
    return reading


def _find_codes_elsewhere(reading: Reading) -> None:
    """Take a column of destinations for codes where it holds nothing else."""
    fields = reading.columns
    lone = "country_code" in fields and not fields.keys() & {"prefix", "area_code", "npanxx"}
    if not (lone or not fields.keys() & set(CODES)):
        return
    rows = list(islice(_below_titles(reading), LOOKED_AT))
    for column in reading.names:
        texts = [cells[column.place] for _, cells in rows if column.place < len(cells)]
        if any(texts) and all(_is_code_list(text) for text in texts if text):
            reading.take_codes(column)
            return


def _is_code_list(text: str) -> bool:
    try:
        return bool(codes(text))
    except ValueError:
        return False


def _check_currency(reading: Reading, source: str, currency: str) -> None:
    for column in reading.columns.values():
        if currency and column.currency and column.currency != currency:
            raise BadInput(
                f"{source}:{reading.header_line}:{column.place + 1}: column {column.title!r} is in "
                f"{column.currency}, and the deck in {currency}"
            )
