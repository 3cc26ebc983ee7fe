"""Fixtures that run the real server, and skip where Debian's counterparts are missing."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance import switch
from tests.acceptance.lab import Lab, Streams, open_lab
from tests.acceptance.process import Server
from tests.authority import Authority
from tests.packages import skip_without


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A folder for the module's server, with a short name and open to pass, as PostgreSQL needs it."""
    home = Path(tempfile.mkdtemp(prefix="tw-", dir="/tmp"))
    home.chmod(0o755)
    yield home
    shutil.rmtree(home)


@pytest.fixture(scope="module")
def server(home: Path, pg_bin: Path | None) -> Iterator[Server]:
    """
    The Tollwire of a module's tests: configured, to be provisioned and started by a fixture there.

    Every test makes calls of its own. At the end it must have stopped in good order.
    """
    server = Server(home, pg_bin)
    yield server
    if server.is_running:
        assert 0 == server.stop()


@pytest.fixture(scope="session")
def lab(pg_bin: Path | None) -> Iterator[Lab]:
    """The server of all conformance tests, listening to IPv4 and IPv6; each test makes calls of its own."""
    home = Path(tempfile.mkdtemp(prefix="tw-", dir="/tmp"))
    home.chmod(0o755)
    streams = Streams(Authority(home))
    server = Server(home, pg_bin, address="::", more=streams.configuration())
    lab = open_lab(server)
    lab.streams = streams
    yield lab
    lab.close()
    assert 0 == server.stop()
    shutil.rmtree(home)


@pytest.fixture(scope="module")
def sip_folder(home: Path) -> Path:
    """A folder for :class:`~tests.acceptance.switch.Switch`; tests are skipped where it cannot run."""
    skip_without(switch.missing_packages())
    folder = home / "sip"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def radclient() -> str:
    """The program radclient; the test is skipped where it is missing."""
    found = shutil.which("radclient")
    skip_without(() if found else ("freeradius-utils",))
    assert found is not None
    return found
