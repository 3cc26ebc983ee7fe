"""Which places are this server's own: a call that is sent there comes back to us."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address

from radiusd.sip.uri import BadUri, Uri, read_uri

DEFAULT_PORT = 5060


@dataclass(frozen=True)
class OwnPlaces:
    """
    Addresses and names by which INVITEs reach us.

    Args:
        listening: The address and port of each of our SIP ports; 0.0.0.0 and :: are all of the machine's.
        names: Hosts that lead to us in another way: names, and addresses that a NAT has for us.
        is_local: Says whether an address is the machine's.
    """

    listening: Sequence[tuple[str, int]]
    names: frozenset[str]
    is_local: Callable[[str], bool]

    def has(self, uri: Uri) -> bool:
        """Tell whether an INVITE for *uri* would come to us, as far as that can be told without DNS."""
        if uri.scheme == "tel" or not uri.host:
            return False
        host, port = uri.host.strip("[]").lower(), uri.port or DEFAULT_PORT
        if host in self.names and (uri.port is None or port in {port for _, port in self.listening}):
            return True
        return any(port == ours and self._leads(host, address) for address, ours in self.listening)

    def has_place(self, host_and_port: str) -> bool:
        """Tell the same of ``host`` or ``host:port``; of what is no place, that it is not ours."""
        try:
            return self.has(read_uri(f"sip:x@{host_and_port}"))
        except BadUri:
            return False

    def _leads(self, host: str, address: str) -> bool:
        if host == "localhost":
            return any(self._leads(one, address) for one in ("127.0.0.1", "::1"))
        try:
            target, ours = ip_address(host), ip_address(address)
        except ValueError:
            return False
        if target == ours:
            return True
        # A port of :: takes IPv4 as well; one of 0.0.0.0 does not take IPv6.
        takes = ours.is_unspecified and (ours.version == 6 or target.version == 4)
        return takes and self.is_local(str(target))


def remembered(is_local: Callable[[str], bool]) -> Callable[[str], bool]:
    """Return *is_local*, which asks the system, with a memory: it is wanted for every call."""
    return lru_cache(maxsize=1024)(is_local)
