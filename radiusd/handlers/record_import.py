"""
Import files of call records into the books, exactly once, and take them back.

Records are settled a batch at a time by the very code that takes RADIUS. That a record was taken is noted
after its batch is in the books; whoever is killed in between posts the batch once more, which changes
nothing, since the books take the same event any number of times.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from datetime import datetime
from typing import NamedTuple

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from radiusd.crash_points import crash_point
from radiusd.errors import BadInput, Conflict, NotFound
from radiusd.records.apart import read_batches
from radiusd.records.batches import BATCH, Batch, Reading, Told
from radiusd.records.events import meaning_of
from radiusd.records.packed import STDIN, open_records
from radiusd.records.record import SetAside
from radiusd.records.registry import FORMATS
from radiusd.storage import record_files
from radiusd.storage.journal import CallTask
from radiusd.storage.laned import LanedJournal
from radiusd.storage.record_files import Aside, FileRow, TakenRecord
from radiusd.storage.record_sources import load_source
from radiusd.storage.told_records import RecordOutcome, RecordReport, take_back

AT_ONCE = 3
"""Batches under way: two that are decided or written, and one that is noted."""

MOST_SET_ASIDE = 10_000
"""A file of which more cannot be read is of another format."""

READ_OCTETS = 1 << 20
Began = Callable[[Cursor, FileRow, str], None]
"""Told in the transaction in which a file is begun, with what becomes of it: imported or rolled back."""

Progress = Callable[[int, int], None]
"""Told after each batch: octets of the file that were read, packed as it is, and records."""


class _Taken(NamedTuple):
    """How many records of a batch are in the books, and how many were set aside."""

    records: int
    set_aside: int


class Importer:
    """Imports the files of one source."""

    def __init__(
        self,
        connection: Connection,
        journal: LanedJournal,
        source: str,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        began: Began | None = None,
    ) -> None:
        self._began = began
        self._connection = connection
        self._journal = journal
        self._now = now
        self._new_id = new_id
        with connection, connection.cursor() as txn:
            self._source = found = load_source(txn, source)
        self._source_id = found.id
        self._meaning = meaning_of(found.id, found.client_id, found.shares_calls, found.meaning)
        self._format = FORMATS[found.format]
        known = self._format.settings
        self._settings = {name: value for name, value in found.settings.items() if name in known}

    def import_file(
        self, path: str, progress: Progress, *, strict: bool = False, again: bool = False, called: str = ""
    ) -> FileRow:
        """
        Return the file *path* with what came of its records, all of them in the books.

        A file that is there already is left alone, unless *again*; one that was begun is gone on with.
        *called* is its name in the books and in messages where that is not its path.

        Raises:
            BadInput: It cannot be read, or *strict* and something in it cannot; what is booked stays.
            Conflict: It is being taken back.
        """
        with _readable(path) as name:
            digest, is_ended = _digest(name)
            called = called or path
            if strict:
                self._refuse_damaged(name, called)
            with self._connection, self._connection.cursor() as txn:
                begun_at = self._now()
                file = record_files.begin_file(txn, self._new_id(), self._source_id, digest, called, begun_at)
                if file.state == "imported" and not again:
                    return file
                if file.state == "rolling back":
                    raise Conflict(
                        f"{called}: it is being taken back; end that with record rollback {file.id}"
                    )
                if file.state == "rolled back":
                    record_files.clear_counts(txn, file.id)
                record_files.clear_asides(txn, file.id)
                record_files.set_state(txn, file.id, "importing", None)
                if self._began is not None:
                    self._began(txn, file, "imported")
            counts = asyncio.run(self._take_all(file.id, self._reading(name, is_ended), progress))
            with self._connection, self._connection.cursor() as txn:
                record_files.end_file(txn, file.id, *counts, now=self._now())
        return self._file(file.id)

    def _refuse_damaged(self, name: str, path: str) -> None:
        """Raise BadInput when anything in the file cannot be read."""
        for outcome in self._reading(name).outcomes():
            if isinstance(outcome, SetAside):
                raise BadInput(f"{outcome.place(path)}: {outcome}\nNothing was imported.")

    def _reading(self, path: str, is_ended: bool = True) -> Reading:
        return Reading(
            path=path,
            format=self._source.format,
            settings=self._settings,
            meaning=self._meaning,
            is_ended=is_ended,
        )

    async def _take_all(self, file_id: str, reading: Reading, progress: Progress) -> tuple[int, int, int]:
        """
        Take a file a batch at a time: while the database has some, the next one is read.

        Return how many were records, set aside, and neither.
        """
        records = set_aside = passed_over = 0
        under_way: deque[asyncio.Task[_Taken]] = deque()
        async with self._journal, aclosing(read_batches(reading)) as batches:
            try:
                async for batch in batches:
                    passed_over += batch.passed_over
                    under_way.append(asyncio.create_task(self._take(file_id, batch)))
                    while len(under_way) >= AT_ONCE or (under_way and batch.is_last):
                        taken = await under_way.popleft()
                        records, set_aside = records + taken.records, set_aside + taken.set_aside
                        self._refuse_nonsense(file_id, set_aside)
                        progress(batch.octets, records)
            finally:
                for task in under_way:
                    task.cancel()
                await asyncio.gather(*under_way, return_exceptions=True)
        return records, set_aside, passed_over

    async def _take(self, file_id: str, batch: Batch) -> _Taken:
        """Take what is new in *batch* into the books, and note that it was taken."""
        told: dict[bytes, Told] = {}
        for each in batch.told:
            told.setdefault(each.key, each)
        known = await record_files.known_keys(self._journal.notes, self._source_id, list(told))
        new = [each for key, each in told.items() if key not in known]
        aside = batch.aside
        taken = await self._settle(new, aside)
        if taken:
            crash_point("after-records-booked")
        kept = [Aside(each.offset, each.line, each.field, each.reason, each.raw) for each in aside]
        await record_files.note(self._journal.notes, self._source_id, file_id, taken, kept)
        return _Taken(len(batch.told) - (len(new) - len(taken)), len(aside))

    def _refuse_nonsense(self, file_id: str, set_aside: int) -> None:
        if set_aside > MOST_SET_ASIDE:
            raise BadInput(
                f"more than {MOST_SET_ASIDE} records cannot be read; is it {self._source.format}? "
                f"tollwire record rollback {file_id} takes back what was imported"
            )

    async def _settle(self, new: Sequence[Told], aside: list[SetAside]) -> list[TakenRecord]:
        """Take *new* into the books; a record that they cannot bear is put *aside*, and costs no other."""
        outcomes = await self._journal.settle([RecordReport(each.event) for each in new], self._now())
        taken = []
        for each, outcome in zip(new, outcomes, strict=True):
            if isinstance(outcome, Exception):
                aside.append(each.aside(f"the books refuse it: {outcome!r}"))
                continue
            assert isinstance(outcome, RecordOutcome), "a source refers to its client"
            if outcome.refused:
                aside.append(each.aside(outcome.refused))
                continue
            taken.append(TakenRecord(each.key, outcome, each.event.event_at, each.sequence))
        return taken

    def roll_back(self, name: str, progress: Progress) -> FileRow:
        """
        Take all records of a file out of the books by postings the other way round, and return the file.

        Raises:
            NotFound, Conflict: There is no such file, or several.
        """
        with self._connection, self._connection.cursor() as txn:
            file = found_file(txn, name, self._source.name)
            record_files.set_state(txn, file.id, "rolling back", None)
            if self._began is not None:
                self._began(txn, file, "rolled back")
        asyncio.run(self._take_back(file, progress))
        with self._connection, self._connection.cursor() as txn:
            record_files.set_state(txn, file.id, "rolled back", self._now())
        return self._file(file.id)

    async def _take_back(self, file: FileRow, progress: Progress) -> None:
        """Take the records of *file* out of the books a batch at a time."""
        done = 0
        async with self._journal:
            while True:
                with self._connection, self._connection.cursor() as txn:
                    found = record_files.records_of(txn, file.id, BATCH)
                if not found:
                    break
                client_id, name = self._meaning.client_id, self._source.name
                tasks = [
                    CallTask(client_id, call_key, seq, begun_at, take_back(f"{name}:{key.hex()}"))
                    for key, call_key, seq, begun_at in found
                ]
                for outcome in await self._journal.settle(tasks, self._now()):
                    if isinstance(outcome, Exception):
                        raise outcome
                with self._connection, self._connection.cursor() as txn:
                    record_files.forget(txn, self._source_id, file.id, [key for key, *_ in found])
                done += len(found)
                progress(0, done)

    def _file(self, file_id: str) -> FileRow:
        with self._connection, self._connection.cursor() as txn:
            return found_file(txn, file_id)


def found_file(txn: Cursor, name: str, source: str = "") -> FileRow:
    """Return the file that *name*, a path as it was imported or an id, means. Raises NotFound, Conflict."""
    found = record_files.find_files(txn, source, name)
    if not found:
        raise NotFound(f"no file {name} was imported; tollwire record files shows all")
    if len(found) > 1:
        ids = ", ".join(f"{file.id} ({file.source})" for file in found)
        raise Conflict(f"{name}: several files were imported under this name; give the id of one: {ids}")
    return found[0]


@contextmanager
def _readable(path: str) -> Iterator[str]:
    """Yield the path of a file that can be read twice: standard input is copied to one."""
    if path != STDIN:
        yield path
        return
    with tempfile.NamedTemporaryFile(prefix="tollwire-records-") as copy:
        with open_records(STDIN) as (unpacked, _):
            shutil.copyfileobj(unpacked, copy)
        copy.flush()
        yield copy.name


def _digest(path: str) -> tuple[bytes, bool]:
    """Return the SHA-256 of a file, unpacked, and whether its last line has an end."""
    digest, last = hashlib.sha256(), b"\n"
    with open_records(path) as (unpacked, _):
        while octets := unpacked.read(READ_OCTETS):
            digest.update(octets)
            last = (last + octets)[-2:]
    return digest.digest(), last.removesuffix(b"\0").endswith((b"\n", b"\r"))  # NUL: in UTF-16
