"""A home for an embedded PostgreSQL, and servers that have one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from radiusd.storage.postgres import EmbeddedPostgres
from tests.storage.embedded import Make


@pytest.fixture
def home(short_dir: Path) -> Path:
    """A home that does not exist yet."""
    return short_dir / "home"


@pytest.fixture
def make_server(home: Path, pg_bin: Path | None) -> Iterator[Make]:
    """Make servers that are stopped at the end of the test."""
    made: list[EmbeddedPostgres] = []

    def one(home: Path = home) -> EmbeddedPostgres:
        made.append(EmbeddedPostgres(home, pg_bin))
        return made[-1]

    yield one
    for server in made:
        server.stop()
