"""One Access-Request: read attempt and credentials, let the ledger decide, answer in the client's dialect."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from twisted.internet.interfaces import IReactorTime

from radiusd.calls.events import CallEvent
from radiusd.dialects.call_class import class_of
from radiusd.dialects.dialect import Dialect
from radiusd.errors import Refusal
from radiusd.handlers.answers import Door, Judged, log_attempt, result_of
from radiusd.handlers.credentials import Proof, read_proof
from radiusd.handlers.senders import told_by
from radiusd.metrics import Metrics
from radiusd.radius.assigned import Attribute, Code
from radiusd.radius.clients import Client
from radiusd.radius.digest import challenge_attributes
from radiusd.radius.digest_fields import wants_challenge
from radiusd.radius.nonces import NonceMaker, NonceState
from radiusd.radius.packet import Packet
from radiusd.radius.reply import Reply
from radiusd.radius.udp import Answer


class AccessHandler:
    """
    Decides call attempts.

    A refusal for wrong credentials waits *reject_delay_s*, and looks the same for a user that does not
    exist, so that guessing is slow and teaches nothing.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        dialects: Mapping[str, Dialect],
        door: Door,
        nonces: NonceMaker,
        reject_delay_s: float,
        metrics: Metrics,
        log: Any,
    ) -> None:
        self._reactor = reactor
        self._dialects = dialects
        self._door = door
        self._nonces = nonces
        self._reject_delay_s = reject_delay_s
        self._metrics = metrics
        self._log = log

    def handle(self, client: Client, packet: Packet, answer: Answer, source: str) -> None:
        """Answer *packet* with an Accept, a Reject, or a Challenge for a digest."""
        now_s = self._reactor.seconds()
        if wants_challenge(packet):
            answer(self._challenge(client, packet, int(now_s), stale=False))
            return
        dialect = self._dialects[client.dialect]
        proof = read_proof(packet, client)
        if proof.pap is not None and client.call_check != "never":
            if dialect.asks_for_address(packet, proof.pap.password):
                proof = Proof()  # the password is nobody's: it shows the secret, as a signature would
        if proof.digest is not None and client.digest == "strict":
            state = self._nonces.check(proof.digest.nonce, int(now_s), client.id, proof.digest.realm)
            if state is NonceState.STALE:
                answer(self._challenge(client, packet, int(now_s), stale=True))
                return
            if state is NonceState.FOREIGN:
                proof = Proof(refused="foreign_nonce")
        event = dialect.read_attempt(packet, client, datetime.fromtimestamp(now_s, UTC), source)
        event = told_by(event, client, packet)
        if not event.call_id:
            # It names no call, so it is one of its own; only its copies are the same.
            event = msgspec.structs.replace(event, call_id=f"~{packet.authenticator.hex()}")

        def judged(outcome: Judged | None) -> None:
            self._answer(client, event, proof, answer, outcome, now_s)

        self._door.judge(event, proof, judged)

    def _challenge(self, client: Client, packet: Packet, now_s: int, *, stale: bool) -> Reply:
        realm = packet.text(Attribute.DIGEST_REALM) or client.name
        nonce = self._nonces.make(now_s, client.id, realm)
        return Reply(Code.ACCESS_CHALLENGE, challenge_attributes(realm, nonce, stale=stale))

    def _answer(
        self,
        client: Client,
        event: CallEvent,
        proof: Proof,
        answer: Answer,
        outcome: Judged | None,
        arrived_s: float,
    ) -> None:
        refusal = outcome.decision.refusal if outcome else None
        self._metrics.judged(result_of(outcome), self._reactor.seconds() - arrived_s)
        if outcome is None:
            answer(None)
            return
        dialect = self._dialects[client.dialect]
        decision = outcome.decision
        log_attempt(self._log, client.name, event, proof, outcome)
        if refusal is None:
            mark = class_of(decision.call_class) if decision.call_class else b""
            attributes = dialect.accept_attributes(decision.session_timeout_s, mark, client)
            answer(Reply(Code.ACCESS_ACCEPT, attributes + list(outcome.extras)))
            return
        reply = Reply(Code.ACCESS_REJECT, dialect.reject_attributes(refusal, client))
        if refusal is Refusal.AUTH_FAILED and self._reject_delay_s:
            self._reactor.callLater(self._reject_delay_s, answer, reply)
        else:
            answer(reply)
