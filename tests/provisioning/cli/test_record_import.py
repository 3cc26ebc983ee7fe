"""``tollwire record import`` and ``rollback``: every record in the books exactly once, whatever happens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from provisioning.cli.errors import Exit
from radiusd.crash_points import KILLED, VARIABLE
from tests.provisioning.cli.conftest import Run

pytestmark = pytest.mark.postgres

VECTORS = Path(__file__).parents[2] / "vectors" / "records"

SITE = """
[[tenant]]
name = "acme.pbx"
[[tenant]]
name = "beta.pbx"
[[deck]]
name = "world"
currency = "USD"
active_from = 2025-01-01
rates = [{prefix = "1", rate = 0.06, initial = 1, increment = 1, effective = 2025-01-01}]
[[plan]]
code = "RETAIL"
deck = "world"
[[account]]
code = "ACME"
name = "Acme"
currency = "USD"
[[account]]
code = "BETA"
name = "Beta"
currency = "USD"
[[extension]]
extension = "1001"
plan = "RETAIL"
tenant = "acme.pbx"
account = "ACME"
activated = 2025-01-01
[[extension]]
extension = "1001"
plan = "RETAIL"
tenant = "beta.pbx"
account = "BETA"
activated = 2025-01-01
[[source]]
name = "pbx"
format = "asterisk-csv"
zone = "UTC"
tenant_from = "dcontext"
called_rules = ["9:"]
"""
ROW = (
    '"","{src}","{dst}","{context}","{src}","SIP/1-{n}","SIP/t-{n}","Dial","x","2026-01-05 {at}:00",'
    '"2026-01-05 {at}:00","2026-01-05 {at}:{seconds:02}",{seconds},{seconds},"ANSWERED","DOCUMENTATION",'
    '"17676{n:05}.1",""\n'
)


def row(
    n: int, seconds: int = 30, *, src: str = "1001", dst: str = "913105550100", context: str = "acme.pbx"
) -> str:
    """Return a row of Master.csv: call *n* of an answered call, a minute after the one before."""
    at = f"{n // 60 % 24:02}:{n % 60:02}"
    return ROW.format(n=n, seconds=seconds, src=src, dst=dst, context=context, at=at)


@pytest.fixture
def site(run: Run, config: Path, tmp_path: Path) -> Path:
    """Two tenants that both have an extension 1001, and the PBX of both."""
    (tmp_path / "site.toml").write_text(SITE)
    result = run("apply", "site.toml", "--yes")
    assert Exit.OK == result.exit_code, result.output
    return tmp_path


@pytest.fixture
def books(dsn: str) -> Any:
    """Return the books: balance by account, and what a file brought."""

    def read() -> dict[str, int]:
        with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as txn:
            txn.execute(
                "SELECT code, balance_micros FROM balance JOIN account ON id = account_id WHERE code <> ''"
            )
            return dict(txn.fetchall())

    return read


def told(run: Run, *words: str) -> dict[str, Any]:
    """Return the counts that a command prints about one file."""
    result = run(*words, "--jsonl")
    assert Exit.OK == result.exit_code, result.output
    (line,) = result.stdout.splitlines()
    return json.loads(line)  # type: ignore[no-any-return]


IMPORT = ("record", "import", "--source", "pbx")


def test_two_tenants_with_one_extension_never_meet(run: Run, site: Path, books: Any) -> None:
    """
    Each 1001 pays for its own calls, by the context of the record; 9 for an outside line is taken away.
    """
    (site / "Master.csv").write_text(row(1, 30) + row(2, 10, context="beta.pbx"))

    counts = told(run, *IMPORT, "Master.csv")

    assert {"ACME": -30_000, "BETA": -10_000} == books()
    assert (2, 2, 0, 0) == tuple(counts[name] for name in ("received", "accepted", "duplicate", "set_aside"))


def test_a_file_counts_once_however_it_comes(run: Run, site: Path, books: Any) -> None:
    """
    Sent twice, renamed, half, appended to and packed, a file's records are in the books once.
    """
    rows = [row(n) for n in range(1, 5)]
    (site / "half.csv").write_text("".join(rows[:2]))
    (site / "whole.csv").write_text("".join(rows))
    (site / "same.csv").write_text("".join(rows))
    (site / "longer.csv").write_text("".join([*rows, row(9)]))

    run(*IMPORT, "half.csv", "whole.csv", "same.csv")
    again = told(run, *IMPORT, "half.csv")
    longer = told(run, *IMPORT, "longer.csv")

    assert {"ACME": -150_000, "BETA": 0} == {"BETA": 0} | books()
    assert "imported" == again["state"]
    assert (5, 1, 4) == (longer["received"], longer["accepted"], longer["duplicate"])


@pytest.mark.parametrize("cut", [1, 2, 3, 4, 20, 30, 60, 100, 140])
def test_a_file_that_was_cut_anywhere_counts_once_when_it_is_whole(
    run: Run, site: Path, books: Any, cut: int
) -> None:
    """
    Half a line is never read as another call than the whole one.
    """
    whole = row(1) + row(2) + row(3)
    (site / "half.csv").write_text(whole[:-cut])
    (site / "whole.csv").write_text(whole)

    run(*IMPORT, "half.csv")
    run(*IMPORT, "whole.csv")

    assert -90_000 == books()["ACME"]


@pytest.mark.parametrize("name", ["asterisk_master.csv", "kamailio_acc.csv", "panasonic_smdr_a.txt"])
def test_a_last_line_may_lack_its_end(run: Run, site: Path, name: str) -> None:
    """
    A whole last line counts, though a name in the one before it has a comma, or that one is two rows.
    """
    octets = (VECTORS / name).read_bytes()
    found = json.loads((VECTORS / name).with_suffix(".expected.json").read_text())["records"]
    (site / "records").write_bytes(octets.rstrip(b"\n"))
    added = run("source", "add", "other", "--format", found[0]["source"], "--zone", "UTC")
    assert Exit.OK == added.exit_code, added.output

    counts = told(run, "record", "import", "--source", "other", "records")

    assert (len(found), 0) == (counts["accepted"], counts["set_aside"])


@pytest.mark.parametrize(("end", "encoding"), [("\n", "utf-8"), ("\r", "utf-8"), ("\r\n", "utf-16")])
def test_a_last_line_with_its_end_may_have_fewer_columns(
    run: Run, site: Path, end: str, encoding: str
) -> None:
    """
    However the file writes the end of a line.
    """
    rows = row(1) + row(2).replace(',""\n', "\n")
    (site / "Master.csv").write_bytes(rows.replace("\n", end).encode(encoding))

    counts = told(run, *IMPORT, "Master.csv")

    assert (2, 0) == (counts["accepted"], counts["set_aside"])


def test_of_two_records_with_one_key_the_first_counts(run: Run, site: Path, books: Any) -> None:
    """
    Within a file as between files: what comes later under the same key is a duplicate.
    """
    words = ("source", "add", "fs", "--format", "freeswitch-csv", "--zone", "UTC", "--tenant", "acme.pbx")
    assert Exit.OK == run(*words).exit_code
    line = (
        '"A","1001","13105550100","x","2026-03-28 22:44:49","2026-03-28 22:44:53","2026-03-28 23:18:34",'
        '"{0}","{0}","NORMAL_CLEARING","u1","","","PCMU","PCMU"\n'
    )
    (site / "two.csv").write_text(line.format(30) + line.format(60))
    (site / "three.csv").write_text(line.format(90))

    counts = told(run, "record", "import", "--source", "fs", "two.csv")
    told(run, "record", "import", "--source", "fs", "three.csv")

    assert -30_000 == books()["ACME"]
    assert (2, 1, 1) == tuple(counts[name] for name in ("received", "accepted", "duplicate"))


def test_a_rolled_back_file_can_be_imported_again(run: Run, site: Path, books: Any) -> None:
    """
    Rollback reverses every posting; the file imported again, with its source mended, counts as if anew.
    """
    (site / "Master.csv").write_text(row(1) + row(2, dst="13105550100"))
    run(*IMPORT, "Master.csv")

    back = told(run, "record", "rollback", "--source", "pbx", "Master.csv")
    after = books()
    run("source", "set", "pbx", "--called-rules", "1:1", "--called-rules", "9:")
    anew = told(run, *IMPORT, "Master.csv")

    assert "rolled back" == back["state"]
    assert {0} == set(after.values())
    assert -60_000 == books()["ACME"]
    assert (2, 0) == (anew["accepted"], anew["duplicate"])
    assert Exit.OK == run("books", "check").exit_code


def test_what_cannot_be_read_or_billed_is_kept(run: Run, site: Path, books: Any) -> None:
    """
    A bad row costs itself; a call of nobody's waits in the queue, and is told apart in the counts.
    """
    rows = (row(1), row(2, src="4711"), row(3, dst="9442071838750"), "what is this\n")
    (site / "Master.csv").write_text("".join(rows))

    counts = told(run, *IMPORT, "Master.csv")

    names = ("received", "accepted", "set_aside", "unmatched", "unrated")
    assert (4, 3, 1, 1, 1) == tuple(counts[name] for name in names)
    assert -30_000 == books()["ACME"]
    assert Exit.OK == run("books", "check").exit_code


def test_what_was_set_aside_is_shown_with_its_place(run: Run, site: Path) -> None:
    """
    Where it stands in the file, why, and what stands there; nothing of it reaches a terminal as it is.
    """
    first, second = (
        row(1).encode(),
        row(2, src="M\xfcller").replace("2026-01-05", "2026-13-05").encode("latin-1"),
    )
    (site / "Master.csv").write_bytes(first + b"no row at all, \x1b[2J\n" + second)

    imported = run(*IMPORT, "Master.csv")
    file_id = told(run, "record", "files")["id"]
    shown = [json.loads(line) for line in run("record", "asides", file_id, "--jsonl").stdout.splitlines()]

    assert f"Master.csv: 2 set aside; tollwire record asides {file_id} shows them" in imported.stderr
    places = [(len(first), 2, ""), (len(first) + 20, 3, "start")]
    assert places == [(each["octet"], each["line"], each["field"]) for each in shown]
    assert "no row at all, \x1b[2J" == shown[0]["content"]
    assert "2 fields" in shown[0]["reason"]
    assert shown[1]["content"].startswith('"","M\xfcller","913105550100",')
    assert "\x1b" not in run("record", "asides", "Master.csv").stdout
    assert Exit.NOT_FOUND == run("record", "asides", "Other.csv").exit_code


def test_a_record_that_the_books_cannot_bear_costs_itself(run: Run, site: Path, books: Any) -> None:
    """
    Octets that no table takes, and numbers beyond all bounds, harm no other record and do not come again.
    """
    rows = [row(1), row(2, src="10\x0001"), row(3, context="acme\0pbx"), row(4, dst="9" * 400), row(5)]
    (site / "Master.csv").write_text("".join(rows))

    counts = told(run, *IMPORT, "Master.csv")

    assert ("imported", 5) == (counts["state"], counts["received"])
    assert -60_000 == books()["ACME"]


def test_strict_imports_nothing_of_a_damaged_file(run: Run, site: Path, books: Any) -> None:
    """
    With --strict a file is refused whole, with the place of what cannot be read.
    """
    (site / "Master.csv").write_text(row(1) + "what is this\n")

    result = run(*IMPORT, "--strict", "Master.csv")

    assert "Master.csv:2" in result.stderr
    assert Exit.CONFLICT == result.exit_code
    assert not any(books().values())


def test_an_import_that_was_killed_goes_on(run: Run, site: Path, books: Any) -> None:
    """
    Killed after a batch was booked and before that was noted, an import started again books each call once.
    """
    (site / "Master.csv").write_text("".join(row(n, 10) for n in range(1100)))
    words = [sys.executable, "-m", "provisioning.cli", *IMPORT, "Master.csv"]
    root = str(Path(__file__).parents[3])
    environment = {**os.environ, VARIABLE: "after-records-booked:2", "PYTHONPATH": root}

    killed = subprocess.run(words, env=environment, cwd=site, capture_output=True, check=False)
    between = books()["ACME"]
    counts = told(run, *IMPORT, "Master.csv")

    assert KILLED == killed.returncode, killed.stderr
    assert between in (-10_000_000, -11_000_000)  # the last batch may have been booked, too
    assert -11_000_000 == books()["ACME"]
    assert (1100, 1100, "imported") == (counts["received"], counts["accepted"], counts["state"])
    assert Exit.OK == run("books", "check").exit_code


def test_rows_of_one_unique_id_are_calls_of_their_own(run: Run, site: Path, books: Any) -> None:
    """
    A transferred call gives a row for each part under the same unique id, and each part is paid for.
    """
    parts = (row(1, 20), row(1, 30, dst="913105550999").replace("SIP/t-1", "SIP/t-2"))
    (site / "Master.csv").write_text("".join(parts))

    counts = told(run, *IMPORT, "Master.csv")

    assert 2 == counts["accepted"]
    assert -50_000 == books()["ACME"]


def test_a_call_told_in_two_files_is_one_call(run: Run, site: Path, books: Any) -> None:
    """
    An INVITE in one file opens a call and its BYE in the next ends it; both together change nothing then.
    """
    add = ("source", "add", "proxy", "--format", "kamailio-acc", "--tenant", "acme.pbx")
    assert Exit.OK == run(*add).exit_code
    names = "method,from_tag,to_tag,callid,sip_code,sip_reason,time,src_user,dst_user\n"
    invite = "INVITE,a,b,c1@proxy.example.com,200,OK,2026-01-05 12:00:10,1001,13105550100\n"
    bye = "BYE,b,a,c1@proxy.example.com,200,OK,2026-01-05 12:01:10,,\n"
    for name, text in (("1", invite), ("2", bye), ("3", invite + bye), ("4", bye + invite)):
        (site / name).write_text(names + text)

    balances = []
    for name in "1234":
        assert Exit.OK == run("record", "import", "--source", "proxy", name).exit_code
        balances.append(books()["ACME"])

    assert [0, -60_000, -60_000, -60_000] == balances
    assert Exit.OK == run("books", "check").exit_code


SMDR = "2026/01/05 {},00:00:{:02},5,1001,O,13105550100,13105550100,,0,1000001,{},E1001,A,T9001,B,0,0\n"
RANG, FIRST, SECOND = (
    SMDR.format("09:59:50", 0, 1),
    SMDR.format("10:00:00", 20, 1),
    SMDR.format("10:00:25", 30, 0),
)
LATER = SMDR.format("11:00:00", 10, 0)  # the PBX has booted, and counts its calls from the beginning


@pytest.mark.parametrize(
    ("files", "calls"),
    [
        ([FIRST + SECOND], [50]),
        ([FIRST + LATER.replace("1000001", "1000002") + SECOND], [50, 10]),
        ([FIRST, FIRST + SECOND + LATER], [50, 10]),
        ([FIRST, SECOND, LATER], [50, 10]),
        ([SECOND, FIRST], [50]),
        ([FIRST, FIRST + FIRST + SECOND, SECOND], [50]),
        ([RANG + FIRST, SECOND], [50]),
    ],
)
def test_a_call_that_is_continued_is_one_call(
    run: Run, site: Path, books: Any, dsn: str, files: list[str], calls: list[int]
) -> None:
    """
    Avaya's records of a transferred call are added up, in whichever files they come and however often.
    """
    words = ("--format", "avaya-ipoffice-smdr", "--zone", "UTC", "--tenant", "acme.pbx")
    assert Exit.OK == run("source", "add", "ipo", *words).exit_code
    for number, lines in enumerate(files):
        (site / f"{number}.csv").write_text(lines)
        told(run, "record", "import", "--source", "ipo", f"{number}.csv")

    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as txn:
        txn.execute("SELECT duration_ms / 1000, flags FROM cdr ORDER BY started_at")
        found = txn.fetchall()
    assert calls == [seconds for seconds, _ in found]
    assert not any("duration_mismatch" in flags for _, flags in found)
    assert -1000 * sum(calls) == books()["ACME"]
    for number in range(len(files)):
        assert Exit.OK == run("record", "rollback", "--source", "ipo", f"{number}.csv", "--yes").exit_code
    assert 0 == books()["ACME"]


def test_every_format_goes_into_the_books(run: Run, site: Path) -> None:
    """
    The samples of all formats are imported whole: calls that match nobody wait in the queue.
    """
    for path in sorted(VECTORS.glob("*.expected.json")):
        sample = json.loads(path.read_text())
        name, format_ = path.name.split(".")[0], sample["records"][0]["source"]
        zone = ("--zone", sample["zone"]) if "zone" in sample else ()
        added = run("source", "add", name, "--format", format_, *zone)
        assert Exit.OK == added.exit_code, added.output

        counts = told(run, "record", "import", "--source", name, str(VECTORS / sample["file"]))

        expected = len(sample["records"])
        assert (expected, 0) == (counts["accepted"], counts["set_aside"]), name
    assert Exit.OK == run("books", "check").exit_code


def test_a_call_from_outside_is_not_billed_to_its_calling_number(run: Run, site: Path, books: Any) -> None:
    """
    Who calls a PBX may show any number: of a call that came over its trunk it names no payer.
    """
    set_ = run("source", "set", "pbx", "--incoming", "channel_peer=provider")
    assert Exit.OK == set_.exit_code, set_.output
    (site / "Master.csv").write_text(row(1).replace("SIP/1-1", "SIP/provider-00000001") + row(2, 10))

    counts = told(run, *IMPORT, "Master.csv")

    assert 1 == counts["unmatched"]
    assert -10_000 == books()["ACME"]


def test_a_source_has_to_make_sense(run: Run, site: Path) -> None:
    """
    Local time without a zone, an unknown tenant or setting, and a rule that is none are refused by name.
    """
    add = ("source", "add", "p2", "--format", "asterisk-csv")

    assert "zone: the format asterisk-csv tells local time" in run(*add).stderr
    assert "tenant: nobody.pbx does not exist" in run(*add, "--zone", "UTC", "--tenant", "nobody.pbx").stderr
    assert "no such setting" in run(*add, "--zone", "UTC", "--settings", "a=b").stderr
    assert "is not PREFIX:REPLACEMENT" in run(*add, "--zone", "UTC", "--called-rules", "00").stderr
    assert Exit.OK == run(*add, "--zone", "Europe/Berlin").exit_code
    assert "p2" in run("source", "list").stdout


def test_a_file_that_comes_again_is_told_so(run: Run, site: Path) -> None:
    """
    Its counts are those of the first time; whoever reads them has to know.
    """
    (site / "a.csv").write_text(row(1))
    (site / "b.csv").write_text(row(1))
    assert "nothing new" not in run("record", "import", "--source", "pbx", "a.csv").stderr

    assert "b.csv: nothing new; it was imported" in run("record", "import", "--source", "pbx", "b.csv").stderr
    again = run("record", "import", "--source", "pbx", "--again", "b.csv")
    assert "nothing new" not in again.stderr


def test_files_before_one_that_cannot_be_read_are_shown(run: Run, site: Path) -> None:
    """
    They are in the books, and nobody has to look for them.
    """
    (site / "a.csv").write_text(row(1))

    result = run("record", "import", "--source", "pbx", "a.csv", "missing.csv", "--json")

    assert Exit.OK != result.exit_code
    assert ["a.csv"] == [each["name"] for each in json.loads(result.stdout)]
