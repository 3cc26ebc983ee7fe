"""
Files of call records of any size for the benchmarks: the samples of the tests, again and again as other calls.

Times, ids and numbers differ from call to call, as they do in life: what a reader remembers of one call
helps it with the next no more than it would there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

VECTORS = Path(__file__).parents[1] / "tests" / "vectors" / "records"
APART = timedelta(seconds=7)
"""From one call to the next: no duration in the samples is a multiple of it."""

_ZONE = {"zone": "America/New_York"}
_TEMPLATE = {"template": "accountcode,src,dst,start,answer,end,billsec,disposition,uniqueid", **_ZONE}
# The rows below are as a switch writes them, and so are their lines as long.
# ruff: noqa: E501
_CUSTOM = """\
"acme","12125550227","13105553213","2026-03-29 05:14:39","2026-03-29 05:15:03","2026-03-29 05:35:24","1221","ANSWERED","1774754079.187871"
"acme","13105556645","12125555918","2026-01-05 11:20:48","2026-01-05 11:20:58","2026-01-05 12:12:19","3081","ANSWERED","1767608448.152897"
"acme","12125555562","442082044353","2026-03-29 00:10:09","","2026-03-29 00:10:29","0","BUSY","1774739409.761100"
"""
_MAPPED = {
    "calling": "from",
    "called": "to",
    "setup": "start",
    "answer": "answered",
    "release": "end",
    "duration": "seconds",
    "call_id": "id",
    "key": "id",
    "direction": "way=I:in,O:out",
    "trunk_out": "trunk",
    "cause": "cause",
    **_ZONE,
}
_MAPPED_ROWS = """\
id;start;answered;end;seconds;from;to;way;trunk;cause
e761c47a425c1256;2026-03-29 05:14:39;2026-03-29 05:15:03;2026-03-29 05:35:24;1221;12125550227;13105553213;O;TG01;16
0aa1c47a425c1289;2026-01-05 11:20:48;2026-01-05 11:20:58;2026-01-05 12:12:19;3081;13105556645;12125555918;I;TG02;16
01fbc47a425c12cc;2026-03-29 00:10:09;;2026-03-29 00:10:29;0;12125555562;442082044353;O;TG01;17
"""
_FORM = {**_MAPPED, "time_format": "%d.%m.%y %H:%M:%S"}
_FORM_ROWS = """\
id,start,answered,end,seconds,from,to,way,trunk,cause
e761c47a425c1256,29.03.26 05:14:39,29.03.26 05:15:03,29.03.26 05:35:24,1221,12125550227,13105553213,O,TG01,16
0aa1c47a425c1289,05.01.26 11:20:48,05.01.26 11:20:58,05.01.26 12:12:19,3081,13105556645,12125555918,I,TG02,16
01fbc47a425c12cc,29.03.26 00:10:09,,29.03.26 00:10:29,0,12125555562,442082044353,O,TG01,17
"""
_FIXED = {
    "layout": "fixed",
    "columns": "start:1-14,seconds:16-21,from:23-37,to:39-53,state:55-55,trunk:57-60,id:62-77",
    "calling": "from",
    "called": "to",
    "setup": "start",
    "duration": "seconds",
    "answered": "state=A",
    "trunk_out": "trunk",
    "key": "id",
    **_ZONE,
}
_FIXED_ROWS = """\
20260329051439 001221 12125550227     13105553213     A TG01 e761c47a425c1256
20260105112048 003081 13105556645     12125555918     A TG02 0aa1c47a425c1289
20260329001009 000000 12125555562     442082044353    B TG01 01fbc47a425c12cc
"""


class Sample(NamedTuple):
    """A few records of a format; *head* are the lines that stand in a file only once."""

    format: str
    settings: Mapping[str, str]
    octets: bytes
    head: int = 0


def _sample(format: str, name: str, settings: Mapping[str, str] | None = None, head: int = 0) -> Sample:
    return Sample(format, settings or {}, (VECTORS / name).read_bytes(), head)


SAMPLES: Mapping[str, Sample] = {
    "3CX": _sample("3cx-cdr", "threecx.csv", _ZONE),
    "Oracle (Acme Packet)": _sample("acme-csv", "acme_stop.csv"),
    "Asterisk Master.csv": _sample("asterisk-csv", "asterisk_master.csv", _ZONE),
    "Asterisk cdr_custom": Sample("asterisk-csv", _TEMPLATE, _CUSTOM.encode()),
    "Avaya IP Office": _sample("avaya-ipoffice-smdr", "avaya_ipo_smdr.csv", _ZONE),
    "BroadWorks": _sample("broadworks-csv", "broadworks.csv", head=2),
    "Cisco CUCM": _sample("cucm", "cucm.csv", head=2),
    "FreeSWITCH CSV": _sample("freeswitch-csv", "freeswitch_example.csv", _ZONE),
    "FreeSWITCH JSON": _sample("freeswitch-json", "freeswitch_json.jsonl"),
    "FreeSWITCH XML": _sample("freeswitch-xml", "freeswitch_xml.xml"),
    "Kamailio acc": _sample("kamailio-acc", "kamailio_acc.csv", head=1),
    "OpenSIPS acc": _sample("opensips-acc", "opensips_acc.csv", head=1),
    "Panasonic": _sample("panasonic-smdr-a", "panasonic_smdr_a.txt", _ZONE, head=2),
    "any CSV": Sample("mapped", _MAPPED, _MAPPED_ROWS.encode(), head=1),
    "any CSV, times in a form": Sample("mapped", _FORM, _FORM_ROWS.encode(), head=1),
    "fixed columns": Sample("mapped", _FIXED, _FIXED_ROWS.encode()),
}
"""A sample of every text format, and of those that settings describe."""


def a_file(sample: Sample, copies: int, first: int = 0) -> bytes:
    """Return a file of *copies* of *sample*, each of other calls; *first* is how many came before it."""
    lines = sample.octets.splitlines(keepends=True)
    head, body = b"".join(lines[: sample.head]), b"".join(lines[sample.head :]).decode()
    return head + b"".join(_as_other_calls(body, index).encode() for index in range(first, first + copies))


_TIMES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"), "%Y-%m-%d %H:%M:%S"),
    (re.compile(r"\b\d{4}/\d\d/\d\d \d\d:\d\d:\d\d"), "%Y/%m/%d %H:%M:%S"),
    (re.compile(r"(?<!\d)20\d{12}(?=[. ])"), "%Y%m%d%H%M%S"),
    (re.compile(r"\b\d\d\.\d\d\.\d\d \d\d:\d\d:\d\d"), "%d.%m.%y %H:%M:%S"),
    (re.compile(r"\b\d\d/\d\d/\d\d \d\d:\d\d[AP]M"), "%m/%d/%y %I:%M%p"),
)
_CISCO = re.compile(r"\b(\d\d:\d\d:\d\d)(\.\d{3} UTC )([A-Z]{3} \d\d \d{4})")
_UNIX = re.compile(r"\b1[78]\d{8}(?=\b|0{6}\b)")
_NUMBER = re.compile(r"\b(1[23]\d{5}|44\d{6})\d{4}\b")
_AVAYA_ID = re.compile(r"(?<=,,0,)1\d{9}(?=,)")
_ID = re.compile(r"\b(BW|SD|)[0-9a-f]{8}(?=-[0-9a-f]{4}-|(?=[0-9a-f]{4})[0-9a-f]*[a-f])")


def _as_other_calls(records: str, index: int) -> str:
    """Return *records* as those of other calls: later ones, of other people, with other ids."""
    for pattern, form in _TIMES:
        records = pattern.sub(lambda found, form=form: _later(found[0], form, index), records)  # type: ignore[misc]
    records = _CISCO.sub(lambda found: _later_in_cisco(found, index), records)
    records = _UNIX.sub(lambda found: str(int(found[0]) + index * APART.seconds), records)
    records = _NUMBER.sub(lambda found: f"{found[1]}{(int(found[0][-4:]) + index) % 10_000:04}", records)
    records = _AVAYA_ID.sub(lambda found: str(int(found[0]) + index * 1_000_000), records)
    return _ID.sub(lambda found: f"{found[1]}{index:08x}", records)


def _later(written: str, form: str, index: int) -> str:
    return f"{datetime.strptime(written, form).replace(tzinfo=UTC) + index * APART:{form}}"


def _later_in_cisco(found: re.Match[str], index: int) -> str:
    later = _later(f"{found[1]} {found[3].title()}", "%H:%M:%S %b %d %Y", index)
    clock, day = later.split(" ", 1)
    return f"{clock}{found[2]}{day.upper()}"
