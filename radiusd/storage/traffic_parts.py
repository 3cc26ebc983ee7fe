"""
What a report on traffic has to add up: sums where there are some, records and their changes where not.

The parts together are exactly the records that set up calls in a time, whatever has been added up by then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor

from radiusd.storage.time_steps import ceiling, floor
from radiusd.storage.traffic_sums import (
    ALL,
    ALL_MINUTES,
    CHANGES,
    DAY,
    FIRST,
    HOUR_MINUTES,
    MEASURES,
    RECORDS,
    RUNNING,
    hours_from,
    month_after,
    month_of,
)


class Grouping(NamedTuple):
    """
    What calls are added up by: an id and a text, as SQL, of a record and of a sum.

    *what* are the sums that say it; None: there are none, and all records are read. *if_call* tells which
    calls these sums are of.
    """

    call_id: str
    call_text: str
    what: str | None
    sum_text: str = "key_text"
    if_call: str = "true"


class _Sums(NamedTuple):
    """Sums of so many minutes that begin from *low* up to, not including, *high*, to add or to take away."""

    sign: int
    minutes: int
    low: datetime
    high: datetime


class State(NamedTuple):
    """How far calls were added up, and since when their records are here: older ones are kept elsewhere."""

    added_until: datetime
    kept_from: datetime


class Parts(NamedTuple):
    """A SELECT of key_id, key_text, currency and all of MEASURES, its values, and when it was right."""

    sql: str
    values: dict[str, object]
    state: State

    def still_hold(self, txn: Cursor) -> bool:
        """Tell whether nothing that has happened since could have misled the SELECT."""
        now = read_state(txn)
        return now.kept_from == self.state.kept_from and now.added_until >= self.state.added_until


def read_state(txn: Cursor) -> State:
    """Return how things stand."""
    txn.execute(
        "SELECT added_until, coalesce((SELECT (max(month) + interval '1 month') AT TIME ZONE 'UTC'"
        " FROM retained_month WHERE relation = 'cdr' AND detached_at IS NOT NULL), %s) FROM traffic_state",
        (FIRST,),
    )
    [row] = txn.fetchall()
    return State(*row)


def parts(
    txn: Cursor, by: Grouping, since: datetime, until: datetime, account_ids: Sequence[int] | None = None
) -> Parts:
    """Return what is to be added up of calls set up from *since* up to, not including, *until*."""
    state, until = read_state(txn), max(since, until)
    values: dict[str, object] = {"account_ids": None if account_ids is None else list(account_ids)}
    begin, end = _added(by, since, until, state, account_ids is not None)
    selects = []
    read = ((since, begin), (end, until)) if begin < end else ((since, until),)
    for number, (low, high) in enumerate(read):
        if low < high or len(read) == 1:
            selects.append(_of_calls(by, RECORDS, f"low{number}", f"high{number}"))
            values |= {f"low{number}": low, f"high{number}": high}
    if begin < end:
        selects.append(_of_calls(by, CHANGES, "begin", "end"))
        values |= {"begin": begin, "end": end}
        for number, (sign, minutes, low, high) in enumerate(_sums(by, begin, end, state)):
            measures = ", ".join(name if sign > 0 else f"-{name}" for name in MEASURES)
            selects.append(
                f"SELECT key_id, {by.sum_text}, currency, {measures} FROM traffic_sum"
                f" WHERE what = '{by.what}' AND minutes = {minutes}"
                f" AND begins >= %(from{number})s AND begins < %(to{number})s"
                " AND (%(account_ids)s::bigint[] IS NULL OR key_id = ANY (%(account_ids)s::bigint[]))"
            )
            values |= {f"from{number}": low, f"to{number}": high}
    names = ", ".join(("key_id", "key_text", "currency", *MEASURES))
    return Parts(f"SELECT * FROM ({' UNION ALL '.join(selects)}) AS parts({names})", values, state)


def _added(
    by: Grouping, since: datetime, until: datetime, state: State, is_narrowed: bool
) -> tuple[datetime, datetime]:
    """Return from when until when sums are read; an empty time when records are."""
    if by.what is None or (is_narrowed and by.what != "account"):
        return until, until  # no sums tell it of one account
    begin = max(since, state.kept_from, FIRST)
    end = min(until, state.added_until)
    fine = FIRST if by.what == ALL else hours_from(state.added_until)
    return ceiling(begin, 1440 if begin < fine else 60), floor(end, 1440 if end < fine else 60)


def _of_calls(by: Grouping, calls: str, low: str, high: str) -> str:
    return (
        f"SELECT coalesce({by.call_id}, 0), {by.call_text}, currency, {', '.join(MEASURES.values())}"
        f" FROM ({calls}) AS calls WHERE started_at >= %({low})s AND started_at < %({high})s"
        f" AND {by.if_call}"
        " AND (%(account_ids)s::bigint[] IS NULL OR account_id = ANY (%(account_ids)s::bigint[]))"
    )


def _sums(by: Grouping, begin: datetime, end: datetime, state: State) -> Iterator[_Sums]:
    """Yield the fewest sums that come to the time from *begin* to *end*."""
    first, last = ceiling(begin, 1440), floor(end, 1440)
    if by.what == ALL:
        yield _Sums(1, ALL_MINUTES, begin, end)
    elif first > last:
        yield _Sums(1, HOUR_MINUTES, begin, end)
    else:
        # The hours of a day that are left over, or that are too many.
        if begin - (first - DAY) < first - begin:
            first -= DAY
            yield _Sums(-1, HOUR_MINUTES, first, begin)
        elif begin < first:
            yield _Sums(1, HOUR_MINUTES, begin, first)
        if last + DAY - end < end - last and last + DAY <= state.added_until:
            last += DAY
            yield _Sums(-1, HOUR_MINUTES, end, last)
        elif last < end:
            yield _Sums(1, HOUR_MINUTES, last, end)
        yield from _days(first, last)


def _days(first: datetime, last: datetime) -> Iterator[_Sums]:
    """Yield the running sums that come to the days from *first* to *last*: at most two of each month."""
    while first < last:
        end = min(month_after(first), last)
        yield _Sums(1, RUNNING, end, end + DAY)
        if first > month_of(first):
            yield _Sums(-1, RUNNING, first, first + DAY)
        first = end
