"""
Every published and captured packet of every sender, through the socket of a running server.

Each is answered as it should be, and in the books stands what its case expects of the call.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from provisioning.fixtures.verify import run_case
from radiusd.calls.events import Kind
from radiusd.dialects.registry import DIALECTS
from radiusd.storage.postgres import EmbeddedPostgres
from tests.acceptance.process import Server
from tests.acceptance.wire import (
    ACCESS_ACCEPT,
    ACCESS_REJECT,
    ACCOUNTING_RESPONSE,
    ANSWER_LIMIT_S,
    Answer,
    Sender,
)
from tests.provisioning.test_published_cases import a_case

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]

FOLDER = Path(__file__).parents[1] / "vectors" / "dialects"
SECRET = "testing123"  # of all published packets
ANSWERS = {1: {ACCESS_ACCEPT, ACCESS_REJECT}, 4: {ACCOUNTING_RESPONSE}}


def samples(suffix: str) -> dict[str, Any]:
    """What is in the files of that kind, by dialect."""
    return {
        name: json.loads(path.read_text(encoding="utf-8"))
        for name in DIALECTS
        if (path := FOLDER / f"{name}{suffix}.json").exists()
    }


CASES = [(dialect, case) for dialect, cases in samples("").items() for case in cases]
CAPTURED = samples("-captured")
ADDRESSES = {case["id"]: f"127.0.2.{number}" for number, (_, case) in enumerate(CASES, 1)} | {
    f"captured-{dialect}": f"127.0.3.{number}" for number, dialect in enumerate(CAPTURED, 1)
}


def a_client(name: str, dialect: str, settings: dict[str, Any]) -> str:
    """A client as a site file has it, which may leave its Access-Requests unsigned."""
    lines = "".join(f'{setting} = "{value}"\n' for setting, value in settings.items())
    return (
        f'[[client]]\nname = "{name}"\nnetworks = ["{ADDRESSES[name]}"]\nsecret = "{SECRET}"\n'
        f'dialect = "{dialect}"\nrequire_message_authenticator = false\ncall_check = "any"\n'
        f"[client.settings]\n{lines}"
    )


@pytest.fixture(scope="module")
def senders(server: Server) -> Iterator[Server]:
    """The server, with a client for each case and for each program that was captured."""
    clients = [a_client(case["id"], dialect, case.get("client", {})) for dialect, case in CASES]
    clients += [a_client(f"captured-{dialect}", dialect, {}) for dialect in CAPTURED]
    server.apply("\n".join(clients))
    server.start()
    yield server


def a_sender(server: Server, client: str) -> AbstractContextManager[Sender]:
    """A new port of *client*: libraries take one for each request."""
    return closing(Sender(ADDRESSES[client], SECRET.encode(), server.auth_port, server.acct_port))


def tell(server: Server, client: str, packets: list[bytes]) -> None:
    """Send *packets* one after the other; each must get the right kind of answer."""
    for packet in packets:
        with a_sender(server, client) as sender:
            check(packet, sender.ask(packet))


def ask(server: Server, client: str, packets: list[bytes]) -> None:
    """Send *packets* all at once, for refusals take their time; each must get the right kind of answer."""
    with ExitStack() as stack:
        senders = [stack.enter_context(a_sender(server, client)) for _ in packets]
        for sender, packet in zip(senders, packets, strict=True):
            sender.send(packet)
        for sender, packet in zip(senders, packets, strict=True):
            answer = sender.receive(ANSWER_LIMIT_S)
            assert answer is not None and answer.is_signed_for(packet, SECRET.encode())
            check(packet, answer)


def check(packet: bytes, answer: Answer) -> None:
    """See to it that *answer* is one to *packet*."""
    assert answer.code in ANSWERS[packet[0]]
    assert packet[0] == 4 or answer.message_authenticator_is_right(packet, SECRET.encode())


def in_the_books(server: Server, client: str) -> dict[str, int]:
    """What stands there of the calls of *client*, by the names of a case's ``expect_call``."""
    with closing(psycopg2.connect(EmbeddedPostgres(server.home / "db").dsn)) as books, books.cursor() as txn:
        txn.execute(
            """
            WITH up AS (SELECT DISTINCT call_id FROM session JOIN client ON client.id = client_id
                        WHERE name = %(name)s),
                 ended AS (SELECT DISTINCT call_id, duration_ms FROM cdr JOIN client ON client.id = client_id
                           WHERE name = %(name)s AND status <> 'refused')
            SELECT (SELECT count(*) FROM (SELECT call_id FROM up UNION SELECT call_id FROM ended) AS told),
                   (SELECT count(*) FROM up), (SELECT sum((duration_ms + 999) / 1000) FROM ended)
            """,
            {"name": client},
        )
        calls, up, billed_s = txn.fetchone()
    return {"calls_counted": calls, "channels_now": up, "billable_seconds": int(billed_s or 0)}


@pytest.mark.parametrize(("dialect", "case"), CASES, ids=[case["id"] for _, case in CASES])
def test_a_published_call_is_answered_and_booked(senders: Server, dialect: str, case: dict[str, Any]) -> None:
    """
    Calls, channels and billed seconds are those that the case expects.

    A record that does not say when it was made happens when it arrives: now, and not when its call was. Of
    a case with one of those only the answers are looked at here.
    """
    tell(senders, case["id"], [bytes.fromhex(packet["hex"]) for packet in case["packets"]])

    if not says_when(dialect, case):
        return
    found = in_the_books(senders, case["id"])
    expected = case.get("expect_call", {})
    bounds = expected.get("billable_seconds_between")
    assert bounds is None or bounds[0] <= found["billable_seconds"] <= bounds[1]
    assert {name: value for name, value in expected.items() if name in found}.items() <= found.items()


def says_when(dialect: str, case: dict[str, Any]) -> bool:
    """Whether every Start and Stop of *case* has a time of its own."""
    events = [taken.event for taken in run_case(a_case(dialect, case)).read if taken.event]
    return all(event.event_at_known for event in events if event.kind in (Kind.START, Kind.STOP))


@pytest.mark.parametrize("dialect", CAPTURED)
def test_a_captured_packet_is_answered(senders: Server, dialect: str) -> None:
    """
    At once, whatever it says, and once more when it is sent again.
    """
    packets = [bytes.fromhex(packet["hex"]) for packet in CAPTURED[dialect]["packets"]]
    reports = [packet for packet in packets if packet[0] == 4]
    client = f"captured-{dialect}"

    ask(senders, client, [packet for packet in packets if packet[0] == 1])
    tell(senders, client, reports)
    before = in_the_books(senders, client)
    tell(senders, client, reports)

    assert before == in_the_books(senders, client)


def test_the_books_are_right_after_all_of_them(senders: Server) -> None:
    """
    Nothing that any sender wrote leaves a channel or a cent unaccounted for.
    """
    senders.check_books()
