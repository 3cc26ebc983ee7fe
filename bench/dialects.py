"""
What it costs to read one packet: the attributes, and then the call event in them, in microseconds of CPU.

Ids and times differ from packet to packet, as they do in life, so that no cache is warmer than it would be.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from time import process_time
from typing import NamedTuple

from radiusd.dialects.registry import DIALECTS
from radiusd.radius.clients import Client
from radiusd.radius.packet import read_packet

_SAMPLES = Path(__file__).parents[1] / "tests" / "vectors" / "dialects"
_RECEIVED_AT = datetime.fromisoformat("2026-11-22T19:25:00Z")


class Sample(NamedTuple):
    """A real packet, and the texts in it that vary from call to call, as formats of the same length."""

    title: str
    dialect: str
    datagram: bytes
    varying: tuple[tuple[bytes, str], ...]

    def copies(self, count: int) -> list[bytes]:
        """Return *count* datagrams of different calls."""
        return [self._copy(index) for index in range(count)]

    def _copy(self, index: int) -> bytes:
        datagram = self.datagram
        for original, written in self.varying:
            datagram = datagram.replace(original, written.format(index, index % 60, index % 1000).encode())
        assert len(datagram) == len(self.datagram), "a varied text must keep its length"
        return datagram


def samples() -> list[Sample]:
    """Return the packets to read: of each dialect the Stop, which says most."""
    [_, cube] = json.loads((_SAMPLES / "cisco.json").read_text(encoding="utf-8"))
    kamailio = json.loads((_SAMPLES / "kamailio-captured.json").read_text(encoding="utf-8"))["packets"]
    stop = next(bytes.fromhex(each["hex"]) for each in kamailio if each["packet"] == "Acct-Stop")
    stops = (
        (b"0001F3A1", "{0:08X}"),
        (b"44AA9E10", "{0:08X}"),
        (b"14:05:53.070", "14:05:{1:02}.{2:03}"),
        (b"14:05:59.480", "14:06:{1:02}.{2:03}"),
        (b"14:07:05.010", "14:07:{1:02}.{2:03}"),
    )
    call_id = ((b"1-4693@127", "{0:06}@127"),)
    return [
        Sample("Stop of a CUBE's leg", "cisco", bytes.fromhex(cube["packets"][3]["hex"]), stops),
        Sample("Stop of Kamailio", "kamailio", stop, call_id),
        Sample("the same as plain RFC 2866", "rfc2866", stop, call_id),
    ]


def cost_us(act: Callable[[bytes], object], datagrams: list[bytes], rounds: int) -> float:
    """Return the median over *rounds* of the microseconds that *act* takes for one of *datagrams*."""
    took: list[float] = []
    for _ in range(rounds):
        started = process_time()
        for datagram in datagrams:
            act(datagram)
        took.append((process_time() - started) / len(datagrams) * 1e6)
    return statistics.median(took)


def measure(sample: Sample, count: int, rounds: int) -> tuple[float, float]:
    """Return what reading the attributes costs, and what reading the event costs on top."""
    dialect = DIALECTS[sample.dialect]
    client = Client(id=1, name="bench", networks=(), secret=b"a-benchmark-secret", dialect=sample.dialect)
    datagrams = sample.copies(count)
    packet_us = cost_us(read_packet, datagrams, rounds)
    both_us = cost_us(
        lambda datagram: dialect.read_event(read_packet(datagram), client, _RECEIVED_AT, "bench"),
        datagrams,
        rounds,
    )
    return packet_us, both_us - packet_us


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line for each sample."""
    parser = argparse.ArgumentParser(prog="python -m bench.dialects", description=__doc__)
    parser.add_argument("--packets", type=int, default=20_000, help="different packets of each sample")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    print(f"Python {platform.python_version()}, {options.packets} packets, median of {options.rounds} rounds")
    for sample in samples():
        packet_us, event_us = measure(sample, options.packets, options.rounds)
        attributes = len(read_packet(sample.datagram).attributes)
        print(
            f"{sample.dialect:9} {sample.title:27} {len(sample.datagram):4} octets {attributes:3} attributes"
            f"  packet {packet_us:5.1f} us  event {event_us:5.1f} us"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
