"""Exit codes, and the words that stand on stderr."""

import json
import subprocess
import sys

import click
import psycopg2
import pytest

from provisioning.cli.errors import Exit, NotMigrated, RefusedHere, Unreachable, kind_of
from radiusd.errors import BadInput, BadSettings, Conflict, NotDurable, NotFound


def of_server(state: str) -> psycopg2.Error:
    """Return the class of error that psycopg2 raises for an SQLSTATE, with the state in it."""
    error = psycopg2.errors.lookup(state)("words of the server")
    error.__setstate__({"pgcode": state})
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (click.UsageError("x"), ("usage", 2)),
        (click.FileError("x"), ("usage", 2)),
        (NotFound("x"), ("not_found", 3)),
        (Conflict("x"), ("conflict", 4)),
        (BadInput("x"), ("bad_input", 4)),
        (UnicodeEncodeError("utf-8", "\udcff", 0, 1, "x"), ("bad_input", 4)),
        (RefusedHere("x"), ("refused", 5)),
        (PermissionError("x"), ("refused", 5)),
        (of_server("42501"), ("refused", 5)),
        (Unreachable("x"), ("unreachable", 69)),
        (psycopg2.OperationalError("connection refused"), ("unreachable", 69)),
        (ZeroDivisionError("x"), ("internal", 70)),
        (NotDurable("x"), ("try_later", 75)),
        (of_server("40001"), ("try_later", 75)),
        (of_server("40P01"), ("try_later", 75)),
        (of_server("55P03"), ("try_later", 75)),
        (BadSettings("x"), ("bad_config", 78)),
        (NotMigrated("x"), ("not_migrated", 78)),
        (KeyboardInterrupt(), ("interrupted", 130)),
        (click.Abort(), ("interrupted", 130)),
    ],
)
def test_each_kind_of_error_has_its_exit_code(error, expected):
    """
    What a script does differently has a code of its own.
    """
    assert expected == kind_of(error)


def test_no_configuration_says_where_it_looked(run):
    """
    Without a configuration file, the sentence names the places and the option.
    """
    result = run("cdr", "list")

    assert Exit.BAD_CONFIG == result.exit_code
    assert "tollwire.toml" in result.stderr
    assert "--config" in result.stderr
    assert "" == result.stdout


def test_errors_are_json_when_results_are(run):
    """
    With --json, before or after the command, stderr has one object with a word for programs.
    """
    for words in (("--json", "cdr", "list"), ("cdr", "--json", "list"), ("cdr", "list", "--json")):
        error = json.loads(run(*words).stderr)["error"]

        assert "bad_config" == error["code"]
        assert "no configuration file" in error["message"]


def test_usage_errors_are_json_too(run):
    """
    A misspelt option is told as JSON although no command has run.
    """
    result = run("cdr", "list", "--acount", "X", "--json")

    assert Exit.USAGE == result.exit_code
    assert "usage" == json.loads(result.stderr)["error"]["code"]
    assert "--account" in result.stderr


@pytest.mark.parametrize("when", ["yesterday", "2026-13-01", "2026-03-01T25:00", "99999-01-01", ""])
def test_bad_dates_name_the_option(run, when):
    """
    A date that is none is a usage error that names its option.
    """
    result = run("cdr", "list", "--since", when)

    assert Exit.USAGE == result.exit_code
    assert "--since" in result.stderr


def test_bad_configuration_names_file_and_line(run, tmp_path):
    """
    ``serve --check`` exits 78 and says ``file:line``.
    """
    path = tmp_path / "bad.toml"
    path.write_text('[database]\ndirectory = "/nowhere"\n\nworker = 2\n')

    result = run("serve", "--config", str(path), "--check")

    assert Exit.BAD_CONFIG == result.exit_code
    assert f"{path}:4: " in result.stderr
    assert "worker" in result.stderr


def test_good_configuration_is_ok(run, tmp_path):
    """
    ``serve --check`` of a good file exits 0 and starts nothing.
    """
    path = tmp_path / "good.toml"
    path.write_text('[database]\ndirectory = "/nowhere"\n')

    result = run("serve", "--check", "--config", str(path), "--json")

    assert Exit.OK == result.exit_code
    assert {"config": str(path), "ok": True} == json.loads(result.stdout)


@pytest.mark.postgres
def test_a_database_without_our_tables_says_what_to_run(run, postgres, tmp_path):
    """
    Before the first migration, commands end with 78 and the command that mends it.
    """
    path = tmp_path / "empty.toml"
    path.write_text(f'[database]\ndsn = "{postgres.dsn.replace("dbname=tollwire", "dbname=postgres")}"\n')

    result = run("--config", str(path), "cdr", "list")

    assert Exit.BAD_CONFIG == result.exit_code
    assert "tollwire db migrate" in result.stderr
    assert Exit.DIFFERS == run("--config", str(path), "db", "check").exit_code


def test_a_silent_database_is_unreachable(run, tmp_path):
    """
    A database that nobody answers for ends the command with 69.
    """
    path = tmp_path / "away.toml"
    path.write_text('[database]\ndsn = "host=127.0.0.1 port=1 dbname=x"\n')

    result = run("--config", str(path), "books", "check", "--json")

    assert Exit.UNREACHABLE == result.exit_code
    assert "unreachable" == json.loads(result.stderr)["error"]["code"]


def test_a_reader_that_has_seen_enough_is_no_error():
    """
    A pipe that closes early (``| head``) ends the command quietly.
    """
    program = (
        "import click\n"
        "from provisioning.cli.errors import report\n"
        "from provisioning.cli.output import print_rows\n"
        "try:\n"
        "    print_rows(click.Context(click.Command('x')), ['n'], ([i] for i in range(10**6)))\n"
        "except BrokenPipeError as error:\n"
        "    raise SystemExit(report(error, as_json=False))\n"
    )
    command = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert command.stdout is not None and command.stderr is not None
    command.stdout.readline()
    command.stdout.close()
    said = command.stderr.read()
    command.stderr.close()

    assert (Exit.OK, "") == (command.wait(30), said)
