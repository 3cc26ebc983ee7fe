"""Say in the log that packets are dropped, without letting their sender fill the disk."""

from __future__ import annotations

from typing import Any, Protocol

from radiusd.radius.discards import Reason
from radiusd.radius.duplicates import Clock

QUIET_S = 10.0
MAX_SOURCES = 1024
ANY_OTHER = "other sources"


class Log(Protocol):
    """
    A structlog logger, as far as this package uses one.
    """

    def warning(self, event: str, **fields: Any) -> Any:
        """Log what an operator should look at."""

    def exception(self, event: str, **fields: Any) -> Any:
        """Log a fault of ours with its traceback."""


class DiscardLog:
    """
    Writes one line per reason and source in 10 seconds; the next line says how many were left out.

    Sources can be forged without end, so beyond 1024 of them in that time all
    further ones share the line "other sources".
    """

    def __init__(self, log: Log, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._quiet: dict[tuple[Reason, str], _Quiet] = {}
        self._sweep_at_s = 0.0

    def discarded(self, reason: Reason, source: str, client: str | None) -> None:
        """Tell of a packet from *source*, an address, that was dropped for *reason*."""
        now_s = self._clock.seconds()
        quiet = self._quiet.get((reason, source))
        if quiet is None:
            self._sweep(now_s)
            if len(self._quiet) >= MAX_SOURCES:
                source, client = ANY_OTHER, None
            quiet = self._quiet.setdefault((reason, source), _Quiet())
        if now_s < quiet.until_s:
            quiet.left_out += 1
            return
        self._log.warning(
            "packet discarded", reason=reason.value, source=source, client=client, suppressed=quiet.left_out
        )
        quiet.until_s = now_s + QUIET_S
        quiet.left_out = 0

    def _sweep(self, now_s: float) -> None:
        """Forget sources that have been silent for as long as they were kept quiet."""
        if now_s < self._sweep_at_s:
            return  # a flood of new sources must not make every packet pay for this
        self._sweep_at_s = now_s + QUIET_S
        self._quiet = {key: quiet for key, quiet in self._quiet.items() if now_s < quiet.until_s + QUIET_S}


class _Quiet:
    __slots__ = ("left_out", "until_s")

    def __init__(self) -> None:
        self.until_s = float("-inf")
        self.left_out = 0
