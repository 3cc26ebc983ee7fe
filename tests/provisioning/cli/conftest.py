"""Run ``tollwire`` in this process, on the tests' database."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from provisioning.cli import main

Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run ``tollwire WORDS...`` in an empty folder, with no configuration anywhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOLLWIRE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TOLLWIRE_CONFIG", raising=False)

    def run(*words: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(main, words, input=stdin)

    return run


@pytest.fixture
def config(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration file for the tests' database, found by every command."""
    path = tmp_path / "tollwire.toml"
    path.write_text(f'key_file = "{tmp_path}/secret.key"\n[database]\ndsn = "{dsn}"\n')
    monkeypatch.setenv("TOLLWIRE_CONFIG", str(path))
    return path
