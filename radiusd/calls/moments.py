"""When things of a call happened, as far as a sender's clock is to be believed."""

from __future__ import annotations

from datetime import datetime, timedelta

from radiusd.calls.events import CallEvent, Kind

_STOP, _INTERIM = Kind.STOP, Kind.INTERIM
_TRUSTED_PAST = timedelta(days=45)
_TRUSTED_AHEAD = timedelta(days=1)
_EARLIEST_LAG = -_TRUSTED_AHEAD


def believed(event: CallEvent | None, stamp: datetime | None) -> datetime | None:
    """Return *stamp* of *event* unless the sender's clock is not to be believed."""
    if event is None or stamp is None or event.clock_ok is False:
        return None
    if not _EARLIEST_LAG <= event.received_at - stamp <= _TRUSTED_PAST:
        return None
    return stamp


def own_beginning(event: CallEvent) -> datetime:
    """Return when the call of *event* began, by this event alone."""
    for stamp in (event.setup_at, event.connect_at):
        moment = believed(event, stamp)
        if moment is not None:
            return moment
    if event.duration_ms and (event.kind is _STOP or event.kind is _INTERIM):
        # When it hung up is said once more by a Stop that comes much later, whatever stamp that one has.
        until = believed(event, event.disconnect_at) or event.event_at
        return until - timedelta(milliseconds=event.duration_ms)
    return event.event_at
