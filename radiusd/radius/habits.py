"""
What a client's own packets tell of its health: its clock, its patience, what it sends and what it never does.

All of it is plain counts under words that begin with ``~``, so that it goes the way of all other counts and
adds up over ports, workers and nodes.
"""

from __future__ import annotations

from radiusd.radius.assigned import Attribute, Code
from radiusd.radius.packet import Packet

MARK = "~"
SAMPLE = 16
"""Attributes are looked at in one packet of so many, and in the first ones: a switch's ways change rarely."""

WATCHED = (
    int(Attribute.USER_NAME),
    int(Attribute.NAS_IP_ADDRESS),
    int(Attribute.CLASS),
    int(Attribute.CALLED_STATION_ID),
    int(Attribute.CALLING_STATION_ID),
    int(Attribute.NAS_IDENTIFIER),
    int(Attribute.ACCT_DELAY_TIME),
    int(Attribute.ACCT_SESSION_ID),
    int(Attribute.ACCT_SESSION_TIME),
    int(Attribute.ACCT_TERMINATE_CAUSE),
    int(Attribute.EVENT_TIMESTAMP),
    int(Attribute.NAS_IPV6_ADDRESS),
)
_STATUS = {1: "start", 2: "stop", 3: "interim", 7: "on", 8: "off", 15: "failed"}
_ACCESS_REQUEST = int(Code.ACCESS_REQUEST)
_CLOCK_S = 86_400
_FIRST = 64


class Habits:
    """The counts of one client on one port."""

    __slots__ = ("_met", "counts")

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self._met = 0

    def met(self, packet: Packet, now_s: float) -> None:
        """Note a request that was believed and is no copy."""
        if packet.code == _ACCESS_REQUEST:
            kind = "access"
            if packet.first(Attribute.MESSAGE_AUTHENTICATOR) is not None:
                self._count("~signed")
        else:
            kind = _STATUS.get(packet.integer(Attribute.ACCT_STATUS_TYPE) or 0, "other")
        self._count(f"~kind:{kind}")
        self._met += 1
        if self._met <= _FIRST or self._met % SAMPLE == 0:
            self._look(kind, packet, now_s)

    def repeated(self, after_s: float, *, answered: bool) -> None:
        """
        Note a copy of a request that came *after_s* after it.

        *answered*: after our answer, so that one of the two was lost or late.
        """
        self._count("~copy:answered" if answered else "~copy:pending")
        self._count(f"~retry:{min(60, round(after_s))}")

    def _look(self, kind: str, packet: Packet, now_s: float) -> None:
        self._count(f"~sampled:{kind}")
        first = packet.first
        for type in WATCHED:
            if first(type) is not None:
                self._count(f"~has:{kind}:{type}")
        delay_s = packet.integer(Attribute.ACCT_DELAY_TIME)
        if delay_s:
            self._count("~delayed")
            return
        stamp_s = packet.integer(Attribute.EVENT_TIMESTAMP)
        if stamp_s is not None:
            self._count(f"~clock:{_rounded(stamp_s - now_s)}")

    def _count(self, word: str) -> None:
        self.counts[word] = self.counts.get(word, 0) + 1


def _rounded(ahead_s: float) -> int:
    """Return how far a clock is ahead: to the second when that is little, else to a tenth of its own size."""
    ahead_s = max(-_CLOCK_S, min(_CLOCK_S, ahead_s))
    step = 1
    while abs(ahead_s) >= 100 * step:
        step *= 10
    # Stamps have whole seconds, cut off: half a second is what they are behind on average.
    return round((ahead_s + 0.5) / step) * step


def is_habit(word: str) -> bool:
    """Tell whether a count is one of these: no metric, and no packet by itself."""
    return word.startswith(MARK)
