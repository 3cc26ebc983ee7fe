"""Time our packet reader beside pyrad's, on packets of real senders: ``python -m bench.packet``."""

from __future__ import annotations

import argparse
import timeit
from collections.abc import Callable, Iterable
from io import StringIO
from pathlib import Path
from typing import Any

from pyrad.dictionary import Dictionary
from pyrad.packet import AcctPacket

from radiusd.radius.admission import PortKind
from radiusd.radius.clients import Client
from radiusd.radius.counters import Counters
from radiusd.radius.duplicates import DuplicateCache
from radiusd.radius.packet import Packet, read_packet
from radiusd.radius.reply import Reply
from radiusd.radius.signing import build_reply, verify_request_authenticator
from radiusd.radius.udp import Answer, RadiusPort

CAPTURED = Path(__file__).parent.parent / "tests" / "vectors" / "radius" / "captured.txt"
SECRET = b"testing123"
ROUNDS = 9
REPLY = Reply(5)

ACCOUNTING_REQUEST = 4
VENDOR_SPECIFIC = 26
TEXTS = frozenset({1, 30, 31, 32, 44})


def main() -> None:
    """Print, for each accounting packet, µs for both readers and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packets", type=Path, default=CAPTURED, help="name and hex on lines of their own")
    parser.add_argument("--calls", type=int, default=400, help="calls in one round; the best round counts")
    options = parser.parse_args()
    dictionary = a_dictionary()
    print(
        f"{'packet':<34}{'octets':>7}{'attrs':>6}"
        "   read: pyrad  ours ratio   serve: pyrad  ours ratio    port"
    )
    for name, octets in accounting_packets(options.packets):
        times = [
            best_us(work, options.calls)
            for work in (
                lambda octets=octets: read_by_pyrad(octets, dictionary),
                lambda octets=octets: read_by_us(octets),
                lambda octets=octets: serve_by_pyrad(octets, dictionary),
                lambda octets=octets: serve_by_us(octets),
                through_a_port(octets),
            )
        ]
        print(
            f"{name:<34}{len(octets):>7}{len(read_packet(octets).attributes):>6}"
            f"{times[0]:>14.1f}{times[1]:>6.1f}{times[0] / times[1]:>5.1f}x"
            f"{times[2]:>15.1f}{times[3]:>6.1f}{times[2] / times[3]:>5.1f}x{times[4]:>8.1f}"
        )


def accounting_packets(path: Path) -> Iterable[tuple[str, bytes]]:
    """Yield name and octets of the Accounting-Requests in *path*."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    for name, digits in zip(lines[::2], lines[1::2], strict=True):
        octets = bytes.fromhex(digits)
        if octets[0] == ACCOUNTING_REQUEST:
            yield name, octets


def best_us(work: Callable[[], object], calls: int) -> float:
    """Return how many µs one call of *work* takes in the best of several rounds."""
    return min(timeit.repeat(work, number=calls, repeat=ROUNDS)) / calls * 1e6


def read_by_us(octets: bytes) -> list[object]:
    """Read every attribute of *octets* as the type that it has."""
    return values_of(read_packet(octets))


def values_of(packet: Packet) -> list[object]:
    """Return the value of every attribute of *packet*."""
    values: list[object] = [
        packet.text(type) if type in TEXTS else packet.integer(type)
        for type, _ in packet.attributes
        if type != VENDOR_SPECIFIC
    ]
    values += [packet.vendor_text(vendor, type) for vendor, type, _ in packet.vendor_attributes()]
    return values


def read_by_pyrad(octets: bytes, dictionary: Dictionary) -> list[object]:
    """The same by pyrad, which reads by name."""
    packet = AcctPacket(packet=octets, secret=SECRET, dict=dictionary)
    return [packet[key] for key in packet]


def serve_by_us(octets: bytes) -> bytes:
    """Verify, read and answer *octets*."""
    verify_request_authenticator(octets, SECRET)
    packet = read_packet(octets)
    values_of(packet)
    return build_reply(packet, REPLY, SECRET)


def serve_by_pyrad(octets: bytes, dictionary: Dictionary) -> bytes:
    """The same by pyrad."""
    packet = AcctPacket(packet=octets, secret=SECRET, dict=dictionary)
    packet.VerifyAcctRequest()
    for key in packet:
        packet[key]
    answer: bytes = packet.CreateReply().ReplyPacket()
    return answer


def through_a_port(octets: bytes) -> Callable[[], None]:
    """Return work that takes *octets* through all gates of a port, each time as a new request."""
    client = Client(id=1, name="bench", networks=(), secret=SECRET, dialect="rfc2866")

    def handle(client: Client, packet: Packet, answer: Answer) -> None:
        answer(REPLY)

    wire: Any = _Silence()
    port = RadiusPort(
        PortKind.ACCT,
        lambda host: client,
        handle,
        DuplicateCache(_Clock()),
        Counters(),
        _Silence(),
        lambda: True,
    )
    port.transport = wire
    sources = iter(range(10**9))

    def receive() -> None:
        port.datagramReceived(octets, ("192.0.2.1", next(sources)))

    return receive


class _Clock:
    def seconds(self) -> float:
        return 0.0


class _Silence:
    """A wire and a log that go nowhere."""

    def write(self, octets: bytes, addr: tuple[str, int]) -> None:
        pass

    def warning(self, event: str, **fields: object) -> None:
        raise AssertionError(f"{event}: {fields}")

    exception = warning


def a_dictionary() -> Dictionary:
    """Return a dictionary that knows the attributes of the packets, as a server on pyrad would have one."""
    lines = [
        f"ATTRIBUTE Plain-{type} {type} {'string' if type in TEXTS else 'integer'}" for type in range(1, 256)
    ]
    lines = [line for line in lines if not line.startswith(f"ATTRIBUTE Plain-{VENDOR_SPECIFIC} ")]
    for vendor in (9, 22736):
        lines += [f"VENDOR V{vendor} {vendor}", f"BEGIN-VENDOR V{vendor}"]
        lines += [f"ATTRIBUTE V{vendor}-{type} {type} string" for type in range(1, 256)]
        lines += [f"END-VENDOR V{vendor}"]
    return Dictionary(StringIO("\n".join(lines)))


if __name__ == "__main__":
    main()
