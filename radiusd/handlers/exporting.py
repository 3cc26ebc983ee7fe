"""Start the process that writes scheduled exports when one is due; writing takes time that calls need."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from twisted.internet.task import LoopingCall

from radiusd.exports.drops import next_due
from radiusd.exports.template import Export

LOOK_S = 5.0
AGAIN = timedelta(minutes=5)
"""After a run that failed."""


class Exporting:
    """
    Runs ``python -m radiusd.exports`` at the start, and whenever a period becomes due.

    Several nodes may run it: the process itself sees to it that each period is written once.
    """

    def __init__(self, reactor: Any, exports: Sequence[Export], config: str, log: Any) -> None:
        self._reactor = reactor
        self._exports = [export for export in exports if export.every]
        self._config = config
        self._log = log
        self._child: subprocess.Popen[bytes] | None = None
        self._due: datetime | None = None
        self._loop = LoopingCall(self._look)
        self._loop.clock = reactor

    def start(self) -> None:
        """Begin; without scheduled exports there is nothing to do."""
        if self._exports:
            self._due = self._now()
            self._loop.start(LOOK_S)

    def stop(self) -> None:
        """Do no more; a file that is being written is not there at all."""
        if self._loop.running:
            self._loop.stop()
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._child = None

    def _look(self) -> None:
        try:
            if self._child is not None:
                self._look_at_child(self._child)
            elif self._due is not None and self._due <= self._now():
                self._child = subprocess.Popen([sys.executable, "-m", "radiusd.exports", self._config])
        except OSError as error:
            self._log.error("export failed", error=str(error))
            self._due = self._now() + AGAIN

    def _look_at_child(self, child: subprocess.Popen[bytes]) -> None:
        status = child.poll()
        if status is not None:
            self._child = None
            now = self._now()
            # What failed is tried again; it has said why.
            self._due = next_due(self._exports, now) if status == 0 else now + AGAIN

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._reactor.seconds(), UTC)
