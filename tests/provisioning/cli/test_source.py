"""A record and a RADIUS Stop of the same call are one call; and what a source's records came to."""

from __future__ import annotations

import json
import random
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from provisioning.cli.errors import Exit
from radiusd.calls.events import CallEvent, Kind, Leg, Status
from radiusd.storage.catalogue import load_catalogue
from radiusd.storage.journal import Report
from radiusd.storage.secrets import Sealer, make_key
from radiusd.storage.single import SingleJournal
from tests.provisioning.cli.conftest import Run
from tests.provisioning.cli.test_record_import import SITE

pytestmark = pytest.mark.postgres

BEGUN = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
MAPPED = {
    "calling": "from", "called": "to", "answer": "at", "duration": "s", "call_id": "id", "source_ip": "ip",
    "sequence": "no",
}  # fmt: skip
SWITCH = """
[[client]]
name = "sbc"
networks = ["192.0.2.1"]
secret = "sixteen octets or more"
[[plan]]
code = "TRUNK"
deck = "world"
[[ip]]
network = "198.51.100.7"
account = "ACME"
plan = "TRUNK"
activated = 2025-01-01
[[source]]
name = "files"
format = "mapped"
client = "sbc"
zone = "UTC"
"""


class Sbc:
    """An SBC that tells of its calls by RADIUS and in files."""

    def __init__(self, run: Run, dsn: str, folder: Path) -> None:
        self._run, self._dsn, self._folder = run, dsn, folder
        self._files = 0

    def stop(self, seconds: int, leg: Leg | None = None, kind: Kind = Kind.STOP) -> None:
        """Tell by RADIUS that the call has lasted so long, or that it was answered."""
        with closing(psycopg2.connect(self._dsn)) as connection:
            sealer = Sealer(make_key(self._folder / "secret.key"))
            catalogue = load_catalogue(connection, sealer)
        ended_at = BEGUN + timedelta(seconds=seconds)
        ends = kind is Kind.STOP
        event = CallEvent(
            client_id=next(client.id for client in catalogue.clients.clients if client.name == "sbc"),
            dialect="rfc2866",
            kind=kind,
            received_at=ended_at,
            event_at=ended_at if ends else BEGUN,
            event_at_known=True,
            call_id="call-1",
            leg=leg,
            calling="13105550199",
            called="13105550100",
            remote_ip="198.51.100.7",
            connect_at=BEGUN,
            disconnect_at=ended_at if ends else None,
            duration_ms=seconds * 1000 if ends else None,
            status=Status.ANSWERED,
            source="192.0.2.1:1812/1",
        )
        with closing(SingleJournal(self._dsn, catalogue, random.Random(self._files))) as journal:
            journal.settle([Report(event)], ended_at)

    def write(self, seconds: int, number: int = 1, call_id: str = "call-1") -> None:
        """Tell it in a file, which is imported."""
        self._files += 1
        at = BEGUN + timedelta(hours=number - 1)
        path = self._folder / f"{self._files}.csv"
        path.write_text(
            "no,id,from,to,at,s,ip\n"
            f"{number},{call_id},13105550199,13105550100,{at:%Y-%m-%d %H:%M:%S},{seconds},198.51.100.7\n"
        )
        result = self._run("record", "import", "--source", "files", path.name)
        assert Exit.OK == result.exit_code, result.output

    def calls(self) -> list[tuple[Any, ...]]:
        """Return the CDRs: seconds and price of each."""
        with closing(psycopg2.connect(self._dsn)) as connection, connection.cursor() as txn:
            txn.execute("SELECT duration_ms / 1000, total_micros FROM cdr ORDER BY started_at")
            return txn.fetchall()


@pytest.fixture
def sbc(run: Run, config: Path, dsn: str, tmp_path: Path) -> Sbc:
    settings = "\n".join(f'{name} = "{column}"' for name, column in MAPPED.items())
    path = tmp_path / "site.toml"
    path.write_text(SITE + SWITCH + "[source.settings]\n" + settings + "\n")
    path.chmod(0o600)
    result = run("apply", "site.toml", "--yes")
    assert Exit.OK == result.exit_code, result.output
    return Sbc(run, dsn, tmp_path)


@pytest.mark.parametrize("leg", [None, Leg.ANSWER, Leg.SINGLE])
@pytest.mark.parametrize("first", ["record", "radius"])
def test_a_record_and_a_stop_are_one_call(sbc: Sbc, run: Run, first: str, leg: Leg | None) -> None:
    """
    Whichever comes first and whichever leg the Stop is about: one call, the longer duration, and it is told.
    """
    tell = [lambda: sbc.write(60), lambda: sbc.stop(45, leg)]
    for each in tell if first == "record" else reversed(tell):
        each()

    assert [(60, 60_000)] == sbc.calls()
    (line,) = run("source", "differences", "files", "--jsonl").stdout.splitlines()
    found = json.loads(line)
    assert (60_000, 45_000, 60_000) == (found["record_ms"], found["radius_ms"], found["counted_ms"])
    assert Exit.OK == run("books", "check").exit_code


def test_a_source_of_another_zone_charges_no_call_twice(sbc: Sbc, run: Run) -> None:
    """
    Its records are set aside until the zone is right, and the file is imported again.
    """
    sbc.stop(45)
    run("source", "set", "files", "--zone", "Europe/Berlin")
    sbc.write(60)

    assert [(45, 45_000)] == sbc.calls()
    (aside,) = json.loads(run("record", "asides", "1.csv", "--json").stdout)
    assert "1:00:00 after this record: is the zone of the source right?" in aside["reason"]

    run("source", "set", "files", "--zone", "UTC")
    again = run("record", "import", "--source", "files", "--again", "1.csv", "--jsonl")

    assert (1, 0) == tuple(json.loads(again.stdout)[name] for name in ("accepted", "set_aside"))
    assert [(60, 60_000)] == sbc.calls()
    assert [] == json.loads(run("record", "asides", "1.csv", "--json").stdout)
    assert Exit.OK == run("books", "check").exit_code


def test_a_record_stands_in_for_a_stop_that_was_lost(sbc: Sbc) -> None:
    """
    Of a call that began by RADIUS the record tells the end.
    """
    sbc.stop(0, Leg.ANSWER, Kind.START)

    sbc.write(60)

    assert [(60, 60_000)] == sbc.calls()


def test_taking_a_record_back_leaves_what_radius_told(sbc: Sbc, run: Run) -> None:
    """
    A file that is rolled back takes its own evidence away, and the Stop's stays.
    """
    sbc.stop(45)
    sbc.write(60)

    run("record", "rollback", "--source", "files", "1.csv")

    assert [(45, 45_000)] == sbc.calls()
    assert Exit.OK == run("books", "check").exit_code


def test_the_report_counts_and_finds_gaps(sbc: Sbc, run: Run) -> None:
    """
    Running numbers that never came are told, and how many records came to what.
    """
    for number in (1, 2, 5, 9):
        sbc.write(10, number, f"call-{number}")

    found = json.loads(run("source", "report", "files", "--json").stdout)

    assert (4, 4, 4, 5) == tuple(found[name] for name in ("files", "received", "accepted", "missing_numbers"))
    assert ["3-4", "6-8"] == found["gaps"]
