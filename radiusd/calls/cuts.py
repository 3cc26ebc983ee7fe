"""Which calls a switch must be asked to hang up, and why."""

from __future__ import annotations

from radiusd.calls.books import Books
from radiusd.calls.context import Context
from radiusd.calls.rows import CallRow, Disconnect, Session
from radiusd.errors import CutReason


def ask(books: Books, row: CallRow, session: Session, reason: CutReason, context: Context) -> None:
    """
    Have the switch asked to end a call that is up, if its client takes that for *reason*.

    It is asked once; when it did not answer, again after a while, as long as we are called with the reason.
    """
    if not context.client.cuts(reason):
        return
    books.cut(
        Disconnect(
            account_id=session.account_id,
            call_id=row.call_id,
            call_key=row.call_key,
            seq=row.seq,
            client_id=row.client_id,
            begun_at=session.setup_at,
            reason=reason.value,
            asked_at=context.now,
            due_at=context.now,
        )
    )
