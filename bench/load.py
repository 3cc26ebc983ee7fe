"""
A load generator: real UDP packets under a window, with retransmits, latency and CPU per request.

The packets are complete before the clock starts, since generator and server share the machine: while it
runs, a request costs the generator one send, one receive and a few look-ups.
"""

from __future__ import annotations

import argparse
import select
import socket
import sys
from collections import deque
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

from bench.processes import cpu_s
from bench.workloads import Site, Unsigned, accounting, authorization, is_answer, make_calls, sign

TIMEOUT_S = 2.0  # of the client library that Kamailio and Asterisk use
SENDS = 4  # the first, and three retransmits
IDENTIFIERS = 256  # RFC 2865, 3: one octet a source port
VERIFIED_EVERY = 64  # checking every answer would cost what sending costs
BUFFER_OCTETS = 4 << 20  # answers to a window of 1024 must not be lost on our side
MAX_PACKET_OCTETS = 4096


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    What one run of the generator saw.
    """

    sent: int
    answered: int
    lost: int  # no answer after all retransmits
    retransmits: int
    elapsed_s: float
    codes: dict[int, int]  # answers by packet code
    latencies_ms: list[float]  # first send to answer, ascending

    @property
    def per_second(self) -> float:
        """Requests answered each second."""
        return self.answered / self.elapsed_s if self.elapsed_s else 0.0

    def latency_ms(self, percent: float) -> float:
        """Return the latency that *percent* of the answered requests did not exceed."""
        if not self.latencies_ms:
            return float("nan")
        return self.latencies_ms[min(len(self.latencies_ms) - 1, int(len(self.latencies_ms) * percent / 100))]


class UnexpectedAnswer(Exception):
    """The server answered with what is not an answer to the request: its figures would mean nothing."""


def sockets_for(window: int) -> int:
    """Return how many source ports carry *window*, so that an Identifier rests before it is used again."""
    return 64 if window > 64 else 16


def sign_all(packets: Sequence[Unsigned], sockets: int, secret: bytes) -> list[bytes]:
    """Return *packets* signed for a generator of *sockets* source ports, which sends them in this order."""
    return [sign(packet, number // sockets % IDENTIFIERS, secret) for number, packet in enumerate(packets)]


class Generator:
    """
    Sends packets that :func:`sign_all` made to *address*, with at most *window* of them unanswered.
    """

    def __init__(
        self,
        address: tuple[str, int],
        secret: bytes,
        window: int,
        *,
        sockets: int,
        timeout_s: float = TIMEOUT_S,
        sends: int = SENDS,
    ) -> None:
        self.secret = secret
        self.window = window
        self.timeout_s = timeout_s
        self.sends = sends
        self._sockets = [_connect(address) for _ in range(sockets)]
        self._poll = select.epoll()
        for one in self._sockets:
            self._poll.register(one, select.EPOLLIN)
        self._index_of = {one.fileno(): index for index, one in enumerate(self._sockets)}

    def close(self) -> None:
        """Give the sockets back."""
        self._poll.close()
        for one in self._sockets:
            one.close()

    def run(self, packets: Sequence[bytes], seconds: float = float("inf")) -> Outcome:
        """
        Send *packets*, for at most *seconds*, wait for what is unanswered, and return what was seen.

        Raises:
            UnexpectedAnswer: An answer was not signed for its request.
        """
        self._packets = packets
        self._in_flight: dict[int, int] = {}  # source port and Identifier: number of the packet
        self._sent_at = [0.0] * len(packets)
        self._waiting: deque[tuple[float, int, int]] = deque()  # when to send again, packet, sends so far
        self._latencies: list[float] = []
        self._codes = [0] * IDENTIFIERS
        self._next = self._lost = self._retransmits = 0
        begun = perf_counter()
        self._stop_at = begun + seconds
        while self._send() or self._in_flight:
            self._receive()
            self._send_again()
        return self._outcome(perf_counter() - begun)

    def _send(self) -> bool:
        """Fill the window, and return whether there is more to send."""
        now = perf_counter()
        if self._next == len(self._packets) or now >= self._stop_at:
            return False
        sockets, count, due = self._sockets, len(self._sockets), now + self.timeout_s
        room = self.window - len(self._in_flight)
        for number in range(self._next, min(len(self._packets), self._next + room)):
            index = number % count
            slot = index << 8 | number // count % IDENTIFIERS
            if slot in self._in_flight:
                break  # an old request still uses this Identifier
            self._in_flight[slot] = number
            self._sent_at[number] = perf_counter()
            sockets[index].send(self._packets[number])
            self._waiting.append((due, number, 1))
            self._next = number + 1
        return True

    def _receive(self) -> None:
        """Take one answer from each socket that has some, or wait for the first until a retransmit is due."""
        wait_s = max(0.0, self._waiting[0][0] - perf_counter()) if self._waiting else 0.01
        for descriptor, _ in self._poll.poll(wait_s):
            index = self._index_of[descriptor]
            try:
                reply = self._sockets[index].recv(MAX_PACKET_OCTETS)
            except ConnectionRefusedError:
                continue  # nobody listens yet, or any more: the retransmit finds out
            number = self._in_flight.pop(index << 8 | reply[1], None)
            if number is None:
                continue  # a second answer, to a retransmit
            self._latencies.append(perf_counter() - self._sent_at[number])
            self._codes[reply[0]] += 1
            if number % VERIFIED_EVERY == 0 and not is_answer(reply, self._packets[number], self.secret):
                raise UnexpectedAnswer(f"the answer to packet {number} is not signed with the secret for it")

    def _send_again(self) -> None:
        """Retransmit the same octets when their time has come; after the last, count them lost."""
        now = perf_counter()
        count = len(self._sockets)
        while self._waiting:
            due, number, sends = self._waiting[0]
            index = number % count
            slot = index << 8 | number // count % IDENTIFIERS
            answered = self._in_flight.get(slot) != number
            if due > now and not answered:
                return
            self._waiting.popleft()
            if answered:
                continue
            if sends == self.sends:
                del self._in_flight[slot]
                self._lost += 1
                continue
            self._retransmits += 1
            self._sockets[index].send(self._packets[number])
            self._waiting.append((now + self.timeout_s, number, sends + 1))

    def _outcome(self, elapsed_s: float) -> Outcome:
        return Outcome(
            sent=self._next,
            answered=len(self._latencies),
            lost=self._lost,
            retransmits=self._retransmits,
            elapsed_s=elapsed_s,
            codes={code: count for code, count in enumerate(self._codes) if count},
            latencies_ms=sorted(1000 * latency for latency in self._latencies),
        )


def _connect(address: tuple[str, int]) -> socket.socket:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    one = socket.socket(family, socket.SOCK_DGRAM)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_OCTETS)
    one.connect(address)
    one.setblocking(False)
    return one


def main(arguments: Sequence[str] | None = None) -> int:
    """Send one workload to a running server and print what was seen; 1 when packets were lost."""
    options = _options(arguments)
    site = Site()
    if options.secret_file:
        site = replace(site, secret=options.secret_file.read_bytes().strip())
    now = datetime.now(UTC).timestamp()
    run = f"{int(now):X}."
    packets = (
        [authorization(site, call) for call in make_calls(site, run, options.requests, now)]
        if options.kind == "auth"
        else list(accounting(make_calls(site, run, options.requests // 3, now), max(50, options.window)))
    )
    sockets = sockets_for(options.window)
    address = (options.address, options.port)
    before_s = cpu_s(options.pid)
    with closing(Generator(address, site.secret, options.window, sockets=sockets)) as generator:
        outcome = generator.run(sign_all(packets, sockets, site.secret), options.seconds)
    print(
        f"{outcome.per_second:,.0f} requests/s, p50 {outcome.latency_ms(50):.2f} ms, "
        f"p99 {outcome.latency_ms(99):.1f} ms, answered {outcome.answered} ({outcome.codes}), "
        f"lost {outcome.lost}, resent {outcome.retransmits}"
    )
    if options.pid:
        print(
            f"CPU of {options.pid}: {1e6 * (cpu_s(options.pid) - before_s) / max(1, outcome.answered):.0f} us"
        )
    return 1 if outcome.lost else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("kind", choices=("acct", "auth"))
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("--window", type=int, default=64, help="requests that wait for an answer at once")
    parser.add_argument("--requests", type=int, default=3_000)
    parser.add_argument("--seconds", type=float, default=60.0, help="send no more after so long")
    parser.add_argument("--secret-file", type=Path, help="else the benchmark's own secret")
    parser.add_argument("--pid", type=int, action="append", default=[], help="report this process's CPU")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
