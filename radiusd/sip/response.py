"""Write the response to a request (RFC 3261, 8.2.6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from radiusd.sip.fields import split_outside
from radiusd.sip.message import VERSION, Request

REASONS = {
    100: "Trying",
    200: "OK",
    302: "Moved Temporarily",
    400: "Bad Request",
    401: "Unauthorized",
    405: "Method Not Allowed",
    407: "Proxy Authentication Required",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    487: "Request Terminated",
    500: "Server Internal Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "Version Not Supported",
    513: "Message Too Large",
}
_COPIED = {"from": "From", "to": "To", "call-id": "Call-ID", "cseq": "CSeq"}


@dataclass(frozen=True, slots=True)
class Response:
    """What is answered: status, reason phrase (empty: the usual one), headers beside those copied."""

    status: int
    reason: str = ""
    headers: Sequence[tuple[str, str]] = ()


def write_response(request: Request, response: Response, tag: str, host: str, port: int) -> bytes:
    """
    Return the octets of *response* to *request*, which came from *host* and *port*.

    *tag* names our side of what begins here; a To that has one already gets none, and neither has 100.
    """
    reason = response.reason or REASONS.get(response.status, "")
    lines = [f"{VERSION} {response.status} {_one_line(reason)}"]
    lines += _vias(request, host, port)
    for name, value in request.headers:
        shown = _COPIED.get(name)
        if shown is not None:
            if name == "to" and response.status != 100 and not has_tag(value):
                value = f"{value};tag={tag}"
            lines.append(f"{shown}: {value}")
    lines += [f"{name}: {_one_line(value)}" for name, value in response.headers]
    lines += ["Server: Tollwire", "Content-Length: 0", "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape")


def has_tag(address: str) -> bool:
    """Tell whether the From or To *address* has a tag."""
    return any(part.strip().lower().startswith("tag=") for part in split_outside(address, ";")[1:])


def _vias(request: Request, host: str, port: int) -> list[str]:
    """Return the Via headers of *request*, the first with where it really came from (RFC 3581, 4)."""
    values = request.all("via")
    if not values:
        return []
    top, *others = split_outside(values[0], ",")
    head, *params = split_outside(top, ";")
    kept = [part for part in params if part.strip().lower() != "rport" and not _is_received(part)]
    asks_for_port = len([part for part in params if part.strip().lower() == "rport"]) > 0
    received = f"received={host}"
    added = [received, f"rport={port}"] if asks_for_port else [received]
    first = ";".join([head.strip(), *(part.strip() for part in kept), *added])
    return [f"Via: {value}" for value in (", ".join([first, *(one.strip() for one in others)]), *values[1:])]


def _is_received(part: str) -> bool:
    return part.strip().lower().startswith("received=")


def _one_line(text: str) -> str:
    """Return *text* without what would end its line."""
    return text.replace("\r", " ").replace("\n", " ")
