"""
The one door to the books: events and attempts go in, and come back when they are durable.

Accounting and authorization have lanes of their own, so that a hundred records behind a lock do not delay
one call attempt.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from twisted.internet.interfaces import IReactorTime

from radiusd.calls.authorization import Attempt, Decision
from radiusd.calls.claims import username_claim
from radiusd.calls.directory import Directory
from radiusd.calls.events import CallEvent, Kind
from radiusd.handlers.answers import Judged, Posted
from radiusd.handlers.boots import Boots
from radiusd.handlers.credentials import Checked, Proof, check
from radiusd.radius.nonces import NonceCounts
from radiusd.storage.group_commit import Lanes
from radiusd.storage.journal import Ask, Outcome, Report

REMEMBERED_PASSWORDS = 100_000


class Ledger:
    """
    Posts events and judges attempts.

    Args:
        directory: Gives the current snapshot.
        open_sealed: Opens a sealed password.
        is_reachable: Tells whether the database answers, also while nothing has to be written.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        acct: Lanes,
        auth: Lanes,
        boots: Boots,
        directory: Callable[[], Directory],
        open_sealed: Callable[[bytes], bytes],
        is_reachable: Callable[[], bool],
    ) -> None:
        self._reactor = reactor
        self._acct = acct
        self._auth = auth
        self._boots = boots
        self._directory = directory
        self._open_sealed = lru_cache(maxsize=REMEMBERED_PASSWORDS)(open_sealed)
        self._is_reachable = is_reachable
        self._nonces = NonceCounts()

    @property
    def is_healthy(self) -> bool:
        """Tell whether records can be written."""
        return self._acct.is_healthy and self._is_reachable()

    def post(self, event: CallEvent, done: Callable[[Posted | None], None]) -> None:
        """Call *done* with what came of *event* once it is durable; with None when it could not be taken."""
        if event.kind in (Kind.ACCOUNTING_ON, Kind.ACCOUNTING_OFF):
            self._boots.booted(event, done)
            return

        def settled(outcome: Outcome | None) -> None:
            done(None if outcome is None else Posted(outcome.call_id, outcome.state))

        self._acct.submit(Report(event), settled)

    def judge(self, event: CallEvent, proof: Proof, done: Callable[[Judged | None], None]) -> None:
        """
        Call *done* with the decision about the attempt *event* once what it holds is committed.

        An attempt that names no number asks about the user alone (a registration, a calling card's first
        step): it is answered by its proof and holds nothing.
        """
        checked = self._check(proof, event)
        if checked.verified and not event.called:
            done(Judged(Decision(None, account=self._account_of(checked.event)), checked.extras))
            return

        def settled(outcome: Outcome | None) -> None:
            decision = None if outcome is None else outcome.decision
            done(None if decision is None else Judged(decision, checked.extras))

        self._auth.submit(Ask(Attempt(checked.event, checked.verified)), settled)

    def _check(self, proof: Proof, event: CallEvent) -> Checked:
        checked = check(proof, event, self._directory(), self._open_sealed)
        digest = proof.digest
        if checked.verified and digest is not None and proof.once:
            now_s = int(self._reactor.seconds())
            if not self._nonces.use(digest.nonce, digest.nonce_count, now_s):
                return Checked(False, event)  # recorded and played again (RFC 2617, 3.2.2)
        return checked

    def _account_of(self, event: CallEvent) -> str:
        service, _ = self._directory().claimed(username_claim(event.username), event.event_at)
        return service.account.code if service else ""
