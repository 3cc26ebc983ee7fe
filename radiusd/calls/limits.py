"""Channels, pace and money of trunks and accounts: taken together or not at all, given back once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from radiusd.calls import pace
from radiusd.calls.books import Books
from radiusd.calls.directory import Account, Service
from radiusd.calls.gauges import Gauges
from radiusd.calls.matching import Party, Try, label
from radiusd.calls.rows import NOBODY, Balance, Session
from radiusd.errors import Refusal
from rating.money import micros_text


def room_for(books: Books, party: Party) -> Refusal | None:
    """Return which limit one more call would break, None when there is room; a called party is busy."""
    refusal = _full(books, party.service.account, party.channel)
    return Refusal.CALLED_BUSY if refusal is not None and party.role == "in" else refusal


def _full(books: Books, account: Account, channel: Service | None) -> Refusal | None:
    if channel is not None and channel.max_channels is not None:
        row = books.channels.get((account.id, channel.id))
        if (row.used if row else 0) >= channel.max_channels:
            return Refusal.TRUNK_FULL
    if account.max_channels is not None:
        balance = books.balances.get(account.id)
        if (balance.channels if balance else 0) >= account.max_channels:
            return Refusal.ACCOUNT_FULL
    return None


def too_fast(books: Books, parties: Iterable[Party], now: datetime) -> Refusal | None:
    """Return whose calls per second one more call would exceed, None when it comes slowly enough."""
    for party in parties:
        channel, account = party.channel, party.service.account
        if channel is not None and channel.max_cps_milli is not None:
            row = books.channels.get((account.id, channel.id))
            if not pace.has_room(channel.max_cps_milli, row.paced_until if row else None, now):
                return Refusal.TRUNK_TOO_FAST
        if account.max_cps_milli is not None:
            balance = books.balances.get(account.id)
            if not pace.has_room(account.max_cps_milli, balance.paced_until if balance else None, now):
                return Refusal.ACCOUNT_TOO_FAST
    return None


def count_call(books: Books, parties: Iterable[Party], now: datetime) -> None:
    """Count a call that is admitted against calls per second: once for each trunk and account."""
    for channel in {party.channel.id: party.channel for party in parties if party.channel}.values():
        if channel.max_cps_milli is not None:
            row = books.channel(channel.account.id, channel.id)
            row.paced_until = pace.take(channel.max_cps_milli, row.paced_until, now)
    for account in {party.service.account.id: party.service.account for party in parties}.values():
        if account.max_cps_milli is not None:
            balance = books.balance(account.id)
            balance.paced_until = pace.take(account.max_cps_milli, balance.paced_until, now)


def spare_micros(
    books: Books, account: Account, held_micros: int, now: datetime
) -> tuple[int | None, Refusal]:
    """
    Return the most that one call may hold, None when money sets no limit, and which limit that is.

    *held_micros* is what the call holds already. What other open calls hold counts as spent.
    """
    balance = books.balances.get(account.id) or Balance(account_id=account.id)
    others_micros = balance.held_micros - held_micros
    bounds: list[tuple[int, Refusal]] = []
    if account.credit_limit_micros is not None:
        have = balance.balance_micros + account.credit_limit_micros - others_micros
        bounds.append((have, Refusal.NO_BALANCE))
    day, month = account.daily_limit_micros, account.monthly_limit_micros
    if day is not None or month is not None:
        gauges = gauges_of(books, account)
        gauges.turn(now, account.zone)
        if day is not None:
            bounds.append((day - max(0, gauges.day_micros) - others_micros, Refusal.DAILY_LIMIT))
        if month is not None:
            bounds.append((month - max(0, gauges.month_micros) - others_micros, Refusal.MONTHLY_LIMIT))
    if account.policy is not None and account.policy.max_call_micros is not None:
        bounds.append((account.policy.max_call_micros, Refusal.CALL_TOO_DEAR))
    if not bounds:
        return None, Refusal.NO_BALANCE
    return min(bounds, key=lambda bound: bound[0])


def gauges_of(books: Books, account: Account) -> Gauges:
    """Return the gauges of an account that is watched, which the caller may change."""
    balance = books.balance(account.id)
    if balance.gauges is None:
        balance.gauges = Gauges()
    return balance.gauges


def note_spent(books: Books, account: Account | None, micros: int, now: datetime) -> None:
    """Count what was booked for a call, where it is counted; negative: what was taken back."""
    if account is None or not micros:
        return
    balance = books.balances.get(account.id)
    if balance is not None and balance.gauges is not None:
        gauges_of(books, account).spend(micros, now, account.zone)


def state_of(books: Books, account: Account, channel: Service | None) -> tuple[Try, ...]:
    """Return what the limits of a payer stand at, for the explanation of a refusal."""
    balance = books.balances.get(account.id) or Balance(account_id=account.id)
    lines = []
    for what, owner, cps in (
        ("calls per second", label(channel) if channel else "", channel.max_cps_milli if channel else None),
        ("calls per second", account.code, account.max_cps_milli),
    ):
        if cps is not None:
            lines.append((what, owner, f"at most {cps / 1000:g}"))
    if channel is not None and channel.max_channels is not None:
        row = books.channels.get((account.id, channel.id))
        lines.append(
            ("channels", label(channel), f"{row.used if row else 0} of {channel.max_channels} in use")
        )
    if account.max_channels is not None:
        lines.append(("channels", account.code, f"{balance.channels} of {account.max_channels} in use"))
    if account.credit_limit_micros is not None:
        have, held = micros_text(balance.balance_micros), micros_text(balance.held_micros)
        limit = micros_text(account.credit_limit_micros)
        lines.append(("money", account.code, f"balance {have}, credit limit {limit}, held by calls {held}"))
    gauges = balance.gauges
    for what, most, spent in (
        ("spent today", account.daily_limit_micros, gauges.day_micros if gauges else 0),
        ("spent this month", account.monthly_limit_micros, gauges.month_micros if gauges else 0),
    ):
        if most is not None:
            held = micros_text(balance.held_micros)
            lines.append((what, account.code, f"{micros_text(spent)} of {micros_text(most)}, held {held}"))
    return tuple(lines)


def take(books: Books, session: Session) -> None:
    """Count the channels of a session that was just made."""
    _count(books, session, 1)


def give_back(books: Books, session: Session) -> None:
    """Free the channels of a session that ends."""
    _count(books, session, -1)


def _count(books: Books, session: Session, by: int) -> None:
    if session.account_id == NOBODY:
        return
    books.balance(session.account_id).channels += by
    if session.channel_service_id is not None:
        books.channel(session.account_id, session.channel_service_id).used += by
