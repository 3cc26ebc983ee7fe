"""Write CDRs in each form, as they come: what is written is not remembered."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, BinaryIO, NamedTuple

import msgspec

from radiusd.errors import BadInput
from radiusd.exports.columns import Column, kind_of, reader_of
from radiusd.exports.values import moment, plain, spreadsheet_cells
from radiusd.records.tap_batch import TapBatch, TapCall, TapWriter
from radiusd.storage.reports import CdrRecord

Records = Iterable[CdrRecord]

SUFFIXES = {"csv": ".csv", "jsonl": ".jsonl", "parquet": ".parquet", "tap": ".tap"}
ROWS_AT_ONCE = 10_000
"""Rows of a group in a Parquet file: it is written by columns, so a group has to be collected."""

MONEY_DIGITS, MONEY_SCALE = 20, 6


class Written(NamedTuple):
    """How many records are in a file, and how many its form cannot say."""

    records: int
    left_out: int = 0


def write_csv(out: BinaryIO, columns: Sequence[Column], records: Records) -> Written:
    """Write CSV (RFC 4180) in UTF-8 with a header row; no cell is a formula to a spreadsheet."""
    count = 0
    row_of = reader_of(columns, nested=False)
    text = io.TextIOWrapper(out, "utf-8", newline="")
    try:
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow([column.title for column in columns])
        for record in records:
            writer.writerow(spreadsheet_cells(row_of(record)))
            count += 1
    finally:
        text.detach()  # flushes; the file stays its owner's
    return Written(count)


def write_jsonl(out: BinaryIO, columns: Sequence[Column], records: Records) -> Written:
    """Write a JSON object a line; amounts are strings, so that no reader makes floats of them."""
    count = 0
    row_of = reader_of(columns, nested=False)
    titles = [column.title for column in columns]
    shapes = [_JSON_SHAPES.get(kind_of(column.field)) for column in columns]
    encode = msgspec.json.Encoder().encode
    for record in records:
        values = [
            value if shape is None or value is None else shape(value)
            for value, shape in zip(row_of(record), shapes, strict=True)
        ]
        out.write(encode(dict(zip(titles, values, strict=True))) + b"\n")
        count += 1
    return Written(count)


def _exact(value: object) -> object:
    return value if value.__class__ is int else plain(value)


def _embedded(text: object) -> object:
    """Return what is JSON already, so that it is written as it is; but for line ends, which end a line."""
    assert isinstance(text, str), "a column of JSON is read as text"
    return json.loads(text) if "\n" in text else msgspec.Raw(text.encode())


def _moment(value: object) -> object:
    assert isinstance(value, datetime), "a column of moments"
    return moment(value)


_JSON_SHAPES: dict[type, Callable[[object], object]] = {
    datetime: _moment,
    Decimal: _exact,
    dict: _embedded,
}


def write_parquet(out: BinaryIO, columns: Sequence[Column], records: Records) -> Written:
    """
    Write Parquet: moments in UTC, amounts as decimals, what is nested as JSON text.

    Raises:
        BadInput: pyarrow is not installed.
    """
    arrow, parquet = _arrow()
    types = {
        str: arrow.string(),
        int: arrow.int64(),
        datetime: arrow.timestamp("us", tz="UTC"),
        Decimal: arrow.decimal128(MONEY_DIGITS, MONEY_SCALE),
        list: arrow.list_(arrow.string()),
        dict: arrow.string(),
    }
    schema = arrow.schema([(column.title, types[kind_of(column.field)]) for column in columns])
    row_of = reader_of(columns, nested=False)
    shapes = [_SHAPES.get(kind_of(column.field)) for column in columns]
    count = 0
    with parquet.ParquetWriter(out, schema) as writer:
        for rows in _by(ROWS_AT_ONCE, map(row_of, records)):
            arrays = [
                arrow.array(values if shape is None else [shape(value) for value in values], kind)
                for values, shape, kind in zip(zip(*rows, strict=True), shapes, schema.types, strict=True)
            ]
            writer.write_table(arrow.Table.from_arrays(arrays, schema=schema))
            count += len(rows)
    return Written(count)


WRITERS: dict[str, Callable[[BinaryIO, Sequence[Column], Records], Written]] = {
    "csv": write_csv,
    "jsonl": write_jsonl,
    "parquet": write_parquet,
}
"""The forms that have columns."""


def write_tap(out: BinaryIO, batch: TapBatch, records: Records) -> Written:
    """
    Write a TAP 3.12 batch of the answered calls; a notification when there are none.

    Calls that were not answered, that nobody pays, or that pay the customer are left out.

    Raises:
        BadInput: The calls have several currencies, or the batch's codes are wrong.
    """
    left_out = 0
    with TapWriter(out, batch) as writer:
        for record in records:
            call = tap_call(record)
            if call is None:
                left_out += 1
            else:
                writer.add(call)
        return Written(writer.finish(), left_out)


def tap_call(record: CdrRecord) -> TapCall | None:
    """Return a CDR as TAP tells it, None when TAP has no such call."""
    if record.status != "answered" or record.connect_at is None or record.role == "none":
        return None
    if record.total_micros < 0:
        return None
    return TapCall(
        is_terminated=record.role == "in",
        calling=record.calling,
        called=record.called,
        answered_at=record.connect_at,
        duration_s=(record.duration_ms + 500) // 1000,
        charged_s=record.billed_s,
        charge_micros=record.total_micros,
        currency=record.currency,
        reference=bytes.fromhex(record.call_id.replace("-", ""))[-8:],
    )


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise BadInput(
            "Parquet needs pyarrow (about 170 MB), which is not installed: pip install 'tollwire[parquet]'"
        ) from error
    return pyarrow, pyarrow.parquet


def _decimal(value: object) -> object:
    return value if value is None or isinstance(value, Decimal) else Decimal(str(value))


_SHAPES: dict[type, Callable[[object], object]] = {Decimal: _decimal}


def _by(size: int, rows: Iterable[list[object]]) -> Iterable[list[list[object]]]:
    group: list[list[object]] = []
    for row in rows:
        group.append(row)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group
