"""One INVITE: read attempt and credentials, let the ledger decide as for an Access-Request, answer."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

import msgspec
from twisted.internet.interfaces import IReactorTime

from radiusd.calls.events import CallEvent, Kind, Status
from radiusd.dialects.dialect import Dialect
from radiusd.errors import Refusal
from radiusd.handlers.answers import Door, Judged, log_attempt, result_of
from radiusd.handlers.credentials import Proof
from radiusd.metrics import Metrics
from radiusd.radius.clients import Client
from radiusd.radius.digest import DigestCredentials
from radiusd.radius.digest_fields import Encoding
from radiusd.radius.nonces import NonceMaker, NonceState
from radiusd.sip.credentials import HEADERS, challenge, credentials_for
from radiusd.sip.fields import BadField, quoted, read_address, split_outside
from radiusd.sip.own_places import OwnPlaces
from radiusd.sip.redirected import Key, Redirected
from radiusd.sip.response import Response
from radiusd.sip.server import Invite
from radiusd.sip.uri import BadUri, Uri, read_uri

DIALECT = "sip"
LONGEST_TEXT = 256
CANCELLED = 487
LOOP = 482
_NEEDED = ("username", "realm", "nonce", "uri", "response")


class InviteHandler:
    """
    Decides the calls of clients that ask by SIP, by the very rules of an Access-Request.

    The channel and the money of an accepted call are held until its accounting tells of it, or until the
    client's ``setup_ttl_s`` is over; at once they are free again when the caller cancels before the answer
    or never acknowledges it.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        dialects: Mapping[str, Dialect],
        own: OwnPlaces,
        door: Door,
        nonces: NonceMaker,
        realm: str,
        reject_delay_s: float,
        metrics: Metrics,
        log: Any,
    ) -> None:
        self._reactor = reactor
        self._dialects = dialects
        self._own = own
        self._redirected = Redirected()
        self._door = door
        self._nonces = nonces
        self._realm = realm
        self._reject_delay_s = reject_delay_s
        self._metrics = metrics
        self._log = log

    def handle(self, invite: Invite) -> None:
        """Answer *invite* with 302, a challenge, or a refusal."""
        client: Client = invite.client
        if not called_number(invite):
            invite.respond(self._refusal_of(Refusal.BAD_REQUEST, client))
            return
        arrived_s = self._reactor.seconds()
        if self._is_loop(invite, arrived_s):
            invite.respond(Response(LOOP))
            return
        proof = self._proof(invite, client, int(arrived_s)) if client.sip in ("401", "407") else Proof()
        if proof is None:
            return
        event = read_attempt(invite, client, datetime.fromtimestamp(arrived_s, UTC))
        if proof.digest is not None:
            event = msgspec.structs.replace(event, username=proof.digest.username)

        def judged(outcome: Judged | None) -> None:
            self._answer(invite, event, proof, outcome, arrived_s)

        self._door.judge(event, proof, judged)

    def _is_loop(self, invite: Invite, now_s: float) -> bool:
        """Tell whether a redirect would come back to us, or *invite* is one that did."""
        next_hop = invite.client.sip_next_hop
        if self._own.has_place(next_hop) if next_hop else self._own.has(invite.uri):
            return True
        return self._redirected.has_come_back(_key_of(invite), str(invite.uri), now_s)

    def _proof(self, invite: Invite, client: Client, now_s: int) -> Proof | None:
        """Return what *invite* proves; None when it was challenged to prove something."""
        status = int(client.sip)
        params = credentials_for(invite.request, status, self._realm)
        if params is None:
            self._challenge(invite, status, now_s, stale=False)
            return None
        proof = read_proof(params, invite, client)
        if proof.digest is None:
            return proof
        state = self._nonces.check(proof.digest.nonce, now_s, client.id, self._realm)
        if state is NonceState.STALE:
            self._challenge(invite, status, now_s, stale=True)
            return None
        return proof if state is NonceState.FRESH else Proof(refused="foreign_nonce")

    def _challenge(self, invite: Invite, status: int, now_s: int, *, stale: bool) -> None:
        nonce = self._nonces.make(now_s, invite.client.id, self._realm)
        value = challenge(self._realm, nonce, stale=stale)
        invite.respond(Response(status, headers=[(HEADERS[status][0], value)]))

    def _answer(
        self, invite: Invite, event: CallEvent, proof: Proof, outcome: Judged | None, arrived_s: float
    ) -> None:
        self._metrics.judged(result_of(outcome), self._reactor.seconds() - arrived_s)
        if outcome is None:
            invite.respond(Response(503))
            return
        decision = outcome.decision
        log_attempt(self._log, invite.client.name, event, proof, outcome)
        if decision.refusal is None:
            self._redirect(invite, event, outcome)
        elif decision.refusal is Refusal.AUTH_FAILED and self._reject_delay_s:
            response = self._refusal_of(decision.refusal, invite.client)
            self._reactor.callLater(self._reject_delay_s, invite.respond, response)
        else:
            invite.respond(self._refusal_of(decision.refusal, invite.client))

    def _refusal_of(self, refusal: Refusal, client: Client) -> Response:
        return refusal_of(refusal, self._dialects[client.dialect].sip_code_of(refusal, client))

    def _redirect(self, invite: Invite, event: CallEvent, outcome: Judged) -> None:
        if invite.is_cancelled:
            self._give_back(event)
            return
        invite.gave_up = lambda: self._give_back(event)
        asked = str(invite.uri)
        self._redirected.note(_key_of(invite), asked, target_of(invite), self._reactor.seconds())
        invite.respond(redirect_of(invite, outcome))

    def _give_back(self, event: CallEvent) -> None:
        """Tell the ledger that the call will not be, so that what it holds is free at once."""
        now = datetime.fromtimestamp(self._reactor.seconds(), UTC)
        over = msgspec.structs.replace(
            event, kind=Kind.FAILED, received_at=now, event_at=now, status=Status.FAILED, sip_code=CANCELLED
        )
        self._door.post(over, lambda _: None)


