"""What came of a source's records, and where they and RADIUS tell different things of one call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from provisioning.roles import Actor, require_unbound
from provisioning.sources import found_source
from radiusd.calls.events import TOLD_AFTER, CallEvent, Kind
from radiusd.calls.facts import Events, read_facts
from radiusd.storage import record_files
from radiusd.storage.record_files import Totals

SAME_MS = 1000
"""Two reports whose durations differ by less agree: many senders count whole seconds."""

RECENT = timedelta(days=31)
MOST_GAPS = 100
READ_AHEAD = 1000


class Difference(NamedTuple):
    """A call of which record and RADIUS tell different durations."""

    call_id: str
    begun_at: datetime
    calling: str
    called: str
    record_ms: int
    radius_ms: int
    counted_ms: int  # the one that is billed: the longer


def report(txn: Cursor, name: str) -> dict[str, Any]:
    """Return how many records of a source came to what, and the gaps in its numbers: it reads them all."""
    source_id, source = found_source(txn, name)
    found = record_files.gaps(txn, source_id, MOST_GAPS)
    return {
        "source": source.name,
        "format": source.format,
        **record_files.totals(txn, [source.name])[source.name]._asdict(),
        "missing_numbers": sum(last - first + 1 for first, last in found),
        "gaps": [f"{first}-{last}" if last > first else str(first) for first, last in found],
    }


def recent(txn: Cursor, actor: Actor, names: Sequence[str], now: datetime) -> dict[str, Totals]:
    """
    Return what came from each of the sources *names* in the last :data:`RECENT`, as it is counted per file.

    Unlike :func:`report` it reads no record, so any number of sources is told of at once.

    Raises:
        Forbidden: *actor* may not see sources.
    """
    require_unbound(actor, "sources of call records")
    actor.require("clients:read")
    return record_files.totals(txn, names, now - RECENT)


def differences(connection: Connection, name: str) -> Iterator[Difference]:
    """Yield the calls of a source of which RADIUS told another duration, by their beginning."""
    with connection.cursor() as txn:
        source_id, source = found_source(txn, name)
    with connection.cursor(name="differences") as stream:
        stream.itersize = READ_AHEAD
        stream.execute(
            "SELECT call.call_id::text, call.begun_at, call.facts FROM record"
            " JOIN call ON call.call_key = record.call_key AND call.seq = record.seq"
            " WHERE record.source_id = %s ORDER BY call.begun_at, call.call_id",
            (source_id,),
        )
        for call_id, begun_at, facts in stream:
            found = _difference(call_id, begun_at, read_facts(facts), f"{source.name}:")
            if found is not None:
                yield found


def _difference(call_id: str, begun_at: datetime, facts: Events, tag: str) -> Difference | None:
    record = next((fact for fact in facts if fact.source.startswith(tag) and _told_after(fact)), None)
    told = [fact.duration_ms for fact in facts if fact.kind is Kind.STOP and not _told_after(fact)]
    stops = [duration_ms for duration_ms in told if duration_ms is not None]
    if record is None or record.duration_ms is None or not stops:
        return None
    radius_ms = max(stops)
    if abs(radius_ms - record.duration_ms) < SAME_MS:
        return None
    counted_ms = max(radius_ms, record.duration_ms)
    numbers = (record.calling, record.called)
    return Difference(call_id, begun_at, *numbers, record.duration_ms, radius_ms, counted_ms)


def _told_after(fact: CallEvent) -> bool:
    return TOLD_AFTER in fact.flags
