"""Find who pays for a call, by the rules of trust, and say what was tried, what lost and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from radiusd.calls.claims import ServiceKind, extension_claim, number_claim, trunk_claim, username_claim
from radiusd.calls.directory import Directory, Plan, Service
from radiusd.calls.facts import Identity
from radiusd.errors import Refusal

_CHANNEL_KINDS = (ServiceKind.TRUNK, ServiceKind.IP)


class Trust(msgspec.Struct, frozen=True, gc=False):
    """What a client may say of its calls."""

    client_id: int
    match_order: tuple[str, ...] = ("username", "trunk", "ip", "number")
    asserts_numbers: bool = False  # a calling number alone identifies an account
    asserts_usernames: bool = True  # it has checked its users itself (accounting); else only what we verified


Try = tuple[str, str, str]  # identifier, value, what came of it


class Party(msgspec.Struct, frozen=True, gc=False):
    """One payer of a call: who, by which service, and the trunk or IP service whose channel it holds."""

    role: str  # "out": the call is the account's own; "in": it reaches the account's number
    service: Service
    channel: Service | None
    plan: Plan  # of the call's beginning; holds for the whole call
    internal: bool = False  # to an extension of the same account: costs nothing


class Match(msgspec.Struct, frozen=True, gc=False):
    """The payers of a call, or why there are none, and every try. *called* is without tech prefix."""

    parties: tuple[Party, ...]
    called: str
    refusal: Refusal | None
    trace: tuple[Try, ...]

    def party(self, role: str) -> Party | None:
        """Return the payer in *role*, None when there is none."""
        return next((party for party in self.parties if party.role == role), None)


def digits(number: str) -> str:
    """Return *number* as claims and decks write it: no ``+`` and no visual separators."""
    if number.isdigit():
        return number
    return number.translate(_SEPARATORS).removeprefix("+")


_SEPARATORS = str.maketrans("", "", " -.()")


def match(identity: Identity, trust: Trust, directory: Directory, at: datetime) -> Match:
    """Return who pays for the call of *identity* set up *at* that moment."""
    search = _Search(identity, trust, directory, at)
    base, channel = search.originator()
    out = search.most_specific(base) if base else None
    called = digits(identity.called)
    for service in (base, channel):
        if service is not None and service.tech_prefix and called.startswith(service.tech_prefix):
            called = called.removeprefix(service.tech_prefix)
            search.note("tech_prefix", service.tech_prefix, "removed from the called number")
            break
    parties = [Party("out", out, channel, out.owner.plan)] if out else []
    into = search.terminator(called)
    if into is not None:
        parties.append(Party("in", into, search.egress(into), into.owner.plan))
    refusal = None
    if out is not None and into is not None and is_internal(out, into):
        parties[0] = msgspec.structs.replace(parties[0], internal=True)
    if not parties:
        refusal = Refusal.NOT_ACTIVE if search.dormant else Refusal.UNKNOWN_CALLER
    return Match(tuple(parties), called, refusal, tuple(search.trace))


def is_internal(out: Service, into: Service) -> bool:
    """Tell whether a call stays inside one account's PBX: it is no traffic of the carrier's."""
    return into.kind is ServiceKind.EXTENSION and into.account.id == out.account.id


class _Search:
    """One search; collects its trace."""

    def __init__(self, identity: Identity, trust: Trust, directory: Directory, at: datetime) -> None:
        self.identity = identity
        self.trust = trust
        self.directory = directory
        self.at = at
        self.trace: list[Try] = []
        self.dormant = False

    def note(self, identifier: str, value: str, outcome: str) -> None:
        self.trace.append((identifier, value, outcome))

    def originator(self) -> tuple[Service | None, Service | None]:
        """Return the service of the first identifier that finds one, and the channel of the same account."""
        base: Service | None = None
        channel: Service | None = None
        for identifier in self.trust.match_order:
            value = self._value(identifier)
            if not value:
                self.note(identifier, "", "not in the request")
                continue
            found = self._find(identifier, value, decided=base)
            if found is None:
                continue
            if base is None:
                base = found
                self.note(identifier, value, f"matched {label(found)}")
            elif found.account.id != base.account.id:
                self.note(
                    identifier, value, f"lost: {label(found)} of another account; an earlier one decides"
                )
                continue
            elif found is not base:
                self.note(identifier, value, f"agrees: {label(found)}")
            if channel is None and found.kind in _CHANNEL_KINDS:
                channel = found
        return base, channel

    def _value(self, identifier: str) -> str:
        if identifier == "username":
            return self.identity.username
        if identifier == "trunk":
            return self.identity.trunk
        if identifier == "ip":
            return self.identity.remote_ip
        return self.identity.calling

    def _find(self, identifier: str, value: str, decided: Service | None) -> Service | None:
        if identifier == "username" and not (self.identity.verified or self.trust.asserts_usernames):
            self.note(identifier, value, "not used: no password or digest proved it")
            return None
        if identifier == "number" and decided is not None:
            return None  # it picks the service inside the account; see most_specific
        if identifier in ("number", "username") and self.identity.incoming:
            # Whoever calls is nobody of the PBX's, and the user of such a record is the one who is called.
            self.note(identifier, value, "not used: the call came to the PBX from outside")
            return None
        if identifier == "number":
            if not self.trust.asserts_numbers:
                self.note(identifier, value, "not used: the client may not assert numbers")
                return None
        return self._claimed(identifier, value, list(self._claims(identifier, value)))

    def _claims(self, identifier: str, value: str) -> Iterator[str]:
        if identifier == "username":
            yield username_claim(value)
        elif identifier == "trunk":
            yield trunk_claim(self.trust.client_id, value)
            yield trunk_claim(None, value)
        elif identifier == "ip":
            yield from self.directory.network_claims(
                self.trust.client_id, value, digits(self.identity.called)
            )
        else:
            yield from self._number_claims(value)

    def _number_claims(self, number: str) -> Iterator[str]:
        plain = digits(number)
        if self.identity.tenant:
            yield extension_claim(self.identity.tenant, plain)
        yield number_claim(plain)

    def _claimed(self, identifier: str, value: str, claims: Sequence[str]) -> Service | None:
        for claim in claims:
            found, dormant = self.directory.claimed(claim, self.at)
            if found is not None:
                return found
            for service in dormant:
                self.dormant = True
                self.note(
                    identifier, value, f"lost: {label(service)} is not active at {self.at:%Y-%m-%d %H:%M:%S}Z"
                )
                # A dated claim that does not hold hides nothing: the next, wider one may.
        self.note(identifier, value, "matches no service")
        return None

    def most_specific(self, base: Service) -> Service:
        """Return the service inside the account of *base* that the calling number names, else *base*."""
        if not self.identity.calling:
            return base
        for claim in self._number_claims(self.identity.calling):
            found, _ = self.directory.claimed(claim, self.at)
            if found is None or found is base:
                continue
            if found.account.id == base.account.id:
                self.note("number", self.identity.calling, f"picked {label(found)} inside the account")
                return found
            self.note(
                "number", self.identity.calling, f"lost: {label(found)} is another account's; only a claim"
            )
        return base

    def terminator(self, called: str) -> Service | None:
        """Return the DID, virtual number or extension that the call reaches."""
        for claim in self._number_claims(called) if called else ():
            found, _ = self.directory.claimed(claim, self.at)
            if found is not None:
                self.note("called", called, f"reaches {label(found)}")
                return found
        return None

    def egress(self, into: Service) -> Service | None:
        """Return the trunk of the same account over which the call leaves, whose channel it holds."""
        trunk = self.identity.trunk_out
        for claim in (trunk_claim(self.trust.client_id, trunk), trunk_claim(None, trunk)) if trunk else ():
            found, _ = self.directory.claimed(claim, self.at)
            if found is not None and found.account.id == into.account.id:
                self.note("trunk_out", trunk, f"leaves over {label(found)}")
                return found
        return None


def label(service: Service) -> str:
    """Return how traces and messages name *service*, for instance ``did 15125550100 of ACME``."""
    of = f" (shares {label(service.primary)})" if service.primary else f" of {service.account.code}"
    return f"{service.kind.value} {service.name}{of}"