def read_proof(params: Mapping[str, str], invite: Invite, client: Client) -> Proof:
    """Return what the digest *params* prove; every fault is a *refused* proof, so that all look alike."""
    if not all(params.get(name) for name in _NEEDED):
        return Proof(refused="incomplete_digest")
    qop = params.get("qop", "").lower() or None
    if qop is not None and not (params.get("nc") and params.get("cnonce")):
        return Proof(refused="incomplete_digest")
    if client.digest == "strict" and not _is_same_target(params["uri"], invite.uri):
        return Proof(refused="digest_uri_differs")  # RFC 2617, 3.2.2.5
    body_hash = hashlib.md5(invite.request.body, usedforsecurity=False).hexdigest().encode()
    digest = DigestCredentials(
        encoding=Encoding.RFC_5090,
        username=as_clean(params["username"]),
        realm=as_clean(params["realm"]),
        method=invite.request.method.encode(),
        uri=_octets(params["uri"]),
        nonce=_octets(params["nonce"]),
        response=_octets(params["response"]),
        qop=qop,
        nc=_octets(params["nc"]) if qop else None,
        cnonce=_octets(params["cnonce"]) if params.get("cnonce") else None,
        algorithm=as_clean(params.get("algorithm", "MD5")).upper(),
        body_hash=body_hash if qop == "auth-int" else None,
    )
    return Proof(digest=digest, once=client.digest == "strict")


