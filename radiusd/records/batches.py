"""What a file of records tells, ready for the books: events by the hundred, and what is set aside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from radiusd.calls.events import CallEvent
from radiusd.records.events import Meaning
from radiusd.records.packed import open_records
from radiusd.records.record import KEPT_OCTETS, Entry, Outcomes, RecordError, SetAside
from radiusd.records.registry import FORMATS

BATCH = 500
READ_AT_ONCE = 50
"""Outcomes; then others may go on."""


class Told(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """A record: what it is known by, its event, and where it stood."""

    key: bytes
    event: CallEvent
    sequence: int | None
    line: int | None
    offset: int
    raw: bytes

    def aside(self, reason: str) -> SetAside:
        """Return the record as one that was not taken, and why."""
        return SetAside(reason=reason, line=self.line, offset=self.offset, raw=self.raw)


class Batch(msgspec.Struct, kw_only=True, tag=True):
    """
    Records, what could not be read among them, and how many outcomes were neither.

    *octets* of the file were read so far, packed as it is. The last batch of a file may be empty.
    """

    told: list[Told] = []
    aside: list[SetAside] = []
    passed_over: int = 0
    octets: int = 0
    is_last: bool = False


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """How a file is to be read. *is_ended*: its last line has an end."""

    path: str
    format: str
    settings: Mapping[str, str]
    meaning: Meaning
    is_ended: bool = True

    def outcomes(self) -> Outcomes:
        """Yield what is in the file. Raises BadInput when it cannot be read on."""
        with open_records(self.path) as (unpacked, _):
            yield from FORMATS[self.format].read(unpacked, self.settings)

    def batches(self) -> Iterator[Batch | None]:
        """
        Yield the file by batches, and now and then None: a moment for others.

        Raises:
            BadInput: It cannot be read on.
        """
        with open_records(self.path) as (unpacked, packed):
            outcomes = FORMATS[self.format].read(unpacked, self.settings)
            batch = Batch()
            for number, outcome in enumerate(outcomes if self.is_ended else _distrust_last(outcomes), 1):
                if isinstance(outcome, Entry):
                    for entry in outcome.parts or (outcome,):
                        self._take(entry, batch)
                elif isinstance(outcome, SetAside):
                    batch.aside.append(msgspec.structs.replace(outcome, raw=outcome.raw[:KEPT_OCTETS]))
                else:
                    batch.passed_over += 1
                if len(batch.told) + len(batch.aside) >= BATCH:
                    batch.octets = packed.taken
                    yield batch
                    batch = Batch()
                if number % READ_AT_ONCE == 0:
                    yield None
            batch.octets, batch.is_last = packed.taken, True
            yield batch

    def _take(self, entry: Entry, batch: Batch) -> None:
        try:
            key = self.meaning.key(entry)
            event = self.meaning.event(entry, key)
        except RecordError as error:
            batch.aside.append(_aside(entry, error.reason, error.field))
            return
        batch.told.append(
            Told(
                key=key,
                event=event,
                sequence=entry.sequence,
                line=entry.line,
                offset=entry.offset,
                raw=entry.raw[:KEPT_OCTETS],
            )
        )


def _aside(entry: Entry, reason: str, field: str = "") -> SetAside:
    return SetAside(
        reason=reason, field=field, line=entry.line, offset=entry.offset, raw=entry.raw[:KEPT_OCTETS]
    )


def _distrust_last(outcomes: Outcomes) -> Outcomes:
    """
    Yield *outcomes* of a file whose last line has no end.

    It may be half a line, and be read as another call than the whole one: it is taken only when it is of
    the same shape as the one before it.
    """
    before: Entry | None = None
    held: Entry | None = None
    for outcome in outcomes:
        if held is not None:
            yield held
            before, held = held, None
        if isinstance(outcome, Entry):
            held = outcome
        else:
            yield outcome
    if held is not None:
        is_cut = held.line is not None and _is_cut(before, held)
        yield _aside(held, "it has no line end, and is cut off; import the whole file") if is_cut else held


def _is_cut(before: Entry | None, held: Entry) -> bool:
    if before is None:
        return held.raw.count(b'"') % 2 == 1
    return _shape(before) != _shape(held)


def _shape(entry: Entry) -> tuple[int, ...]:
    """Return how many columns a line has; of fixed columns, its length. A document ends by itself."""
    octets = entry.raw
    if octets[:1] in (b"{", b"<", b"["):
        return ()
    is_delimited = any(octets.count(separator) for separator in (b",", b";", b"\t", b"|"))
    return (len(entry.fields), octets.count(b'"') % 2) if is_delimited else (len(octets),)
