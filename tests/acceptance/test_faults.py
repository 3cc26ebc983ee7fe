"""kill -9, locks, shutdowns and restarts under load: nothing acknowledged is lost, nothing counts twice."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from radiusd.storage.postgres import EmbeddedPostgres
from tests.acceptance.impatient_switch import ImpatientSwitch, Told
from tests.acceptance.lab import USER, Call, Lab, begin
from tests.acceptance.process import Server
from tests.acceptance.wire import ACCESS_ACCEPT, ACCOUNTING_RESPONSE, STOP, accounting, status

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]

# The full run is TOLLWIRE_FAULT_EVENTS=20000; what CI does is enough to hit every moment of a batch.
EVENTS = int(os.environ.get("TOLLWIRE_FAULT_EVENTS", "2400"))
SEED = int(os.environ.get("TOLLWIRE_FAULT_SEED", "1"))
MICROS_PER_S = 1000  # of the lab's deck: 0.06 a minute
LOCKED_S = 3.0
LONGEST_ATTEMPT_S = 2.5  # a lock timeout of the accounting batch, and a slow machine
OPENING_MICROS = 1_000_000_000_000


class Crowd(Lab):
    """A lab that knows all calls that were ever told in it, and so what its books must be."""

    def __init__(self, server: Server, dsn: str) -> None:
        super().__init__(server, dsn)
        self.told: list[Told] = []

    def new_calls(self, count: int) -> list[Told]:
        """Return calls of the last hours, from one second to some minutes long."""
        first = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)
        calls = []
        for number in range(count):
            calling = self.new_number()
            began_at = first + timedelta(seconds=number)
            calls.append(Told(f"fault-{calling}", calling, USER, began_at, 1 + number % 300))
        self.told += calls
        return calls

    def check(self) -> None:
        """See to it that exactly the calls told are on record, with every report, and rightly charged."""
        self.connect_again()
        wanted = {
            call.calling: (call.began_at, call.lasted_s * 1000, call.lasted_s * MICROS_PER_S, 3)
            for call in self.told
        }
        found = self.query(
            "SELECT cdr.calling, cdr.started_at, duration_ms, total_micros, json_array_length(facts::json)"
            " FROM cdr JOIN call USING (call_id) WHERE cdr.status = 'answered'"
        )
        spent = sum(call.lasted_s for call in self.told) * MICROS_PER_S

        assert len(wanted) == len(found)
        assert wanted == {calling: tuple(rest) for calling, *rest in found}
        assert [(0,)] == self.query("SELECT count(*) FROM session")
        assert [(OPENING_MICROS - spent, 0, 0)] == self.query(
            "SELECT balance_micros, held_micros, channels FROM balance WHERE account_id <> 0"
        )
        self.server.check_books()


@pytest.fixture(scope="module")
def crowd(home: Path, server: Server) -> Iterator[Crowd]:
    """A provisioned server of two workers with its own PostgreSQL, all of which may be killed."""
    server.configure(workers=2)
    begin(server)
    crowd = Crowd(server, EmbeddedPostgres(home / "db").dsn)
    yield crowd
    crowd.close()


def kill_worker(server: Server) -> None:
    """End one front worker."""
    os.kill(min(pid for pid, command in server.children().items() if "-m radiusd" in command), signal.SIGKILL)


def kill_server(server: Server) -> None:
    """End all of it, and start it again."""
    server.kill()
    server.start()


def kill_database(server: Server) -> None:
    """End the postmaster; the server starts it again."""
    (postmaster,) = [pid for pid, command in server.children().items() if "postgres -D" in command]
    os.kill(postmaster, signal.SIGKILL)


@pytest.mark.parametrize("kill", [kill_worker, kill_server, kill_database])
def test_after_a_kill_under_load_the_books_are_whole(crowd: Crowd, kill: Callable[[Server], None]) -> None:
    """
    Twice in the middle of calls told in disorder and doubled; what was answered before is not told again.
    """
    strikes: list[threading.Thread] = []

    def strike() -> None:
        strikes.append(threading.Thread(target=kill, args=(crowd.server,)))
        strikes[-1].start()

    model = ImpatientSwitch([crowd.sender("open") for _ in range(8)], SEED)
    model.tell(crowd.new_calls(EVENTS // 3), {EVENTS // 4: strike, 3 * EVENTS // 4: strike})
    for thread in strikes:
        thread.join()

    assert 2 == len(strikes)
    assert model.answered >= EVENTS
    crowd.check()


def test_sigterm_answers_what_it_has_read_and_a_restart_goes_on(crowd: Crowd) -> None:
    """
    While the books are locked 20 reports wait; told to end, the server answers them first, and exits with 0.
    """
    sender = crowd.sender("open")
    calls = crowd.new_calls(30)
    with crowd.locked("posting") as unlock, ThreadPoolExecutor() as pool:
        for call in calls[:20]:
            sender.send(accounting(sender.secret, *call.report(STOP)))
        time.sleep(0.3)  # read, decided, and stuck
        ended = pool.submit(crowd.server.stop)
        time.sleep(0.3)
        unlock()
        assert 0 == ended.result()
    assert [ACCOUNTING_RESPONSE] * 20 == [answer.code for answer in sender.collect(0.1)]

    crowd.server.start(TOLLWIRE__REJECT_DELAY_S="0")
    model = ImpatientSwitch([sender], SEED)
    model.tell(calls, {})
    crowd.check()


def test_a_lock_on_accounting_does_not_delay_authorization(crowd: Crowd) -> None:
    """
    200 reports wait behind a locked table; call attempts and Status-Server are answered meanwhile.
    """
    sender, asking = crowd.sender("open"), crowd.sender("open")
    calls = crowd.new_calls(200)
    attempts: list[Call] = []
    slowest_s = 0.0
    with crowd.locked("posting"):
        for number, call in enumerate(calls):
            sender.send(accounting(sender.secret, *call.report(STOP), identifier=number))
        ends_at_s = time.monotonic() + LOCKED_S
        while time.monotonic() < ends_at_s:
            began_s = time.monotonic()
            attempts.append(Call(crowd, asking))
            assert ACCESS_ACCEPT == attempts[-1].ask().code
            assert ACCESS_ACCEPT == asking.ask(status(asking.secret)).code
            slowest_s = max(slowest_s, time.monotonic() - began_s)
            time.sleep(0.05)
        assert [] == sender.collect(0.05)

    assert slowest_s < LONGEST_ATTEMPT_S
    assert 200 == len(sender.collect(1.0))
    ImpatientSwitch([sender], SEED).tell(calls, {})
    for attempt in attempts:
        attempt.tell(STOP, lasted_s=0)
    crowd.check()
