"""Look for octets that reach code which none has reached before: those are kept, and changed further."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from tests.fuzz.targets import LONGEST, Run

LIMIT_S = 0.005
"""The longest that one input may take."""

MOST_TRIES = 5

CODE = str(Path(__file__).parents[2] / "radiusd")
_TELLING = (
    *(bytes((one,)) for one in b'\0\x01\x7f\x80\xff\r\n\t "<>@;:=%,\\/'),
    *(b"\xff\xff", b"\0\0\0\x01", b"\xff\xff\xff\xff", b"\r\n", b"\r\n\r\n", b"h323-conf-id="),
    *(b"%0d%0a", b"99999999999"),
    *("\N{LATIN SMALL LETTER E WITH ACUTE}".encode(), b"\xc3\x28", b"\xed\xa0\x80"),
)
Place = tuple[str, int]


@dataclass
class Found:
    """What a search came to: *new* inputs for the corpus, and *faults* with the input of each."""

    new: list[bytes] = field(default_factory=list)
    faults: list[tuple[bytes, str]] = field(default_factory=list)
    runs: int = 0


def changed(inputs: list[bytes], chance: random.Random) -> bytes:
    """Return one of *inputs*, changed a little in a few places, or joined from two of them."""
    octets = bytearray(chance.choice(inputs))
    for _ in range(chance.randint(1, 6)):
        at = chance.randint(0, len(octets))
        match chance.randrange(6):
            case 0 if octets:
                octets[at % len(octets)] ^= 1 << chance.randrange(8)
            case 1 if octets:
                octets[at % len(octets)] = chance.randrange(256)
            case 2:
                octets[at:at] = chance.choice(_TELLING)
            case 3:
                del octets[at : at + chance.randint(1, 16)]
            case 4:
                octets[at:at] = octets[at : at + chance.randint(1, 64)] * chance.randint(1, 4)
            case _:
                other = chance.choice(inputs)
                octets[at:] = other[chance.randint(0, len(other)) :]
    return bytes(octets[:LONGEST])


def search(
    run: Run,
    inputs: list[bytes],
    chance: random.Random,
    goes_on: Callable[[Found], bool],
) -> Found:
    """Change *inputs* as long as *goes_on* says, and keep those that reach new code or break something."""
    found, reached, corpus = Found(), set[Place](), list(inputs) or [b""]
    for one in inputs:
        reached |= places(run, one, found)
    while goes_on(found):
        one = changed(corpus, chance)
        found.runs += 1
        new = places(run, one, found) - reached
        if new:
            reached |= new
            corpus.append(one)
            found.new.append(one)
    return found


def places(run: Run, octets: bytes, found: Found) -> set[Place]:
    """Return the lines of ours that *octets* reach; what they break is added to *found*."""
    seen: set[Place] = set()

    def line(frame: FrameType, event: str, arg: Any) -> Any:
        if event == "line":
            seen.add((frame.f_code.co_filename, frame.f_lineno))
        return line

    def call(frame: FrameType, event: str, arg: Any) -> Any:
        return line if frame.f_code.co_filename.startswith(CODE) else None

    before = sys.gettrace()
    sys.settrace(call)
    try:
        run(octets)
    except Exception as error:
        found.faults.append((octets, repr(error)))
        return seen
    finally:
        sys.settrace(before)
    return seen


def is_quick(run: Run, octets: bytes) -> bool:
    """Tell whether *octets* are read in time; they are tried again if not, since a machine may be busy."""
    return any(took_s < LIMIT_S for took_s in _times_s(run, octets))


def _times_s(run: Run, octets: bytes) -> Iterator[float]:
    for _ in range(MOST_TRIES):
        started = time.perf_counter()
        run(octets)
        yield time.perf_counter() - started
