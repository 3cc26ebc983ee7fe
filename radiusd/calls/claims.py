"""What brings calls to accounts, and the texts by which it is found: provisioning writes, workers look up."""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network


class ServiceKind(Enum):
    """What brings calls to an account."""

    DID = "did"
    EXTENSION = "extension"
    TRUNK = "trunk"
    IP = "ip"
    VIRTUAL = "virtual"


def number_claim(number: str) -> str:
    """Return the claim of a DID or virtual number: E.164 digits, no ``+``."""
    return f"number:{number}"


def extension_claim(tenant: str, extension: str) -> str:
    """Return the claim of an extension in its PBX tenant; tenants are domains, so case does not count."""
    return f"ext:{tenant.lower()}:{extension}"


def trunk_claim(client_id: int | None, trunk: str) -> str:
    """Return the claim of a trunk group, on one client or (None) on any."""
    return f"trunk:{client_id or '*'}:{trunk}"


def network_claim(client_id: int | None, network: Network, tech_prefix: str) -> str:
    """Return the claim of an IP address or network, on one client or (None) on any."""
    return f"ip:{client_id or '*'}:{network}:{tech_prefix}"


def username_claim(username: str) -> str:
    """Return the claim of a user name; case counts, as it does in digests."""
    return f"user:{username}"


@lru_cache(maxsize=65_536)
def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return *text* as an address, an IPv4-mapped one as IPv4; None when it is none."""
    try:
        address = ip_address(text.strip("[]"))
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped if mapped is not None else address
