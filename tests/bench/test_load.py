"""The load generator counts what it should: answers, retransmits of the same octets, and losses."""

import hashlib
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from bench.load import Generator, Outcome, UnexpectedAnswer, sign_all
from bench.workloads import Site, Unsigned, accounting, authorization, make_calls

SITE = Site(trunks=3, prefixes=20)
CALLS = make_calls(SITE, "T", 40, now=1_790_000_000)


def an_answer(request: bytes, secret: bytes = SITE.secret) -> bytes:
    head = bytes((5 if request[0] == 4 else 2, request[1], 0, 20))
    return head + hashlib.md5(head + request[4:20] + secret).digest()


@contextmanager
def a_server(answer: Callable[[bytes], bytes | None]) -> Iterator[tuple[tuple[str, int], Counter[bytes]]]:
    """A server that answers with what *answer* returns, and counts the copies of each packet it got."""
    seen: Counter[bytes] = Counter()
    ours = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ours.bind(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            request, sender = ours.recvfrom(4096)
            if not request:
                return
            seen[request] += 1
            reply = answer(request)
            if reply is not None:
                ours.sendto(reply, sender)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield ours.getsockname(), seen
    finally:
        ours.sendto(b"", ours.getsockname())
        thread.join()
        ours.close()


def run(address: tuple[str, int], packets: list[Unsigned], window: int = 8, **settings: float) -> Outcome:
    generator = Generator(address, SITE.secret, window, sockets=4, timeout_s=0.1, sends=2)
    try:
        return generator.run(sign_all(packets, 4, SITE.secret), **settings)
    finally:
        generator.close()


def test_every_packet_is_answered_once():
    """
    Against a server that answers all, nothing is sent twice and nothing is lost.
    """
    packets = list(accounting(CALLS, spread=8))
    with a_server(an_answer) as (address, seen):
        outcome = run(address, packets)

    assert (120, 120, 0) == (outcome.sent, outcome.answered, outcome.lost)
    assert {5: 120} == outcome.codes
    assert 120 == sum(seen.values())
    assert 0 < outcome.latency_ms(50) <= outcome.latency_ms(99) < 100


def test_sends_the_same_octets_again_to_a_server_that_missed_them():
    """
    A request whose first copy gets no answer is sent once more, unchanged, and counts as answered.
    """
    missed: set[bytes] = set()

    def answer(request: bytes) -> bytes | None:
        if request not in missed and len(missed) < 5:
            missed.add(request)
            return None
        return an_answer(request)

    with a_server(answer) as (address, seen):
        outcome = run(address, [authorization(SITE, call) for call in CALLS])

    assert (40, 5, 0) == (outcome.answered, outcome.retransmits, outcome.lost)
    assert [2] * 5 == [seen[request] for request in missed]
    assert outcome.latency_ms(99) > 100, "the latency is counted from the first copy"


def test_counts_as_lost_what_is_never_answered():
    """
    After the last retransmit a request is given up, and its Identifier is free for another.
    """
    with a_server(lambda request: None) as (address, seen):
        outcome = run(address, [authorization(SITE, call) for call in CALLS[:6]])

    assert (0, 6, 6) == (outcome.answered, outcome.lost, outcome.retransmits)
    assert {2} == set(seen.values())


def test_keeps_to_its_window():
    """
    With a window of 1 the next packet waits for the answer to the last: the server sees them in order.
    """
    order: list[bytes] = []

    def answer(request: bytes) -> bytes:
        order.append(request)
        return an_answer(request)

    packets = [authorization(SITE, call) for call in CALLS]
    with a_server(answer) as (address, _):
        run(address, packets, window=1)

    assert sign_all(packets, 4, SITE.secret) == order


def test_an_answer_of_somebody_else_stops_the_run():
    """
    Figures from a server that does not know the secret would mean nothing.
    """
    with a_server(lambda request: an_answer(request, b"another secret")) as (address, _):
        with pytest.raises(UnexpectedAnswer):
            run(address, [authorization(SITE, CALLS[0])])


def test_stops_sending_when_the_time_is_up():
    """
    A run is bounded by time as well as by count; what is under way is still waited for.
    """
    with a_server(an_answer) as (address, _):
        outcome = run(address, list(accounting(CALLS, spread=8)), seconds=0.0)

    assert (0, 0) == (outcome.sent, outcome.lost)
