"""How often somebody may ask: a bucket that fills by itself and that every request takes one from."""

from __future__ import annotations

from collections import OrderedDict

MOST_KEPT = 10_000
"""Buckets that are kept; the one that was used longest ago makes room, and is full when it comes back."""


class Pace:
    """Requests a minute, all of which may come at once; *now_s* is a clock that never goes back."""

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, who: str, now_s: float, cost: int = 1) -> int:
        """Take *cost* from the bucket of *who*; return 0, or for how many seconds it is empty."""
        level, at_s = self._buckets.pop(who, (float(self.per_minute), now_s))
        level = min(float(self.per_minute), level + (now_s - at_s) * self.per_minute / 60)
        short = cost - level
        if short <= 0:
            level -= cost
        self._buckets[who] = (level, now_s)
        if len(self._buckets) > MOST_KEPT:
            self._buckets.popitem(last=False)
        return 0 if short <= 0 else int(short * 60 / self.per_minute) + 1
