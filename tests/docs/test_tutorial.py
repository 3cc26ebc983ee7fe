"""The tutorial, done as written in an empty folder: a real server, real packets, what a reader sees."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.processes import free_udp_ports
from tests.docs.pages import DOCS, Block, blocks
from tests.docs.shell import Shell, environment_in, shows
from tests.packages import skip_without

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]

PAGE = DOCS / "tutorial/first-trunk.md"
CLIENTS = ("radclient", "tollwire radius test")
PORTS = ("18120", "18130")


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder with a short name that PostgreSQL may pass."""
    folder = Path(tempfile.mkdtemp(prefix="tw-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def steps(client: str) -> Iterator[tuple[Block, Block | None]]:
    """Yield the commands of a reader who has *client*, each with what the page then shows."""
    page = blocks(PAGE)
    others = {*CLIENTS, "not run by the test, which has its own"} - {client}
    for block, following in zip(page, [*page[1:], None], strict=True):
        if block.language == "sh" and block.mark not in others:
            yield block, following if following and following.language == "text" else None


@pytest.mark.parametrize("client", CLIENTS)
def test_everything_happens_as_written(
    client: str, folder: Path, pg_bin: Path | None
) -> None:
    """
    All commands of the page, in its order, in one terminal, write what the page shows.

    Only the ports are others, so that two such tests may run side by side.
    """
    if client == "radclient" and shutil.which("radclient") is None:
        skip_without(("freeradius-utils",))
    ports = dict(zip(PORTS, map(str, free_udp_ports(2)), strict=True))
    with Shell(folder, environment_in(folder, pg_bin)) as shell:
        for block, expected in steps(client):
            output, _ = shell.run(_with(ports, block.text))
            if expected is not None:
                differs = shows(_with(ports, expected.text), output)
                log = folder / "server.log"
                assert "" == differs, f"{PAGE.name}:{block.line}: {differs}\nlog: {log.read_text()[-4000:]}"


def _with(ports: dict[str, str], text: str) -> str:
    for written, used in ports.items():
        text = text.replace(written, used)
    return text


def test_both_clients_are_shown_the_same_steps() -> None:
    """
    A step that one client does, the other does, too: nobody is left behind.
    """
    marks = [block.mark for block in blocks(PAGE) if block.language == "sh"]

    assert marks.count(CLIENTS[0]) == marks.count(CLIENTS[1]) > 0
