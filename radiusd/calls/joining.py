"""
A call that its sender calls by several ids: rows that lead from the other ids to the one it is kept under.

FreeSWITCH names the first leg in the Start of the second one, and nowhere else. So the second leg's own id is
kept as a row of its own that only leads on.
"""

from __future__ import annotations

from radiusd.calls.books import Books
from radiusd.calls.choosing import choose, own_key
from radiusd.calls.context import Context
from radiusd.calls.events import CallEvent
from radiusd.calls.rows import Booked, CallRow
from radiusd.calls.sessions import State, Step, step

MOST_STEPS = 8
"""A chain of ids longer than this is a loop, which ends where it is."""


def find(books: Books, event: CallEvent, key: str, context: Context) -> tuple[str, CallRow | None]:
    """
    Return the key and the row of the call of *event*, which its sender calls by *key*; no row when it is new.

    Raises:
        Missing: A row leads to a call that is not loaded.
    """
    for _ in range(MOST_STEPS):
        row = choose(books.calls[key], event, context.boots_of(event.nas))
        if row is None or not row.charges.joined:
            break
        key = row.charges.joined
        books.require_call(key)
    return key, row


def told_apart(books: Books, key: str, event: CallEvent, context: Context) -> list[CallRow]:
    """
    Return calls under the other ids that *event* tells of its own, which were taken for others until now.

    Where nothing is known under such an id, a row is written that leads to *key*.

    Raises:
        Missing: What is known under an id is not loaded.
    """
    found: list[CallRow] = []
    for other_id in event.also:
        other_key = own_key(event, other_id)
        if other_key == key:
            continue
        books.require_call(other_key)
        row = choose(books.calls[other_key], event, context.boots_of(event.nas))
        if row is None:
            books.add_call(_leading_row(books, other_key, key, event, context))
        elif not row.charges.joined:
            found.append(row)
    return found


def lead_on(books: Books, row: CallRow, key: str) -> None:
    """Let *row*, which holds and charges nothing any more, lead to the call under *key*."""
    row.state = step(State(row.state), Step.JOIN).value
    row.accounts = []
    row.charges = Booked(joined=key)
    books.change_call(row)


def _leading_row(books: Books, other_key: str, key: str, event: CallEvent, context: Context) -> CallRow:
    return CallRow(
        call_key=other_key,
        seq=max((row.seq for row in books.calls[other_key]), default=-1) + 1,
        call_id=context.new_id(),
        client_id=event.client_id,
        state=step(State.NEW, Step.JOIN).value,
        begun_at=event.event_at,
        ended_at=None,
        accounts=[],
        facts=(event,),
        charges=Booked(joined=key),
    )
