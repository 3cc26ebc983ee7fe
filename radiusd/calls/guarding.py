"""What the policies of a payer say of one call: may it go there, at that price, and is it part of a burst."""

from __future__ import annotations

from datetime import datetime

import msgspec

from radiusd.calls import cuts, limits
from radiusd.calls.books import Books
from radiusd.calls.context import Context
from radiusd.calls.gauges import QUIET, Alarm
from radiusd.calls.gauges import watch as watch_gauges
from radiusd.calls.matching import Match, Party
from radiusd.calls.policies import Verdict, judge, judge_price
from radiusd.calls.rows import CallRow, Session
from radiusd.errors import CutReason
from rating.rates import Rate


def verdict(party: Party, called: str, rate: Rate | None, now: datetime) -> Verdict | None:
    """
    Return why policies forbid *party* to call *called*, None when they do not.

    That of the account counts, and that of the service, or of the trunk that the call comes over.
    """
    if party.role != "out":
        return None
    account, service, channel = party.service.account, party.service, party.channel
    over = None if channel is None or channel is service else channel.policy
    if account.policy is service.policy is over is None:
        return None
    policies = (account.policy, service.policy, over)
    return judge(policies, called, now.astimezone(account.zone)) or judge_price(policies, rate)


def watch(books: Books, found: Match, now: datetime) -> Alarm:
    """Show a call to the guards of the account that originates it, and return what they say."""
    party = found.party("out")
    if party is None:
        return QUIET
    account = party.service.account
    guards = account.policy.guards if account.policy is not None else None
    if guards is None or party.internal or found.called in account.emergency:
        return QUIET
    return watch_gauges(limits.gauges_of(books, account), guards, found.called, now)


def noted(found: Match, alarm: Alarm) -> Match:
    """Return *found* with what the guards said, for the explanation of the call."""
    return msgspec.structs.replace(found, trace=(*found.trace, ("guards", found.called, alarm.warning)))


def watch_untold(books: Books, row: CallRow, session: Session, found: Match, context: Context) -> None:
    """Show the guards a call that nobody has asked for; if it is part of a burst, have it cut."""
    if session.role == "out" and watch(books, found, context.now).blocks:
        cuts.ask(books, row, session, CutReason.FRAUD, context)
