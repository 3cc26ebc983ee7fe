"""
The API's part of the site: find the endpoint, let the token in, read, do, answer.

What an endpoint does runs in a thread, in one transaction; all that comes before and after, on the reactor.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote_to_bytes

from psycopg2.extensions import cursor as Cursor
from twisted.web.resource import Resource
from twisted.web.server import Request

from provisioning.admin import begin
from provisioning.api.bodies import check_text, read_fields, read_json
from provisioning.api.downloads import Downloads
from provisioning.api.endpoints import JSON, Answer, Asked, Endpoint, Parameter, read_parameter
from provisioning.api.live import LiveFeed
from provisioning.api.openapi import document
from provisioning.api.pacing import Pace
from provisioning.api.problems import (
    MEDIA,
    NoSuchPath,
    NotAllowed,
    TooLong,
    Unauthorized,
    WrongMedia,
    problem_of,
)
from provisioning.api.repeats import Reply, check_key, earlier_reply, fingerprint, keep_reply
from provisioning.api.table import ENDPOINTS
from provisioning.api.writing import tag_of, to_json
from provisioning.call_views import live_for
from provisioning.logins import Throttled
from provisioning.tokens import Bearer, find_bearer
from radiusd.errors import BadInput

if TYPE_CHECKING:
    from provisioning.web import Web

ROOT = "/api/v1"
EVENTS = "/calls/events"
TOKENS_KEPT = 1000
SECURITY = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
}
LISTEN = Endpoint(
    method="GET",
    path=EVENTS,
    tag="calls",
    summary="Listen to live calls as server-sent events: call, ended, costs.",
    right="calls:read",
    parameters=(Parameter("account", "Only calls that this account pays."),),
    streams=True,
    answer=lambda asked: Answer(),
)


def api_resource(web: Web) -> Resource:
    """Return what answers below ``/api``."""
    return _Api(web, (LISTEN, *ENDPOINTS))


@dataclass(frozen=True, slots=True)
class _Found:
    """An endpoint, and what the path says."""

    endpoint: Endpoint
    path: Mapping[str, str]


class _Api(Resource):
    isLeaf = True

    def __init__(self, web: Web, endpoints: Sequence[Endpoint]) -> None:
        super().__init__()
        self._web = web
        self._endpoints = [(_segments(endpoint.path), endpoint) for endpoint in endpoints]
        self._openapi = to_json(document(endpoints))
        self._pace = Pace(web.settings.console.requests_per_minute)
        self._tokens: OrderedDict[bytes, None] = OrderedDict()  # that opened when they were last used
        self._feed = LiveFeed(web)
        self._downloads = Downloads(web)

    def render(self, request: Request) -> int:
        """Answer any method."""
        from provisioning.web import respond

        return respond(request, self._handle(request), self._web.log)

    async def _handle(self, request: Request) -> None:
        for name, value in SECURITY.items():
            request.setHeader(name, value)
        known: set[str] = set()
        try:
            reply = await self._reply(request, known)
        except Exception as error:
            reply = self._problem(error, known)
        if reply is None or request._disconnected:
            return  # a listener, who is told more from time to time; or somebody who has not waited
        request.setResponseCode(reply.status)
        for name, value in reply.headers.items():
            request.setHeader(name, value)
        if reply.status not in (204, 304):
            request.setHeader("content-length", str(len(reply.body)))
            request.write(reply.body)
        request.finish()

    def _problem(self, error: Exception, known: set[str]) -> Reply:
        found = problem_of(error, known)
        if found is None:
            self._web.log.error("request failed", error=repr(error), exc_info=error)
            found = (500, {"type": "urn:tollwire:problem:internal", "title": "Internal Server Error"})
            found[1].update(status=500, code="internal", detail="a fault of ours; it is in the log")
        status, body = found
        headers = {"content-type": MEDIA}
        match error:
            case Unauthorized():
                headers["www-authenticate"] = 'Bearer realm="tollwire"'
            case NotAllowed():
                headers["allow"] = ", ".join(sorted(error.allowed))
            case Throttled():
                headers["retry-after"] = str(error.wait_s)
            case _ if status == 503:
                headers["retry-after"] = "1"
        return Reply(status, headers, to_json(body))

    async def _reply(self, request: Request, known: set[str]) -> Reply | None:
        address = self._web.address_of(request)
        secret = _secret_of(request)
        self._require_pace(secret, address)
        path = request.path.decode("ascii", "replace")
        if path.rstrip("/") == f"{ROOT}/openapi.json" and request.method in (b"GET", b"HEAD"):
            return Reply(200, {"content-type": JSON}, self._openapi)
        found = self._find(request)
        known |= _names_of(found.endpoint)
        bearer = await self._bearer(secret, address)
        octets = _read_octets(request, found.endpoint)
        if found.endpoint.right is not None:
            bearer.actor.require(found.endpoint.right)  # before it is told what is wrong with the request
        query = _read_query(request, found.endpoint)
        if found.endpoint is LISTEN and request.method != b"HEAD":
            await self._listen(request, bearer, query.get("account"), secret, address)
            return None
        body = _read_body(octets, found.endpoint)
        answer = await self._done(_Work(self._web, found, bearer, query, body, octets, request))
        if isinstance(answer, Reply):
            return answer
        assert answer.stream is not None, "an answer that is none yet was awaited"
        headers = {**answer.headers, "content-type": answer.media}
        if request.method == b"HEAD":
            return Reply(200, headers, b"")
        await self._downloads.send(request, headers, answer.stream)
        return None

    async def _listen(
        self, request: Request, bearer: Bearer, account: str | None, secret: bytes, address: str
    ) -> None:
        admin = self._web.admin(bearer.actor)
        await self._web.database.run(lambda txn: live_for(txn, admin, admin.now, account))  # or be refused
        self._feed.listen(request, admin, account, lambda: self._is_welcome(secret, address))

    async def _done(self, work: _Work) -> Reply | Answer:
        reply = await self._web.database.run(work.do)
        if isinstance(reply, Reply) or reply.after is None:
            return reply
        run = self._web.long_work.run if work.endpoint.long else self._web.database.compute
        return _encoded(await run(reply.after), work.endpoint)

    def _require_pace(self, secret: bytes, address: str) -> None:
        """Refuse who asks too often: a token that has opened counts by itself, everything else by address."""
        digest = hashlib.sha256(secret).digest()
        who = digest.hex() if digest in self._tokens else address
        wait_s = self._pace.wait_s(who, self._web.reactor.seconds())
        if wait_s:
            raise Throttled(wait_s)

    async def _bearer(self, secret: bytes, address: str) -> Bearer:
        now = self._web.now()
        text = secret.decode("ascii", "replace")
        bearer = None
        if secret:
            bearer = await self._web.database.run(lambda txn: find_bearer(txn, text, address, now))
        if bearer is None:
            raise Unauthorized("send a token that is not revoked: Authorization: Bearer tollwire_...")
        digest = hashlib.sha256(secret).digest()
        self._tokens[digest] = None
        self._tokens.move_to_end(digest)
        if len(self._tokens) > TOKENS_KEPT:
            self._tokens.popitem(last=False)
        return bearer

    async def _is_welcome(self, secret: bytes, address: str) -> bool:
        try:
            await self._bearer(secret, address)
        except Unauthorized:
            return False
        return True

    def _find(self, request: Request) -> _Found:
        """Return the endpoint of the request's path and method. Raises NoSuchPath, NotAllowed."""
        segments = _segments_of(request.path)
        method = "GET" if request.method == b"HEAD" else request.method.decode("ascii", "replace")
        allowed: set[str] = set()
        for template, endpoint in self._endpoints:
            path = _matched(template, segments)
            if path is None:
                continue
            if endpoint.method == method:
                return _Found(endpoint, path)
            allowed.add(endpoint.method)
        if allowed:
            raise NotAllowed(allowed)
        raise NoSuchPath(f"there is nothing here; {ROOT}/openapi.json tells what there is")


