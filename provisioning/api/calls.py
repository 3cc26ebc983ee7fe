"""Endpoints of calls: live, ended, explained, queued; end one, try one again."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from random import SystemRandom
from typing import TYPE_CHECKING
from uuid import UUID

import psycopg2

from provisioning.admin import Action, Admin, Change, audit
from provisioning.api.endpoints import PAGED, Answer, Asked, Endpoint, Parameter, listed
from provisioning.api.nouns import made
from provisioning.assignment_previews import Preview, preview
from provisioning.assignments import BY, HELPS, Assignment, Choice, assign, choices
from provisioning.call_views import (
    cdr_document,
    cdr_key,
    cdrs_for,
    explain_for,
    live_for,
    queue_for,
    require_call,
)
from radiusd.errors import NotFound
from radiusd.exports.template import STATUSES
from radiusd.storage.catalogue import load_catalogue
from radiusd.storage.disconnects import ask_by_hand, cut_lines
from radiusd.storage.reports import CdrFilter
from radiusd.storage.single import SingleJournal
from radiusd.storage.time_changes import time_lines

if TYPE_CHECKING:
    from provisioning.web import Web


@dataclass(frozen=True, slots=True, kw_only=True)
class EndBody:
    """How a call is ended: with *books_only* its switch is not asked."""

    books_only: bool = False


def _live(asked: Asked) -> Answer:
    items = live_for(asked.txn, asked.admin, asked.now, asked.query.get("account"))
    return Answer({"items": items, "next": None})


def _cdrs(asked: Asked) -> Answer:
    page = asked.page(str, str, str)
    names = ("account", "since", "until", "status", "number", "call_id")
    wanted = CdrFilter(**{name: asked.query.get(name) for name in names})
    answer = listed(cdrs_for(asked.txn, asked.admin, wanted, asked.now, page), page, cdr_key)
    return Answer({**answer.body, "items": [cdr_document(line) for line in answer.body["items"]]})


def _explain(asked: Asked) -> Answer:
    return Answer(explain_for(asked.txn, asked.admin, asked.path["call"], asked.now)[0])


def _end(asked: Asked) -> Answer:
    call_id = _uuid(asked)
    require_call(asked.txn, asked.admin, call_id)
    books_only = made(EndBody, asked.body).books_only
    asked_switch = not books_only and ask_by_hand(asked.txn, call_id, asked.now) is None
    audit(asked.txn, asked.admin, [Change(Action.ENDED, "call", call_id)])
    if asked_switch:
        said = f"/api/v1/calls/{call_id}/cuts"
        return Answer({"call_id": call_id, "done": "asked", "see": said}, 202, {"Location": said})
    web, admin = asked.web, asked.admin

    def close() -> Answer:
        with closing(open_journal(web)) as journal:
            done = journal.end_call(call_id, admin.now).done
        return Answer({"call_id": call_id, "done": done, "see": f"/api/v1/calls/{call_id}"}, 202)

    return Answer(after=close)


def _cuts(asked: Asked) -> Answer:
    call_id = _uuid(asked)
    if asked.admin.is_bound:
        explain_for(asked.txn, asked.admin, call_id, asked.now)
    return Answer({"items": list(cut_lines(asked.txn, call_id=call_id)), "next": None})


def _times(asked: Asked) -> Answer:
    call_id = _uuid(asked)
    if asked.admin.is_bound:
        explain_for(asked.txn, asked.admin, call_id, asked.now)
    return Answer({"items": list(time_lines(asked.txn, call_id=call_id)), "next": None})


def _queue(asked: Asked) -> Answer:
    return Answer({"items": queue_for(asked.txn, asked.admin), "next": None})


def _retry(asked: Asked) -> Answer:
    call_id = _uuid(asked)
    asked.admin.require("calls:write")
    if all(entry.call_id != call_id for entry in queue_for(asked.txn, asked.admin)):
        raise NotFound(f"call {call_id} is not in the queue")
    audit(asked.txn, asked.admin, [Change(Action.CHANGED, "call", call_id)])
    web, admin = asked.web, asked.admin

    def retry() -> Answer:
        with closing(open_journal(web)) as journal:
            journal.retry(call_id, admin.now)
        still = web.database.run_here(lambda txn: _waiting(txn, admin, call_id))
        return Answer({"call_id": call_id, "mended": still is None, "reason": still})

    return Answer(after=retry)


def _choices(asked: Asked) -> Answer:
    items = [each._asdict() for each in choices(asked.txn, asked.admin, _uuid(asked))]
    return Answer({"items": items, "next": None})


def _preview(asked: Asked) -> Answer:
    return Answer(preview(asked.txn, _uuid(asked), made(Assignment, asked.body), asked.admin))


def _assign(asked: Asked) -> Answer:
    done = assign(asked.txn, _uuid(asked), made(Assignment, asked.body), asked.admin)
    web, admin, call_ids = asked.web, asked.admin, [each.call_id for each in done.calls]
    audit(asked.txn, admin, [Change(Action.CHANGED, "call", call_id) for call_id in call_ids])

    def retry() -> Answer:
        with closing(open_journal(web)) as journal:
            journal.retry_all(call_ids, admin.now)
        left = {each.call_id for each in web.database.run_here(lambda txn: queue_for(txn, admin))}
        return Answer(
            {
                "service": f"{done.service.kind.value} {done.service.key}",
                "account": done.service.account,
                "calls": len(call_ids),
                "mended": len(set(call_ids) - left),
            }
        )

    return Answer(after=retry)


def _waiting(txn: psycopg2.extensions.cursor, admin: Admin, call_id: str) -> str | None:
    return next((entry.reason for entry in queue_for(txn, admin) if entry.call_id == call_id), None)


def open_journal(web: Web) -> SingleJournal:
    """Return what changes calls, one at a time, beside running servers and under the same locks."""
    with closing(psycopg2.connect(web.dsn)) as connection:
        catalogue = load_catalogue(connection, web.sealer)
    return SingleJournal(web.dsn, catalogue, SystemRandom())


def _uuid(asked: Asked) -> str:
    try:
        return str(UUID(asked.path["call"]))
    except ValueError as error:
        raise NotFound(f"no call is known as {asked.path['call'][:60]}") from error


_CALL = Parameter("call", "Our call id; to look one up, also its sender's.", in_path=True)
_ACCOUNT = Parameter("account", "Only calls that this account pays.")
ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/calls",
        tag="calls",
        summary="List the calls that are up now, oldest first, with what each costs so far.",
        right="calls:read",
        parameters=(_ACCOUNT,),
        many=True,
        answer=_live,
    ),
    Endpoint(
        method="GET",
        path="/calls/{call}",
        tag="calls",
        summary="Explain why a call was charged or refused: packets, match, price line by line, postings.",
        right="calls:read",
        parameters=(_CALL,),
        answer=_explain,
    ),
    Endpoint(
        method="POST",
        path="/calls/{call}/end",
        tag="calls",
        summary="End an open call: have its switch hang up if it can, else close it in the books.",
        right="calls:write",
        parameters=(_CALL,),
        body=EndBody,
        partial=True,
        helps={"books_only": "Ask no switch: close the call whatever it does."},
        status=202,
        writes=True,
        repeatable=False,
        answer=_end,
    ),
    Endpoint(
        method="GET",
        path="/calls/{call}/cuts",
        tag="calls",
        summary="Show what the switch was asked, and what it has answered.",
        right="calls:read",
        parameters=(_CALL,),
        many=True,
        answer=_cuts,
    ),
    Endpoint(
        method="GET",
        path="/calls/{call}/times",
        tag="calls",
        summary="Show which time the switch was told while the call was up, and what it has answered.",
        right="calls:read",
        parameters=(_CALL,),
        many=True,
        answer=_times,
    ),
    Endpoint(
        method="GET",
        path="/cdrs",
        tag="calls",
        summary="List ended calls, newest first.",
        right="calls:read",
        parameters=(
            _ACCOUNT,
            Parameter("since", "Only calls that began then or later.", datetime),
            Parameter("until", "Only calls that began before.", datetime),
            Parameter("status", "Only calls that ended so.", choices=STATUSES),
            Parameter("number", "Calling or called number; 4930* is a prefix."),
            Parameter("call_id", "Only this call."),
            *PAGED,
        ),
        many=True,
        answer=_cdrs,
    ),
    Endpoint(
        method="GET",
        path="/queue",
        tag="calls",
        summary="List calls that could not be matched or rated, oldest first.",
        right="calls:read",
        many=True,
        answer=_queue,
    ),
    Endpoint(
        method="POST",
        path="/queue/{call}/retry",
        tag="calls",
        summary="Match and rate a queued call again, after what it lacked was provisioned.",
        right="calls:write",
        parameters=(_CALL,),
        writes=True,
        repeatable=False,
        answer=_retry,
    ),
    Endpoint(
        method="GET",
        path="/queue/{call}/choices",
        tag="calls",
        summary="List by what a queued call that nobody pays for could be assigned to an account.",
        right="calls:read",
        parameters=(_CALL,),
        result=Choice,
        many=True,
        answer=_choices,
    ),
    Endpoint(
        method="POST",
        path="/queue/{call}/preview",
        tag="calls",
        summary="Tell how many queued calls an assignment would mend, and change nothing.",
        right="calls:write",
        parameters=(_CALL,),
        body=Assignment,
        choices={"by": BY},
        helps=HELPS,
        result=Preview,
        alone=True,
        answer=_preview,
    ),
    Endpoint(
        method="POST",
        path="/queue/{call}/assign",
        tag="calls",
        summary="Make what a queued call says a service of an account, and retry all that say the same.",
        right="calls:write",
        parameters=(_CALL,),
        body=Assignment,
        choices={"by": BY},
        helps=HELPS,
        alone=True,
        writes=True,
        repeatable=False,
        answer=_assign,
    ),
)
