"""What admins say of the five kinds of service, and what of it can be checked without the database."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any, ClassVar, Self

from provisioning import names, numbers
from provisioning.admin import Secret
from provisioning.moments import Moment, instant
from radiusd.calls.claims import ServiceKind, extension_claim, network_claim, number_claim, trunk_claim
from radiusd.errors import BadInput

ZERO = Decimal(0)


class Unsaid(Decimal):
    """A fee of 0 that nobody has said: what the inventory asks for the service's number goes before it."""


UNSAID = Unsaid(0)
# In pairs, or in fours with dots as Cisco writes them.
MAC_ADDRESS = re.compile(r"([0-9A-Fa-f]{2}[:-]?){5}[0-9A-Fa-f]{2}|([0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """
    What all kinds have. It holds from *activated* to, not including, *ended*; a day is the account's.

    *location* is the cost centre on its calls. *monthly_fee* and *setup_fee* come on top of its plan's.
    """

    kind: ClassVar[ServiceKind]
    name_field: ClassVar[str]

    account: str
    activated: Moment
    ended: Moment | None = None
    location: str = ""
    policy: str | None = None  # where it may call, beside its account's
    monthly_fee: Decimal = UNSAID
    setup_fee: Decimal = UNSAID

    @property
    def name(self) -> str:
        """The number, extension, trunk group or network."""
        text = getattr(self, self.name_field)
        assert isinstance(text, str)
        return text

    @property
    def key(self) -> str:
        """What an admin calls the service, among those of its kind."""
        return self.name

    def claim(self, client_id: int | None) -> str:
        """Return the identifier that no other service may have at the same time."""
        raise NotImplementedError

    def normalised(self, zone: tzinfo) -> Self:
        """
        Return the service with one spelling of everything, its days turned to instants in *zone*.

        Raises:
            BadInput: A field is wrong.
        """
        activated = instant("activated", self.activated, zone)
        ended = None if self.ended is None else instant("ended", self.ended, zone)
        if ended is not None and ended <= activated:
            raise BadInput(f"ended: {self.ended} is not after activated, {self.activated}")
        changed: dict[str, Any] = {
            "activated": activated,
            "ended": ended,
            "location": names.prose("location", self.location),
            self.name_field: canonical(self.kind, self.name),
        }
        return replace(self, **changed)

    @property
    def period(self) -> tuple[datetime, datetime | None]:
        """From when to when a normalised service holds."""
        assert isinstance(self.activated, datetime)
        assert self.ended is None or isinstance(self.ended, datetime)
        return self.activated, self.ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered(Service):
    """
    A service whose device can prove who it is, with *username* and *password*.

    With *realm*, only the digest's HA1 for that realm is kept, which serves SIP digest; without it the
    password itself is kept, sealed, which serves PAP and CHAP too. *password* None keeps what is stored.
    """

    username: str = ""
    password: Secret | None = field(default=None, repr=False)
    realm: str | None = None

    def normalised(self, zone: tzinfo) -> Self:
        """Return the service with one spelling of everything. Raises BadInput."""
        names.prose("username", self.username)
        names.prose("realm", self.realm or "")
        if not self.username and (self.password or self.realm is not None):
            raise BadInput("username: a password or realm needs one")
        return Service.normalised(self, zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Did(Registered):
    """
    A telephone number of an account.

    *outpayment* is what the customer gets per minute of calls to it, *outpayment_max* at most for a call;
    time is counted in *outpayment_initial_s* and *outpayment_increment_s*, both or neither (1/1).
    """

    kind = ServiceKind.DID
    name_field = "number"

    number: str
    plan: str
    mac_address: str = ""  # of the telephone that is provisioned with the number
    outpayment: Decimal | None = None
    outpayment_initial_s: int | None = None
    outpayment_increment_s: int | None = None
    outpayment_max: Decimal | None = None

    def normalised(self, zone: tzinfo) -> Self:
        """Return the service with one spelling of everything. Raises BadInput."""
        if self.mac_address and not MAC_ADDRESS.fullmatch(self.mac_address):
            raise BadInput(f"mac_address: {self.mac_address[:40]!r} is none; write 00:0b:82:12:34:56")
        check_outpayment(self)
        return Registered.normalised(self, zone)

    def claim(self, client_id: int | None) -> str:
        """Claim the number."""
        return number_claim(self.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension(Registered):
    """An extension of a PBX tenant, with a plan and minutes of its own."""

    kind = ServiceKind.EXTENSION
    name_field = "extension"

    extension: str
    tenant: str
    plan: str

    @property
    def key(self) -> str:
        """What an admin calls the extension: it is unique in its tenant only."""
        return f"{self.extension}@{self.tenant}"

    def normalised(self, zone: tzinfo) -> Self:
        """Return the service with one spelling of everything. Raises BadInput."""
        return replace(Registered.normalised(self, zone), tenant=self.tenant.lower())

    def claim(self, client_id: int | None) -> str:
        """Claim the extension in its tenant."""
        return extension_claim(self.tenant, self.extension)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trunk(Registered):
    """A trunk group, on one *client* or (None) on any. *max_channels*, *max_cps* None: no limit."""

    kind = ServiceKind.TRUNK
    name_field = "trunk"

    trunk: str
    plan: str
    client: str | None = None
    max_channels: int | None = None
    max_cps: Decimal | None = None

    @property
    def key(self) -> str:
        """What an admin calls the trunk."""
        return self.trunk if self.client is None else f"{self.trunk} on {self.client}"

    def claim(self, client_id: int | None) -> str:
        """Claim the name on the client, or everywhere."""
        return trunk_claim(client_id, self.trunk)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ip(Service):
    """An address or network that calls come from, seen by one *client* or (None) any."""

    kind = ServiceKind.IP
    name_field = "network"

    network: str
    plan: str
    client: str | None = None
    tech_prefix: str = ""
    max_channels: int | None = None
    max_cps: Decimal | None = None

    @property
    def key(self) -> str:
        """What an admin calls the network, in the form that it was given."""
        key = self.network.removesuffix("/32") if "." in self.network else self.network.removesuffix("/128")
        key += f" prefix {self.tech_prefix}" if self.tech_prefix else ""
        return key if self.client is None else f"{key} on {self.client}"

    def normalised(self, zone: tzinfo) -> Self:
        """Return the service with one spelling of everything. Raises BadInput."""
        if self.tech_prefix and not set(self.tech_prefix) <= set("0123456789*#"):
            raise BadInput(f"tech_prefix: {self.tech_prefix[:20]!r} has other characters than 0-9 * #")
        if len(self.tech_prefix) > names.MAX_NAME:
            raise BadInput(f"tech_prefix: it has more than {names.MAX_NAME} characters")
        return Service.normalised(self, zone)

    def claim(self, client_id: int | None) -> str:
        """Claim the network with the technical prefix, on the client or everywhere."""
        return network_claim(client_id, names.network("network", self.network), self.tech_prefix)


@dataclass(frozen=True, slots=True, kw_only=True)
class Virtual(Service):
    """
    A number that shares the plan and the minutes of *primary*, a DID of the same account.

    *additional_charge* is what a minute costs on top.
    """

    kind = ServiceKind.VIRTUAL
    name_field = "number"

    number: str
    primary: str
    additional_charge: Decimal | None = None
    outpayment: Decimal | None = None
    outpayment_initial_s: int | None = None
    outpayment_increment_s: int | None = None
    outpayment_max: Decimal | None = None

    def normalised(self, zone: tzinfo) -> Self:
        """Return the service with one spelling of everything. Raises BadInput."""
        check_outpayment(self)
        primary = numbers.e164("primary", self.primary)
        return replace(Service.normalised(self, zone), primary=primary)

    def claim(self, client_id: int | None) -> str:
        """Claim the number, as a DID does."""
        return number_claim(self.number)


HELPS = {
    "account": "Who pays.",
    "plan": "How its calls are priced.",
    "tenant": "PBX tenant, in which it is unique.",
    "primary": "DID of the account, whose plan and minutes it shares.",
    "client": "Only where this client sees it; new: anywhere.",
    "activated": "From when; a day begins where the account is.",
    "ended": "Until when, that moment excluded.",
    "max_channels": "Most calls at once; new: no limit.",
    "max_cps": "Most calls per second, as 2.5; new: no limit.",
    "policy": "Where it may call, beside its account's policy; new: anywhere.",
    "tech_prefix": "Digits before the called number that tell it from others on the network.",
    "location": "Cost centre, shown on its calls.",
    "outpayment": "What the customer earns per minute of calls to it.",
    "outpayment_initial_s": "First seconds that it earns for whole; with --outpayment-increment-s. New: 1.",
    "outpayment_increment_s": "Following steps in seconds. New: 1.",
    "outpayment_max": "Most that one call earns.",
    "additional_charge": "What a minute costs on top of the primary DID's price.",
    "monthly_fee": "Due each month, on top of its plan's. New: 0, or what the inventory asks for its number.",
    "setup_fee": "Due once, on top of its plan's. New: 0, or what the inventory asks for its number.",
    "username": "Name that its device authenticates with.",
    "realm": "Keep only the digest's HA1 for this realm, not the password.",
    "mac_address": "Of the telephone that is provisioned with it.",
}
SCOPE_HELPS = {
    "tenant": "PBX tenant, where several have the name.",
    "client": "Client, where several have the name.",
    "tech_prefix": "Technical prefix, where several have the name.",
}


def check_outpayment(service: Did | Virtual) -> None:
    """Raise BadInput when what bounds an out-payment has no sense as it is."""
    if (service.outpayment_initial_s is None) != (service.outpayment_increment_s is None):
        raise BadInput("outpayment_increment_s: give both outpayment_initial_s and it, or neither")
    if service.outpayment is None and (service.outpayment_max or service.outpayment_initial_s):
        raise BadInput("outpayment: give what a minute earns, or leave out what bounds it")


KINDS: dict[ServiceKind, type[Service]] = {kind.kind: kind for kind in (Did, Extension, Trunk, Ip, Virtual)}


def canonical(kind: ServiceKind, name: str) -> str:
    """Return *name*, as an admin types it, in the form that packets are matched with. Raises BadInput."""
    match kind:
        case ServiceKind.DID | ServiceKind.VIRTUAL:
            return numbers.e164("number", name)
        case ServiceKind.EXTENSION:
            return numbers.extension("extension", name)
        case ServiceKind.TRUNK:
            return names.name("trunk", name)
        case ServiceKind.IP:
            return str(names.network("network", name))
