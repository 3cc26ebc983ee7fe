"""What a decision is made with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from radiusd.calls.directory import Directory
from radiusd.calls.facts import Identity
from radiusd.calls.matching import Match, Trust, match
from radiusd.radius.clients import Client


@dataclass(slots=True)
class Context:
    """
    The snapshot, the sender, the time, new ids, and when the sender booted.

    *matches* remembers what was matched within one batch: it is asked first to know which accounts to
    lock, then to decide.
    """

    directory: Directory
    client: Client
    now: datetime
    new_id: Callable[[], str]
    boots: Sequence[datetime] = ()
    matches: dict[tuple[Identity, datetime, bool], Match] = field(default_factory=dict)

    def match(self, identity: Identity, at: datetime, *, asserts_usernames: bool) -> Match:
        """Return who pays for a call of *identity* set up *at* that moment, as far as the client is trusted."""
        key = (identity, at, asserts_usernames)
        found = self.matches.get(key)
        if found is None:
            client = self.client
            trust = Trust(client.id, client.match_order, client.asserts_numbers, asserts_usernames)
            found = self.matches[key] = match(identity, trust, self.directory, at)
        return found
