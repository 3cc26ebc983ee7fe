"""A file that is read in a process of its own says what it says when it is read here."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from radiusd.errors import BadInput, NotDurable
from radiusd.records import apart
from radiusd.records.apart import read_batches
from radiusd.records.batches import BATCH, Batch, Reading
from radiusd.records.events import Meaning
from tests.radiusd.records.vectors import FOLDER

SAMPLES = sorted(path.name for path in FOLDER.glob("*.expected.json"))
HEAD = b"from,to,answered,seconds\n"
ROW = "1001,13105550100,2026-01-05 {:02}:{:02}:{:02},30\n"
MAPPED = {
    "calling": "from",
    "called": "to",
    "answer": "answered",
    "duration": "seconds",
    "zone": "UTC",
}


def a_reading(path: Path, format_: str, settings: dict[str, str], *, is_ended: bool = True) -> Reading:
    """Return how the file is read for a source ``pbx``."""
    meaning = Meaning(source_id=1, name="pbx", client_id=1, format=format_, called_rules=(("1", "+1"),))
    return Reading(path=str(path), format=format_, settings=settings, meaning=meaning, is_ended=is_ended)


def rows(count: int) -> bytes:
    """Return so many rows of a mapped CSV, of which every hundredth is nonsense."""
    told = [ROW.format(n // 3600, n // 60 % 60, n % 60) if n % 100 else "nonsense\n" for n in range(count)]
    return HEAD + "".join(told).encode()


def batches_of(reading: Reading) -> list[Batch]:
    """Return all batches of a file."""

    async def read() -> list[Batch]:
        return [batch async for batch in read_batches(reading)]

    return asyncio.run(read())


@pytest.fixture(autouse=True)
def always_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read every file in a process of its own, on a machine with one core, too."""
    monkeypatch.setattr(apart, "LEAST_OCTETS", 0)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1})


@pytest.mark.parametrize("name", SAMPLES)
def test_every_format_is_read_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Keys, events, what is set aside, and how far the file was read.
    """
    sample = json.loads((FOLDER / name).read_text())
    settings = {"zone": sample["zone"]} if "zone" in sample else {}
    reading = a_reading(FOLDER / sample["file"], sample["records"][0]["source"], settings)

    told_apart = batches_of(reading)
    monkeypatch.setattr(apart, "LEAST_OCTETS", sys.maxsize)

    assert told_apart == batches_of(reading)
    assert len(sample["records"]) <= sum(len(batch.told) for batch in told_apart)


def test_a_long_file_is_read_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    In several batches, with what is set aside, and a last line that was cut.
    """
    path = tmp_path / "calls.csv"
    path.write_bytes(rows(4 * BATCH) + b"1001,1310")
    reading = a_reading(path, "mapped", MAPPED, is_ended=False)

    told_apart = batches_of(reading)
    monkeypatch.setattr(apart, "LEAST_OCTETS", sys.maxsize)

    assert told_apart == batches_of(reading)
    assert 4 * BATCH - 20 == sum(len(batch.told) for batch in told_apart)
    assert 21 == sum(len(batch.aside) for batch in told_apart)
    assert [False] * (len(told_apart) - 1) + [True] == [batch.is_last for batch in told_apart]
    assert path.stat().st_size == told_apart[-1].octets


def test_a_damaged_file_is_refused_with_its_reason(tmp_path: Path) -> None:
    """
    What was read before is told first.
    """
    path = tmp_path / "calls.csv.gz"
    path.write_bytes(gzip.compress(rows(20 * BATCH))[:-1000])
    told = []

    async def read() -> None:
        async for batch in read_batches(a_reading(path, "mapped", MAPPED)):
            told.append(batch)

    with pytest.raises(BadInput, match=r"calls\.csv\.gz: damaged behind octet"):
        asyncio.run(read())
    assert told


@pytest.mark.parametrize(
    ("does", "error", "said"),
    [
        ("import os; os.kill(os.getpid(), 9)", NotDurable, "ended by signal 9 .* import the file again"),
        ("raise SystemExit(1)", RuntimeError, "the process that reads it failed"),
        ("import sys; sys.stdin.read(); print('x')", RuntimeError, "the process that reads it failed"),
    ],
)
def test_a_reader_that_dies_is_told_of(
    does: str, error: type[Exception], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Whoever imports waits for nobody who has gone, and takes no half of a file for a whole one.
    """
    path = tmp_path / "calls.csv"
    path.write_bytes(rows(10))
    monkeypatch.setattr(apart, "COMMAND", (sys.executable, "-c", does))

    with pytest.raises(error, match=said):
        batches_of(a_reading(path, "mapped", MAPPED))


def test_a_reader_ends_with_whom_it_reads_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    An import that was broken off leaves no process behind, however far the reader was ahead.
    """
    path = tmp_path / "calls.csv"
    path.write_bytes(rows(40 * BATCH))
    begun: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def begin(*args: Any, **kwargs: Any) -> subprocess.Popen[bytes]:
        begun.append(popen(*args, **kwargs))
        return begun[-1]

    monkeypatch.setattr(subprocess, "Popen", begin)

    async def read() -> Batch:
        async with aclosing(read_batches(a_reading(path, "mapped", MAPPED))) as batches:
            return await anext(batches)

    assert not asyncio.run(read()).is_last
    assert [True] == [child.returncode is not None for child in begun]
