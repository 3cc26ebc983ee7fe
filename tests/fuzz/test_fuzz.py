"""Every input that is kept, and others that are made of them, break nothing and take but a moment."""

from __future__ import annotations

import gc
import random
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from radiusd.radius.packet import read_packet
from tests.fuzz.fuzzer import changed, is_quick, search
from tests.fuzz.targets import TARGETS, Target, keep, known

ROOT = Path(__file__).parents[2]
MOST_NEW = 100  # inputs of each target that a test makes
MOST_GROWTH_OCTETS = 64 * 1024
ROUNDS = 3
targets = pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)


@targets
def test_what_is_kept_breaks_nothing_and_takes_less_than_5_ms(target: Target) -> None:
    """
    What once broke something is kept with the rest.
    """
    inputs, run = known(target), target.make()
    assert inputs

    slow = [octets.hex() for octets in inputs if not is_quick(run, octets)]

    assert [] == slow


@targets
def test_what_is_made_of_it_breaks_nothing_and_takes_less_than_5_ms(target: Target) -> None:
    """
    Others in each run of the tests; the message has the input.
    """
    inputs, run, chance = known(target), target.make(), random.Random()
    for _ in range(MOST_NEW):
        octets = changed(inputs, chance)
        try:
            quick = is_quick(run, octets)
        except Exception as error:
            pytest.fail(f"{target.name}: {error!r} of {octets.hex()}")
        assert quick, octets.hex()


@targets
def test_memory_stays_flat(target: Target) -> None:
    """
    The same reader takes all inputs again and again, and keeps nothing of them.
    """
    inputs, run = known(target)[-30:], target.make()
    for octets in inputs:
        run(octets)
    gc.collect()
    tracemalloc.start()
    for octets in inputs:
        run(octets)
    gc.collect()
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(ROUNDS):
        for octets in inputs:
            run(octets)
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert after - before < MOST_GROWTH_OCTETS


def test_a_search_keeps_what_reaches_new_code_and_what_breaks() -> None:
    """
    From one packet it comes to others that are read in other ways, and to a planted fault.
    """

    def run(octets: bytes) -> None:
        TARGETS["packets"].make()(octets)
        if b"h323" in octets[20:]:
            raise ValueError("planted")

    seed = bytes((4, 1, 0, 20)) + bytes(16)

    found = search(run, [seed], random.Random(5), lambda found: found.runs < 5000)

    assert found.new
    assert "ValueError('planted')" in {error for _, error in found.faults}
    assert all(b"h323" in octets for octets, _ in found.faults)


def test_the_corpus_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What a search finds stands in the file afterwards, each input once, and is where the next one begins.
    """
    monkeypatch.setattr("tests.fuzz.targets.CORPUS", tmp_path)
    target = replace(TARGETS["packets"], seeds=())
    seed = bytes((4, 1, 0, 20)) + bytes(16)
    found = search(target.make(), [seed], random.Random(5), lambda found: found.runs < 3000)
    keep(target, [seed, *found.new, *found.new])

    assert sorted({seed, *found.new}) == sorted(known(target))
    again = search(target.make(), known(target), random.Random(5), lambda found: found.runs < 300)
    assert len(again.new) < len(found.new)


def test_the_command_says_what_it_did() -> None:
    """
    As ``docs/how-to/add-a-sender.md`` has it, but shorter; an unknown name is told.
    """
    command = [sys.executable, "-m", "tests.fuzz"]
    asked = subprocess.run([*command, "parrot"], capture_output=True, text=True, check=False, cwd=ROOT)

    assert 2 == asked.returncode
    assert "parrot is none of packets, streams, sip" in asked.stderr


def test_a_target_takes_what_is_right() -> None:
    """
    Else nothing of what lies behind would ever be reached.
    """
    for name in ("packets", "cisco"):
        assert any(read_packet(octets).code == 4 for octets in TARGETS[name].seeds)
