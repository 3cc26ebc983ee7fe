"""The table of a comparison: medians of the rounds, and the ratios that matter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from bench.rounds import Measurement

HEAD = (
    f"{'window':>6}  {'server':<22}{'requests/s':>11}{'ratio':>8}{'p50 ms':>9}{'p99 ms':>9}"
    f"{'CPU us: server + PostgreSQL':>30}{'ratio':>8}{'lost':>6}{'resent':>8}"
)


@dataclass(frozen=True, slots=True)
class Line:
    """
    What one server did at one window, over all rounds, and how it compares to the peer.
    """

    workload: str
    window: int
    server: str
    per_second: float
    ratio: float  # our requests/s by the peer's: the median of the rounds' ratios
    p50_ms: float
    p99_ms: float
    server_us: float
    postgres_us: float
    cpu_ratio: float  # the peer's CPU per request by ours
    lost: int
    retransmits: int

    def __str__(self) -> str:
        cpu = f"{self.server_us:.0f} + {self.postgres_us:.0f} = {self.server_us + self.postgres_us:.0f}"
        return (
            f"{self.window:>6}  {self.server:<22}{self.per_second:>11,.0f}{self.ratio:>7.2f}x"
            f"{self.p50_ms:>9.2f}{self.p99_ms:>9.1f}{cpu:>30}{self.cpu_ratio:>7.2f}x"
            f"{self.lost:>6}{self.retransmits:>8}"
        )


def line(
    workload: str, window: int, server: str, ours: Sequence[Measurement], peers: Sequence[Measurement]
) -> Line:
    """Return the line of *server* from its rounds, paired with those of the peer."""

    def middle(value: Callable[[Measurement], float]) -> float:
        return median(value(one) for one in ours)

    pairs = list(zip(ours, peers, strict=True))
    return Line(
        workload,
        window,
        server,
        per_second=middle(lambda one: one.outcome.per_second),
        ratio=median(one.outcome.per_second / peer.outcome.per_second for one, peer in pairs),
        p50_ms=middle(lambda one: one.outcome.latency_ms(50)),
        p99_ms=middle(lambda one: one.outcome.latency_ms(99)),
        server_us=middle(lambda one: one.server_us),
        postgres_us=middle(lambda one: one.postgres_us),
        cpu_ratio=median(peer.cpu_us / one.cpu_us if one.cpu_us else float("inf") for one, peer in pairs),
        lost=sum(one.outcome.lost for one in ours),
        retransmits=sum(one.outcome.retransmits for one in ours),
    )