class _Work:
    """What is done in the thread: it may be done twice, and keeps nothing."""

    def __init__(
        self,
        web: Web,
        found: _Found,
        bearer: Bearer,
        query: Mapping[str, Any],
        body: Mapping[str, Any],
        octets: bytes,
        request: Request,
    ) -> None:
        self._web = web
        self._found = found
        self._bearer = bearer
        self._query = query
        self._body = body
        self._octets = octets
        self._if_match = _header(request, b"if-match")
        self._if_none_match = _header(request, b"if-none-match")
        key = _header(request, b"idempotency-key")
        endpoint = found.endpoint
        repeats = key is not None and endpoint.repeatable and endpoint.method == "POST"
        self._key = check_key(key) if repeats and key is not None else None
        uri = request.uri.decode("latin-1")
        self._fingerprint = fingerprint(endpoint.method, uri, octets)

    @property
    def endpoint(self) -> Endpoint:
        """What is asked."""
        return self._found.endpoint

    def do(self, txn: Cursor) -> Reply | Answer:
        """Return the reply, or an answer with what is left to do or to write after the commit."""
        endpoint = self._found.endpoint
        admin = self._web.admin(self._bearer.actor)
        if self._key is not None:
            earlier = earlier_reply(txn, self._bearer.token_id, self._key, self._fingerprint, admin.now)
            if earlier is not None:
                return earlier
        if endpoint.alone:
            begin(txn)
        answer = endpoint.answer(
            Asked(
                txn=txn,
                admin=admin,
                web=self._web,
                path=self._found.path,
                query=self._query,
                body=self._body,
                octets=self._octets if endpoint.media else b"",
                if_match=self._if_match,
            )
        )
        if answer.after is not None or answer.stream is not None:
            return answer
        reply = _encoded(answer, endpoint, self._if_none_match)
        if self._key is not None:
            keep_reply(txn, self._bearer.token_id, self._key, reply)
        return reply


