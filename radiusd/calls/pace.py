"""
Calls per second: a bucket of tokens, kept as the one moment at which it is full again.

With a rate of R calls a second it holds R tokens, at least one. So in any stretch of T seconds at most
R*T + max(R, 1) calls are admitted, whoever asks and on however many nodes: the moment stands in a row that
every admission has locked. A node whose clock is behind admits less, never more.
"""

from __future__ import annotations

from datetime import datetime, timedelta

_SECOND = timedelta(seconds=1)
_MICROSECOND = timedelta(microseconds=1)
_MILLI_US = 1_000_000_000


def _interval(max_cps_milli: int) -> timedelta:
    """Return the time that one token takes to come, rounded up, so that the rate is never exceeded."""
    return -(-_MILLI_US // max_cps_milli) * _MICROSECOND


def has_room(max_cps_milli: int | None, full_at: datetime | None, now: datetime) -> bool:
    """Tell whether there is a token. *max_cps_milli*: calls in a thousand seconds; None: no limit."""
    if max_cps_milli is None or full_at is None:
        return True
    interval = _interval(max_cps_milli)
    return full_at - now <= max(timedelta(0), _SECOND - interval)


def take(max_cps_milli: int, full_at: datetime | None, now: datetime) -> datetime:
    """Return when the bucket is full again after one more token is taken."""
    begin = now if full_at is None or full_at < now else full_at
    return begin + _interval(max_cps_milli)
