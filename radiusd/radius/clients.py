"""The switches that may speak to us, and which of them an address belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network

SHORT_SECRET_OCTETS = 12  # below this a recorded packet gives the secret away to a patient guesser
GOOD_SECRET_OCTETS = 16  # RFC 2865, 3
MAX_REMEMBERED_HOSTS = 4096

_MAPPED_IPV4 = IPv6Network("::ffff:0:0/96")
_CLOSED_SETS = {
    "call_check": ("service-type", "any", "never"),
    "digest": ("strict", "proxy"),
    "grant": ("whole", "lease"),
    "return_codes": ("cisco", "portaone", "welltech"),
    "cut_off": ("none", "disconnect", "coa"),
    "tell_time": ("none", "coa"),
    "coa_transport": ("udp", "tls"),
    "sip": ("off", "open", "401", "407"),
}
CUT_OFF_FOR = ("fraud", "grant_over", "no_credit", "over_limit", "suspended")
"""For what a client that can be asked to end calls is asked; an ended service's calls go on."""

CUT_REASONS = frozenset({*CUT_OFF_FOR, "service_ended"})
_IDENTIFIERS = frozenset({"username", "trunk", "ip", "number"})


@dataclass(frozen=True, slots=True)
class Client:
    """
    A switch, SBC or PBX that may send RADIUS: what the RFCs call a NAS.

    Attributes:
        networks: Where its packets come from; the longest match over all clients wins.
        dialect: Which module of ``radiusd.dialects`` reads its packets.
        require_message_authenticator: Drop its Access-Requests that have none (CVE-2024-3596).
        limit_proxy_state: Drop those that have Proxy-State and no Message-Authenticator;
            without effect where the former is set.
        asserts_numbers: It has checked calling numbers itself, so a number alone may name an account.
        is_proxy: It may speak for other switches' calls.
        call_check: Which Access-Requests without credentials it may send: ``service-type`` (those
            that say Call-Check or SIP-Caller-AVPs), ``any``, or ``never``.
        digest: ``strict`` as RFC 5090 says, or ``proxy`` for SIP proxies that make their own nonces.
        grant: Give a call its ``whole`` time at once, or a ``lease``, for a switch that asks again.
        lease_s: How much one lease gives.
        max_call_s: The most that any call gets at once.
        setup_ttl_s: How long a call that was authorized may take to start.
        match_order: In which order a call's identifiers are tried.
        return_codes: Which table turns a refusal into its h323-return-code.
        settings: What only its dialect understands.
        cut_off: How it is made to end a call: ``none``, or by one of RFC 5176's requests, ``disconnect``
            or, where it takes that alone, ``coa``.
        cut_off_for: For which reasons; an admin's word counts always.
        tell_time: How it is told that the time of a call that is up has changed: ``none``, or by ``coa``.
        coa_address: Where such requests go; empty: where the call's own packets came from.
        coa_transport: How: ``udp``, or ``tls``, where the secret is everybody's.
        coa_port: The port they go to; None: 3799, with TLS 2083.
        coa_secret: The secret that signs them; None: that of its own requests.
        certificates: What its TLS certificates say, as ``radiusd.radius.certificates`` writes it.
        sip: Whether its INVITEs are taken: ``off``; ``open``, without credentials; or challenged
            for a digest as a server (``401``) or as a proxy (``407``) does.
        sip_trunk_header: The header of an INVITE that names the trunk group; empty: none does.
        sip_next_hop: Where its calls are redirected to; empty: to where they were going.
        transport_signs: Its packets come inside TLS, which proves their origin. Not stored.

    Raises:
        ValueError: The secret is empty, or a setting has a value that nothing understands.
    """

    id: int
    name: str
    networks: tuple[Network, ...]
    secret: bytes = field(repr=False)
    dialect: str
    require_message_authenticator: bool = True
    limit_proxy_state: bool = False
    asserts_numbers: bool = False
    is_proxy: bool = False
    call_check: str = "service-type"
    digest: str = "strict"
    grant: str = "whole"
    lease_s: int = 300
    max_call_s: int = 14400
    setup_ttl_s: int = 90
    match_order: tuple[str, ...] = ("username", "trunk", "ip", "number")
    return_codes: str = "cisco"
    settings: Mapping[str, str] = field(default_factory=dict, hash=False)
    cut_off: str = "none"
    cut_off_for: tuple[str, ...] = CUT_OFF_FOR
    tell_time: str = "none"
    coa_address: str = ""
    coa_transport: str = "udp"
    coa_port: int | None = None
    coa_secret: bytes | None = field(default=None, repr=False)
    certificates: tuple[str, ...] = ()
    sip: str = "off"
    sip_trunk_header: str = ""
    sip_next_hop: str = ""
    transport_signs: bool = False

    def __post_init__(self) -> None:
        if not self.secret:
            # RFC 2865, 3: it MUST NOT be empty, for then anybody's packet is signed right.
            raise ValueError(
                f"client {self.name}: the shared secret is empty; give it {GOOD_SECRET_OCTETS} random octets"
            )
        for setting, allowed in _CLOSED_SETS.items():
            value = getattr(self, setting)
            if value not in allowed:
                raise ValueError(
                    f"client {self.name}: {setting} is {value!r}; it must be one of {', '.join(allowed)}"
                )
        unknown = [word for word in self.match_order if word not in _IDENTIFIERS]
        if unknown:
            raise ValueError(
                f"client {self.name}: match_order names {unknown[0]!r};"
                f" it may hold {', '.join(sorted(_IDENTIFIERS))}"
            )
        unknown = [word for word in self.cut_off_for if word not in CUT_REASONS]
        if unknown:
            raise ValueError(
                f"client {self.name}: cut_off_for names {unknown[0]!r};"
                f" it may hold {', '.join(sorted(CUT_REASONS))}"
            )

    def cuts(self, reason: str) -> bool:
        """Tell whether it is to be asked to end calls for *reason*."""
        return self.cut_off != "none" and (reason in self.cut_off_for or reason == "admin")


