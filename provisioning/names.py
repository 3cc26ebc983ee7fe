"""Names, codes and networks: what may be called how."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from ipaddress import IPv4Network, IPv6Network, ip_network

from radiusd.errors import BadInput

Network = IPv4Network | IPv6Network

MAX_NAME = 64
MAX_TEXT = 200
MAPPED_IPV4 = IPv6Network("::ffff:0:0/96")


def name(field: str, text: str) -> str:
    """
    Return *text* when it can name a thing: 1 to 64 characters that print, no space at the ends.

    Raises:
        BadInput: It cannot.
    """
    if not text or text != text.strip() or not text.isprintable() or len(text) > MAX_NAME:
        raise BadInput(
            f"{field}: {text[:MAX_NAME]!r} cannot be a name; use 1 to {MAX_NAME} characters that print, "
            "without spaces at the ends"
        )
    return text


def prose(field: str, text: str) -> str:
    """
    Return *text* when it can describe a thing: up to 200 characters that print, or none.

    Raises:
        BadInput: It is longer, or has control characters.
    """
    if len(text) > MAX_TEXT or not (text.isprintable() or not text):
        raise BadInput(f"{field}: use up to {MAX_TEXT} characters that print; {text[:40]!r} is not so")
    return text


def network(field: str, text: str) -> Network:
    """
    Return an address or network; an IPv4 address written as IPv6 is IPv4, as packets are matched.

    Raises:
        BadInput: It is none, has bits right of its length, or covers all addresses.
    """
    try:
        found = ip_network(text.strip())
    except ValueError as error:
        raise BadInput(
            f"{field}: {text[:60]!r} is no address or network ({error}); write 192.0.2.1 or 2001:db8::/64"
        ) from error
    if isinstance(found, IPv6Network) and found.subnet_of(MAPPED_IPV4):
        found = IPv4Network((int(found.network_address) & 0xFFFFFFFF, found.prefixlen - 96))
    if found.prefixlen == 0:
        raise BadInput(f"{field}: {text} is every address there is; name the networks that are meant")
    return found


def whole(field: str, value: int | None, least: int, greatest: int = 2**31 - 1) -> int | None:
    """
    Return *value*, None as None, when it is between *least* and *greatest*.

    Raises:
        BadInput: It is not.
    """
    if value is not None and not least <= value <= greatest:
        raise BadInput(f"{field}: {value} is not from {least} to {greatest}")
    return value


def word(field: str, text: str, known: Sequence[str]) -> str:
    """
    Return *text* when it is one of the words *known*.

    Raises:
        BadInput: It is not.
    """
    if text not in known:
        raise BadInput(f"{field}: {text[:40]!r} is none of {', '.join(known)}")
    return text


def words(kind: type[Enum]) -> tuple[str, ...]:
    """Return the words of a closed set."""
    return tuple(member.value for member in kind)
