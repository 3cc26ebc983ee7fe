"""A rate deck with its versions: which one prices a call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from rating.decks import Deck


@dataclass(frozen=True, slots=True)
class RateDeck:
    """A deck's versions, newest first; the oldest holds for all time before it."""

    id: int
    name: str
    currency: str
    versions: tuple[tuple[datetime, int, Deck], ...]  # (active from, deck version's id, its rates)

    def at(self, moment: datetime) -> tuple[int, Deck] | None:
        """Return the id and the rates of the version for calls set up at *moment*; None: nothing imported."""
        for active_from, version_id, deck in self.versions:
            if active_from <= moment:
                return version_id, deck
        return self.versions[-1][1:] if self.versions else None
