"""SIP and tel URIs: who and where (RFC 3261, 19.1; RFC 3966)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

_HOST = re.compile(r"[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\]")
_VISUAL = str.maketrans("", "", "-.()")
_UNSAFE = frozenset(' \t"<>\r\n\0')


class BadUri(ValueError):
    """
    The text is no URI that this server understands.
    """


@dataclass(frozen=True, slots=True)
class Uri:
    """
    A URI taken apart. *user* is as it is written, escapes and parameters (``;npdi``) included.
    """

    scheme: str
    user: str
    host: str = ""
    port: int | None = None
    params: str = ""

    @property
    def number(self) -> str:
        """The user without escapes and parameters: a number, ``+`` kept, or a name."""
        user = unquote(self.user.partition(";")[0], errors="replace")
        return user.translate(_VISUAL) if self.scheme == "tel" else user

    def at(self, host_and_port: str) -> str:
        """Return the SIP URI of the same user at another place; what was secure stays so."""
        scheme = "sips" if self.scheme == "sips" else "sip"
        return f"{scheme}:{self.user}@{host_and_port}" if self.user else f"{scheme}:{host_and_port}"

    def __str__(self) -> str:
        if self.scheme == "tel":
            return f"tel:{self.user}"
        place = self.host if self.port is None else f"{self.host}:{self.port}"
        user = f"{self.user}@" if self.user else ""
        return f"{self.scheme}:{user}{place}{self.params}"


def read_uri(text: str) -> Uri:
    """
    Return the ``sip:``, ``sips:`` or ``tel:`` URI *text*.

    A password in it is left out, and so are headers after ``?``, which have no place in a request.

    Raises:
        BadUri: It is none of these, or malformed.
    """
    scheme, colon, rest = text.partition(":")
    scheme = scheme.lower()
    if not colon or not rest or not _UNSAFE.isdisjoint(text):
        raise BadUri("no URI")
    if scheme == "tel":
        return Uri(scheme, rest)
    if scheme not in ("sip", "sips"):
        raise UnknownScheme(f"scheme {scheme[:20]} is not known")
    user, at, place = rest.partition("@")
    if not at:
        user, place = "", rest
    place = place.partition("?")[0]
    where, semicolon, params = place.partition(";")
    found = _HOST.match(where)
    if found is None or (at and not user):
        raise BadUri("no host")
    return Uri(scheme, user.partition(":")[0], found[0], _port(where[found.end() :]), semicolon + params)


class UnknownScheme(BadUri):
    """
    It is a URI, of a scheme that has nothing to do with calls.
    """


def _port(text: str) -> int | None:
    if not text:
        return None
    digits = text[1:]
    if text[0] != ":" or not digits.isascii() or not digits.isdecimal() or len(digits) > 5:
        raise BadUri("no port")
    port = int(digits)
    if not 1 <= port <= 65535:
        raise BadUri("no port")
    return port
