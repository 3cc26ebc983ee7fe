"""Seen from outside: what a server without its database says, and how soon it is back (L083, L129)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import psycopg2
import pytest
from psycopg2 import sql

from radiusd.storage.postgres import EmbeddedPostgres
from tests.acceptance.lab import Call, Lab, durations_s, eventually, open_lab
from tests.acceptance.process import Server
from tests.acceptance.wire import (
    ACCESS_ACCEPT,
    ACCOUNTING_RESPONSE,
    STOP,
    Sender,
    status,
)

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]

BACK_WITHIN_S = 2.0
NOTICED_WITHIN_S = 3.0


@pytest.fixture(scope="module")
def postgres(home: Path, pg_bin: Path | None) -> Iterator[EmbeddedPostgres]:
    """A database of the admin's own: it comes and goes without asking the server."""
    with EmbeddedPostgres(home / "db", pg_bin) as postgres:
        yield postgres


@pytest.fixture(scope="module")
def attached(home: Path, pg_bin: Path | None, postgres: EmbeddedPostgres) -> Iterator[Lab]:
    """A running server on that database."""
    server = Server(home, pg_bin, dsn=postgres.dsn)
    lab = open_lab(server, postgres.dsn)
    yield lab
    lab.close()
    assert 0 == server.stop()


def is_silent(sender: Sender, packet: bytes, port: int = 0, for_s: float = 0.2) -> bool:
    """Tell whether *packet* gets no answer for some time."""
    sender.send(packet, port)
    return not sender.collect(for_s)


def test_L083_no_answer_while_the_record_cannot_be_written(attached: Lab, postgres: EmbeddedPostgres) -> None:
    """
    Silence, however often it is sent; with the database back it is answered within 2 s, and recorded once.
    """
    call = Call(attached, attached.sender("open"))
    packet = call.packet(STOP, lasted_s=60)
    postgres.stop()
    for _ in range(3):
        assert is_silent(call.sender, packet)

    postgres.start()
    back_at_s = time.monotonic()
    answer = call.sender.ask_until_answered(packet)
    attached.connect_again()

    assert ACCOUNTING_RESPONSE == answer.code
    assert time.monotonic() - back_at_s < BACK_WITHIN_S
    call.sender.collect(0.3)
    call.tell(STOP, lasted_s=60)
    assert [60] == durations_s(call.records())


def test_L129_status_server_is_not_answered_while_nothing_can_be_written(
    attached: Lab, postgres: EmbeddedPostgres
) -> None:
    """
    Also when nobody has tried to write: on both ports it falls silent soon, and speaks again soon.
    """
    sender = attached.sender("open")
    for port, code in ((sender.auth_port, ACCESS_ACCEPT), (sender.acct_port, ACCOUNTING_RESPONSE)):
        # The outage before may have just ended: then it has yet to be noticed that all lanes can write again.
        assert code == sender.ask_until_answered(status(sender.secret), port).code
        sender.collect(0.1)
        postgres.stop()
        eventually(partial(is_silent, sender, status(sender.secret), port), NOTICED_WITHIN_S)
        postgres.start()
        back_at_s = time.monotonic()
        assert code == sender.ask_until_answered(status(sender.secret), port).code
        assert time.monotonic() - back_at_s < BACK_WITHIN_S
        sender.collect(0.1)


def test_an_attempt_during_an_outage_is_decided_when_the_database_is_back(
    attached: Lab, postgres: EmbeddedPostgres
) -> None:
    """
    It waits for a moment like a record does: silence, then an Accept, and one call that is open.
    """
    attached.connect_again()
    call = Call(attached, attached.sender("open"))
    postgres.stop()
    packet = call.attempt()
    assert is_silent(call.sender, packet)

    postgres.start()
    back_at_s = time.monotonic()
    assert ACCESS_ACCEPT == call.sender.ask_until_answered(packet).code
    assert time.monotonic() - back_at_s < BACK_WITHIN_S
    attached.connect_again()
    assert 1 == attached.open_calls(call.calling)
    attached.server.check_books()


def set_read_only(postgres: EmbeddedPostgres, value: str) -> None:
    """Let the database take nothing, as a standby or a full disk does, or take everything again."""
    with closing(
        psycopg2.connect(postgres.dsn, options="-c default_transaction_read_only=off")
    ) as connection:
        connection.autocommit = True
        with connection.cursor() as txn:
            txn.execute(
                sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = {}").format(
                    sql.Identifier(connection.info.dbname), sql.Literal(value)
                )
            )
            txn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


def test_a_database_that_takes_nothing_is_as_good_as_none(attached: Lab, postgres: EmbeddedPostgres) -> None:
    """
    It can be read, not written: silence on records and on Status-Server, and all is kept later.
    """
    call = Call(attached, attached.sender("open"))
    packet = call.packet(STOP, lasted_s=60)
    set_read_only(postgres, "on")
    assert is_silent(call.sender, packet)
    for _ in range(5):
        assert is_silent(call.sender, status(call.sender.secret), call.sender.acct_port, for_s=0.1)

    set_read_only(postgres, "off")
    back_at_s = time.monotonic()
    assert ACCOUNTING_RESPONSE == call.sender.ask_until_answered(packet).code
    assert time.monotonic() - back_at_s < BACK_WITHIN_S
    attached.connect_again()
    assert [60] == durations_s(call.records())
