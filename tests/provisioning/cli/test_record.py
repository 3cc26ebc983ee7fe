"""``tollwire record``: what it prints, where it says what is wrong, and how it ends."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import zstandard

from provisioning.cli.errors import Exit
from tests.provisioning.cli.conftest import Run

VECTORS = Path(__file__).parents[2] / "vectors" / "records"
DECODE = ("record", "decode", "--format")


def test_decode_prints_an_object_a_record(run: Run) -> None:
    """
    Records go to stdout as JSON, a summary to stderr; no configuration and no database is needed.
    """
    result = run(*DECODE, "cucm", str(VECTORS / "cucm.csv"))

    expected = json.loads((VECTORS / "cucm.expected.json").read_text())["records"]
    assert expected == [json.loads(line) for line in result.stdout.splitlines()]
    assert "4 records, 0 set aside, 2 passed over\n" == result.stderr
    assert Exit.OK == result.exit_code


def test_decode_unpacks_what_is_packed(run: Run, tmp_path: Path) -> None:
    """
    gzip and Zstandard are told by their first octets, whatever the file is called.
    """
    plain = (VECTORS / "cucm.csv").read_bytes()
    (tmp_path / "one").write_bytes(gzip.compress(plain))
    (tmp_path / "two").write_bytes(zstandard.compress(plain))

    lines = [run(*DECODE, "cucm", name).stdout for name in (str(VECTORS / "cucm.csv"), "one", "two")]

    assert 1 == len(set(lines))


def test_decode_says_what_it_sets_aside_and_where(run: Run, tmp_path: Path) -> None:
    """
    A bad line costs itself only; strict, it costs the file.
    """
    good = (VECTORS / "threecx.csv").read_text()
    (tmp_path / "calls.csv").write_text(good + "Call 1,A,00:00:12,not a time,,,x,1,2\n")

    result = run(*DECODE, "3cx-cdr", "calls.csv")
    strict = run(*DECODE, "3cx-cdr", "--strict", "calls.csv")

    assert 4 == len(result.stdout.splitlines())
    assert f"calls.csv:5 (octet {len(good)}): time-start: 'not a time'" in result.stderr
    assert ("", Exit.DIFFERS) == (strict.stdout, strict.exit_code)


def test_decode_tells_a_file_that_is_damaged_or_missing(run: Run, tmp_path: Path) -> None:
    """
    A cut gzip file gives what was whole, and ends with its name and place.
    """
    packed = gzip.compress((VECTORS / "cucm.csv").read_bytes())
    (tmp_path / "cut.gz").write_bytes(packed[:-20])

    damaged = run(*DECODE, "cucm", "cut.gz")
    missing = run(*DECODE, "cucm", "nowhere")

    assert "cut.gz: damaged behind octet" in damaged.stderr
    assert Exit.CONFLICT == damaged.exit_code == missing.exit_code


def test_decode_refuses_a_bomb(run: Run, tmp_path: Path) -> None:
    """
    A file that unpacks to hundreds of times its size is read no further.
    """
    (tmp_path / "bomb").write_bytes(zstandard.compress(b"\n" * (80 << 20)))

    result = run(*DECODE, "cucm", "bomb")

    assert "unpacks to more than" in result.stderr
