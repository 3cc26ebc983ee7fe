"""Where the server's time goes: py-spy on its processes while a round runs, where it is installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAM = "py-spy"
RATE_HZ = 200


@contextmanager
def profiled(pid: int, output: Path) -> Iterator[None]:
    """
    Record the Python stacks of *pid* and its children into *output* for speedscope.app.

    Without py-spy it says so on stderr and records nothing.
    """
    beside = Path(sys.executable).parent / PROGRAM
    program = str(beside) if beside.exists() else shutil.which(PROGRAM)
    if program is None:
        print(f"no profile: {PROGRAM} is not installed (pip install py-spy)", file=sys.stderr)
        yield
        return
    command = [program, "record", "--subprocesses", "--nonblocking", "--rate", str(RATE_HZ)]
    command += ["--format", "speedscope", "--output", str(output), "--pid", str(pid)]
    recorder = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        yield
    finally:
        recorder.send_signal(2)  # SIGINT: it writes what it has
        _, said = recorder.communicate(timeout=60)
        print(f"profile: {output}" if output.exists() else said.decode(errors="replace"), file=sys.stderr)
