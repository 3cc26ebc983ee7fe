"""Channels of trunks and accounts: taken together or not at all, given back once."""

from __future__ import annotations

from radiusd.calls.books import Books
from radiusd.calls.directory import Account, Service
from radiusd.calls.matching import Try, label
from radiusd.calls.rows import NOBODY, Balance, Session
from radiusd.errors import Refusal
from rating.money import micros_text


def room_for(books: Books, account: Account, channel: Service | None) -> Refusal | None:
    """Return which limit one more call would break, None when there is room."""
    if channel is not None and channel.max_channels is not None:
        row = books.channels.get((account.id, channel.id))
        if (row.used if row else 0) >= channel.max_channels:
            return Refusal.TRUNK_FULL
    if account.max_channels is not None:
        balance = books.balances.get(account.id)
        if (balance.channels if balance else 0) >= account.max_channels:
            return Refusal.ACCOUNT_FULL
    return None


def state_of(books: Books, account: Account, channel: Service | None) -> tuple[Try, ...]:
    """Return what the limits of a payer stand at, for the explanation of a refusal."""
    balance = books.balances.get(account.id) or Balance(account_id=account.id)
    lines = []
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