def weakness_of(secret: bytes) -> str | None:
    """Return what an admin should be warned of about *secret*, None when it is long enough."""
    if len(secret) >= SHORT_SECRET_OCTETS:
        return None
    return (
        f"the shared secret has {len(secret)} octets, which can be guessed from one recorded packet;"
        f" use at least {GOOD_SECRET_OCTETS} random octets"
    )


class ClientTable:
    """
    Finds the client that an address belongs to: the one with the longest matching network.

    IPv4 and IPv6 stand side by side, and ``::ffff:192.0.2.1``, as a socket for
    both shows an IPv4 sender, is 192.0.2.1.

    Raises:
        ValueError: Two clients claim the same network.
    """

    def __init__(self, clients: Iterable[Client]) -> None:
        self.clients = tuple(clients)
        self._by_length: dict[tuple[int, int], dict[int, Client]] = {}
        for client in self.clients:
            for network in client.networks:
                self._claim(network, client)
        # (version, shift that leaves the prefix, prefixes), longest first.
        self._tables = [
            (version, (32 if version == 4 else 128) - length, self._by_length[version, length])
            for version, length in sorted(self._by_length, reverse=True)
        ]
        self._recent: dict[str, Client] = {}
        self._by_certificate = {
            identity: client for client in self.clients for identity in client.certificates
        }

    def owner_of(self, identities: Iterable[Iterable[str]], host: str) -> Client | None:
        """
        Return the client whose certificate says *identities*, None when none or more than one has them.

        *identities* come in groups, the most particular first; the first group that anybody claims
        decides. A client that has networks may use its certificate from there only (RFC 6614, 2.4).
        """
        for group in identities:
            found = [self._by_certificate[one] for one in group if one in self._by_certificate]
            if found:
                client = found[0]
                is_one = all(other is client for other in found)
                return client if is_one and _may_come_from(client, host) else None
        return None

    def lookup(self, host: str) -> Client | None:
        """Return the client that *host*, an address as text, belongs to; None when there is none."""
        client = self._recent.get(host)
        if client is not None:
            return client
        client = self._search(host)
        # Strangers are not remembered: forged sources must not push out the real ones.
        if client is not None:
            if len(self._recent) >= MAX_REMEMBERED_HOSTS:
                self._recent.clear()
            self._recent[host] = client
        return client

    def _claim(self, network: Network, client: Client) -> None:
        network = _unmapped(network)
        prefixes = self._by_length.setdefault((network.version, network.prefixlen), {})
        prefix = int(network.network_address) >> (network.max_prefixlen - network.prefixlen)
        other = prefixes.setdefault(prefix, client)
        if other is not client:
            raise ValueError(f"network {network} belongs to client {other.name} and to client {client.name}")

    def _search(self, host: str) -> Client | None:
        address = _address(host)
        if address is None:
            return None
        value = int(address)
        for version, shift, prefixes in self._tables:
            if version == address.version:
                client = prefixes.get(value >> shift)
                if client is not None:
                    return client
        return None


def _may_come_from(client: Client, host: str) -> bool:
    address = _address(host)
    return not client.networks or (
        address is not None and any(address in _unmapped(network) for network in client.networks)
    )


def _address(host: str) -> IPv4Address | IPv6Address | None:
    """Return *host* as an address, an IPv4-mapped one as IPv4; None when it is none."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _unmapped(network: Network) -> Network:
    """Return ``::ffff:a.b.c.d/N`` as the IPv4 network that it means, anything else as it is."""
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED_IPV4):
        return IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - 96))
    return network
