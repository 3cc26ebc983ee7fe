"""
A call that its sender calls by several ids: rows that lead from the other ids to the one it is kept under.

FreeSWITCH names the first leg in the Start of the second one, and nowhere else. So the second leg's own id is
kept as a row of its own that only leads on.

An Eltex SMG asks about a call by one id and reports it by another, and nowhere names both. So an attempt is
also kept under what it has in common with the records, and the first of these takes it over.

Cisco's gateways ask by one of a call's ids and report it by another one, but name both in their records. So
the first record looks for the attempt under each of them.
"""

from __future__ import annotations

from datetime import timedelta

from radiusd.calls.books import Books
from radiusd.calls.choosing import CLOCK, RING, choose, own_key
from radiusd.calls.context import Context
from radiusd.calls.events import CallEvent, Kind
from radiusd.calls.moments import own_beginning
from radiusd.calls.rows import Booked, CallRow
from radiusd.calls.sessions import State, Step, step

MOST_STEPS = 8
"""A chain of ids longer than this is a loop, which ends where it is."""


def follow(books: Books, event: CallEvent, key: str, context: Context) -> tuple[str, CallRow | None]:
    """
    Return the key and the row of the call of *event*, which is known under *key*; no row when it is new.

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


def asked_again(books: Books, event: CallEvent, key: str, context: Context) -> tuple[str, CallRow | None]:
    """
    Return the key and the row of the call that the attempt *event* is about; no row when it is a new one.

    It may be asked about by any of its ids.

    Raises:
        Missing: A row leads to a call that is not loaded.
    """
    found, row = follow(books, event, key, context)
    for leading in () if row else books.calls[key]:
        if leading.charges.joined:
            books.require_call(leading.charges.joined)
            found, row = follow(books, event, leading.charges.joined, context)
            if row is not None:
                return found, row
    return (found, row) if row else (key, None)


def find(books: Books, event: CallEvent, key: str, context: Context) -> tuple[str, CallRow | None]:
    """
    Return what :func:`follow` does of a report, or the attempt that was asked for by another id.

    Raises:
        Missing: A row leads to a call that is not loaded.
    """
    key, row = follow(books, event, key, context)
    if row is None and event.asked:
        attempt = _attempt(books, event)
        if attempt is not None:
            books.add_call(_leading_row(books, key, attempt.call_key, event, context))
            return attempt.call_key, attempt
    return key, row


def await_records(books: Books, event: CallEvent, key: str, context: Context) -> None:
    """
    Let the records of the call under *key*, which *event* has asked for, find it by their other id.

    Raises:
        Missing: What is known under that id is not loaded.
    """
    for other_id in event.asked:
        other_key = own_key(event, other_id)
        books.require_call(other_key)
        if not any(row.charges.joined == key for row in books.calls[other_key]):
            books.add_call(_leading_row(books, other_key, key, event, context))


def _attempt(books: Books, event: CallEvent) -> CallRow | None:
    """
    Return the attempt whose first record *event* is, None when there is none without records.

    Raises:
        Missing: An attempt that it may be is not loaded.
    """
    waiting: list[CallRow] = []
    for other_id in event.asked:
        other_key = own_key(event, other_id)
        books.require_call(other_key)
        for row in books.calls[other_key]:
            if row.charges.joined:
                books.require_call(row.charges.joined)
                waiting += filter(_is_unreported, books.calls[row.charges.joined])
            elif _is_unreported(row) and _follows(row, event):
                waiting.append(row)
    begin = own_beginning(event)
    return min(waiting, key=lambda row: abs(begin - row.begun_at), default=None)


def _is_unreported(row: CallRow) -> bool:
    """Tell whether a call was allowed and nothing else is known of it; its time may be over."""
    is_allowed = row.state in (State.AUTHORIZED.value, State.LAPSED.value) and row.charges.authorized
    return is_allowed and all(fact.kind is Kind.AUTHORIZE for fact in row.facts)


def _follows(row: CallRow, event: CallEvent) -> bool:
    """Tell whether *event* can be the first of the call that was allowed as *row*; ids are used again."""
    begun_at = event.received_at - timedelta(milliseconds=event.duration_ms or 0)  # by our clock, as the row
    return -CLOCK <= begun_at - row.begun_at <= RING


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
    row.ended_at = row.ended_at or row.begun_at
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
        ended_at=event.event_at,
        accounts=[],
        facts=(event,),
        charges=Booked(joined=key),
    )
