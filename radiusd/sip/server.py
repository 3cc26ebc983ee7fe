"""A redirect server's core (RFC 3261, 8.2 and 8.3): what each request gets, and INVITEs for a handler."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from radiusd.sip.dialog import Dialog, read_dialog, top_via, transaction_key
from radiusd.sip.fields import BadField, Via
from radiusd.sip.message import BadMessage, Request, read_request
from radiusd.sip.response import Response, write_response
from radiusd.sip.transactions import Key, State, Transaction, Transactions
from radiusd.sip.uri import BadUri, UnknownScheme, Uri, read_uri

ALLOW = "INVITE, ACK, CANCEL, OPTIONS"
KNOWN = frozenset("BYE REGISTER PRACK SUBSCRIBE NOTIFY PUBLISH INFO REFER MESSAGE UPDATE".split())
DEFAULT_PORT = 5060
MOST_FORWARDS = 255


class Sender(Protocol):
    """A client: whoever may speak SIP to us."""

    @property
    def id(self) -> int: ...

    @property
    def name(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Way:
    """Where a message came from, and how to send octets there, over UDP to another port if need be."""

    host: str
    port: int
    is_reliable: bool
    send: Callable[[bytes, int], None]


class Invite:
    """
    An INVITE that waits for :meth:`respond`.

    *gave_up* is called when the caller does not want the answer any more: it has cancelled before there
    was one, or has not acknowledged it.
    """

    __slots__ = (
        "_server",
        "_transaction",
        "client",
        "dialog",
        "gave_up",
        "is_cancelled",
        "request",
        "uri",
        "way",
    )

    def __init__(
        self,
        server: SipServer,
        transaction: Transaction,
        client: Any,
        request: Request,
        uri: Uri,
        dialog: Dialog,
        way: Way,
    ) -> None:
        self._server = server
        self._transaction = transaction
        self.client = client
        self.request = request
        self.uri = uri
        self.dialog = dialog
        self.way = way
        self.is_cancelled = False
        self.gave_up: Callable[[], None] | None = None

    def respond(self, response: Response) -> bool:
        """Answer; return False when it is answered already."""
        is_first = self._transaction.respond(self._server.written(self.request, response, self.way))
        if is_first:
            self._server.counts.add(self.client.id, str(response.status))
        return is_first


class Counts:
    """How many requests came of each client, by method, and what they were answered."""

    def __init__(self) -> None:
        self.of: dict[tuple[int, str], int] = {}

    def add(self, client_id: int, what: str) -> None:
        """Count one."""
        self.of[client_id, what] = self.of.get((client_id, what), 0) + 1


class SipServer:
    """
    Serves clients over any transport.

    Whoever is no client gets no answer at all: neither a scanner nor the victim of a forged source.
    INVITEs go to *handle* once their form is right; everything else is answered here, without memory: the
    same request gets the same answer, tag and all.

    Args:
        find_client: Says which client an address belongs to.
        handle: Gets each new INVITE; what it raises is logged and answered by 500.
        is_healthy: While it says no, OPTIONS is answered by 503.
        dropped: Is told client, host and reason of each message that gets no answer.
    """

    def __init__(
        self,
        clock: Any,
        find_client: Callable[[str], Any],
        handle: Callable[[Invite], None],
        is_healthy: Callable[[], bool],
        dropped: Callable[[Any, str, str], None],
        log: Any,
        tag_key: bytes = b"",
    ) -> None:
        self.counts = Counts()
        self.transactions = Transactions(clock)
        self._find_client = find_client
        self._handle = handle
        self._is_healthy = is_healthy
        self._dropped = dropped
        self._log = log
        self._tag_key = tag_key or secrets.token_bytes(16)
        # Caller's tag, call and number → its transaction (RFC 3261, 8.2.2.2)
        self._asked: dict[Key, Key] = {}

    def receive(self, octets: bytes, way: Way) -> None:
        """Take one message; nothing in it can make this raise."""
        client = self._find_client(way.host)
        if client is None:
            self._drop(None, way.host, "unknown_client")
            return
        try:
            request = read_request(octets)
            if request is not None:
                self.counts.add(client.id, request.method if request.method in _COUNTED else "other")
                self._serve(client, request, way)
        except BadMessage as bad:
            self._refuse_bad(client, bad, way)

    def close(self) -> None:
        """Forget what is under way."""
        self.transactions.close()

    def written(self, request: Request, response: Response, way: Way) -> bytes:
        """Return the octets of *response* to *request*."""
        return write_response(request, response, self._tag_for(request), way.host, way.port)

    def _serve(self, client: Sender, request: Request, way: Way) -> None:
        dialog = read_dialog(request)
        if request.method == "ACK":
            self._acknowledge(client, request, dialog)
        elif request.method == "INVITE":
            self._invite(client, request, dialog, way)
        elif request.method == "CANCEL":
            self._cancel(client, request, dialog, way)
        else:
            self._answer(client, request, self._response_to(request, dialog), way)

    def _response_to(self, request: Request, dialog: Dialog) -> Response:
        """Return what a request gets that neither begins nor ends a call."""
        if dialog.is_established or request.method == "BYE":
            return Response(481)  # we are in no dialog
        if request.method != "OPTIONS":
            status = 405 if request.method in KNOWN else 501
            return Response(status, headers=[("Allow", ALLOW)])
        fault = _fault_of(request)
        if fault is not None:
            return fault
        if not self._is_healthy():
            return Response(503)
        return Response(200, headers=[("Allow", ALLOW), ("Accept", "application/sdp")])

    def _invite(self, client: Sender, request: Request, dialog: Dialog, way: Way) -> None:
        key = transaction_key(client.id, request, dialog)
        transaction = self.transactions.find(key)
        if transaction is not None:
            self.counts.add(client.id, "duplicate")
            transaction.received_again()
            return
        trying = self.written(request, Response(100), way)
        port = _answer_port(dialog.via, way)
        transaction = self.transactions.begin(
            key, lambda octets: way.send(octets, port), trying, is_reliable=way.is_reliable
        )
        if transaction is None:
            self._drop(client, way.host, "too_many_transactions")
            return
        fault = self._fault_of_invite(request, dialog, key)
        if fault is not None:
            transaction.respond(self.written(request, fault, way))
            self.counts.add(client.id, str(fault.status))
            return
        invite = Invite(self, transaction, client, request, read_uri(request.uri), dialog, way)
        transaction.user = invite
        transaction.unacknowledged = lambda: self._gave_up(invite)
        try:
            self._handle(invite)
        except Exception:
            self._failed(client, way)
            invite.respond(Response(500))

    def _fault_of_invite(self, request: Request, dialog: Dialog, key: Key) -> Response | None:
        """Return the answer to an INVITE that cannot begin a call."""
        if dialog.is_established:
            return Response(481)
        if self._is_merged(request, dialog, key):
            return Response(482)
        return _fault_of(request) or _fault_of_hops(request)

    def _is_merged(self, request: Request, dialog: Dialog, key: Key) -> bool:
        """Tell whether the same request is under way on another path already (RFC 3261, 8.2.2.2)."""
        same = (key[0], dialog.sender.params.get("tag", ""), dialog.call_id, dialog.number)
        before = self._asked.get(same)
        if before is not None and before != key and self.transactions.find(before) is not None:
            return True
        if len(self._asked) > 2 * len(self.transactions) + 1000:
            self._asked = {one: its for one, its in self._asked.items() if self.transactions.find(its)}
        self._asked[same] = key
        return False

    def _acknowledge(self, client: Sender, request: Request, dialog: Dialog) -> None:
        transaction = self.transactions.find(transaction_key(client.id, request, dialog))
        if transaction is not None:
            transaction.acknowledged()

    def _cancel(self, client: Sender, request: Request, dialog: Dialog, way: Way) -> None:
        transaction = self.transactions.find(transaction_key(client.id, request, dialog))
        if transaction is None:
            self._answer(client, request, Response(481), way)
            return
        self._answer(client, request, Response(200), way)
        invite = transaction.user
        if invite is not None and transaction.state is State.PROCEEDING:
            invite.is_cancelled = True
            invite.respond(Response(487))
            self._gave_up(invite)

    def _gave_up(self, invite: Invite) -> None:
        if invite.gave_up is not None:
            try:
                invite.gave_up()
            except Exception:
                self._failed(invite.client, invite.way)

    def _failed(self, client: Sender, way: Way) -> None:
        self._log.exception("request failed", client=client.name, source=way.host, code="INVITE", port="sip")

    def _refuse_bad(self, client: Sender, bad: BadMessage, way: Way) -> None:
        """Answer what is wrong, if it can be told whom: never an ACK, and nothing without a Via."""
        request = bad.request
        if request is None or request.method == "ACK" or not _is_answerable(request):
            self._drop(client, way.host, "malformed_sip")
            return
        self._answer(client, request, Response(bad.status, bad.reason), way)

    def _answer(self, client: Sender, request: Request, response: Response, way: Way) -> None:
        self.counts.add(client.id, str(response.status))
        way.send(self.written(request, response, way), _answer_port(top_via(request), way))

    def _drop(self, client: Any, host: str, reason: str) -> None:
        self.counts.add(0 if client is None else client.id, reason)
        self._dropped(client, host, reason)

    def _tag_for(self, request: Request) -> str:
        """Return our tag: the same for the same request, and one that nobody else can make (8.2.7)."""
        number = (request.first("cseq") or "").partition(" ")[0]  # a CANCEL's is that of its INVITE (9.2)
        parts = [number, *(request.first(name) or "" for name in ("call-id", "from", "via"))]
        told = "\0".join(parts).encode("utf-8", "surrogateescape")
        return hashlib.blake2b(told, digest_size=8, key=self._tag_key).hexdigest()


_COUNTED = frozenset({"INVITE", "ACK", "CANCEL", "OPTIONS", *KNOWN})


def _fault_of(request: Request) -> Response | None:
    """Return the answer to a request that wants what we cannot do, or from what we do not know."""
    wanted = [tag.strip() for value in request.all("require") for tag in value.split(",") if tag.strip()]
    if wanted:
        return Response(420, headers=[("Unsupported", ", ".join(wanted))])
    try:
        read_uri(request.uri)
    except UnknownScheme:
        return Response(416)
    except BadUri:
        return Response(400, "Bad Request-URI")
    return None


def _fault_of_hops(request: Request) -> Response | None:
    """
    Return the answer to an INVITE that may go no further: its call does not end here (RFC 3261, 16.3).

    One that does not say how far it may go comes from before RFC 3261, and is as if it had far to go.
    """
    written = request.first("max-forwards")
    if written is None:
        return None
    is_number = written.isascii() and written.isdigit() and len(written) <= 10
    if not is_number or int(written) > MOST_FORWARDS:
        return Response(400, "Bad Max-Forwards Header")  # 20.22
    return Response(483) if int(written) == 0 else None


def _answer_port(via: Via, way: Way) -> int:
    """Return the port that an answer over UDP goes to (RFC 3261, 18.2.2; RFC 3581, 4)."""
    return way.port if way.is_reliable or "rport" in via.params else via.port or DEFAULT_PORT


def _is_answerable(request: Request) -> bool:
    try:
        top_via(request)
    except BadField:
        return False
    return True
