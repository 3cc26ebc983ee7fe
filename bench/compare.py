"""
Compare Tollwire with FreeRADIUS and rlm_sql: the same packets, the same PostgreSQL programs, one run.

``python -m bench.compare`` takes a quarter of an hour, ``--quick`` a minute. Rounds are interleaved and their
order alternates, so that a busy moment of the machine hits both. Read the ratios, not the figures.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from bench import report
from bench.freeradius import FreeRadius, FreeRadiusFailed
from bench.processes import load_average
from bench.profiler import profiled
from bench.rounds import (
    Entrant,
    Measurement,
    NotComparable,
    accounting_packets,
    authorization_packets,
    measure,
)
from bench.tollwire import Tollwire, TollwireFailed
from bench.workloads import Site
from radiusd.storage.postgres import EmbeddedPostgres

PG_BIN = Path("/usr/lib/postgresql/15/bin")
PROFILED_WINDOW = 256
WORKLOADS = {
    "accounting": (accounting_packets, (1, 16, 64, 256, 1024)),
    "authorization": (authorization_packets, (1, 16, 64, 256)),
}


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is sent: requests by window, the most seconds a round, rounds, prefixes in the deck."""

    requests: Callable[[int], int]
    seconds: float
    rounds: int
    prefixes: int


FULL = Effort(lambda window: {1: 3_000, 16: 12_000}.get(window, 30_000), 4.0, rounds=3, prefixes=200_000)
QUICK = Effort(lambda window: {1: 300, 16: 1_500}.get(window, 3_000), 2.0, rounds=1, prefixes=2_000)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison and print it; 69 when a server does not start, 1 when one fails to do its part."""
    options = _options(arguments)
    effort = QUICK if options.quick else FULL
    site = Site(prefixes=effort.prefixes)
    folder = Path(tempfile.mkdtemp(prefix="tw-bench-", dir="/tmp"))  # short, for the names of sockets
    print(f"files of this run: {folder}; load average before: {load_average():.2f}")
    with ExitStack() as stack:
        if not (options.keep or options.profile):
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
        try:
            entrants = _start(stack, folder, site, options)
        except (FreeRadiusFailed, TollwireFailed) as error:
            print(error, file=sys.stderr)
            return 69
        lines: list[report.Line] = []
        try:
            for workload in options.workloads:
                lines += _compare(workload, entrants, site, effort, options, folder)
        except NotComparable as error:
            print(error, file=sys.stderr)
            return 1
        for entrant in entrants:
            if isinstance(entrant.server, Tollwire):
                print(f"{entrant.server.name}: the books are {entrant.server.check_books()}")
    print(f"load average after: {load_average():.2f}")
    if options.json:
        options.json.write_text(json.dumps([asdict(line) for line in lines], indent=1) + "\n")
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    numbers = _list_of(int)
    parser.add_argument("--quick", action="store_true", help="a smoke test: one short round, a small deck")
    parser.add_argument("--workers", type=numbers, default=[1], help="front workers to try, such as 1,2")
    parser.add_argument("--workloads", type=_list_of(str), default=list(WORKLOADS), help=", ".join(WORKLOADS))
    parser.add_argument("--windows", type=numbers, help="only these windows, such as 1,64")
    parser.add_argument("--pg-bin", type=Path, default=PG_BIN, help="PostgreSQL programs of both servers")
    parser.add_argument("--index-open-calls", action="store_true", help="give FreeRADIUS an index it lacks")
    parser.add_argument("--alone", choices=("freeradius", "tollwire"), help="measure one server only")
    parser.add_argument("--profile", action="store_true", help=f"py-spy on Tollwire at {PROFILED_WINDOW}")
    parser.add_argument("--keep", action="store_true", help="leave the files of the run for a look at them")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the lines there too")
    options = parser.parse_args(arguments)
    unknown = set(options.workloads) - set(WORKLOADS)
    if unknown:
        parser.error(f"--workloads: {', '.join(sorted(unknown))} is none of {', '.join(WORKLOADS)}")
    return options


def _list_of(kind: Callable[[str], object]) -> Callable[[str], list[object]]:
    def parse(text: str) -> list[object]:
        return [kind(part) for part in text.split(",")]

    parse.__name__ = f"list of {kind.__name__}"  # argparse puts it into its error message
    return parse


def _start(stack: ExitStack, folder: Path, site: Site, options: argparse.Namespace) -> list[Entrant]:
    """Start every server with a PostgreSQL of its own; *stack* ends them."""
    entrants = []

    def enter(name: str, make: Callable[[Path, str], FreeRadius | Tollwire]) -> None:
        home = folder / name
        postgres = stack.enter_context(EmbeddedPostgres(home / "database", options.pg_bin))
        server = make(home, postgres.dsn)
        stack.callback(server.stop)
        server.start()
        entrants.append(Entrant(server, postgres))

    if options.alone != "tollwire":
        enter("freeradius", partial(FreeRadius, site=site, index_open_calls=options.index_open_calls))
    if options.alone != "freeradius":
        for workers in options.workers:
            enter(f"tollwire{workers}", partial(Tollwire, site=site, workers=workers))
    return entrants


def _compare(
    workload: str,
    entrants: list[Entrant],
    site: Site,
    effort: Effort,
    options: argparse.Namespace,
    folder: Path,
) -> list[report.Line]:
    """Run all windows of *workload*, print a line an entrant as it is known, and return the lines."""
    print(f"\n{workload}: ratios are against {entrants[0].server.name}\n{report.HEAD}")
    make_packets, windows = WORKLOADS[workload]
    lines = []
    for window in options.windows or windows:
        found: list[list[Measurement]] = [[] for _ in entrants]
        for number in range(effort.rounds):
            now = datetime.now(UTC).timestamp()
            run = f"{workload[:3]}{window}.{number}."
            packets = make_packets(site, run, window, effort.requests(window), now)
            order = list(range(len(entrants)))
            for at in order if number % 2 == 0 else reversed(order):
                is_profiled = options.profile and window == PROFILED_WINDOW and number == effort.rounds - 1
                target = folder / f"{workload}-{at}.speedscope.json"
                with profiled(entrants[at].server.pid, target) if is_profiled else nullcontext():
                    found[at].append(measure(entrants[at], packets, site.secret, effort.seconds))
        for entrant, measurements in zip(entrants, found, strict=True):
            lines.append(report.line(workload, window, entrant.server.name, measurements, found[0]))
            print(lines[-1], flush=True)
    return lines


if __name__ == "__main__":
    sys.exit(main())
