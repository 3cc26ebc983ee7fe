"""The running server writes scheduled exports by itself, in a process beside it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.process import Server, wait_for

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]

EXPORTS = """
[[exports]]
name = "calls"
columns = ["to"]
every = "hour"
wait_s = 0
folder = "{}"
"""


@pytest.fixture
def server(pg_bin: Path | None) -> Iterator[Server]:
    """A server whose last whole hour is due."""
    with tempfile.TemporaryDirectory(prefix="tw-", dir="/tmp") as folder:
        home = Path(folder)
        home.chmod(0o755)
        (home / "exports").mkdir()
        server = Server(home, pg_bin, more=EXPORTS.format(home / "exports"))
        server.start()
        yield server
        server.kill()


def test_what_is_due_at_the_start_is_written_once(server: Server) -> None:
    """
    The file, its manifest and the row that says so; a second start writes nothing.
    """
    folder = server.home / "exports"
    wait_for(lambda: '"export written"' in server.log())

    [drop] = server.rows("cdr", "drops")
    [manifest] = folder.glob("*.manifest.json")
    assert drop["file"] == str(folder / json.loads(manifest.read_text())["file"])
    assert "to\r\n" == Path(drop["file"]).read_bytes().decode()
    server.run("cdr", "verify", str(manifest))
    written = Path(drop["file"]).stat().st_mtime_ns
    assert 0 == server.stop()
    server.start()
    server.run("cdr", "drop")
    assert written == Path(drop["file"]).stat().st_mtime_ns
