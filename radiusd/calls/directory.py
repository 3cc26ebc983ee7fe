"""Accounts, plans and services as a worker sees them: one immutable snapshot, swapped whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from fractions import Fraction
from ipaddress import ip_network
from zoneinfo import ZoneInfo

from radiusd.calls.claims import ServiceKind, parse_address
from radiusd.calls.policies import Policy
from radiusd.calls.rate_decks import RateDeck
from radiusd.calls.suppliers import Carriers
from rating.buckets import Direction, Partial
from rating.decks import Deck
from rating.increments import DurationRounding
from rating.jurisdiction import Jurisdiction
from rating.money import Rounding


@dataclass(frozen=True, slots=True)
class Account:
    """Who pays. *credit_limit_micros* None means that money sets no limit (postpaid)."""

    id: int
    code: str
    name: str
    currency: str
    zone: ZoneInfo
    credit_limit_micros: int | None
    max_channels: int | None
    suspended: bool = False
    holidays: frozenset[date] = frozenset()
    overrides: Deck | None = None  # prices of single prefixes, before those of plan and deck
    allowances: tuple[Allowance, ...] = ()
    policy: Policy | None = None
    max_cps_milli: int | None = None
    daily_limit_micros: int | None = None
    monthly_limit_micros: int | None = None
    emergency: frozenset[str] = frozenset()  # called numbers that only full channels keep back
    is_bounded: bool = field(init=False)  # money limits how long its calls may last: balance, or spend limits
    given: Given = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Find out once what each call asks."""
        is_bounded = (
            self.credit_limit_micros is not None
            or self.daily_limit_micros is not None
            or self.monthly_limit_micros is not None
            or (self.policy is not None and self.policy.max_call_micros is not None)
        )
        object.__setattr__(self, "is_bounded", is_bounded)
        object.__setattr__(self, "given", Given(self.allowances))


class Cycle(StrEnum):
    """When a bucket is filled anew, by the wall clock of the account."""

    ONCE = "once"
    CALENDAR = "calendar"  # on the first of the month
    ANNIVERSARY = "anniversary"  # on the day of the month of the activation


@dataclass(frozen=True, slots=True)
class Allowance:
    """
    Included seconds that a plan or an account is given each period for some destinations.

    *key* tells it from all others in a bucket's id. A *shared* one is the whole account's, else each service
    has its own. *services* None: all that the account has.
    """

    key: str
    name: str
    included_s: int
    prefixes: tuple[str, ...] = ("",)
    priority: int = 0
    clock_initial_s: int | None = None
    clock_increment_s: int | None = None
    shared: bool = False
    cycle: Cycle = Cycle.CALENDAR
    prorate: bool = False
    rollover_cap_s: int | None = None
    rollover_periods: int = 0
    direction: Direction = Direction.OUT
    partial: Partial = Partial.SPLIT
    blocks: bool = False  # when it is empty the call may not go on for money
    services: frozenset[int] | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None


class Given:
    """What plan or account give, sorted out once, since every event of every call asks for it."""

    __slots__ = ("blocks", "by_role", "rolls_over")

    def __init__(self, allowances: Iterable[Allowance]) -> None:
        """Sort *allowances* by the role of a payer."""
        found = tuple(allowances)
        self.by_role = {
            role.value: tuple(one for one in found if one.direction in (role, Direction.ANY))
            for role in (Direction.OUT, Direction.IN)
        }
        self.blocks = any(one.blocks for one in found)
        self.rolls_over = any(one.rollover_periods for one in found)


class OnNet(StrEnum):
    """Which calls to numbers that we serve cost nothing."""

    RATED = "rated"  # none
    ACCOUNT = "account"  # those within the account
    SITE = "site"  # all


@dataclass(frozen=True, slots=True)
class Plan:
    """Deck, buckets, increments and rounding."""

    id: int
    code: str
    deck: RateDeck
    inbound_deck: RateDeck | None
    initial_s: int | None
    increment_s: int | None
    rounding: Rounding
    buckets: tuple[Allowance, ...] = ()
    overrides: Deck | None = None  # prices of single prefixes, before the deck's
    outpayment_deck: RateDeck | None = None
    on_net: OnNet = OnNet.RATED
    free_prefixes: tuple[str, ...] = ()
    indeterminate_as: Jurisdiction = Jurisdiction.INDETERMINATE
    duration_rounding: DurationRounding = DurationRounding.UP
    lrn_dip: Fraction = Fraction(0)  # what a call costs more whose numbers were looked up
    given: Given = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "given", Given(self.buckets))


