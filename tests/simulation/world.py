"""
A carrier with its switches, its network and two nodes on one database, in virtual time, from one seed.

Packets are lost, doubled, delayed up to a minute and overtaken; switches retransmit, fail over to the other
node, and give up; nodes crash before and after a commit, and lose the database. The auditor looks on.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import psycopg2
from twisted.internet.task import Clock

from radiusd.calls.authorization import Attempt, Decision
from radiusd.calls.events import CallEvent, Kind, Leg
from radiusd.calls.facts import clock_lag
from radiusd.errors import NotDurable
from radiusd.storage.database import Connection, Rows, finish
from radiusd.storage.journal import Ask, CallTask, Outcome, Report, Work, close_call
from radiusd.storage.open_calls import note_boot, open_calls_of
from tests.node import Node, open_accounts, pay
from tests.simulation import site
from tests.simulation.auditor import Auditor, TrueCall
from tests.simulation.switches import MODELS, PATIENCE_S, TRIES, Live, Switch

Answer = Callable[[Outcome | None], None]

BEGIN = datetime(2026, 11, 30, 23, 0, tzinfo=UTC)  # an hour before the buckets' month ends
AUDIT_EVERY = 40  # batches; more when there is much to read


class Shaky:
    """A connection that is lost now and then: before its COMMIT is sent, or before its answer comes."""

    def __init__(self, txn: Connection, chance: random.Random, faults: float) -> None:
        self._txn, self._chance, self._faults = txn, chance, faults

    async def run(self, sql: str, args: Sequence[object] = ()) -> Rows:
        """Run *sql*, if the connection holds."""
        ends = sql.endswith("COMMIT")
        if ends and self._chance.random() < self._faults:
            await self._txn.run("ROLLBACK")
            raise NotDurable("the connection was lost before the commit")
        rows = await self._txn.run(sql, args)
        if ends and self._chance.random() < self._faults:
            raise self._chance.choice([NotDurable, psycopg2.OperationalError])("lost before the answer came")
        return rows


class World:
    """All of it. *run* returns what the auditor has to say."""

    def __init__(self, dsn: str, seed: int, calls: int = 48, span_s: int = 7200) -> None:
        self.dsn = dsn
        self.chance = random.Random(seed)
        self.clock: Any = Clock()
        self.truths: list[TrueCall] = []
        self.wrong: list[str] = []
        self.auditor = Auditor(site.ACCOUNTS, site.SERVICES, site.RATES, site.BUCKETS)
        self.batches = 0
        self._span_s = span_s
        self._faults = self.chance.choice([0, 0.02, 0.1])
        self._loss = self.chance.choice([0, 0.05, 0.3])
        open_accounts(dsn, *site.ACCOUNTS)
        for account_id, account in site.ACCOUNTS.items():
            if account["paid"]:
                pay(dsn, account_id, account["paid"], BEGIN)
        models = self.chance.sample(MODELS, 4)
        self.switches = [Switch(number, model, self.chance) for number, model in enumerate(models, 1)]
        self._clients = [site.client(switch.client_id) for switch in self.switches]
        self.nodes = [self._make_node(), self._make_node()]
        self.queues: list[list[tuple[Work, Answer]]] = [[], []]
        for number in range(calls):
            self.clock.callLater(self.chance.uniform(0, span_s), self._begin, number)
        for switch in self.switches:
            # Of one that stamps nothing, what was on its way when it booted looks as if it came after that.
            if switch.model.stamps and self.chance.random() < 0.5:
                self.clock.callLater(self.chance.uniform(600, span_s), self._reboot, switch)
        self.clock.callLater(0, self._tend)

    def _make_node(self) -> Node:
        return Node(self.dsn, site.directory(), *self._clients, seed=self.chance.randrange(1 << 30))

    @property
    def now(self) -> datetime:
        """Return the virtual time."""
        return BEGIN + timedelta(seconds=round(self.clock.seconds(), 3))

    def run(self) -> list[str]:
        """Let time go by until every call is over and everything has been told; return what was wrong."""
        while not self.wrong and (waiting := self.clock.getDelayedCalls()):
            first = min(call.getTime() for call in waiting)
            self.clock.advance(max(0.0, first - self.clock.seconds()))
        self.wrong += self.auditor.during(self.dsn)
        self.wrong += self.auditor.at_the_end(self.dsn, self.truths)
        for node in self.nodes:
            node.close()
        return self.wrong

    # Calls

    def _begin(self, number: int) -> None:
        """Somebody dials."""
        switch = self.chance.choice(self.switches)
        truth = self._dial(f"7{number:06d}7")
        truth.counts_itself, truth.clock_right = switch.model.counts, not switch.model.off_s
        live = Live(truth, switch.new_session_id(), self.now)
        self.truths.append(truth)
        switch.live.append(live)
        talk_s = self.chance.choice([0, self.chance.randint(1, 90), self.chance.randint(60, 1500)])
        if not switch.model.asks:
            self.clock.callLater(self.chance.randint(1, 30), self._answer, switch, live, talk_s)
            return
        truth.asked = True

        def decided(outcome: Outcome | None) -> None:
            decision = outcome.decision if outcome else None
            if decision is not None and not live.is_over:
                self._decided(switch, live, talk_s, decision)

        def given_up() -> None:
            live.is_over = True

        attempt = Attempt(switch.attempt(live, self.now), None)
        self._send(lambda: Ask(Attempt(self._arrive(attempt.event), None)), decided, given_up)

    def _dial(self, mark: str) -> TrueCall:
        """Return a call of some customer to somewhere, with *mark* in one of its numbers."""
        trunk = self.chance.choice(["tg1", "tg1", "tg2", "tg2", "tg3", "nobody's"])
        if self.chance.random() < 0.15:
            return TrueCall(mark, trunk, f"49{mark}", "18005550000")
        calling = self.chance.choice(["15125550100", "15125550199", "19995550000", ""])
        prefix = self.chance.choice(["1", "33", "44", "44", "447", "447", "99"])
        return TrueCall(mark, trunk, calling, prefix + mark)

    def _decided(self, switch: Switch, live: Live, talk_s: int, decision: Decision) -> None:
        if live.truth.accepted:
            return  # a copy's answer
        if decision.refusal is not None:
            live.is_over = True
            return
        live.truth.accepted = True
        allowed_s = decision.session_timeout_s or talk_s
        wait_s = self.chance.randint(1, 30)
        self.clock.callLater(wait_s, self._answer, switch, live, min(talk_s, allowed_s))

    def _answer(self, switch: Switch, live: Live, talk_s: int) -> None:
        """The other end picks up, or (0 s) does not."""
        if live.is_over:
            return
        if not talk_s:
            if switch.model.second_name:
                self._tell_all(live, switch.starts(live, self.now))
            self._hang_up(switch, live)
            return
        live.answer_at = self.now
        self._tell_all(live, switch.starts(live, self.now))
        if switch.model.interims:
            self._tell_interims(switch, live, self.chance.randint(20, 300))
        self.clock.callLater(talk_s, self._hang_up, switch, live)

    def _tell_interims(self, switch: Switch, live: Live, every_s: int) -> None:
        def tell() -> None:
            if not live.is_over:
                self._tell_all(live, switch.interim(live, self.now))
                self.clock.callLater(every_s, tell)

        self.clock.callLater(every_s, tell)

    def _hang_up(self, switch: Switch, live: Live) -> None:
        if live.is_over:
            return
        live.is_over = True
        if live.answer_at is not None:
            live.truth.lasted_s = round((self.now - live.answer_at).total_seconds())
        stops = switch.stops(live, self.now)
        fate = self.chance.random()
        if fate < 0.05:
            return  # its last packet never leaves it
        backlog = fate < 0.15 and switch.model.stamps  # sent an hour later, when the call was closed by us
        self.clock.callLater(self.chance.uniform(600, 6000) if backlog else 0, self._tell_all, live, stops)

    def _reboot(self, switch: Switch) -> None:
        """Power fails; calls are cut without a word; then it says that it has booted."""
        for live in switch.reboot():
            live.truth.cut_by_reboot = True
        kind = self.chance.choice([Kind.ACCOUNTING_ON, Kind.ACCOUNTING_OFF])
        off = timedelta(seconds=switch.model.off_s)
        boot = CallEvent(
            client_id=switch.client_id,
            dialect="rfc2866",
            kind=kind,
            received_at=self.now,
            event_at=self.now + off,
            event_at_known=switch.model.stamps,
        )
        self._booted(boot)

    def _booted(self, boot: CallEvent) -> None:
        """What the server does with it, on the first node."""
        node = self.nodes[0]
        finish(note_boot(node.connection, boot.client_id, "", boot.event_at))
        at = boot.event_at + clock_lag((boot,))
        how = boot.kind.value.replace("-", "_")
        for call in finish(open_calls_of(node.connection, boot.client_id, boot.event_at)):
            task = CallTask(call.client_id, call.call_key, call.seq, call.begun_at, close_call(how, at))
            self._queue(0, task, lambda _: None)

    # Network

    def _tell_all(self, live: Live, events: list[CallEvent]) -> None:
        for event in events:
            kind = "stop" if event.kind is Kind.FAILED else event.kind.value
            decides = event.leg is not Leg.ORIGINATE

            def acked(_: Outcome | None, kind: str = kind, decides: bool = decides) -> None:
                if decides:
                    live.truth.acked.add(kind)

            def made(event: CallEvent = event) -> Work:
                return Report(self._arrive(event))

            def given_up(event: CallEvent = event) -> None:
                if event.also:  # who never hears which call a leg belongs to has to take it for one
                    self._tell_all(live, [event])

            self._send(made, acked, given_up)

    def _arrive(self, event: CallEvent) -> CallEvent:
        """Return *event* as it is heard now; a sender that stamps nothing seems to mean now."""
        source = f"192.0.2.{event.client_id}:{self.chance.randint(1024, 9999)}/{self.chance.randint(0, 255)}"
        changes: dict[str, Any] = {"received_at": self.now, "source": source}
        if event.kind is Kind.AUTHORIZE or not event.event_at_known:
            changes |= {"event_at": self.now, "event_at_known": False}
        return msgspec.structs.replace(event, **changes)

    def _send(
        self, make: Callable[[], Work], acked: Answer, given_up: Callable[[], None], tried: int = 0
    ) -> None:
        """Send what *make* makes until it is acknowledged; the last tries go to the other node."""
        is_acked = False

        def answered(outcome: Outcome | None) -> None:
            nonlocal is_acked
            if outcome is not None and self.chance.random() >= self._loss:  # answers are lost as well
                is_acked = True
                acked(outcome)

        def again() -> None:
            if is_acked:
                return
            if tried + 1 < TRIES:
                self._send(make, acked, given_up, tried + 1)
            else:
                given_up()

        for _ in range(self.chance.choice([1, 1, 1, 2])):
            if self.chance.random() >= self._loss:
                delay_s = self.chance.choice(
                    [0.0, 0.0, self.chance.uniform(0, 3), self.chance.uniform(0, 60)]
                )
                number = (tried // 2 + self.chance.choice([0, 0, 0, 1])) % 2
                self.clock.callLater(delay_s, self._deliver, number, make, answered)
        self.clock.callLater(PATIENCE_S, again)

    def _deliver(self, number: int, make: Callable[[], Work], answer: Answer) -> None:
        self._queue(number, make(), answer)

    # Nodes

    def _queue(self, number: int, work: Work, answer: Answer) -> None:
        queue = self.queues[number]
        queue.append((work, answer))
        if len(queue) == 1:
            self.clock.callLater(self.chance.choice([0, 0, 0.5, 4]), self._settle, number)

    def _settle(self, number: int) -> None:
        """Settle what has queued; try again, or crash and forget it, when the database fails."""
        batch, self.queues[number] = self.queues[number], []
        node = self.nodes[number]
        txn = Shaky(node.connection, self.chance, self._faults)
        for _ in range(20):
            try:
                outcomes = node.settle([work for work, _ in batch], self.now, txn)
            except (NotDurable, psycopg2.OperationalError):
                if self.chance.random() < 0.3:  # the process dies with it; the switches send again
                    node.close()
                    self.nodes[number] = self._make_node()
                    return
                continue
            for (_, answer), outcome in zip(batch, outcomes, strict=True):
                answer(outcome)
            break
        self._audit()

    def _audit(self) -> None:
        self.batches += 1
        if self.batches % max(AUDIT_EVERY, len(self.truths)) == 0:
            self.wrong += self.auditor.during(self.dsn)

    def _tend(self) -> None:
        """Look after expired calls on either node, until some hours after the last call."""
        node = self.chance.choice(self.nodes)
        try:
            node.tend(self.now)
        except (NotDurable, psycopg2.OperationalError):
            pass
        if self.clock.seconds() < self._span_s + 9000:
            is_open = finish(node.connection.run("SELECT EXISTS (SELECT FROM session)")) == [(True,)]
            self.clock.callLater(20 if is_open else 120, self._tend)
