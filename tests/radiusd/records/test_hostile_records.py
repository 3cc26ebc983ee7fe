"""Text call records from a hostile or broken sender: no exception leaves, time and memory stay bounded."""

from __future__ import annotations

import json
import tracemalloc
from io import BytesIO
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiusd.records.record import Entry
from radiusd.records.registry import FORMATS
from tests.radiusd.records.test_text_records import TEXT_SAMPLES, sample
from tests.radiusd.records.vectors import cases

BY_FORMAT = {name: (chosen, octets) for name, chosen, octets, _ in map(sample, TEXT_SAMPLES)}
BY_FORMAT["mapped"] = next(
    (case.settings, case.octets) for case in cases() if case.title.startswith("mapped")
)
PIECES = st.sampled_from(
    (
        b'"', b'""', b",", b"\n", b"\r", b"\0", b"\xff", b"\\", b"{", b"}", b"[", b"<cdr>", b"</cdr>", b"<",
        b"&x;", b"9" * 30, b"-1", b"1e9", b"0", "٣".encode(), b"%", b"2026-13-45 99:99:99", b";", b"<I>",
    )
)  # fmt: skip


@st.composite
def broken(draw: st.DrawFn, octets: bytes) -> bytes:
    """Return *octets* with pieces put in, taken out and doubled."""
    for _ in range(draw(st.integers(1, 6))):
        at, end = sorted((draw(st.integers(0, len(octets))), draw(st.integers(0, len(octets)))))
        change = draw(st.sampled_from(("insert", "delete", "double", "replace")))
        piece = draw(PIECES)
        if change == "insert":
            octets = octets[:at] + piece + octets[at:]
        elif change == "replace":
            octets = octets[:at] + piece + octets[at + len(piece) :]
        elif change == "delete":
            octets = octets[:at] + octets[min(end, at + 40) :]
        else:
            octets = octets[:end] + octets[at:]
    return octets


@pytest.mark.parametrize("name", sorted(BY_FORMAT))
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_broken_file_is_read_to_its_end(name, data):
    """
    Whatever is done to a file, reading it ends, with records that are whole and places within the file.
    """
    chosen, octets = BY_FORMAT[name]
    octets = data.draw(broken(octets[:3000]))

    for outcome in FORMATS[name].read(BytesIO(octets), chosen):
        assert 0 <= outcome.offset <= len(octets)
        if isinstance(outcome, Entry):
            record = outcome.record
            assert record.duration_seconds is None or record.duration_seconds >= 0
            assert record.answered or not record.duration_seconds
            assert record.called is None or len(record.called) <= 512


@pytest.mark.parametrize("name", sorted(BY_FORMAT))
@settings(max_examples=40, deadline=None)
@given(octets=st.binary(max_size=400))
def test_noise_is_no_record(name, octets):
    """
    Octets of no meaning give no record and no exception.
    """
    chosen, _ = BY_FORMAT[name]

    assert not [each for each in FORMATS[name].read(BytesIO(octets), chosen) if isinstance(each, Entry)]


MEGABYTE = 1_000_000
LINES = {
    "one line of quotes": b'"' * 1000,
    "one line of commas": b"," * 1000,
    "lines of blanks": b"1" + b" " * 60_000 + b"\n",
    "lines of quotes": b'"' + b"a" * 60_000 + b"\n",
    "lines of commas": b"," * 60_000 + b"\n",
    "lines of quotes and commas": b'","' * 20_000 + b"\n",
    "blanks where a duration should be": b"01/02/02 10:03AM 1200 " + b" " * 900 + b"\n",
    "nothing": b"\0" * 1000,
    "short lines of one quote": b'"' + b"a" * 70 + b"\n",
    "line ends": b"\n",
}
JSON = {
    "objects in objects": b'{"variables":' * 100,
    "objects of many lines": b'{"variables":\n' + (b'{"a": "' + b"b" * 90 + b'",\n') * 9000,
    "glued objects": b'{"variables":1}{' * 100,
}
XML = {
    "elements in elements": b"<cdr>" + b"<a>" * 400_000,
    "many elements": b"<cdr><variables>" + b"<a>1</a>" * 200_000,
    "many elements that end": b"<cdr><variables>" + b"<a>1</a>" * 100_000 + b"</variables></cdr>",
    "beginnings": b"<cdr>",
}
LAYOUTS = {case.settings.get("layout", "csv"): case.settings for case in cases() if case.format == "mapped"}
HOSTILE = [
    *((name, chosen, what) for name, (chosen, _) in BY_FORMAT.items() if name != "mapped" for what in LINES),
    *(("mapped", chosen, what) for chosen in LAYOUTS.values() for what in LINES),
    *(("freeswitch-json", {}, what) for what in JSON),
    *(("freeswitch-xml", {}, what) for what in XML),
]


@pytest.mark.parametrize(
    ("name", "chosen", "what"), HOSTILE, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_hostile_file_takes_bounded_time_and_memory(name, chosen, what):
    """
    10 MB made to be slow, or to be kept, take seconds and little memory; what is quadratic would take hours.

    Of the shortest lines one megabyte is enough: it has more of them than ten have of any other.
    """
    pattern = (LINES | JSON | XML)[what]
    size = 10 * MEGABYTE if len(pattern) > 100 else MEGABYTE
    octets = (pattern * (size // len(pattern) + 1))[:size]
    tracemalloc.start()
    began_s = process_time()

    for _ in FORMATS[name].read(BytesIO(octets), chosen):
        pass

    took_s = process_time() - began_s
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert took_s < 30
    assert most < 12 * MEGABYTE


@pytest.mark.parametrize("name", sorted(BY_FORMAT))
def test_memory_does_not_grow_with_the_file(name):
    """
    A file of good records is read in less memory than a quarter of it.
    """
    chosen, octets = BY_FORMAT[name]
    octets *= 2 * MEGABYTE // len(octets)
    tracemalloc.start()

    for _ in FORMATS[name].read(BytesIO(octets), chosen):
        pass

    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < len(octets) // 4


def test_a_document_deeper_than_we_bear_is_set_aside():
    """
    Numbers, keys and nesting beyond all bounds cost their document only.
    """
    good = json.dumps({"variables": {"uuid": "u", "start_epoch": "1767612466", "end_epoch": "1767612476"}})
    lines = ['{"a":' * 900 + "1" + "}" * 900, '{"variables": {"billsec": ' + "9" * 5000 + "}}", good]

    outcomes = list(FORMATS["freeswitch-json"].read(BytesIO("\n".join(lines).encode()), {}))

    assert [False, False, True] == [isinstance(each, Entry) for each in outcomes]
