"""Minutes and money that a live call holds, so that no other call is given them: free seconds first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from radiusd.calls import limits
from radiusd.calls.books import Books
from radiusd.calls.buckets import blocks, buckets_of
from radiusd.calls.matching import Party
from radiusd.calls.rows import Session
from radiusd.calls.tariffs import Tariff, additional_rate
from rating.buckets import Direction
from rating.grants import grant_call


class Held(msgspec.Struct, frozen=True, gc=False):
    """What may be held for a call: *seconds* from its answer, at this price and from these buckets."""

    seconds: int
    money_micros: int
    buckets: dict[str, int]


NOTHING = Held(0, 0, {})


def is_limited(party: Party, called: str) -> bool:
    """Tell whether anything limits how long a call of *party* may last: money, or included minutes alone."""
    return party.service.account.is_bounded or blocks(party, called)


def afford(
    books: Books,
    party: Party,
    session: Session,
    tariff: Tariff,
    answer_at: datetime,
    upto_s: int,
    now: datetime,
) -> Held:
    """
    Return the most that *session* may hold for a call of *upto_s* seconds from its answer.

    What it holds already counts as free for it. 0 seconds: not even the first increment can be paid.
    A call that is up and has no rate holds nothing: what it will cost, an admin must say. Nor does an
    emergency call: money does not end it.
    """
    rate, account = tariff.rate, party.service.account
    if rate is None or session.called in account.emergency:
        return Held(upto_s, 0, {})
    own = session.held_buckets
    end = answer_at + timedelta(seconds=upto_s)
    buckets = buckets_of(books, party, session.called, answer_at, end, own)
    spare = limits.spare_micros(books, account, session.held_micros, now)[0] if account.is_bounded else None
    if blocks(party, session.called):
        spare = 0 if spare is None else min(spare, 0)  # no money for what included minutes do not pay
    additional = additional_rate(party)

    def granted(seconds: int) -> Held:
        grant = grant_call(
            rate,
            called=session.called,
            answer_at=answer_at,
            buckets=buckets,
            spare_micros=spare,
            lease_s=seconds,
            rounding=rate.rules.rounding or party.plan.rounding,
            zone=account.zone,
            holidays=account.holidays,
            direction=Direction(party.role),
            payphone=tariff.payphone,
            dips=tariff.dips,
        )
        on_top = additional(grant.seconds).total_micros if additional and grant.seconds else 0
        return Held(grant.seconds, grant.money_micros + on_top, grant.bucket_s)

    held = granted(upto_s)
    if additional is None or spare is None or held.money_micros <= spare:
        return held
    return _longest(granted, held.seconds, spare)


def _longest(granted: Callable[[int], Held], too_long_s: int, spare_micros: int) -> Held:
    """Return the longest hold that *spare_micros* pays together with what comes on top, by halving."""
    best, low_s, high_s = NOTHING, 0, too_long_s
    while high_s - low_s > 1:
        middle_s = (low_s + high_s) // 2
        held = granted(middle_s)
        if held.seconds and held.money_micros <= spare_micros:
            best, low_s = held, middle_s
        else:
            high_s = middle_s
    return best


def put(books: Books, session: Session, held: Held) -> None:
    """Let *session* hold exactly *held*, in place of what it held."""
    _move(books, session, held.money_micros, held.buckets)
    session.held_s_until = held.seconds
    session.held_micros = held.money_micros
    session.held_buckets = held.buckets


def release(books: Books, session: Session) -> None:
    """Give back all that *session* holds."""
    put(books, session, NOTHING)


def _move(books: Books, session: Session, money_micros: int, buckets: dict[str, int]) -> None:
    if money_micros != session.held_micros:
        books.balance(session.account_id).held_micros += money_micros - session.held_micros
    own = session.held_buckets
    if own == buckets:
        return
    for bucket_id in own.keys() | buckets.keys():
        more = buckets.get(bucket_id, 0) - own.get(bucket_id, 0)
        if more:
            books.bucket(session.account_id, bucket_id).held_s += more
