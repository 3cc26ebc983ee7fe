"""Documents that FreeSWITCH posts (mod_json_cdr, mod_xml_cdr): kept on the disk, then answered."""

from __future__ import annotations

import binascii
import hmac
from base64 import b64decode
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from twisted.web.http import RESPONSES
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

LONGEST_BODY = 1 << 20
_FORMS = (b"application/x-www-form-urlencoded", b"application/x-www-form-base64-encoded")


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
            self._log.warning(
                "posted record refused", peer=request.getClientAddress().host, why="user or password"
            )
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

    def refuse_length(self, transport: Any, why: str) -> None:
        """Log that somebody posts what is too long, or does not say how long it is."""
        self._log.warning("posted record refused", peer=transport.getPeer().host, why=why)


def _document(request: Any) -> bytes:
    """Return what was posted: the body, or its field ``cdr``, which is escaped as in a URL or in base64."""
    body: bytes = request.content.read(LONGEST_BODY + 1)
    kind = request.getHeader(b"content-type") or b""
    # FreeSWITCH calls its posts forms, whatever they are, when it is set not to wait for a 100.
    if _is_document(body) or not kind.startswith(_FORMS):
        return body
    found: bytes = (parse_qs(body, max_num_fields=10).get(b"cdr") or [b""])[0]
    return found if _is_document(found) else _from_base64(body) or found


def _is_document(octets: bytes) -> bool:
    return octets.lstrip()[:1] in (b"{", b"<")


def _from_base64(body: bytes) -> bytes:
    """Return the document in a form whose only field is base64, unescaped; empty when it is none."""
    name, _, value = body.partition(b"=")
    try:
        found = b64decode(b"".join(value.split()), validate=True) if name == b"cdr" else b""
    except binascii.Error:
        return b""
    return found if _is_document(found) else b""


def _refuse(request: Any, code: int, text: bytes) -> bytes:
    request.setResponseCode(code)
    return text


class _Bounded(Request):
    """A request that is refused when its body is longer than any document, or does not say how long."""

    def gotLength(self, length: int | None) -> None:
        """Take the length that was announced."""
        if length is not None and length <= LONGEST_BODY:
            super().gotLength(length)  # type: ignore[no-untyped-call]
            return
        super().gotLength(0)  # type: ignore[no-untyped-call]
        code, why = (411, "no Content-Length") if length is None else (413, f"{length} octets")
        posts: Posts = self.channel.site.resource  # type: ignore[attr-defined]
        transport: Any = self.transport
        posts.refuse_length(transport, why)
        answer = f"no document is so long: {why}, of {LONGEST_BODY} at most\n" if length else f"{why}\n"
        head = f"HTTP/1.1 {code} {RESPONSES[code].decode()}\r\nConnection: close\r\n"
        transport.write(f"{head}Content-Length: {len(answer)}\r\n\r\n{answer}".encode())
        transport.loseConnection()


def site(posts: Posts) -> Site:
    """Return what answers on a port."""
    found = Site(posts, requestFactory=_Bounded)  # type: ignore[no-untyped-call]
    found.noisy = False
    return found
