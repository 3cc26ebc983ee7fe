"""Where settings are looked for, and the database commands."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg2
import pytest

from provisioning.cli.errors import Exit

CONFIG = '[database]\ndirectory = "{}"\n'


def used(run, *words):
    """Return the configuration file that a command takes."""
    result = run("serve", "--check", "--json", *words)
    assert Exit.OK == result.exit_code, result.stderr
    return json.loads(result.stdout)["config"]


def test_looks_for_its_configuration_in_one_order(run, tmp_path, monkeypatch):
    """
    The option wins over the environment, that over this folder, and that over the home.
    """
    places = [tmp_path / name for name in ("home/tollwire.toml", "tollwire.toml", "env.toml", "option.toml")]
    found = []
    for place in places:
        place.parent.mkdir(exist_ok=True)
        place.write_text(CONFIG.format(tmp_path))
        if place.name == "env.toml":
            monkeypatch.setenv("TOLLWIRE_CONFIG", str(place))
        words = ("--config", str(place)) if place.name == "option.toml" else ()
        found.append(used(run, *words))

    assert [str(place) for place in places] == found


def test_the_option_may_stand_anywhere(run, tmp_path):
    """
    ``--config`` before the noun and after the verb mean the same.
    """
    path = tmp_path / "x.toml"
    path.write_text(CONFIG.format(tmp_path))

    before = run("--config", str(path), "serve", "--check")
    after = run("serve", "--check", "--config", str(path))

    assert (Exit.OK, before.stdout) == (before.exit_code, after.stdout)


def test_prints_what_shells_need_to_complete(run):
    """
    Each shell's script calls us back, and completes nouns.
    """
    for shell in ("bash", "zsh", "fish"):
        assert f"_TOLLWIRE_COMPLETE={shell}_complete" in run("completion", shell).stdout

    asked = {"_TOLLWIRE_COMPLETE": "bash_complete", "COMP_WORDS": "tollwire boo", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "provisioning.cli"],
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
    )
    assert "plain,books\n" == done.stdout


@pytest.fixture
def embedded(short_dir):
    """The configuration of an embedded server that has never been started."""
    path = short_dir / "tollwire.toml"
    path.write_text(CONFIG.format(short_dir / "db"))
    return str(path)


@pytest.mark.postgres
def test_migrates_once(run, embedded):
    """
    A new database is checked, migrated and checked again; the second migration has nothing to do.
    """
    before = run("db", "check", "--config", embedded, "--json")
    first = json.loads(run("db", "migrate", "--config", embedded, "--json").stdout)
    second = run("db", "migrate", "--config", embedded)
    after = run("db", "check", "--config", embedded)

    assert Exit.DIFFERS == before.exit_code
    assert json.loads(before.stdout)["missing"] == [row["applied"] for row in first]
    assert "up to date" in second.stderr
    assert Exit.OK == after.exit_code


@pytest.mark.postgres
def test_runs_the_database_alone(embedded):
    """
    ``db run`` says where PostgreSQL listens, and stops it when told to end.
    """
    command = subprocess.Popen(
        [sys.executable, "-m", "provisioning.cli", "db", "run", "--config", embedded, "--jsonl"],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert command.stdout is not None
    dsn = json.loads(command.stdout.readline())["dsn"]
    psycopg2.connect(dsn).close()

    command.send_signal(signal.SIGTERM)

    assert 0 == command.wait(60)
    command.stdout.close()
    assert not (Path(embedded).parent / "db/pg/postmaster.pid").exists()
