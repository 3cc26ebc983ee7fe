"""Text call records: what each line that a switch writes comes to."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import pytest
from msgspec.structs import replace

from radiusd.records.asterisk import peer_of
from radiusd.records.events import Meaning, read_rules
from radiusd.records.record import Entry, SetAside
from radiusd.records.registry import FORMATS, check_settings
from tests.radiusd.records.vectors import FOLDER, Case, cases, plain, told

SAMPLES = sorted(FOLDER.glob("*.expected.json"))
TEXT_SAMPLES = [path for path in SAMPLES if "zone" in json.loads(path.read_text())]
MEANING = Meaning(source_id=1, name="proxy", client_id=1, format="kamailio-acc")
MAPPED = {"calling": "a", "called": "b", "setup": "t"}
CHANGES = [
    "bom", "crlf", "cr", "no last line end", "latin-1", "blank lines", "utf-16", "utf-16 be", "utf-16 cr",
]  # fmt: skip
IN_UTC = {name for name, found in FORMATS.items() if "zone" not in found.settings}


def sample(path: Path) -> tuple[str, dict[str, str], bytes, list[dict[str, object]]]:
    """Return format, settings, octets and records of a sample."""
    expected = json.loads(path.read_text())
    name = expected["records"][0]["source"]
    settings = {} if name in IN_UTC else {"zone": expected["zone"]}
    return name, settings, (FOLDER / expected["file"]).read_bytes(), expected["records"]


@pytest.mark.parametrize("path", TEXT_SAMPLES, ids=lambda path: path.stem)
def test_a_sample_comes_out_in_the_normal_form(path):
    """
    Every record of a sample has exactly the fields that its form has, and nothing is set aside.
    """
    name, settings, octets, expected = sample(path)

    outcomes = list(FORMATS[name].read(BytesIO(octets), settings))

    assert expected == [plain(each) for each in outcomes if isinstance(each, Entry)]
    assert [] == [each for each in outcomes if isinstance(each, SetAside)]


@pytest.mark.parametrize("path", TEXT_SAMPLES, ids=lambda path: path.stem)
@pytest.mark.parametrize("change", CHANGES)
def test_how_a_file_was_saved_changes_nothing(path, change):
    """
    A byte order mark, other line ends, Latin-1 and blank lines leave the records as they are.
    """
    name, settings, octets, expected = sample(path)
    if change.startswith("utf-16") and name == "freeswitch-xml":
        pytest.skip("FreeSWITCH writes UTF-8")
    unix = octets.replace(b"\r\n", b"\n")
    octets = {
        "bom": b"\xef\xbb\xbf" + octets,
        "crlf": unix.replace(b"\n", b"\r\n"),
        "cr": unix.replace(b"\n", b"\r"),
        "no last line end": unix.rstrip(b"\n"),
        "latin-1": octets.decode().encode("latin-1"),
        "utf-16": b"\xff\xfe" + unix.decode().encode("utf-16-le"),
        "utf-16 be": b"\xfe\xff" + unix.replace(b"\n", b"\r\n").decode().encode("utf-16-be"),
        "utf-16 cr": unix.replace(b"\n", b"\r").decode().encode("utf-16"),
        "blank lines": unix.replace(b"\n", b"\n\n"),
    }[change]

    outcomes = FORMATS[name].read(BytesIO(octets), settings)

    assert expected == [plain(each) for each in outcomes if isinstance(each, Entry)]


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: case.title)
def test_a_vector(case: Case):
    """
    Every line comes to what the vector says: a record, set aside with its place, or passed over.
    """
    outcomes = case.outcomes()

    expected = [line for line in case.expected if line]
    assert len(expected) == len(outcomes), outcomes
    assert [json.dumps(json.loads(line)) if line[0] == "{" else line for line in expected] == [
        told(outcome, line) for outcome, line in zip(outcomes, expected, strict=True)
    ]


@pytest.mark.parametrize("path", TEXT_SAMPLES, ids=lambda path: path.stem)
def test_places_lead_back_to_the_record(path):
    """
    At its offset stand the octets of a record, for whoever looks for it in the file.
    """
    name, settings, octets, _ = sample(path)

    for each in FORMATS[name].read(BytesIO(octets), settings):
        if isinstance(each, Entry):
            first = each.raw.split(b"\n")[0].rstrip(b"\r")
            assert octets[each.offset :].startswith(first)


def test_calls_that_have_no_call_id_are_not_taken_for_one():
    """
    Kamailio's acc_cdrs has no Call-ID unless it is told to: each row is known by its octets.
    """
    rows = b"""id,start_time,end_time,duration,src_user,dst_user
