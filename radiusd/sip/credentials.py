"""Digest challenges and credentials as SIP headers have them (RFC 3261, 22; RFC 8760)."""

from __future__ import annotations

from radiusd.sip.fields import Params, quoted, read_params, split_outside
from radiusd.sip.message import Request

HEADERS = {401: ("WWW-Authenticate", "authorization"), 407: ("Proxy-Authenticate", "proxy-authorization")}
"""Which header challenges, and which one answers, by the status of the challenge."""


def challenge(realm: str, nonce: str, *, stale: bool) -> str:
    """Return the value of a challenge that makes its reader prove a password for *realm*."""
    value = f'Digest realm={quoted(realm)}, nonce={quoted(nonce)}, algorithm=MD5, qop="auth"'
    return value + ", stale=TRUE" if stale else value


def credentials_for(request: Request, status: int, realm: str) -> Params | None:
    """
    Return the parameters of the digest that answers a challenge of *status* and *realm*.

    A request may carry credentials for others, too; those are nobody's business here.
    """
    for value in request.all(HEADERS[status][1]):
        scheme, _, rest = value.partition(" ")
        if scheme.lower() != "digest":
            continue
        params = read_params(split_outside(rest, ","))
        if params.get("realm") == realm:
            return params
    return None