def _encoded(answer: Answer, endpoint: Endpoint, if_none_match: str | None = None) -> Reply:
    headers = dict(answer.headers)
    if answer.change is not None and answer.change.warnings:
        headers["Tollwire-Warning"] = " / ".join(answer.change.warnings).encode("ascii", "replace").decode()
    if answer.status == 204:
        return Reply(204, headers, b"")
    if answer.tagged:
        headers["ETag"] = tag_of(answer.body)
        if endpoint.method == "GET" and if_none_match and headers["ETag"] in if_none_match:
            return Reply(304, headers, b"")
    headers["content-type"] = answer.media
    body = to_json(answer.body) if answer.media == JSON else str(answer.body).encode()
    return Reply(answer.status, headers, body)


def _segments(path: str) -> tuple[str, ...]:
    return tuple(path.strip("/").split("/"))


def _segments_of(path: bytes) -> tuple[str, ...] | None:
    """Return the segments of a request's path below the root, decoded; None when it is not below."""
    root, segments = ROOT.encode() + b"/", path
    if not segments.startswith(root):
        return None
    try:
        decoded = [unquote_to_bytes(part).decode() for part in segments[len(root) :].split(b"/")]
        for part in decoded:
            check_text(part)
    except ValueError:
        return None
    return tuple(decoded)


def _matched(template: tuple[str, ...], segments: tuple[str, ...] | None) -> dict[str, str] | None:
    """Return what *segments* say for the names in *template*, None when they do not fit."""
    if segments is None or len(segments) != len(template):
        return None
    path = {}
    for wanted, given in zip(template, segments, strict=True):
        if wanted.startswith("{"):
            if not given:
                return None
            path[wanted[1:-1]] = given
        elif wanted != given:
            return None
    return path


def _header(request: Request, name: bytes) -> str | None:
    values = request.requestHeaders.getRawHeaders(name)
    return None if not values else values[0].decode("ascii", "replace")


def _secret_of(request: Request) -> bytes:
    values = request.requestHeaders.getRawHeaders(b"authorization") or [b""]
    scheme, _, secret = values[0].partition(b" ")
    return bytes(secret.strip()) if scheme.lower() == b"bearer" else b""


def _read_octets(request: Request, endpoint: Endpoint) -> bytes:
    """Return the body. Raises TooLong, WrongMedia."""
    assert request.content is not None
    octets = request.content.read(endpoint.most_octets + 1)
    if len(octets) > endpoint.most_octets:
        raise TooLong(f"the body has more than {endpoint.most_octets} octets")
    wanted = endpoint.media or (JSON if endpoint.body is not None else None)
    given = (_header(request, b"content-type") or "").partition(";")[0].strip().lower()
    if octets and wanted is None and endpoint.method != "GET" and given:
        return b""  # an empty form or object of a client that always sends one
    if octets and wanted is not None and given != wanted:
        raise WrongMedia(f"Content-Type: send {wanted}, not {given[:60] or 'nothing'}")
    return bytes(octets)


def _names_of(endpoint: Endpoint) -> set[str]:
    """Return the names that a request may give something: what is wrong with one is about it."""
    names = {parameter.name for parameter in endpoint.parameters if not parameter.in_path}
    return names if endpoint.body is None else names | {field.name for field in fields(endpoint.body)}


def _read_body(octets: bytes, endpoint: Endpoint) -> dict[str, Any]:
    """Return the fields of a JSON body as their types. Raises NotJson, WrongFields."""
    if endpoint.body is None:
        return {}
    given = read_json(octets) if octets or not endpoint.partial else {}
    return read_fields(endpoint.body, given, partial=endpoint.partial, fixed=endpoint.fixed)


def _read_query(request: Request, endpoint: Endpoint) -> dict[str, Any]:
    """Return the parameters of the query. Raises BadInput."""
    _, _, text = request.uri.partition(b"?")
    known = {parameter.name: parameter for parameter in endpoint.parameters if not parameter.in_path}
    found: dict[str, Any] = {}
    try:
        pairs = parse_qsl(text.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=100)
        for name, value in pairs:
            check_text(name)
            check_text(value)
    except ValueError as error:
        raise BadInput("the query is no UTF-8, or has a character that cannot be stored") from error
    for name, value in pairs:
        parameter = known.get(name)
        if parameter is None:
            there = f"; there are {', '.join(known)}" if known else ""
            raise BadInput(f"{name[:60]}: there is no such parameter{there}")
        if name in found:
            raise BadInput(f"{name}: it is there twice")
        found[name] = read_parameter(parameter, value)
    for name, parameter in known.items():
        if parameter.required and name not in found:
            raise BadInput(f"{name}: it is missing")
    return found