1,2026-01-05 12:00:10,2026-01-05 12:01:10,60.250,2001,15125550100
2,2026-01-05 12:00:10,2026-01-05 12:01:10,60.250,2001,15125550100
"""
    found = [each for each in FORMATS["kamailio-acc"].read(BytesIO(rows), {}) if isinstance(each, Entry)]

    assert 2 == len({MEANING.key(each) for each in found})


@pytest.mark.parametrize(
    ("sample_name", "field"), [("acme_stop", "sip_call_id"), ("broadworks", "network_call_id")]
)
def test_a_record_has_the_name_that_radius_gives_its_call(sample_name, field):
    """
    Of a switch whose dialect knows calls by another id than its records do; else they would be two calls.
    """
    name, settings, octets, expected = sample(FOLDER / f"{sample_name}.expected.json")
    meaning = replace(MEANING, format=name, shares_calls=True)
    found = [each for each in FORMATS[name].read(BytesIO(octets), settings) if isinstance(each, Entry)]

    assert [each[field] for each in expected] == [meaning.event(each).call_id for each in found]


def test_a_source_explains_trunks_and_prefixes():
    """
    A prefix that chooses a route, ``101#``, is taken away; the trunk that a mapped file names is the one in.
    """
    columns = "trunk,src,dst,at,lasted\n"
    rows = f"{columns}tg1,2001,101#15125550100,2026-01-05 12:00:00,60\n".encode()
    settings = {"calling": "src", "called": "dst", "setup": "at", "duration": "lasted", "trunk": "trunk"}
    meaning = replace(MEANING, format="mapped", called_rules=read_rules("called_rules", ["101#:"]))
    [entry] = [each for each in FORMATS["mapped"].read(BytesIO(rows), settings) if isinstance(each, Entry)]

    event = meaning.event(entry)

    assert ("tg1", "", "15125550100") == (event.trunk_in, event.trunk_out, event.called)


@pytest.mark.parametrize(
    ("channel", "peer"),
    [
        ("PJSIP/trunk1-00000063", "trunk1"),
        ("SIP/acme-out-0a1b2c", "acme-out"),
        ("Local/200@from-queue-00000001;2", "200@from-queue"),
        ("DAHDI/1-1", "1"),
        ("", ""),
    ],
)
def test_a_channel_tells_its_peer(channel, peer):
    """
    The name of a trunk stands in that of its channel, with a number of the call's own behind it.
    """
    assert peer == peer_of(channel)


@pytest.mark.parametrize(
    ("name", "settings", "why"),
    [
        ("asterisk-csv", {"zone": "Mars/Olympus"}, "IANA"),
        ("asterisk-csv", {"zome": "UTC"}, "no such setting"),
        ("panasonic-smdr-a", {"date": "dym"}, "mdy, dmy, ymd"),
        ("freeswitch-json", {"legs": "c"}, "neither a nor both"),
        ("mapped", {}, "called"),
        ("mapped", {**MAPPED, "columns": "a,b"}, "no column 't'"),
        ("mapped", {**MAPPED, "layout": "fixed", "columns": "a:5-2"}, "5-2"),
    ],
)
def test_a_wrong_setting_is_told(name, settings, why):
    """
    What is wrong with a setting is a sentence that says what would be right.
    """
    (wrong,) = check_settings(name, settings)

    assert why in wrong
