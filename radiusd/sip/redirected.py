"""Calls that were redirected a moment ago: whether an INVITE is one of them that has come back to us."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

REMEMBERED_S = 32.0  # as long as an answer is repeated (RFC 3261, 17.2.1: timer H)
MOST_REMEMBERED = 50_000
MOST_TIMES = 10
"""How often one call is redirected within that time; a caller who asks again after a challenge needs two."""

Key = tuple[int, str, str]


@dataclass(slots=True)
class _Redirect:
    asked: str
    target: str
    at_s: float
    times: int = 1


class Redirected:
    """
    Remembers by client, Call-ID and From tag where calls were sent.

    An INVITE that asks for the very place that we have sent its call to, and that it did not ask for before,
    has been there: the place leads to us. One that asks again for what it asked before, with a password for
    the next hop say, is no loop, unless it does so again and again.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[Key, _Redirect] = OrderedDict()

    def has_come_back(self, key: Key, asked: str, now_s: float) -> bool:
        """Tell whether an INVITE for *asked* is in a loop."""
        known = self._known.get(key)
        if known is None or now_s - known.at_s > REMEMBERED_S:
            return False
        return known.times >= MOST_TIMES or (asked == known.target and asked != known.asked)

    def note(self, key: Key, asked: str, target: str, now_s: float) -> None:
        """Remember that an INVITE for *asked* was redirected to *target*."""
        known = self._known.pop(key, None)
        times = known.times + 1 if known and now_s - known.at_s <= REMEMBERED_S else 1
        self._known[key] = _Redirect(asked, target, now_s, times)
        while len(self._known) > MOST_REMEMBERED or self._oldest_s() < now_s - REMEMBERED_S:
            self._known.popitem(last=False)

    def _oldest_s(self) -> float:
        return next(iter(self._known.values())).at_s
