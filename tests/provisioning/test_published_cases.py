"""
Calls that vendors printed, that were captured, or that were made after their sources, run as cases are.

tests/vectors/dialects holds them; each packet must mean what is said there, and all of a call must add up.
"""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from provisioning.fixtures.files import CAPTURED_FROM, Case, PacketCase
from provisioning.fixtures.verify import run_case
from radiusd.dialects.registry import DIALECTS

FOLDER = Path(__file__).parents[1] / "vectors" / "dialects"
SECRET = b"testing123"


def a_case(dialect: str, told: dict[str, Any]) -> Case:
    """The case *told* in a file of the folder."""
    return Case(
        file=dialect,
        id=told["id"],
        dialect=dialect,
        secret=SECRET,
        settings={name: str(value) for name, value in told.get("client", {}).items()},
        packets=tuple(
            PacketCase(
                number=number,
                code=None,
                received_at=datetime.fromisoformat(packet["received_at"]),
                source_ip=CAPTURED_FROM,
                datagram=bytes.fromhex(packet["hex"]),
                expect=packet["expect"],
            )
            for number, packet in enumerate(told["packets"])
        ),
        expect_call=told.get("expect_call"),
        replies=told.get("replies"),
    )


CASES = [
    a_case(dialect, told)
    for dialect in DIALECTS
    if (FOLDER / f"{dialect}.json").exists()
    for told in json.loads((FOLDER / f"{dialect}.json").read_text(encoding="utf-8"))
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_published_call_is_understood(case: Case, record_property: Any) -> None:
    """
    Through client lookup, signature, reader and dialect into books in memory.
    """
    record_property("dialect", case.dialect)
    record_property("sample", "calls")
    assert () == run_case(case).differences


CAPTURED = [
    pytest.param(path.stem.removesuffix("-captured"), packet, id=f"{packet['sender']}.{packet['packet']}")
    for path in sorted(FOLDER.glob("*-captured.json"))
    if path.stem.removesuffix("-captured") in DIALECTS
    for packet in json.loads(path.read_text(encoding="utf-8"))["packets"]
]


@pytest.mark.parametrize(("dialect", "packet"), CAPTURED)
def test_a_captured_packet_is_read(dialect: str, packet: dict[str, str], record_property: Any) -> None:
    """
    What real programs sent is signed right and says which call it is about.
    """
    record_property("dialect", dialect)
    record_property("sample", "captured")
    sent = PacketCase(
        number=0,
        code=None,
        received_at=datetime.fromisoformat("2026-11-22T19:30:00Z"),
        source_ip=CAPTURED_FROM,
        datagram=bytes.fromhex(packet["hex"]),
    )
    outcome = run_case(Case(dialect, packet["packet"], dialect, SECRET, {}, (sent,)))

    assert outcome.passed
    (taken,) = outcome.read
    if taken.event is not None:
        assert taken.event.call_id
