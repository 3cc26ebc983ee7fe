"""A model of a switch: calls told in any order and more than once, each report sent until it is answered."""

from __future__ import annotations

import random
import select
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.acceptance.wire import (
    ACCT_DELAY_TIME,
    ACCT_SESSION_ID,
    ACCT_SESSION_TIME,
    ACCT_STATUS_TYPE,
    CALLED_STATION_ID,
    CALLING_STATION_ID,
    EVENT_TIMESTAMP,
    INTERIM,
    START,
    STOP,
    USER_NAME,
    Answer,
    Sender,
    accounting,
    tlv,
)

RESEND_S = 0.4
LONGEST_S = 240.0
RINGING_S = 2  # from the Start's stamp to the answer: it shows in the books whether the Start is there
KINDS = (START, INTERIM, STOP)


@dataclass(frozen=True, slots=True)
class Told:
    """A call as the switch knows it, whatever arrives of it."""

    session_id: str
    calling: str
    user: str
    began_at: datetime
    lasted_s: int

    def report(self, kind: int) -> tuple[bytes, ...]:
        """Return the attributes of one report."""
        happened_at = self.began_at
        lasted_s = {START: 0, INTERIM: self.lasted_s // 2, STOP: self.lasted_s}[kind]
        if kind != START:
            happened_at += timedelta(seconds=RINGING_S + lasted_s)
        return (
            tlv(ACCT_STATUS_TYPE, kind),
            tlv(ACCT_SESSION_ID, self.session_id),
            tlv(USER_NAME, self.user),
            tlv(CALLING_STATION_ID, self.calling),
            tlv(CALLED_STATION_ID, "442079460000"),
            tlv(EVENT_TIMESTAMP, int(happened_at.timestamp())),
            tlv(ACCT_SESSION_TIME, lasted_s),
        )


@dataclass(slots=True)
class _Pending:
    attributes: tuple[bytes, ...]
    octets: bytes
    first_s: float
    last_s: float


@dataclass
class ImpatientSwitch:
    """
    Sends the reports of calls over *senders*, at most *window* of them unanswered at a time.

    Reports are shuffled within *disorder* places; one of *doubled* in a hundred is sent twice, from another
    port. What is not answered is sent again: the same octets, or now and then in new clothes (another
    Identifier, with Acct-Delay-Time).
    """

    senders: list[Sender]
    seed: int
    window: int = 128
    disorder: int = 60
    doubled: int = 15
    answered: int = 0
    resent: int = 0
    _pending: dict[tuple[int, int], _Pending] = field(default_factory=dict)

    def tell(self, calls: list[Told], at: dict[int, Callable[[], None]]) -> None:
        """Tell of all *calls*; when so many reports are answered, do what *at* says for that number."""
        chance = random.Random(self.seed)
        reports = self._reports(calls, chance)
        due = sorted(at)
        deadline = time.monotonic() + LONGEST_S
        while reports or self._pending:
            assert time.monotonic() < deadline, f"{len(self._pending)} reports were never answered"
            self._fill(reports, chance)
            self._hear()
            self._send_again(chance)
            while due and self.answered >= due[0]:
                at[due.pop(0)]()

    def _reports(self, calls: list[Told], chance: random.Random) -> deque[tuple[bytes, ...]]:
        reports = [call.report(kind) for call in calls for kind in KINDS]
        reports += [report for report in reports if chance.randrange(100) < self.doubled]
        places = {
            index: chance.random() * self.disorder + index * len(calls) * len(KINDS) / len(reports)
            for index in range(len(calls) * len(KINDS))
        }
        extra = range(len(places), len(reports))
        places |= {index: chance.random() * len(calls) * len(KINDS) for index in extra}
        return deque(reports[index] for index in sorted(places, key=places.__getitem__))

    def _fill(self, reports: deque[tuple[bytes, ...]], chance: random.Random) -> None:
        while reports and len(self._pending) < self.window:
            self._send(reports.popleft(), time.monotonic(), chance)

    def _send(self, attributes: tuple[bytes, ...], first_s: float, chance: random.Random) -> None:
        """Send a report under an Identifier that is free."""
        now_s = time.monotonic()
        delay_s = int(now_s - first_s)
        more = (tlv(ACCT_DELAY_TIME, delay_s),) if delay_s else ()
        place = next(
            place
            for place in iter(lambda: (chance.randrange(len(self.senders)), chance.randrange(256)), None)
            if place not in self._pending
        )
        sender = self.senders[place[0]]
        octets = accounting(sender.secret, *attributes, *more, identifier=place[1])
        self._pending[place] = _Pending(attributes, octets, first_s, now_s)
        sender.send(octets)

    def _hear(self) -> None:
        sockets = {sender.socket: number for number, sender in enumerate(self.senders)}
        for ready in select.select(list(sockets), [], [], 0.01)[0]:
            number = sockets[ready]
            octets, source = ready.recvfrom(4096)
            pending = self._pending.get((number, octets[1]))
            secret = self.senders[number].secret
            # An answer to what was sent under this Identifier before is late, and counts for nothing.
            if pending and Answer(octets, source[:2]).is_signed_for(pending.octets, secret):
                del self._pending[number, octets[1]]
                self.answered += 1

    def _send_again(self, chance: random.Random) -> None:
        now_s = time.monotonic()
        for place, pending in list(self._pending.items()):
            if now_s - pending.last_s < RESEND_S:
                continue
            self.resent += 1
            if chance.randrange(4):
                pending.last_s = now_s
                self.senders[place[0]].send(pending.octets)
            else:
                del self._pending[place]
                self._send(pending.attributes, pending.first_s, chance)
