"""What comes back from the ledger once it is durable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from radiusd.calls.authorization import Decision
from radiusd.calls.events import CallEvent
from radiusd.handlers.credentials import Proof
from radiusd.radius.reply import ReplyAttribute


class Posted(msgspec.Struct, frozen=True):
    """An event that is durable."""

    call_id: str
    state: str


class Judged(msgspec.Struct, frozen=True):
    """A decision that is durable, with what else the Access-Accept carries."""

    decision: Decision
    extras: tuple[ReplyAttribute, ...] = ()


def result_of(judged: Judged | None) -> str:
    """Return the one word that logs and metrics have for an outcome."""
    if judged is None:
        return "not_answered"
    refusal = judged.decision.refusal
    return refusal.word if refusal else "accepted"


def log_attempt(log: Any, client: str, event: CallEvent, proof: Proof, judged: Judged) -> None:
    """Say what was decided about the attempt *event*, whichever door it came through."""
    decision = judged.decision
    log.info(
        "call attempt",
        client=client,
        result=result_of(judged),
        call=decision.call_id,
        account=decision.account,
        service=decision.service,
        session=event.call_id,
        calling=event.calling,
        called=event.called,
        granted_s=decision.session_timeout_s,
        proof=proof.refused or None,
        warning=decision.warning or None,
        source=event.source,
    )


class Door(Protocol):
    """The ledger, or in a worker process the way to it."""

    @property
    def is_healthy(self) -> bool:
        """Tell whether records can be written."""

    def post(self, event: CallEvent, done: Callable[[Posted | None], None]) -> None:
        """Call *done* with what came of *event* once it is durable; with None when it could not be taken."""

    def judge(self, event: CallEvent, proof: Proof, done: Callable[[Judged | None], None]) -> None:
        """Call *done* with the decision about the attempt *event* once what it holds is committed."""
