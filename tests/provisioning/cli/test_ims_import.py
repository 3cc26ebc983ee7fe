"""IMS charging records in the books: matched, rated, each once; the parts of a call are one call."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from provisioning.cli.errors import Exit
from tests.provisioning.cli.conftest import Run

pytestmark = pytest.mark.postgres

MGCF = (Path(__file__).parents[2] / "vectors" / "records" / "dev_ims_mgcf.ber").read_bytes()
ANSWERED = MGCF[:315]  # 12125552634 to 33145679755, 26.314 s
SITE = """
[[deck]]
name = "world"
currency = "USD"
active_from = 2025-01-01
rates = [{prefix = "33", rate = 0.06, initial = 1, increment = 1, effective = 2025-01-01}]
[[plan]]
code = "RETAIL"
deck = "world"
[[account]]
code = "ACME"
name = "Acme"
currency = "USD"
[[did]]
number = "12125552634"
plan = "RETAIL"
account = "ACME"
activated = 2025-01-01
[[source]]
name = "mgcf"
format = "3gpp-32298-ims"
"""


@pytest.fixture
def site(run: Run, config: Path, tmp_path: Path) -> Path:
    """A carrier with one number, and an MGCF whose records it reads."""
    (tmp_path / "site.toml").write_text(SITE)
    result = run("apply", "site.toml", "--yes")
    assert Exit.OK == result.exit_code, result.output
    return tmp_path


def in_parts() -> bytes:
    """Return the answered call as two partial records: ten seconds in, and at its end."""
    first = ANSWERED.replace(bytes.fromhex("8B09 260106005009 2B0000"), b"")  # no end of delivery yet
    first = first.replace(bytes.fromhex("8D09 260106005009"), bytes.fromhex("8D09 260106004953"))
    first = first.replace(b"\x8f\x02\x03\xe8", b"\x8f\x02\x03\xe7\x90\x01\x01")
    last = ANSWERED.replace(b"\x8f\x02\x03\xe8", b"\x8f\x02\x03\xe8\x90\x01\x02")
    return b"".join(
        part[:3] + (len(part) - 5).to_bytes(2, "big") + part[5:]  # the length of the whole
        for part in (first, last)
    )


def test_a_call_that_several_nodes_tell_is_charged_once(run: Run, site: Path, dsn: str) -> None:
    """
    Those of an IBCF and an MGCF that share the session's id, in one file or another, whichever comes first.
    """
    others = ANSWERED.replace(b"\xbf\x43", b"\xbf\x52", 1).replace(b"\x80\x01\x43", b"\x80\x01\x52", 1)
    others = others.replace(b"mgcf0.ims", b"ibcf0.ims").replace(b"TG000", b"TG999")
    for name, octets in (("ibcf.ber", others), ("mgcf.ber", ANSWERED), ("both.ber", others + MGCF)):
        (site / name).write_bytes(octets)
        result = run("record", "import", "--source", "mgcf", name, "--jsonl")
        assert Exit.OK == result.exit_code, result.output

    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as txn:
        txn.execute("SELECT duration_ms, total_micros FROM cdr WHERE duration_ms > 0")
        assert [(26_314, 27_000)] == txn.fetchall()
    assert Exit.OK == run("books", "check").exit_code


@pytest.mark.parametrize("octets", [ANSWERED, in_parts()], ids=["whole", "in parts"])
def test_a_call_is_charged_once(run: Run, site: Path, dsn: str, octets: bytes) -> None:
    """
    For 27 started seconds of 26.314; whether its switch wrote one record or two, and however often we read.
    """
    (site / "calls.ber").write_bytes(octets)
    for _ in range(2):
        result = run("record", "import", "--source", "mgcf", "calls.ber", "--jsonl")
        assert Exit.OK == result.exit_code, result.output

    (cdr,) = json.loads(run("cdr", "list", "--json").stdout)
    assert ("ACME", "answered", "12125552634", "33145679755") == (
        cdr["account"],
        cdr["status"],
        cdr["from"],
        cdr["to"],
    )
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as txn:
        txn.execute("SELECT duration_ms, billed_s, total_micros, trunk_out FROM cdr")
        assert [(26_314, 27, 27_000, "TG000")] == txn.fetchall()
    assert Exit.OK == run("books", "check").exit_code
