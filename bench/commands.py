"""
Time how fast commands start: their processor time, beside that of importing click.

    python -m bench.commands [COMMAND ...]

Each runs ten times as a process of its own. A command that asks the database needs a configuration, as
``TOLLWIRE_CONFIG`` names it; the usual ones ask nothing.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
from collections.abc import Sequence

from bench.processes import load_average

ROUNDS = 10
COMMANDS = ("--help", "did list --help", "account show --help")
GOAL_S = 0.25


def main(arguments: Sequence[str]) -> None:
    """Run and print."""
    print(f"load average {load_average():.1f}")
    base_s = statistics.median(_spent_s("import click") for _ in range(ROUNDS))
    print(f"{'import click':24}{base_s:8.3f} s")
    for command in arguments or COMMANDS:
        program = f"from provisioning.cli import main; main({command.split()})"
        spent_s = statistics.median(_spent_s(program) for _ in range(ROUNDS))
        mark = "" if spent_s < GOAL_S else "  SLOW"
        print(f"{command:24}{spent_s:8.3f} s, {spent_s / base_s:.1f} times{mark}")


def _spent_s(program: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main(sys.argv[1:])
