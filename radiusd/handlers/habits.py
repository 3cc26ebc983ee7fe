"""Write what was counted of each client into the database, now and then, for whoever asks the doctor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime

from radiusd.storage.control import ControlConnection
from radiusd.storage.habits import forget_habits, write_habits

Counted = tuple[str, int, str, int]  # port, client, word, how many since the server began


class HabitWriter:
    """
    Keeps one row an hour of each client that has sent anything in it.

    A row holds what this run of the server has counted in the hour, and is written over: it may be written
    twice, and what a kill costs is the last moments of an hour.
    """

    def __init__(
        self, control: ControlConnection, server: str, packet_counts: Callable[[], Iterable[Counted]]
    ) -> None:
        self._control = control
        self._server = server
        self._packet_counts = packet_counts
        self._hour: datetime | None = None
        self._at_begin: dict[int, Counter[str]] = {}
        self._last: dict[int, Counter[str]] = {}

    async def write(self, now: datetime) -> None:
        """Write the rows of those that have sent something since the last time."""
        totals = self._totals()
        hour = now.replace(minute=0, second=0, microsecond=0)
        if hour != self._hour:
            self._hour, self._at_begin = hour, self._last
            await forget_habits(self._control, now)
        changed = {
            client_id: counts - self._at_begin.get(client_id, Counter())
            for client_id, counts in totals.items()
            if counts != self._last.get(client_id)
        }
        if changed:
            await write_habits(self._control, self._server, hour, changed)
        self._last = totals

    def _totals(self) -> dict[int, Counter[str]]:
        totals: dict[int, Counter[str]] = {}
        for _, client_id, word, count in self._packet_counts():
            if client_id and count:
                totals.setdefault(client_id, Counter())[word] += count
        return totals