@dataclass(frozen=True, slots=True)
class Service:
    """
    What brings calls to an account. *primary* is the DID whose plan and minutes a virtual number shares.

    Active from *activated_at* (inclusive) to *ended_at* (exclusive).
    """

    id: int
    kind: ServiceKind
    name: str
    account: Account
    plan: Plan
    activated_at: datetime
    ended_at: datetime | None = None
    primary: Service | None = None
    tenant: str = ""
    client_id: int | None = None
    tech_prefix: str = ""
    max_channels: int | None = None
    username: str = ""
    password_sealed: bytes = field(default=b"", repr=False)
    password_realm: str | None = None
    location: str = ""
    outpayment_nano: int | None = None
    additional_charge_nano: int | None = None
    policy: Policy | None = None
    max_cps_milli: int | None = None
    outpayment_initial_s: int | None = None
    outpayment_increment_s: int | None = None
    outpayment_max_micros: int | None = None  # per call

    def active_at(self, moment: datetime) -> bool:
        """Tell whether the service holds at *moment*."""
        return self.activated_at <= moment and (self.ended_at is None or moment < self.ended_at)

    @property
    def owner(self) -> Service:
        """Return the service whose plan and minutes pay: the primary DID of a virtual number, else itself."""
        return self.primary or self


class Directory:
    """Finds services by what a packet says. Immutable once made."""

    def __init__(
        self,
        version: int,
        services: Iterable[tuple[Service, Sequence[str]]],
        states: Mapping[str, str] | None = None,
        plans: Mapping[int, Plan] | None = None,
        carriers: Carriers | None = None,
    ) -> None:
        """
        Index *services*, each with its claims as the database holds them.

        *states* by NPA and NPA-NXX. *plans*: also those that no service has today; calls may remember them.
        """
        self.version = version
        self.states: Mapping[str, str] = states or {}
        self.carriers = carriers or Carriers()
        self.services: dict[int, Service] = {}
        self.accounts: dict[int, Account] = {}
        self.plans: dict[int, Plan] = dict(plans or {})
        self._claims: dict[str, list[Service]] = {}
        # (IP version, client or "*") → length → prefix → the network's claims, longest tech prefix first
        self._networks: dict[tuple[int, str], dict[int, dict[int, list[tuple[str, str]]]]] = {}
        for service, claims in services:
            self.services[service.id] = service
            self.accounts[service.account.id] = service.account
            self.plans[service.plan.id] = service.plan
            for claim in claims:
                self._claims.setdefault(claim, []).append(service)
                if service.kind is ServiceKind.IP and claim.startswith("ip:"):
                    self._note_network(claim, service)

    def _note_network(self, claim: str, service: Service) -> None:
        network = ip_network(service.name)
        lengths = self._networks.setdefault((network.version, claim.split(":", 2)[1]), {})
        prefix = int(network.network_address) >> (network.max_prefixlen - network.prefixlen)
        claims = lengths.setdefault(network.prefixlen, {}).setdefault(prefix, [])
        if (service.tech_prefix, claim) not in claims:
            claims.append((service.tech_prefix, claim))
            claims.sort(key=_longest_first)

    def claimed(self, claim: str, at: datetime) -> tuple[Service | None, list[Service]]:
        """Return the service that holds *claim* at the moment, and those whose dates exclude them."""
        found, dormant = None, []
        for service in self._claims.get(claim, ()):
            if service.active_at(at):
                found = service
            else:
                dormant.append(service)
        return found, dormant

    def network_claims(self, client_id: int, address: str, called: str) -> Iterator[str]:
        """
        Yield the claims that could cover *address*: longest network first, this client's before any client's.

        Of one network, the longest tech prefix that *called* begins with comes first.
        """
        parsed = parse_address(address)
        if parsed is None:
            return
        value, bits = int(parsed), parsed.max_prefixlen
        candidates = []
        for scope in (str(client_id), "*"):
            for length, prefixes in self._networks.get((parsed.version, scope), {}).items():
                claims = prefixes.get(value >> (bits - length))
                if claims is not None:
                    candidates.append((-length, scope == "*", claims))
        candidates.sort()
        for _, _, claims in candidates:
            yield from (claim for tech_prefix, claim in claims if called.startswith(tech_prefix))


def _longest_first(claim: tuple[str, str]) -> int:
    return -len(claim[0])
