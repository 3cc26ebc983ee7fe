"""CDRs as files: exact, safe to open, readable by others, and in memory that does not grow."""

import csv
import io
import json
import sys
import tracemalloc
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from radiusd.errors import BadInput
from radiusd.exports import writers
from radiusd.exports.columns import FIELDS, parse_columns
from radiusd.exports.writers import WRITERS, Written, write_csv, write_jsonl, write_parquet, write_tap
from radiusd.records.record import Entry
from radiusd.records.registry import FORMATS
from radiusd.records.tap_batch import TapBatch
from tests.cdr_records import START, a_record

COLUMNS = parse_columns(("started_at=Start", "from", "to", "seconds", "total=Price", "flags", "rating"))
BATCH = TapBatch(sender="USATW", recipient="GBRVF", sequence=7, created_at=START)


def written(write, columns, *records):
    out = io.BytesIO()
    assert Written(len(records)) == write(out, columns, iter(records))
    return out.getvalue()


def test_csv_has_the_columns_that_were_asked_for():
    """
    Titles, exact amounts and seconds, moments in UTC, lines as RFC 4180 ends them.
    """
    assert (
        "Start,from,to,seconds,Price,flags,rating\r\n"
        "2026-03-02T09:00:00Z,15550100,442071838750,61.5,0.018300,late,"
        '"{""call"": {""total"": ""0.0183""}}"\r\n'
    ) == written(write_csv, COLUMNS, a_record()).decode()


@pytest.mark.parametrize("text", ["=1+1", "+1+1", "-2", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "+", "+12 34"])
def test_csv_holds_no_formula(text):
    """
    What a stranger put into a number or a name is text to a spreadsheet (CWE-1236).
    """
    record = a_record(calling=text, destination=text)
    octets = written(write_csv, parse_columns(("from", "destination")), record)

    [_, row] = csv.reader(io.StringIO(octets.decode(), newline=""))
    assert [f"'{text}", f"'{text}"] == row


def test_csv_leaves_phone_numbers_and_amounts_alone():
    """
    They calculate to themselves.
    """
    record = a_record(calling="+4930123", total_micros=-5)
    octets = written(write_csv, parse_columns(("from", "total")), record)

    assert b"from,total\r\n+4930123,-0.000005\r\n" == octets


def test_json_lines_keep_amounts_exact():
    """
    As strings; the explanation is JSON within.
    """
    [line] = written(write_jsonl, COLUMNS, a_record()).splitlines()

    assert {
        "Start": "2026-03-02T09:00:00Z",
        "from": "15550100",
        "to": "442071838750",
        "seconds": "61.5",
        "Price": "0.018300",
        "flags": ["late"],
        "rating": {"call": {"total": "0.0183"}},
    } == json.loads(line)


def test_a_json_line_stays_one():
    """
    Whatever is in the explanation and in names: no line end in it ends the line.
    """
    record = a_record(rating='{\n "a":\n 1.50}', match="null", calling="é\n\u2028")
    columns = parse_columns(("from", "rating", "match", "seconds"))

    [line] = written(write_jsonl, columns, record).decode().split("\n")[:-1]

    expected = {"from": "é\n\u2028", "rating": {"a": 1.5}, "match": None, "seconds": "61.5"}
    assert expected == json.loads(line)


def test_parquet_has_types():
    """
    Moments, decimals and lists are such, None is null, and rows of several groups come back in order.
    """
    parquet = pytest.importorskip("pyarrow.parquet")
    count = writers.ROWS_AT_ONCE + 1
    records = [a_record(billed_s=number, connect_at=None) for number in range(count)]
    fields = ("started_at", "connect_at", "billed_s", "seconds", "total", "flags", "rating", "cause")
    columns = parse_columns(fields)

    file = parquet.ParquetFile(io.BytesIO(written(write_parquet, columns, *records)))
    assert 2 == file.num_row_groups
    rows = file.read().to_pylist()
    assert list(range(count)) == [row["billed_s"] for row in rows]
    assert {
        "started_at": datetime(2026, 3, 2, 9, tzinfo=UTC),
        "connect_at": None,
        "billed_s": 0,
        "seconds": Decimal("61.5"),
        "total": Decimal("0.0183"),
        "flags": ["late"],
        "rating": '{"call": {"total": "0.0183"}}',
        "cause": 16,
    } == rows[0]


def test_parquet_of_all_fields_and_of_no_calls():
    """
    Every field has a type, also when no row shows it.
    """
    parquet = pytest.importorskip("pyarrow.parquet")
    octets = written(write_parquet, parse_columns(()))

    assert list(FIELDS) == parquet.ParquetFile(io.BytesIO(octets)).schema_arrow.names


def test_parquet_without_its_library_says_what_to_install(monkeypatch):
    """
    It is an extra, since it is large.
    """
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(BadInput, match=r"Parquet needs pyarrow .* pip install 'tollwire\[parquet\]'"):
        write_parquet(io.BytesIO(), COLUMNS, iter(()))


def test_tap_has_the_answered_calls_and_counts_the_others():
    """
    Calls that failed, that nobody pays or that pay the customer are none of TAP's.
    """
    out = io.BytesIO()
    records = [
        a_record(),
        a_record(status="failed", connect_at=None),
        a_record(role="none"),
        a_record(total_micros=-1),
        a_record(role="in", calling="442071838750", called="15550100", duration_ms=61_499),
    ]

    assert Written(2, left_out=3) == write_tap(out, BATCH, iter(records))
    out.seek(0)
    one, two = FORMATS["gsma-tap-3.12"].read(out, {})
    assert isinstance(one, Entry) and isinstance(two, Entry)
    one, two = one.record, two.record
    assert ("442071838750", 62, "0.018300") == (one.called, one.duration_seconds, one.charge)
    assert ("15550100", 61, "in") == (two.called, two.duration_seconds, two.direction)


@pytest.mark.parametrize("form", [*WRITERS, "tap"])
def test_memory_does_not_grow_with_the_records(form, monkeypatch):
    """
    Many records take hardly more than few.
    """
    if form == "parquet":
        pytest.importorskip("pyarrow.parquet")
        monkeypatch.setattr(writers, "ROWS_AT_ONCE", 100)

    class Nowhere(io.RawIOBase):
        def writable(self):
            return True

        def write(self, octets):
            return len(octets)

    def peak(count):
        records = (a_record(billed_s=number) for number in range(count))
        tracemalloc.start()
        if form == "tap":
            write_tap(Nowhere(), BATCH, records)
        else:
            WRITERS[form](Nowhere(), parse_columns(()), records)
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    peak(10)  # what is imported and cached
    assert peak(1_600) < peak(400) + 300_000
