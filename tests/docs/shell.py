"""A terminal with bash in it, to do what a page says as its reader would."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from bench.processes import tree_of
from tests.acceptance.process import wait_for

LIMIT_S = 90.0
COLUMNS, LINES = 220, 60
_DONE = "done-with-this-block"

# What differs from one run to the next, and what stands for it.
_VARYING = (
    (re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"), "ID"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z"), "TIME"),
    (re.compile(r"0x[0-9a-f]{8,}"), "OCTETS"),
    (re.compile(r"\bId \d+"), "Id N"),
    (re.compile(r"\b((?:\d+\.){3}\d+):\d+(?:/\d+)?"), r"\1:PORT"),
    (re.compile(r"\b\d+/\d+/\d{4}-\d\d-\d\d\b"), "BUCKET"),
)


def environment_in(home: Path, pg_bin: Path | None) -> dict[str, str]:
    """Return the environment of a reader whose home is *home* and who has installed Tollwire."""
    environment = {
        "HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin:/usr/sbin:/sbin",
    }
    return environment | ({"TOLLWIRE_PG_BIN": str(pg_bin)} if pg_bin else {})


class Shell:
    """
    A bash in *folder* whose output goes to a terminal, so that commands write tables.

    It ends with all that it has started when the block ends.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._terminal, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        self._bash = subprocess.Popen(
            ["bash", "--norc"],
            stdin=subprocess.PIPE,
            stdout=theirs,
            stderr=theirs,
            cwd=folder,
            env={**os.environ, **environment},
            start_new_session=True,
        )
        os.close(theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        family = tree_of(self._bash.pid) - {self._bash.pid}
        os.killpg(self._bash.pid, signal.SIGTERM)
        self._bash.kill()  # it may be waiting for a child, and not heed SIGTERM meanwhile
        self._bash.communicate(timeout=LIMIT_S)
        wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in family), LIMIT_S)
        os.close(self._terminal)

    def run(self, commands: str) -> tuple[str, int]:
        """Return what *commands* wrote, and the exit code of the last one."""
        assert self._bash.stdin is not None
        # In braces bash reads all of it before it runs any: no command can take the rest as its input.
        block = f"{{\n{commands}\n}} </dev/null; echo {_DONE} $?\n"
        self._bash.stdin.write(block.encode())
        self._bash.stdin.flush()
        written = self._read_until_done()
        output, _, code = written.rpartition(_DONE)
        return output.replace("\r\n", "\n"), int(code)

    def _read_until_done(self) -> str:
        written, deadline = b"", time.monotonic() + LIMIT_S
        while not re.search(rf"{_DONE} \d+\s+\Z".encode(), written):
            left_s = deadline - time.monotonic()
            if left_s <= 0 or not select.select([self._terminal], [], [], left_s)[0]:
                raise TimeoutError(f"not done after {LIMIT_S} s; so far:\n{written.decode(errors='replace')}")
            written += os.read(self._terminal, 65536)
        return written.decode(errors="replace")


def plain(output: str) -> list[str]:
    """Return the lines of *output* without what varies: ids, times, ports, and how wide columns are."""
    lines = []
    for line in output.splitlines():
        for varying, name in _VARYING:
            line = varying.sub(name, line)
        line = " ".join(line.split())
        if line:
            lines.append(line)
    return lines


def shows(expected: str, output: str) -> str:
    """
    Return how *output* differs from the *expected* text of a page, the empty string when it does not.

    ``...`` in a line stands for anything in it; as a line by itself, for any lines.
    """
    parts = ["(?:.*\n)*?" if line == "..." else _pattern(line) + "\n" for line in plain(expected)]
    got = "".join(f"{line}\n" for line in plain(output))
    if re.fullmatch("".join(parts), got):
        return ""
    return f"the page shows:\n{expected}\nwhat was written:\n{output}"


def _pattern(line: str) -> str:
    return ".*".join(re.escape(part) for part in line.split("..."))
