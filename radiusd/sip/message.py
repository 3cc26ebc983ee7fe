"""Read a SIP request: bounds first, then its start line and headers, and nothing of what they mean."""

from __future__ import annotations

import string
from dataclasses import dataclass

MOST_HEAD_OCTETS = 16_384
MOST_LINES = 256
MOST_LINE_OCTETS = 4096
VERSION = "SIP/2.0"

Headers = tuple[tuple[str, str], ...]

_TOKEN = frozenset(string.ascii_letters + string.digits + "-.!%*_+`'~")  # RFC 3261, 25.1
_LONG_NAMES = {
    "c": "content-type",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
}
_ONCE = ("call-id", "cseq", "from", "to", "max-forwards", "content-length")


@dataclass(frozen=True, slots=True)
class Request:
    """
    A request as it came. *headers* are (name, value) in the order of the wire, names long and in lower case.

    Text is UTF-8; octets that are none pass through unharmed (``surrogateescape``), so that what is copied
    into a response is what came.
    """

    method: str
    uri: str
    headers: Headers
    body: bytes = b""

    def first(self, name: str) -> str | None:
        """Return the first value of header *name*, which is given in lower case."""
        for known, value in self.headers:
            if known == name:
                return value
        return None

    def all(self, name: str) -> list[str]:
        """Return all values of header *name*, one for each line."""
        return [value for known, value in self.headers if known == name]


class BadMessage(Exception):
    """
    A message that cannot be served.

    *request* is what could be read of it; with one, *status* and *reason* can be answered. Without one it
    is dropped: nobody knows whom to answer.
    """

    def __init__(self, reason: str, request: Request | None = None, status: int = 400) -> None:
        super().__init__(reason)
        self.reason = reason
        self.request = request
        self.status = status


def read_request(octets: bytes) -> Request | None:
    """
    Return the request in one datagram, or in what a stream was cut into; None for a response.

    Raises:
        BadMessage: It is none, or breaks a rule that others rely on.
    """
    head, body = _split(octets)
    lines = _lines(head)
    if not lines:
        raise BadMessage("it is empty")
    if lines[0][:4].upper() == "SIP/":
        return None
    method, _, rest = lines[0].partition(" ")
    uri, _, version = rest.rpartition(" ")
    if not is_token(method):
        raise BadMessage("the first line is no request line")
    headers, fault = _read_headers(lines[1:])
    request = Request(method, uri, headers, body)
    if not uri or " " in uri or not version.upper().startswith("SIP/"):
        raise BadMessage("Bad Request Line", request)
    if version.upper() != VERSION:
        raise BadMessage("Version Not Supported", request, 505)
    if fault:
        raise BadMessage(fault, request)
    _check_once(request)
    return _with_body(request)


def is_token(text: str) -> bool:
    """Tell whether *text* is a token: a method, a name of a header or of a parameter."""
    return bool(text) and _TOKEN.issuperset(text)


def _split(octets: bytes) -> tuple[bytes, bytes]:
    """Return the octets before and after the empty line."""
    octets = octets.lstrip(b"\r\n")  # RFC 3261, 7.5
    for end in (b"\r\n\r\n", b"\n\n"):
        at = octets.find(end, 0, MOST_HEAD_OCTETS)
        if at >= 0:
            return octets[:at], octets[at + len(end) :]
    raise BadMessage("no empty line ends its headers")


def _lines(head: bytes) -> list[str]:
    text = head.decode("utf-8", "surrogateescape")
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    if len(lines) > MOST_LINES or any(len(line) > MOST_LINE_OCTETS for line in lines):
        raise BadMessage("its headers are too long")
    # Whatever is copied into a response must not end a line there.
    if any("\r" in line for line in lines):
        raise BadMessage("a line holds a carriage return")
    return lines


def _read_headers(lines: list[str]) -> tuple[Headers, str]:
    """Return the headers of *lines*, and what is wrong with the first that is none."""
    headers: list[tuple[str, str]] = []
    fault = ""
    for line in lines:
        if line[:1] in (" ", "\t"):  # folded: it goes on
            if headers:
                name, value = headers[-1]
                headers[-1] = name, f"{value} {line.strip()}"
            continue
        name, colon, value = line.partition(":")
        name = name.rstrip(" \t").lower()
        if not colon or not is_token(name):
            fault = fault or "Bad Header Line"
            continue
        headers.append((_LONG_NAMES.get(name, name), value.strip(" \t")))
    return tuple(headers), fault


def _check_once(request: Request) -> None:
    """Refuse headers that stand there twice and may not: two readers would believe two things."""
    for name in _ONCE:
        if len(request.all(name)) > 1:
            raise BadMessage(f"Several {name.title()} Headers", request)


def _with_body(request: Request) -> Request:
    """Return *request* with the body that Content-Length says; what stands behind it is dropped."""
    length = request.first("content-length")
    if length is None:
        return request
    if not length.isascii() or not length.isdecimal() or len(length) > 9:
        raise BadMessage("Bad Content-Length", request)
    if int(length) > len(request.body):
        raise BadMessage("Body Shorter Than Content-Length", request)
    return Request(request.method, request.uri, request.headers, request.body[: int(length)])
