"""One round of a comparison: the packets, made once for all entrants, and what each made of them."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Protocol

from bench.load import Generator, Outcome, sign_all, sockets_for
from bench.processes import cpu_s
from bench.workloads import (
    ACCESS_ACCEPT,
    OPEN_CALLS_PER_TRUNK,
    Site,
    Unsigned,
    accounting,
    authorization,
    is_stop,
    make_calls,
    start,
    stop,
)
from radiusd.storage.postgres import EmbeddedPostgres

LOOPBACK = "127.0.0.1"
UNTIMED_WINDOW = 64  # for what is sent before and after the part that is measured
WARM_UP_CALLS = 100


class Contender(Protocol):
    """A running server, provisioned with the benchmark's site."""

    name: str
    auth_port: int
    acct_port: int

    @property
    def pid(self) -> int:
        """The first process of the server."""

    def clear(self) -> None:
        """Make ready for a round, if the server wants it."""

    def analyse(self) -> None:
        """Let the database count its rows, as it does by itself in time."""

    def ended_calls(self) -> int:
        """Return how many ended calls are on record."""


@dataclass(frozen=True, slots=True)
class Entrant:
    """A contender, and the PostgreSQL that it alone uses."""

    server: Contender
    postgres: EmbeddedPostgres

    def cpu_s(self) -> tuple[float, float]:
        """Return the CPU seconds used so far by the server, and by its PostgreSQL."""
        assert self.postgres.postmaster_pid is not None, "its PostgreSQL has died"
        return cpu_s([self.server.pid]), cpu_s([self.postgres.postmaster_pid])


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one entrant made of one round."""

    outcome: Outcome
    server_us: float  # CPU per answered request
    postgres_us: float

    @property
    def cpu_us(self) -> float:
        """CPU per answered request of server and database together."""
        return self.server_us + self.postgres_us


@dataclass(frozen=True, slots=True)
class Packets:
    """
    What is sent in one round: ready before, measured, and tidied up after.
    """

    asks: bool  # the measured part goes to the authentication port
    window: int
    before: list[Unsigned]
    warm_up: list[Unsigned]
    timed: list[Unsigned]
    after: list[Unsigned]


class NotComparable(Exception):
    """A server did less work than the other: it refused calls, or did not record what it acknowledged."""


def accounting_packets(site: Site, run: str, window: int, requests: int, now: float) -> Packets:
    """Return Start, Interim and Stop of *requests* / 3 calls."""
    spread = max(window, 50)
    warm_up = accounting(make_calls(site, f"{run}w", max(WARM_UP_CALLS, window), now), spread)
    timed = accounting(make_calls(site, run, requests // 3, now), spread)
    return Packets(False, window, [], list(warm_up), list(timed), [])


def authorization_packets(site: Site, run: str, window: int, requests: int, now: float) -> Packets:
    """
    Return *requests* Access-Requests of as many calls, while ten other calls are open on each trunk.

    Stops free all of it afterwards; those of calls that were not asked for in time are left out.
    """
    opened = make_calls(site, f"{run}o", site.trunks * OPEN_CALLS_PER_TRUNK, now)
    warm_up = make_calls(site, f"{run}w", max(WARM_UP_CALLS, window), now)
    calls = make_calls(site, run, requests, now)
    return Packets(
        asks=True,
        window=window,
        before=[start(call) for call in opened],
        warm_up=[authorization(site, call) for call in warm_up],
        timed=[authorization(site, call) for call in calls],
        after=[stop(call) for call in (*opened, *warm_up, *calls)],
    )


def measure(entrant: Entrant, packets: Packets, secret: bytes, seconds: float) -> Measurement:
    """
    Return what *entrant* made of *packets* in at most *seconds*.

    Raises:
        NotComparable: It refused calls, or does not have on record what it acknowledged.
    """
    server = entrant.server
    server.clear()
    recorded_before = server.ended_calls()
    _send(server.acct_port, packets.before, secret, UNTIMED_WINDOW)
    server.analyse()
    port = server.auth_port if packets.asks else server.acct_port
    warm_up = _send(port, packets.warm_up, secret, packets.window)
    server_s, postgres_s = entrant.cpu_s()
    outcome = _send(port, packets.timed, secret, packets.window, seconds)
    server_after_s, postgres_after_s = entrant.cpu_s()
    if packets.asks and outcome.codes.get(ACCESS_ACCEPT, 0) != outcome.answered:
        raise NotComparable(f"{server.name} answered {outcome.codes} (2 is accept, 3 is reject)")
    after = packets.after[: len(packets.after) - len(packets.timed) + outcome.sent]
    tidied = _send(server.acct_port, after, secret, UNTIMED_WINDOW)
    ended = sum(map(is_stop, (*packets.warm_up, *packets.timed[: outcome.sent], *after)))
    recorded = server.ended_calls() - recorded_before
    if recorded != ended and not (warm_up.lost or outcome.lost or tidied.lost):
        raise NotComparable(f"{server.name} acknowledged {ended} Stops and recorded {recorded} calls")
    return Measurement(
        outcome,
        1e6 * (server_after_s - server_s) / max(1, outcome.answered),
        1e6 * (postgres_after_s - postgres_s) / max(1, outcome.answered),
    )


def _send(
    port: int, packets: Sequence[Unsigned], secret: bytes, window: int, seconds: float = float("inf")
) -> Outcome:
    sockets = sockets_for(window)
    signed = sign_all(packets, sockets, secret)
    with closing(Generator((LOOPBACK, port), secret, window, sockets=sockets)) as generator, _no_collection():
        return generator.run(signed, seconds)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep Python's garbage collector from pausing the generator over its many packets."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
