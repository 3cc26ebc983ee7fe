"""The pages of the HTTP API: what they say to type works on a running console; all paths are told."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import psycopg2
import pytest

from provisioning.admin import Admin
from provisioning.api.site import LISTEN
from provisioning.api.table import ENDPOINTS
from provisioning.site import apply_file
from radiusd.storage.secrets import Sealer, make_key
from tests.docs.pages import DOCS, blocks, code, column
from tests.docs.shell import environment_in, shows
from tests.provisioning.api.conftest import start_console

PAGE = DOCS / "how-to/use-the-http-api.md"


def test_every_path_is_told_with_its_scope() -> None:
    """
    The table on the page is the table of the code.
    """
    page = "reference/http-api.md"
    titles = ("Request", "Scope")
    told = list(zip(*([code(cell) for cell in column(page, title)] for title in titles), strict=True))

    assert [(f"{each.method} {each.path}", each.right or "") for each in (LISTEN, *ENDPOINTS)] == told


@pytest.mark.postgres
def test_what_the_page_says_to_type_works(dsn: str, database: str, tmp_path: Path, pg_bin: Path | None):
    """
    On the documentation's own example, with the very token that the page makes.
    """
    console = start_console(database, tmp_path)
    try:
        admin = Admin("tester", datetime.now(UTC), Sealer(make_key(console.key)))
        with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
            apply_file(txn, DOCS / "examples/site.toml", admin)
        environment = {
            **os.environ,
            **environment_in(tmp_path, pg_bin),
            "TOLLWIRE_CONFIG": str(console.config),
        }
        found = blocks(PAGE)
        for block, following in zip(found, [*found[1:], None], strict=True):
            if block.language != "sh" or block.text.startswith(("tollwire console", "export")):
                continue
            text = block.text.replace("127.0.0.1:8080", f"127.0.0.1:{console.port}")
            done = subprocess.run(
                ["bash", "-e", "-c", text],
                env=environment,
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=60,
            )
            assert 0 == done.returncode, f"{block.line}: {done.stderr}"
            token = re.search(r"^secret: (\S+)", done.stdout, re.MULTILINE)
            if token is not None:
                environment["TOKEN"] = token[1]
            if following and following.language == "text":
                assert "" == shows(following.text, done.stdout + "\n"), block.line
            elif "curl" in text:
                assert "urn:tollwire:problem" not in done.stdout, f"{block.line}: {done.stdout}"
    finally:
        console.process.send_signal(signal.SIGTERM)
        console.process.wait(20)
