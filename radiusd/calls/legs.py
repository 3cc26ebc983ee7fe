"""
Which leg of a call decides, and which tells where it went.

One switch may report several legs, one for each route that it tried; several switches may report one call.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from radiusd.calls.events import TOLD_AFTER, UNTOLD_LEG, CallEvent, Leg, Status
from radiusd.calls.moments import own_beginning


def leg_rank(event: CallEvent) -> int:
    """Return the place of a report's leg among those that may decide; the lowest one does."""
    leg = event.leg
    return UNTOLD_LEG if leg is None else leg.rank


def nearest_caller(reports: tuple[CallEvent, ...]) -> int | None:
    """
    Return the client that the call reached first, None when only one reports.

    The others have it, or one another, on the far side of their leg towards the caller. Where their
    addresses do not tell, the one who saw the call first is the first.
    """
    if len(reports) < 2 or all(event.client_id == reports[0].client_id for event in reports):
        return None
    hosts = {(event.client_id, event.source.rpartition(":")[0]) for event in reports}

    def remoteness(client_id: int) -> tuple[int, bool, datetime, int]:
        own = [event for event in reports if event.client_id == client_id]
        rank = min(map(leg_rank, own))
        inside = any(
            host == event.remote_ip and other != client_id
            for event in own
            if event.remote_ip and leg_rank(event) == rank
            for other, host in hosts
        )
        return int(rank >= Leg.ORIGINATE.rank), inside, min(map(own_beginning, own)), client_id

    return min({event.client_id for event in reports}, key=remoteness)


def deciding_leg(reports: tuple[CallEvent, ...], nearest: int | None) -> tuple[CallEvent, ...]:
    """
    Return the reports of the leg towards the caller, which decides time and payer; else what there is.

    *nearest*: the client that the call reached first, if several report.
    """
    if nearest is not None:
        reports = tuple(event for event in reports if event.client_id == nearest)
    if not reports:
        return ()
    if len(reports) == 1:
        return reports
    rank = min((leg_rank(event) for event in reports if not _told_after(event)), default=None)
    return tuple(event for event in reports if _told_after(event) or leg_rank(event) == rank)


def went_to(reports: Sequence[CallEvent], name: str, nearest: int | None) -> str:
    """
    Return what the leg that the call left over says under *name*.

    Of several routes that were tried it is the one that was answered, else the last; of several switches,
    one behind the first.
    """
    told = [event for event in reports if getattr(event, name)]
    if not told:
        return ""
    leaving = told[0]
    if len(told) > 1:
        leaving = max(told, key=lambda event: _goes_out(event, nearest))
    value: str = getattr(leaving, name)
    return value


def _goes_out(event: CallEvent, nearest: int | None) -> tuple[bool, bool, datetime, str, int]:
    behind = nearest is not None and event.client_id != nearest
    return behind, event.status is Status.ANSWERED, own_beginning(event), event.leg_id, event.kind.rank


def _told_after(event: CallEvent) -> bool:
    """Tell whether *event* is a call record: it is about the whole call, whichever leg decides."""
    return bool(event.flags) and TOLD_AFTER in event.flags
