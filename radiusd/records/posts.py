"""Documents that FreeSWITCH posts (mod_json_cdr, mod_xml_cdr): kept on the disk, then answered."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from twisted.web.resource import Resource
from twisted.web.server import Request, Site

LONGEST_BODY = 1 << 20
_FORM = b"application/x-www-form-urlencoded"


class Posts(Resource):
    """Takes one document a POST, from who knows user and password."""

    isLeaf = True

    def __init__(self, keep: Callable[[bytes], None], user: str, password: bytes, log: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # twisted.web has no types
        self._keep = keep
        self._user, self._password = user.encode(), password
        self._log = log

    def render_POST(self, request: Any) -> bytes:
        """Keep the document and say so; the switch posts again, or writes a file, what was refused."""
        user_fits = hmac.compare_digest(request.getUser(), self._user)
        if not (hmac.compare_digest(request.getPassword(), self._password) and user_fits):
            self._log.warning("posted record refused", peer=request.getClientAddress().host)
            request.setHeader(b"www-authenticate", b'Basic realm="call records"')
            return _refuse(request, 401, b"user and password, please\n")
        document = _document(request)
        if not document.strip():
            return _refuse(request, 400, b"no document\n")
        try:
            self._keep(document + b"\n")
        except OSError as error:
            self._log.error("posted record not kept", error=str(error))
            return _refuse(request, 503, b"not kept; try again\n")
        return b"kept\n"


def _document(request: Any) -> bytes:
    """Return what was posted: the body, or its field ``cdr`` when it is a form."""
    kind = request.getHeader(b"content-type") or b""
    if isinstance(kind, str):
        kind = kind.encode()
    body: bytes = request.content.read(LONGEST_BODY + 1)
    if not kind.startswith(_FORM) or body.lstrip()[:1] in (b"{", b"<"):
        return body
    fields = parse_qs(body, max_num_fields=10)
    return (fields.get(b"cdr") or [b""])[0]


def _refuse(request: Any, code: int, text: bytes) -> bytes:
    request.setResponseCode(code)
    return text


class _Bounded(Request):
    """A request that is hung up on when its body is longer than any document, or does not say how long."""

    def gotLength(self, length: int | None) -> None:
        """Take the length that was announced."""
        is_bounded = length is not None and length <= LONGEST_BODY
        super().gotLength(length if is_bounded else 0)  # type: ignore[no-untyped-call]
        if not is_bounded:
            self.channel.loseConnection()  # type: ignore[no-untyped-call]


def site(posts: Posts) -> Site:
    """Return what answers on a port."""
    found = Site(posts, requestFactory=_Bounded)  # type: ignore[no-untyped-call]
    found.noisy = False
    return found
