"""Fixtures that run the real server, and skip loudly where Debian's counterparts are missing."""

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

MISSING = pytest.StashKey[set[str]]()


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
def sip_folder(home: Path, request: pytest.FixtureRequest) -> Path:
    """A folder for :class:`~tests.acceptance.switch.Switch`; tests are skipped where it cannot run."""
    skip_without(switch.missing_packages(), request.config)
    folder = home / "sip"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def radclient(request: pytest.FixtureRequest) -> str:
    """The program radclient; the test is skipped where it is missing."""
    found = shutil.which("radclient")
    skip_without(set() if found else {"freeradius-utils"}, request.config)
    assert found is not None
    return found


def skip_without(packages: set[str], config: pytest.Config) -> None:
    """Skip the test when Debian *packages* are missing, and have the end of the run say so."""
    if packages:
        config.stash.setdefault(MISSING, set()).update(packages)
        pytest.skip(f"apt install {' '.join(sorted(packages))}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say loudly, whatever the verbosity, that tests against real programs did not run."""
    packages = sorted(config.stash[MISSING]) if MISSING in config.stash else []
    if packages:
        terminalreporter.section("NOT TESTED against real switches and clients", red=True, bold=True)
        terminalreporter.line(f"Install them and run again: apt install {' '.join(packages)}")
