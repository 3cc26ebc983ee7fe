"""What takes something away asks whoever sits at a terminal; scripts are not asked."""

import os
import pty
import subprocess
import sys

import pytest

from provisioning.cli.framework import Command
from tests.provisioning.cli.test_tree import ALL

TAKING = {"end", "rm", "remove", "rollback", "revoke", "release", "undo", "drop-month", "no-second-factor"}


@pytest.fixture
def at_terminal():
    """Run ``tollwire WORDS...`` with a terminal as its input, on which *answer* is typed."""

    def run(answer: str, *words: str) -> subprocess.CompletedProcess[str]:
        ours, its = pty.openpty()
        try:
            os.write(ours, answer.encode())
            return subprocess.run(
                [sys.executable, "-m", "provisioning.cli", *words],
                stdin=its,
                capture_output=True,
                text=True,
                timeout=30,
            )
        finally:
            os.close(ours)
            os.close(its)

    return run


def test_every_command_that_takes_away_asks():
    """
    By its verb; its question names parameters that it has.
    """
    taking = [(path, command) for path, command in ALL if path.split()[-1] in TAKING]
    assert len(taking) > 12
    for path, command in ALL:
        assert isinstance(command, Command)
        assert bool(command.asks) or path.split()[-1] not in TAKING, path
        command.asks.format_map({param.name: "" for param in command.params})


@pytest.mark.postgres
def test_nothing_is_done_without_consent(switch, run, at_terminal):
    """
    The question names the thing, escaped; n or nothing is no.
    """
    for answer in ("n\n", "\n"):
        done = at_terminal(answer, "bucket", "rm", "P", "minutes")
        assert (130, "") == (done.returncode, done.stdout)
        assert "Take bucket minutes from plan P? [y/N]" in done.stderr
    assert "minutes" in run("bucket", "list").stdout
    assert "Take bucket \\x1b[2J from plan P?" in at_terminal("n\n", "bucket", "rm", "P", "\x1b[2J").stderr


@pytest.mark.postgres
@pytest.mark.parametrize(("answer", "more"), [("y\n", ()), ("", ("--yes",))])
def test_consent_is_typed_or_said(switch, at_terminal, answer, more):
    """
    With --yes nobody is asked.
    """
    done = at_terminal(answer, "virtual", "end", "15550199", *more)

    assert 0 == done.returncode, done.stderr
    assert "- virtual 15550199 ended" in done.stdout
    assert ("End virtual 15550199?" in done.stderr) is not bool(more)


@pytest.mark.postgres
def test_a_script_is_not_asked(switch, run):
    """
    Its input is no terminal.
    """
    assert 0 == run("pool", "list").exit_code
    result = run("bucket", "rm", "P", "minutes")
    assert (0, "- bucket P/minutes removed\n", "") == (result.exit_code, result.stdout, result.stderr)
