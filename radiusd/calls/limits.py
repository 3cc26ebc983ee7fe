"""Channels of trunks and accounts: taken together or not at all, given back once."""

from __future__ import annotations

from radiusd.calls.books import NOBODY, Books, Session
from radiusd.calls.directory import Account, Service
from radiusd.errors import Refusal


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
