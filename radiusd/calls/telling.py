"""Who pays for a call that is up, what its switch was told of its time, and that it is told another."""

from __future__ import annotations

from radiusd.calls import holds
from radiusd.calls.books import Books
from radiusd.calls.context import Context
from radiusd.calls.matching import Party
from radiusd.calls.rows import CallRow, Session, TimeChange
from radiusd.errors import TimeReason

Paid = tuple[Session, Party]


def tell_lease(books: Books, row: CallRow, parties: tuple[Party, ...], context: Context) -> None:
    """Have the switch of a call on leases told how far they reach, if its client takes that."""
    client = context.client
    if client.tell_time == "none" or client.grant != "lease":
        return
    paid = paid_by(books, row, parties)
    if not paid:
        return
    reach_s = min(_lease_end(session, party, context) for session, party in paid)
    if reach_s > told_s(paid):
        tell(books, row, paid, reach_s, TimeReason.LEASE, context)


def _lease_end(session: Session, party: Party, context: Context) -> int:
    if holds.is_limited(party, session.called):
        return session.held_s_until
    return max(session.granted_s or 0, context.client.max_call_s)


def paid_by(books: Books, row: CallRow, parties: tuple[Party, ...]) -> list[Paid]:
    """Return each payer's session; nobody's when the call is not answered, or its switch was told no time."""
    by_payer = {(party.service.account.id, party.role): party for party in parties}
    sessions = books.sessions[row.call_id]
    if sessions.keys() != by_payer.keys():
        return []
    if any(session.connect_at is None or session.granted_s is None for session in sessions.values()):
        return []
    return [(sessions[key], by_payer[key]) for key in sorted(sessions)]


def told_s(paid: list[Paid]) -> int:
    """Return the seconds from its answer that the switch of a call was told."""
    return min(session.granted_s or 0 for session, _ in paid)


def tell(
    books: Books, row: CallRow, paid: list[Paid], timeout_s: int, reason: TimeReason, context: Context
) -> None:
    """Have the switch told that the call may last for *timeout_s* from its answer."""
    session = paid[0][0]  # one of them speaks for the call
    books.retime(
        TimeChange(
            account_id=session.account_id,
            call_id=row.call_id,
            call_key=row.call_key,
            seq=row.seq,
            client_id=row.client_id,
            begun_at=session.setup_at,
            reason=reason.value,
            timeout_s=timeout_s,
            asked_at=context.now,
            due_at=context.now,
        )
    )