def read_attempt(invite: Invite, client: Client, now: datetime) -> CallEvent:
    """Return the call that *invite* asks for, in the one form for all doors."""
    sender = _uri_of(invite.dialog.sender.uri)
    return CallEvent(
        client_id=client.id,
        dialect=DIALECT,
        kind=Kind.AUTHORIZE,
        received_at=now,
        event_at=now,
        call_id=as_clean(invite.dialog.call_id),
        calling=as_clean(_calling(invite, client, sender)),
        called=called_number(invite),
        remote_ip=invite.way.host,
        trunk_in=as_clean(_trunk(invite, client)),
        tenant=_tenant(sender),
        setup_at=now,
        from_tag=as_clean(invite.dialog.sender.params.get("tag", "")),
        source=f"{invite.way.host}:{invite.way.port}/{as_clean(invite.dialog.via.branch)[:64]}",
    )


def called_number(invite: Invite) -> str:
    """
    Return whom *invite* asks for; empty when it is nobody.

    A number that holds what cannot be shown is nobody's: the next hop may read it otherwise than we do.
    """
    number = invite.uri.number
    return number if number == as_clean(number) else ""


def target_of(invite: Invite) -> str:
    """Return where the call of *invite* is sent: to its client's next hop, else where it was going."""
    next_hop = invite.client.sip_next_hop
    return invite.uri.at(next_hop) if next_hop else str(invite.uri)


def redirect_of(invite: Invite, outcome: Judged) -> Response:
    """Return the 302 that sends an accepted call on its way, with what its sender needs to know."""
    decision = outcome.decision
    headers = [
        ("Contact", f"<{target_of(invite)}>"),
        ("X-Tollwire-Account", decision.account),
        ("X-Tollwire-Call", decision.call_id),
    ]
    if decision.session_timeout_s is not None:
        headers.append(("X-Tollwire-Max-Duration", str(decision.session_timeout_s)))
    return Response(302, headers=headers)


def refusal_of(refusal: Refusal, sip_code: int) -> Response:
    """Return the response that refuses a call: its code and the table's text, and the word in Reason."""
    text = quoted(f"{refusal.text} ({refusal.word})")
    reason = f"SIP;cause={sip_code};text={text}"  # RFC 3326
    return Response(sip_code, refusal.text, headers=[("Reason", reason)])


def as_clean(text: str) -> str:
    """Return *text* from the wire as it can be stored and shown: valid, printable, and not too long."""
    octets = text.encode("utf-8", "surrogateescape")
    try:
        whole = octets.decode()
    except UnicodeDecodeError:
        whole = octets.decode("latin-1")
    return "".join(character for character in whole if character.isprintable())[:LONGEST_TEXT]


def _key_of(invite: Invite) -> Key:
    """Return what the call of *invite* is remembered by."""
    return invite.client.id, invite.dialog.call_id, invite.dialog.sender.params.get("tag", "")


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _calling(invite: Invite, client: Client, sender: Uri | None) -> str:
    """Return who calls: what a client that has checked it asserts (RFC 3325), else what the caller claims."""
    if client.asserts_numbers:
        for value in invite.request.all("p-asserted-identity"):
            for one in split_outside(value, ","):
                asserted = _uri_in(one)
                if asserted is not None and asserted.user:
                    return asserted.number
    return sender.number if sender is not None else ""


def _trunk(invite: Invite, client: Client) -> str:
    if not client.sip_trunk_header:
        return ""
    return invite.request.first(client.sip_trunk_header.lower()) or ""


def _tenant(sender: Uri | None) -> str:
    """Return the domain of the caller, if it has one and not just an address."""
    if sender is None or not sender.host:
        return ""
    try:
        ip_address(sender.host.strip("[]"))
    except ValueError:
        return as_clean(sender.host.lower())
    return ""


def _uri_in(text: str) -> Uri | None:
    try:
        return _uri_of(read_address("p-asserted-identity", text).uri)
    except BadField:
        return None


def _uri_of(text: str) -> Uri | None:
    try:
        return read_uri(text)
    except BadUri:
        return None


def _is_same_target(text: str, target: Uri) -> bool:
    """Tell whether the URI in a digest is the request's: same user, same host."""
    uri = _uri_of(text)
    return uri is not None and (uri.user, uri.host.lower()) == (target.user, target.host.lower())
