"""Endpoints of rating ended calls again: preview, apply, undo, list."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, date
from typing import Any
from uuid import UUID

from provisioning import reratings
from provisioning.api.endpoints import PAGED, Answer, Asked, Endpoint, Parameter, sliced
from provisioning.api.nouns import made
from provisioning.moments import instant
from provisioning.rerate_desk import Outcome, RerateDesk
from radiusd.errors import NotFound
from radiusd.storage.rerating import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """Which calls are meant; what is left out is any."""

    account: str | None = None
    month: str | None = None
    since: date | None = None
    until: date | None = None
    prefix: str | None = None
    deck: str | None = None
    version: int | None = None
    redraw: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MeantForGood(Meant):
    """The same, and whether calls in closed periods are meant too."""

    closed: bool = False


HELPS = {
    "account": "Calls of this account.",
    "month": "Calls set up in this month, like 2026-10, where the account is.",
    "since": "Calls set up from then on.",
    "until": "Calls set up before then.",
    "prefix": "Calls rated by a prefix that begins so.",
    "deck": "Calls rated by this deck.",
    "version": "Calls rated by this version of it.",
    "redraw": "Draw included minutes anew for all of the calls, as when buckets have changed.",
    "closed": "Also calls in periods that are closed.",
}


def _scope(body: Meant) -> Scope:
    values: dict[str, Any] = asdict(body)
    for name in ("since", "until"):
        if values[name] is not None:
            values[name] = instant(name, values[name], UTC)
    names = Scope.__slots__
    return reratings.checked_scope(Scope(**{name: values[name] for name in names}))


def _desk(asked: Asked) -> RerateDesk:
    return RerateDesk(asked.web.dsn, asked.admin)


def _preview(asked: Asked) -> Answer:
    body = made(Meant, asked.body)
    scope, desk = _scope(body), _desk(asked)
    return Answer(after=lambda: Answer(desk.preview(scope, redraw=body.redraw)))


def _apply(asked: Asked) -> Answer:
    body = made(MeantForGood, asked.body)
    scope, desk = _scope(body), _desk(asked)
    return Answer(after=lambda: Answer(desk.apply(scope, redraw=body.redraw, closed=body.closed)))


def _undo(asked: Asked) -> Answer:
    desk = _desk(asked)
    try:
        rerating = UUID(asked.path["rerating"])
    except ValueError as error:
        raise NotFound(f"rerating {asked.path['rerating'][:60]} does not exist; look at the list") from error
    return Answer(after=lambda: Answer(desk.undo(rerating)))


def _list(asked: Asked) -> Answer:
    found = reratings.list_reratings(asked.txn, asked.admin)
    return sliced(found, asked.page(str), lambda each: (each.id,), newest_first=True)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/reratings",
        tag="reratings",
        summary="List when calls were rated again, newest first.",
        right="balances:read",
        parameters=PAGED,
        result=reratings.Rerating,
        many=True,
        answer=_list,
    ),
    Endpoint(
        method="POST",
        path="/reratings/preview",
        tag="reratings",
        summary="Show what rating calls again by today's tariffs would change, and change nothing.",
        right="balances:write",
        body=Meant,
        helps=HELPS,
        result=Outcome,
        long=True,
        answer=_preview,
    ),
    Endpoint(
        method="POST",
        path="/reratings",
        tag="reratings",
        summary="Reverse what was booked of calls, and book it anew by today's tariffs.",
        right="balances:write",
        body=MeantForGood,
        helps=HELPS,
        result=Outcome,
        writes=True,
        repeatable=False,  # calls that were rated again do not change a second time
        long=True,
        answer=_apply,
    ),
    Endpoint(
        method="POST",
        path="/reratings/{rerating}/undo",
        tag="reratings",
        summary="Book again what a rerating has replaced.",
        right="balances:write",
        parameters=(Parameter("rerating", "The id of the rerating.", in_path=True),),
        result=Outcome,
        writes=True,
        repeatable=False,  # a second time is a conflict
        long=True,
        answer=_undo,
    ),
)
