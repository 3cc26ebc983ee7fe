"""``tollwire radius verify``: run files of packets as the server would, and tell what differs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from provisioning.cli.errors import Exit, report
from provisioning.cli.framework import Command
from provisioning.cli.options import Format, options_of
from provisioning.cli.output import print_document
from provisioning.cli.text import printable
from radiusd.errors import BadInput

if TYPE_CHECKING:
    from provisioning.fixtures.files import Case
    from provisioning.fixtures.verify import Difference, Outcome


@click.command(
    "verify",
    cls=Command,
    example="tollwire radius verify my-switch.json\ntollwire radius verify captures/*.json --json",
)
@click.argument("paths", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--dialect", metavar="NAME", help="Read everything by this dialect, whatever the files say.")
@click.pass_context
def verify(ctx: click.Context, /, paths: tuple[Path, ...], dialect: str | None) -> None:
    """
    Run files of packets as the server would, in memory, and compare with what the files expect.

    Each FILE holds cases, a case packets with what they mean; or it is one captured packet without any
    expectation, which is a case of its own. Every difference is a line, and the last line says how many
    cases passed and failed. What of a file cannot be read is told, and the rest is compared all the same.
    Exits 0 when all passed, 1 when a case failed, 4 when something cannot be read. No database is needed.
    """
    from provisioning.fixtures.verify import run_case

    if dialect is not None:
        _known(dialect)
    cases, problems = _read(paths, dialect)
    outcomes = [run_case(case) for case in cases]
    failed = sum(not outcome.passed for outcome in outcomes)
    as_text = options_of(ctx).format is Format.TEXT
    for problem in problems:
        report(problem, as_json=not as_text)
    if as_text:
        for outcome in outcomes:
            for difference in outcome.differences:
                click.echo(printable(_line(outcome, difference)))
        click.echo(f"{len(outcomes) - failed} passed, {failed} failed")
    else:
        cases_told = [_document(outcome) for outcome in outcomes]
        print_document(ctx, {"passed": len(outcomes) - failed, "failed": failed, "cases": cases_told})
    ctx.exit(Exit.CONFLICT if problems else Exit.DIFFERS if failed else Exit.OK)


def _read(paths: tuple[Path, ...], dialect: str | None) -> tuple[list[Case], list[BadInput]]:
    """Return the cases in all files before any is run, and what cannot be read."""
    from datetime import UTC, datetime

    from provisioning.fixtures.files import read_file

    now = datetime.now(UTC)
    cases: list[Case] = []
    problems: list[BadInput] = []
    for path in paths:
        try:
            found = read_file(path, now, dialect)
        except BadInput as error:
            problems.append(error)
            continue
        cases += found
        problems += [BadInput(problem) for case in found for problem in case.problems]
    return cases, problems


def _known(dialect: str) -> None:
    from radiusd.dialects.registry import DIALECTS

    if dialect not in DIALECTS:
        raise BadInput(f"--dialect: there is none called {dialect}; there are {', '.join(sorted(DIALECTS))}")


def _line(outcome: Outcome, difference: Difference) -> str:
    """Return ``FILE: CASE packet 2: duration: expected 66, got 65``; packets count from 0, as paths do."""
    case = outcome.case
    packet = "call" if difference.packet is None else f"packet {difference.packet}"
    expected, got = (_value(value) for value in (difference.expected, difference.got))
    return f"{case.file}: {case.id} {packet}: {difference.field}: expected {expected}, got {got}"


def _value(value: Any) -> str:
    return "nothing" if value in (None, "") else str(value)


def _document(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as JSON tells it, with what was read of each packet: its event, or why none."""
    from provisioning.captures.decode import event_fields

    case = outcome.case
    return {
        "file": case.file,
        "case": case.id,
        "dialect": case.dialect,
        "passed": outcome.passed,
        "problems": list(case.problems),
        "differences": [
            {"packet": each.packet, "field": each.field, "expected": each.expected, "got": each.got}
            for each in outcome.differences
        ],
        "packets": [
            {
                "event": None if each.event is None else event_fields(each.event),
                "discarded": each.discarded,
                "ignored": each.ignored,
            }
            for each in outcome.read
        ],
    }
