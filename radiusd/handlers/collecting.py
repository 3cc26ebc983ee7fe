"""Keep the process that collects call records running: reading files takes time that calls need."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from twisted.internet.task import LoopingCall

LOOK_S = 1.0
PAUSE_S = 5.0
PATIENCE_S = 10.0


class CollectorProcess:
    """Runs ``python -m radiusd.collector`` as long as the server runs; it ends when its input does."""

    def __init__(self, reactor: Any, wanted: bool, config: str, log: Any) -> None:
        self._reactor = reactor
        self._wanted = wanted
        self._config = config
        self._log = log
        self._child: subprocess.Popen[bytes] | None = None
        self._again_s = 0.0
        self._loop = LoopingCall(self._look)
        self._loop.clock = reactor

    def start(self) -> None:
        """Begin; without collectors in the settings there is nothing to do."""
        if self._wanted:
            self._loop.start(LOOK_S)

    def stop(self) -> None:
        """Let it finish the batch that it is at; what it has not imported waits on the disk."""
        if self._loop.running:
            self._loop.stop()
        child, self._child = self._child, None
        if child is not None:
            assert child.stdin is not None, "it was made with a pipe"
            child.stdin.close()
            try:
                child.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    def _look(self) -> None:
        if self._child is not None and self._child.poll() is not None:
            self._log.error("record collector ended", code=self._child.returncode)
            self._child = None
            self._again_s = self._reactor.seconds() + PAUSE_S
        if self._child is None and self._reactor.seconds() >= self._again_s:
            command = [sys.executable, "-m", "radiusd.collector", self._config]
            try:
                self._child = subprocess.Popen(command, stdin=subprocess.PIPE)
            except OSError as error:
                self._log.error("record collector ended", code=str(error))
                self._again_s = self._reactor.seconds() + PAUSE_S
