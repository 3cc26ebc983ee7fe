"""What the tests of the documentation share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

MISSING = pytest.StashKey[set[str]]()


@pytest.fixture
def skip_without(request: pytest.FixtureRequest) -> Callable[[set[str]], None]:
    """Skip a test for want of Debian packages, and have the end of the run say so."""

    def skip(packages: set[str]) -> None:
        request.config.stash.setdefault(MISSING, set()).update(packages)
        pytest.skip(f"apt install {' '.join(sorted(packages))}")

    return skip


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say loudly, whatever the verbosity, which pages were not tried with the programs that they name."""
    packages = sorted(config.stash[MISSING]) if MISSING in config.stash else []
    if packages:
        terminalreporter.section("DOCUMENTATION NOT TRIED with what it names", red=True, bold=True)
        terminalreporter.line(f"Install them and run again: apt install {' '.join(packages)}")
