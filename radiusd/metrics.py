"""What Prometheus reads: requests, refusals, lanes. No account in a label."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Any

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from radiusd.errors import CutReason, TimeReason
from radiusd.radius.habits import is_habit

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """The counters that handlers raise; one object a process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._accounted = Counter(
            "tollwire_accounting_events_total",
            "Accounting events by kind, and whether they were made durable",
            ("kind", "result"),
            registry=self.registry,
        )
        self._judged = Counter(
            "tollwire_call_attempts_total",
            "Call attempts by result: accepted, not_answered, or the reason word of the refusal",
            ("result",),
            registry=self.registry,
        )
        self._unreadable = Counter(
            "tollwire_accounting_ignored_total",
            "Accounting packets that tell of no call, acknowledged and not booked",
            ("client",),
            registry=self.registry,
        )
        self._cuts = Counter(
            "tollwire_disconnects_total",
            "Requests to end a call by why, and what the switch answered: ack, nak, no_answer",
            ("reason", "result"),
            registry=self.registry,
        )
        for reason in CutReason:  # from zero, so that the first one shows as a rise
            for result in ("ack", "nak", "no_answer"):
                self._cuts.labels(reason, result)
        self._times = Counter(
            "tollwire_time_changes_total",
            "New times of calls by why, and what the switch answered: ack, nak, no_answer",
            ("reason", "result"),
            registry=self.registry,
        )
        for why in TimeReason:
            for result in ("ack", "nak", "no_answer"):
                self._times.labels(why, result)
        self._acct_durations = Durations()
        self._auth_durations = Durations()
        self._accounted_as: dict[tuple[str, bool], Any] = {}
        self._judged_as: dict[str, Any] = {}
        self.watch(self._collect_durations)

    def accounted(self, kind: str, durable: bool, seconds: float) -> None:
        """Count an accounting event."""
        child = self._accounted_as.get((kind, durable))
        if child is None:
            child = self._accounted.labels(kind, "durable" if durable else "not_answered")
            self._accounted_as[kind, durable] = child
        child.inc()
        self._acct_durations.observe(seconds)

    def judged(self, result: str, seconds: float) -> None:
        """Count a call attempt."""
        child = self._judged_as.get(result)
        if child is None:
            child = self._judged_as[result] = self._judged.labels(result)
        child.inc()
        self._auth_durations.observe(seconds)

    def unreadable(self, client: str) -> None:
        """Count an accounting packet that tells of no call."""
        self._unreadable.labels(client).inc()

    def cut(self, reason: str, result: str) -> None:
        """Count a switch that was asked to end a call."""
        self._cuts.labels(reason, result).inc()

    def retimed(self, reason: str, result: str) -> None:
        """Count a switch that was told another time of a call."""
        self._times.labels(reason, result).inc()

    def _collect_durations(self) -> Iterable[Metric]:
        family = HistogramMetricFamily(
            "tollwire_request_duration_seconds",
            "From the arrival of a request to its durable outcome",
            labels=("port",),
        )
        for port, durations in (("acct", self._acct_durations), ("auth", self._auth_durations)):
            family.add_metric((port,), durations.cumulated(), durations.sum_s)
        return (family,)

    def watch(self, collect: Callable[[], Iterable[Metric]]) -> None:
        """Let *collect* be asked at every scrape."""
        self.registry.register(_Asked(collect))


class Durations:
    """Counts durations by size; a tenth of what the library's own histogram costs for every request."""

    __slots__ = ("_counts", "sum_s")

    def __init__(self) -> None:
        self._counts = [0] * (len(_SECONDS) + 1)
        self.sum_s = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self._counts[bisect_left(_SECONDS, seconds)] += 1
        self.sum_s += seconds

    def cumulated(self) -> list[tuple[str, float]]:
        """Return how many lasted at most each bound, as Prometheus has it."""
        bounds = (*map(str, _SECONDS), "+Inf")
        return list(zip(bounds, accumulate(self._counts), strict=True))


class _Asked(Collector):
    def __init__(self, collect: Callable[[], Iterable[Metric]]) -> None:
        self._collect = collect

    def collect(self) -> Iterable[Metric]:
        return self._collect()


def lane_metrics(lanes: Iterable[Any]) -> Iterable[Metric]:
    """Yield what lanes have counted, and how much waits in them."""
    queued = GaugeMetricFamily("tollwire_lane_queued", "Work that waits for the database", labels=("lane",))
    healthy = GaugeMetricFamily("tollwire_lane_healthy", "1 while the database takes work", labels=("lane",))
    names = ("settled", "batches", "tried_again", "set_aside", "shed", "stale", "broken")
    counts = CounterMetricFamily("tollwire_lane_work", "Work by what became of it", labels=("lane", "result"))
    for lane in lanes:
        queued.add_metric((lane.name,), lane.queued)
        healthy.add_metric((lane.name,), int(lane.is_healthy))
        for name in names:
            counts.add_metric((lane.name, name), getattr(lane.counts, name))
    return (queued, healthy, counts)


PacketCounts = list[tuple[str, int, str, int]]
"""Port, client id (0: an unknown one), what became of the packet, how many."""


def packet_counts(ports: Iterable[Any]) -> PacketCounts:
    """Return what the RADIUS ports of this process have counted (RFC 4669, RFC 4671)."""
    counts: PacketCounts = []
    for port in ports:
        kind = port.kind.value
        counts.append((kind, 0, "unknown_client", port.counters.invalid_requests))
        for client_id, seen in port.counters.clients.items():
            counts.append((kind, client_id, "received", seen.requests))
            counts.append((kind, client_id, "duplicate", seen.duplicates))
            counts += [(kind, client_id, reason.value, count) for reason, count in seen.discarded.items()]
            counts += [(kind, client_id, word, count) for word, count in seen.habits.counts.items()]
    return counts


def packet_metrics(client_name: Callable[[int], str], counts: PacketCounts) -> Iterable[Metric]:
    """Yield *counts*, those of the same port, client and result added up."""
    requests = CounterMetricFamily(
        "tollwire_radius_requests", "Requests received", labels=("port", "client", "result")
    )
    totals: dict[tuple[str, int, str], int] = {}
    for port, client_id, result, count in counts:
        if is_habit(result):
            continue  # for the doctor, not for Prometheus
        totals[port, client_id, result] = totals.get((port, client_id, result), 0) + count
    for (port, client_id, result), count in totals.items():
        requests.add_metric((port, client_name(client_id) if client_id else "unknown", result), count)
    return (requests,)
