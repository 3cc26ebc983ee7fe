"""What a decision is made with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from radiusd.calls.directory import Directory
from radiusd.calls.facts import Call, Identity
from radiusd.calls.matching import Match, Party, Trust, match
from radiusd.calls.tariffs import EMERGENCY, Ported, Tariff, tariff
from radiusd.radius.clients import Client

Payer = tuple[int, int, str, bool]  # account, plan, role, internal
Asked = tuple[Payer, Identity, str, datetime, datetime]  # payer, the numbers, set-up, answer


@dataclass(slots=True)
class Context:
    """
    The snapshot, the sender, the time, new ids, and when the sender booted.

    What was matched and looked up is remembered within a batch: it is asked first to know which accounts
    to lock, then to decide.
    """

    directory: Directory
    client: Client
    now: datetime
    new_id: Callable[[], str]
    boots: Mapping[tuple[int, str], Sequence[datetime]] = field(default_factory=dict)
    find_client: Callable[[int], Client | None] | None = None
    _matches: dict[tuple[Identity, datetime, bool], Match] = field(default_factory=dict)
    _tariffs: dict[Asked, Tariff] = field(default_factory=dict)

    def of(self, client_id: int) -> Context:
        """Return the context of another client, this one when there is no such client."""
        if client_id == self.client.id or self.find_client is None:
            return self
        client = self.find_client(client_id)
        if client is None:
            return self
        return Context(self.directory, client, self.now, self.new_id, self.boots, self.find_client)

    def learn(self, other: Context) -> None:
        """Take over what *other* has matched, if it was by the same snapshot."""
        if other.directory is self.directory:
            self._matches.update(other._matches)

    def boots_of(self, nas: str) -> Sequence[datetime]:
        """Return when the client, or *nas* behind it, said that it has booted."""
        return self.boots.get((self.client.id, nas), ())

    def match(self, identity: Identity, at: datetime, *, asserts_usernames: bool) -> Match:
        """Return who pays for a call of *identity* set up *at* a moment, as far as the client is trusted."""
        key = (identity, at, asserts_usernames)
        found = self._matches.get(key)
        if found is None:
            client = self.client
            trust = Trust(client.id, client.match_order, client.asserts_numbers, asserts_usernames)
            found = self._matches[key] = match(identity, trust, self.directory, at)
        return found

    def tariff(self, party: Party, call: Call, called: str, answer_at: datetime) -> Tariff:
        """Return how *party* pays for *call* to *called* if it is answered at that moment."""
        payer = (party.service.account.id, party.plan.id, party.role, party.internal)
        identity = call.identity
        key = (payer, identity, called, call.begun_at, answer_at)
        found = self._tariffs.get(key)
        if found is None:
            ported = Ported(identity.lrn, identity.calling_lrn, identity.ii)
            found = tariff(party, identity.calling, called, call.begun_at, answer_at, self.directory, ported)
            if found.refusal is not None and called in party.service.account.emergency:
                found = EMERGENCY
            self._tariffs[key] = found
        return found
