"""Exports: ended calls to be saved now, what is written by itself, and the months that are kept elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from provisioning.api.exports import download, saved_exports, written
from provisioning.api.rows_out import MEDIA
from provisioning.console.pages import Outcome, Page, Shown, Stream, Visit
from provisioning.moments import instant, parse_moment
from radiusd.errors import BadInput
from radiusd.exports.columns import FIELDS
from radiusd.exports.retention import months
from radiusd.exports.template import STATUSES

PAGE = 50
FIELDS_OF_FORM = ("template", "format", "columns", "account", "since", "until", "status", "number")


def _exports(visit: Visit, error: str = "") -> Outcome:
    asked = replace(visit.asked, query={**visit.query, "limit": PAGE})
    body = written(asked).body
    return Shown(
        "exports.html",
        {
            "saved": saved_exports(asked),
            "drops": body["items"],
            "next": body["next"],
            "months": months(asked.txn, counted=False) if visit.may("balances:read") else None,
            "forms": tuple(MEDIA),
            "statuses": STATUSES,
            "columns": ", ".join(FIELDS),
            "error": error,
        },
        status=400 if error else 200,
    )


def _download(visit: Visit) -> Outcome:
    """Save ended calls as a file, any number of them; what is asked for wrongly is told on the page."""
    query: dict[str, Any] = {name: visit.query[name] for name in FIELDS_OF_FORM if visit.query.get(name)}
    try:
        if query.get("status", STATUSES[0]) not in STATUSES:
            raise BadInput(f"status: {query['status'][:20]!r} is none of {', '.join(STATUSES)}")
        for name in ("since", "until"):
            if name in query:
                query[name] = instant(name, parse_moment(name, query[name]), visit.zone)
        answer = download(replace(visit.asked, query=query))
    except BadInput as problem:
        if visit.who.actor.is_bound:
            raise  # the page is about all accounts
        visit = replace(visit, asked=replace(visit.asked, query=_without_cursor(visit)))
        return _exports(visit, str(problem))
    assert answer.stream is not None, "it is what a download is"
    name = answer.headers["Content-Disposition"].partition('filename="')[2].rstrip('"')
    return Stream(answer.stream, answer.media, name)


def _without_cursor(visit: Visit) -> dict[str, str]:
    """Return what was asked for, without what the lists of the page would take for theirs."""
    return {name: value for name, value in visit.query.items() if name not in ("cursor", "name")}


PAGES = (
    Page(
        path="/exports",
        title="Exports",
        show=_exports,
        right="calls:read",
        cli="tollwire cdr export",
        json="/exports",
    ),
    Page(
        path="/exports/calls",
        title="Exports",
        show=_download,
        right="calls:read",
        cli="tollwire cdr export",
        json="/cdrs/export",
    ),
)
