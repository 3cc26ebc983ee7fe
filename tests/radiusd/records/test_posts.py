"""Documents that FreeSWITCH posts, in each of the ways that it can be set to."""

from __future__ import annotations

from base64 import b64encode
from typing import Any
from urllib.parse import quote_plus

import pytest
from twisted.internet.testing import StringTransport

from radiusd.records.posts import LONGEST_BODY, Posts, site

JSON = b'{"variables": {"uuid": "u-1", "caller": "+4930>?~ "}}'
XML = b'<?xml version="1.0"?><cdr><variables/></cdr>'
FORM = b"application/x-www-form-urlencoded"
BASE64 = b"application/x-www-form-base64-encoded"
PASSWORD = b"let me in"


class Log:
    """Remembers what was refused."""

    def __init__(self) -> None:
        self.refused: list[str] = []

    def warning(self, event: str, **bound: Any) -> None:
        self.refused.append(bound["why"])


class Switch:
    """Posts to the site over a transport of strings."""

    def __init__(self) -> None:
        self.kept: list[bytes] = []
        self.log = Log()
        self.site = site(Posts(self.kept.append, "tollwire", PASSWORD, self.log))

    def post(self, body: bytes, *headers: bytes, password: bytes = PASSWORD) -> int:
        """Return the status that a post of *body* gets."""
        protocol, transport = self.site.buildProtocol(None), StringTransport()
        protocol.makeConnection(transport)
        proof = b"Authorization: Basic " + b64encode(b"tollwire:" + password)
        protocol.dataReceived(b"\r\n".join([b"POST / HTTP/1.1", b"Host: x", proof, *headers, b"", body]))
        return int(transport.value().split(b" ", 2)[1])

    def post_as(self, kind: bytes, body: bytes) -> int:
        return self.post(body, b"Content-Type: " + kind, b"Content-Length: %d" % len(body))


@pytest.mark.parametrize("document", [JSON, XML])
@pytest.mark.parametrize(
    ("kind", "written"),
    [
        (b"application/json", lambda document: document),
        (FORM, lambda document: document),
        (FORM, lambda document: b"cdr=" + quote_plus(document).encode()),
        (BASE64, lambda document: b"cdr=" + b64encode(document)),
        (FORM, lambda document: b"cdr=" + b64encode(document)),
    ],
)
def test_a_document_is_kept_as_it_was(document: bytes, kind: bytes, written: Any) -> None:
    """
    Bare, escaped as in a URL or in base64; with ``disable-100-continue`` each of them is called a form.
    """
    switch = Switch()

    assert 200 == switch.post_as(kind, written(document))
    assert [document + b"\n"] == switch.kept


@pytest.mark.parametrize(
    ("headers", "code", "why"),
    [
        ([b"Content-Length: %d" % (LONGEST_BODY + 1)], 413, f"{LONGEST_BODY + 1} octets"),
        ([b"Transfer-Encoding: chunked"], 411, "no Content-Length"),
    ],
)
def test_what_is_too_long_is_told_so(headers: list[bytes], code: int, why: str) -> None:
    """
    The switch hears why, so that it writes a file instead, and the log says it.
    """
    switch = Switch()

    assert code == switch.post(b"", *headers)
    assert [why] == switch.log.refused
    assert [] == switch.kept
