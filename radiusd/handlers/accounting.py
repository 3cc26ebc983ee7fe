"""One Accounting-Request: read it, let the ledger make it durable, acknowledge it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from twisted.internet.interfaces import IReactorTime

from radiusd.dialects.dialect import Dialect
from radiusd.errors import UnreadableEvent
from radiusd.handlers.answers import Door, Posted
from radiusd.handlers.senders import told_by
from radiusd.metrics import Metrics
from radiusd.radius.assigned import Code
from radiusd.radius.clients import Client
from radiusd.radius.packet import Packet
from radiusd.radius.reply import Reply
from radiusd.radius.udp import Answer

ACKNOWLEDGED = Reply(Code.ACCOUNTING_RESPONSE)


class AccountingHandler:
    """Takes what a switch reports. Nothing is acknowledged that is not durable."""

    def __init__(
        self, reactor: IReactorTime, dialects: Mapping[str, Dialect], door: Door, metrics: Metrics, log: Any
    ) -> None:
        self._reactor = reactor
        self._dialects = dialects
        self._door = door
        self._metrics = metrics
        self._log = log

    def handle(self, client: Client, packet: Packet, answer: Answer, source: str) -> None:
        """Answer *packet* once its event is on disk; a packet that tells of no call, at once."""
        arrived_s = self._reactor.seconds()
        try:
            event = self._dialects[client.dialect].read_event(
                packet, client, datetime.fromtimestamp(arrived_s, UTC), source
            )
            event = told_by(event, client, packet)
        except UnreadableEvent as error:
            # Kept out of the books, not out of the switch's: it would send it for ever.
            self._metrics.unreadable(client.name)
            self._log.info("accounting ignored", client=client.name, source=source, why=str(error))
            answer(ACKNOWLEDGED)
            return

        def posted(outcome: Posted | None) -> None:
            self._metrics.accounted(
                event.kind.value, outcome is not None, self._reactor.seconds() - arrived_s
            )
            if outcome is None:
                answer(None)
                return
            answer(ACKNOWLEDGED)
            self._log.info(
                "call event",
                client=client.name,
                kind=event.kind.value,
                call=outcome.call_id,
                state=outcome.state,
                session=event.call_id,
                calling=event.calling,
                called=event.called,
                duration_ms=event.duration_ms,
                source=source,
            )

        self._door.post(event, posted)
