"""Read single values as the rest of the product wants them, whatever octets a switch sent."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from urllib.parse import unquote

_HEX_DIGITS = "0123456789abcdefABCDEF"
_TON_NPI = "#:"  # stands before the number in Cisco's ton:0,npi:0,#:NUMBER
LARGEST_CAUSE = 0x7FFF  # Q.850 ends at 127; switches add their own above
NO_ADDRESS = frozenset({"0.0.0.0", "::", b"0.0.0.0", b"::", bytes(4), bytes(16)})
"""What is written for an address that is not known."""
_UNREADABLE = "\ufffd"  # in place of a character that no screen shows and no database keeps


def text(value: bytes | None) -> str:
    """
    Return *value* as printable text, the empty string for None.

    Not UTF-8? Then Latin-1: an old switch's caller name is no reason to lose a
    record. A NUL at the end is C's; any other control character becomes U+FFFD,
    so that ``alice\\0x`` is never taken for ``alice`` and no log line is forged.
    """
    if not value:
        return ""
    try:
        read = value.decode()
    except UnicodeDecodeError:
        read = value.decode("latin-1")
    return (read if read.isprintable() else _printable(read.rstrip("\0").strip())).strip()


def identifier(value: bytes | None) -> str:
    """
    Return *value* as text that differs for different octets, NULs at the end aside.

    RFC 2866, 5.5 wants Acct-Session-Id to be text, but binary ones are about:
    those are written as ``0x`` and hexadecimal digits.
    """
    if not value or value == b"\0":
        return ""
    try:
        read = value.rstrip(b"\0").decode()
    except UnicodeDecodeError:
        read = ""
    return read if read and read.isprintable() else f"0x{value.hex()}"


def without_name(value: str, name: str) -> str:
    """Return *value* without the ``name=`` that Cisco writes before it and most copies do not."""
    if "=" in value:
        head, _, rest = value.partition("=")
        if head.strip().lower() == name:
            return rest.strip()
    return value


def number(value: str) -> str:
    """
    Return the user part of *value*: a number, a SIP or tel URI, or a whole From header.

    ``+`` and leading zeros stay: what they mean is the dial plan's business.
    A URI of a host alone has no user part, so the answer is empty.
    """
    if not value or (value.isdigit() and value.isascii()):
        return value
    return _user_part(value)


def header_number(value: str) -> str:
    """
    Return the number in a whole From or To header: its URI's user part, else a display name that is dialled.

    ``'12513001300'<sip:4.2.2.2>`` is how some write a caller whose URI names the host alone.
    """
    found = number(value)
    if not found and "<" in value:
        name = value.partition("<")[0].strip().strip("\"'").strip()
        found = name if _is_dialled(name) else ""
    return found


@lru_cache(maxsize=16384)
def _user_part(value: str) -> str:
    value = _without_display_name(value.strip())
    if _TON_NPI in value and "@" not in value:
        value = value.rpartition(_TON_NPI)[2]
    scheme, colon, rest = value.partition(":")
    scheme = scheme.lower() if colon else ""
    if scheme in ("sip", "sips", "h323"):
        user, at, _ = rest.partition("@")
        if not at:
            user = rest if _is_dialled(rest.partition(";")[0]) else ""
        user = user.partition(":")[0]  # the rest is a password (RFC 3261, 19.1.1)
    elif scheme == "tel":
        # Visual separators mean nothing (RFC 3966, 5.1.1).
        user = rest.partition(";")[0].translate({ord(mark): None for mark in "-.() "})
    else:
        user = value.partition("@")[0]
    return _printable(unquote(user.partition(";")[0], errors="replace")).strip()


def _without_display_name(value: str) -> str:
    """Return the URI of ``"name" <uri>;tag=x``; a ``<`` inside the quoted name is part of the name."""
    if value.startswith('"'):
        end = 1
        while end < len(value) and value[end] != '"':
            end += 2 if value[end] == "\\" else 1
        value = value[end + 1 :]
    before, bracket, inside = value.partition("<")
    return inside.partition(">")[0].strip() if bracket else before.strip()


def _is_dialled(value: str) -> bool:
    return value.isascii() and bool(value) and not value.strip("0123456789+*#ABCDabcd")


@lru_cache(maxsize=16384)
def address(value: bytes | str | None) -> str:
    """
    Return the IP address in *value* in its canonical form, the empty string when there is none.

    It may be text, with or without a port or a transport, a SIP URI, or the four or sixteen octets of the
    address itself. IPv4 inside IPv6 becomes IPv4; 0.0.0.0 and :: are what is written for none.
    """
    if not value:
        return ""
    found = _parsed(_host_of(value if isinstance(value, str) else text(value)))
    if not found and isinstance(value, bytes) and len(value) in (4, 16):
        found = _parsed(value)
    return found


_BEFORE_HOST = re.compile(r"(?:sips?:|h323:|udp:|tcp:|tls:|sctp:|wss?:|ip\$)*", re.IGNORECASE)


def _host_of(value: str) -> str:
    """
    Return the host of ``sip:user@host:port;parameters``, of ``[host]:port``, or of a host alone.

    SIP proxies write ``udp:host:port`` for a socket, H.323 ``ip$host:port``.
    """
    value = value.strip().strip("<>")
    if value[:1].isalpha():
        value = value[_BEFORE_HOST.match(value).end() :]  # type: ignore[union-attr]  # it matches nothing, too
    value = value.rpartition("@")[2].partition(";")[0]
    if value.startswith("["):
        return value[1:].partition("]")[0]
    return value.partition(":")[0] if value.count(":") == 1 else value


def _parsed(value: str | bytes) -> str:
    try:
        found = ip_address(value)
    except ValueError:
        return ""
    if found.is_unspecified:
        return ""
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(IPv6Address(int(found)))  # without the zone of fe80::1%eth0, which means nothing here
    return str(found)


@lru_cache(maxsize=16384)  # each record of a call says it again
def conference_id(value: str) -> str:
    """
    Return *value* in the one form in which both legs of a call can be compared.

    Four groups of hexadecimal digits are padded to eight each and joined; a UUID
    loses its dashes; anything else stays. An id of zeros alone is none.
    """
    groups = value.split()
    if len(groups) == 4:
        padded = "".join([group.rjust(8, "0") for group in groups])
        if len(padded) == 32 and _is_hex(padded):
            return padded.upper() if padded.strip("0") else ""
    value = value.strip()
    if len(value) == 36:
        joined = value.replace("-", "")
        if len(joined) == 32 and _is_hex(joined):
            return joined.upper() if joined.strip("0") else ""
    return value


@lru_cache(maxsize=1024)
def release_cause(value: str, base: int) -> int | None:
    """Return the Q.850 cause written in *value* with digits of *base*, None when it is not one."""
    value = value.strip()
    if base == 16 and value[:2] in ("0x", "0X"):
        value = value[2:]
    # int() alone would take "1_0" and "+10" as well.
    if not _is_hex(value) or len(value) > 5:
        return None
    try:
        cause = int(value, base)
    except ValueError:
        return None
    return cause if cause <= LARGEST_CAUSE else None


def realm_of(username: str) -> str:
    """Return what follows the last ``@`` of *username*, the empty string when there is none."""
    return username.rpartition("@")[2] if "@" in username else ""


def _is_hex(value: str) -> bool:
    return bool(value) and not value.strip(_HEX_DIGITS)


def _printable(value: str) -> str:
    if value.isprintable():
        return value
    return "".join([character if character.isprintable() else _UNREADABLE for character in value])
