"""Die at every labelled place with every kind of request: sent again, it counts once, for the same money."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from radiusd.crash_points import KILLED, LABELS
from radiusd.storage.postgres import EmbeddedPostgres
from tests.acceptance.lab import Call, Lab, begin
from tests.acceptance.process import Server
from tests.acceptance.wire import (
    ACCESS_ACCEPT,
    ACCOUNTING_ON,
    ACCOUNTING_RESPONSE,
    ACCT_STATUS_TYPE,
    INTERIM,
    START,
    STOP,
    accounting,
    tlv,
)

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]

LASTED_S, MICROS = 60, 60_000


@pytest.fixture(scope="module")
def lab(home: Path, pg_bin: Path | None) -> Iterator[Lab]:
    """A provisioned server that is not running, on a database that goes on when the server dies."""
    with EmbeddedPostgres(home / "db", pg_bin) as postgres:
        server = Server(home, pg_bin, dsn=postgres.dsn)
        begin(server)
        lab = Lab(server, postgres.dsn)
        assert 0 == server.stop()
        yield lab
        lab.close()
        server.kill()


@dataclass(frozen=True)
class Kind:
    """
    One kind of request: what comes *before* it, how to make it, its answer, and what is up *after* it.
    """

    name: str
    before: tuple[int, ...]
    make: Callable[[Call], bytes]
    answer: int
    is_open_after: bool

    @property
    def batches(self) -> int:
        """How often the ledger commits until the request is answered, beginning with what comes before."""
        return len(self.before) + 1

    @property
    def batches_after(self) -> int:
        """How often it commits for the retransmission and the Stop that ends the call."""
        return 2 if self.is_open_after else 1


def a_boot(call: Call) -> bytes:
    """Return the Accounting-On of the call's switch."""
    return accounting(call.sender.secret, tlv(ACCT_STATUS_TYPE, ACCOUNTING_ON))


KINDS = (
    Kind("Access-Request", (), Call.attempt, ACCESS_ACCEPT, True),
    Kind("Start", (), lambda call: call.packet(START), ACCOUNTING_RESPONSE, True),
    Kind("Interim", (START,), lambda call: call.packet(INTERIM, lasted_s=1), ACCOUNTING_RESPONSE, True),
    Kind("Stop", (START,), lambda call: call.packet(STOP, lasted_s=LASTED_S), ACCOUNTING_RESPONSE, False),
    # Last, because how much its retransmission has left to do depends on where the server died.
    Kind("Accounting-On", (START,), a_boot, ACCOUNTING_RESPONSE, False),
)


ELSEWHERE = {"after-records-booked", "after-disconnect-answer"}
"""Places that no request of a switch comes to; what passes them has tests beside its own."""


@pytest.mark.parametrize("label", [label for label in LABELS if label not in ELSEWHERE])
def test_a_crash_at_any_place_loses_nothing_and_doubles_nothing(lab: Lab, label: str) -> None:
    """
    The server dies at *label*, starts again, gets the same octets again: one record, one channel, one charge.
    """
    kinds = KINDS[-1:] if label == "after-boot-noted" else KINDS
    passed = 0  # commits until the next request, for which the server is to die
    left: tuple[Kind, Call, bytes] | None = None
    for kind in kinds:
        times = 1 if label == "after-boot-noted" else passed + kind.batches
        lab.server.start(TOLLWIRE__REJECT_DELAY_S="0", TOLLWIRE_CRASH_AT=f"{label}:{times}")
        if left:
            finish(lab, *left)
        call = Call(lab, lab.sender("other"))
        for status in kind.before:
            call.tell(status)
        packet = kind.make(call)
        call.sender.send(packet)

        assert KILLED == lab.server.wait_for_death(), f"{kind.name}: still alive"
        answers = [answer.code for answer in call.sender.collect(0.05)]
        assert ([kind.answer] if label == "after-send" else []) == answers, kind.name
        left, passed = (kind, call, packet), kind.batches_after
    lab.server.start(TOLLWIRE__REJECT_DELAY_S="0")
    assert left
    finish(lab, *left)
    lab.server.check_books()
    assert 0 == lab.server.stop()


def finish(lab: Lab, kind: Kind, call: Call, packet: bytes) -> None:
    """Send *packet* again, end the call if it is up, and see to it that it is on record once."""
    assert kind.answer == call.sender.ask(packet).code, kind.name
    assert int(kind.is_open_after) == lab.open_calls(call.calling), kind.name
    channels = lab.query("SELECT sum(channels) FROM balance")
    assert [(int(kind.is_open_after),)] == channels, kind.name
    if kind.is_open_after:
        call.tell(STOP, lasted_s=LASTED_S)
    (record,) = call.records()
    postings = lab.query(
        "SELECT sum(amount_micros), count(*) FROM posting JOIN cdr USING (account_id, call_id)"
        " WHERE calling = %s",
        call.calling,
    )
    if kind.name == "Accounting-On":  # it ended what had just begun
        assert "closed_by_us" in record.flags
        assert -record.total_micros == (postings[0][0] or 0)
        return
    assert (LASTED_S * 1000, MICROS) == (record.duration_ms, record.total_micros), kind.name
    assert [(-MICROS, 1)] == postings, kind.name
