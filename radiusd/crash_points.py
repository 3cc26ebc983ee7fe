"""
Places where a test lets the process die, so that what survives a crash there can be seen.

``TOLLWIRE_CRASH_AT=after-commit-before-send:3`` ends the process, as kill -9 would, when it comes there for
the third time. Unset, a place costs one call of an empty function for each batch.
"""

from __future__ import annotations

import os
from collections.abc import Callable

VARIABLE = "TOLLWIRE_CRASH_AT"
LABELS = (
    "before-load",  # a batch is taken from the queue; the database knows nothing of it
    "before-write",  # decided; rows are locked, nothing is written
    "after-commit-before-send",  # durable; nobody was told
    "after-send",  # answered
    "after-records-booked",  # records are in the books; that they were taken is not on record
    "after-disconnect-answer",  # a switch has answered a Disconnect-Request; that is not on record
    "after-boot-noted",  # Accounting-On/Off is on record, the calls from before are still open
)
KILLED = 137  # what a shell says of a process that SIGKILL has ended

CrashPoint = Callable[[str], None]


def read_crash_point(written: str) -> CrashPoint:
    """
    Return what dies at the label in *written*, ``label`` or ``label:n``; empty: what does nothing.

    Raises:
        ValueError: There is no such label, or *n* is not a number from 1.
    """
    if not written:
        return lambda label: None
    label, _, count = written.partition(":")
    if label not in LABELS or not (count or "1").isdecimal() or count == "0":
        raise ValueError(f"{VARIABLE}: {written!r} is not LABEL or LABEL:N, LABEL one of {', '.join(LABELS)}")
    left = int(count or 1)

    def maybe_crash(reached: str) -> None:
        nonlocal left
        if reached == label:
            left -= 1
            if not left:
                os._exit(KILLED)  # no handler, no flush: the nearest that a process can do to itself

    return maybe_crash


crash_point = read_crash_point(os.environ.get(VARIABLE, ""))
