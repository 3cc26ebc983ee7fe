"""Calls that have been: search, save as a file, and one call as an explanation a customer could be sent."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime
from typing import Any

from provisioning.admin import shown
from provisioning.api.writing import to_json
from provisioning.call_views import cdr_document, cdr_key, cdrs_for, explain_for
from provisioning.console.pages import File, Outcome, Page, Shown, Visit
from provisioning.moments import instant, parse_moment
from provisioning.pages import Page as Slice
from provisioning.pages import read_cursor, write_cursor
from provisioning.service_quotes import quote_service
from radiusd.errors import BadInput
from radiusd.exports.values import spreadsheet_cell
from radiusd.storage.reports import CdrFilter

PAGE = 50
MOST_SAVED = 10_000
STATUSES = ("answered", "failed", "refused", "lapsed", "unmatched", "unrated")


def _wanted(visit: Visit) -> CdrFilter:
    query = visit.query
    texts = ("account", "number", "status")
    wanted: dict[str, Any] = {name: query[name] for name in texts if query.get(name)}
    zone = visit.zone
    for name in ("since", "until"):
        if query.get(name):
            wanted[name] = instant(name, parse_moment(name, query[name]), zone)
    return CdrFilter(**wanted)


def _list(visit: Visit) -> Outcome:
    txn, actor, now = visit.asked.txn, visit.who.actor, visit.asked.now
    error = ""
    lines: list[Any] = []
    try:
        wanted = _wanted(visit)
        if "save" in visit.query:
            return _save(visit, wanted)
        after = read_cursor(visit.query.get("after", ""), (str, str, str))
        lines = cdrs_for(txn, actor, wanted, now, Slice(after, PAGE))
    except BadInput as problem:
        error = str(problem)
    return Shown(
        "calls.html",
        {
            "lines": lines,
            "next": write_cursor(cdr_key(lines[-1])) if len(lines) == PAGE else None,
            "statuses": STATUSES,
            "error": error,
        },
        status=400 if error else 200,
    )


def _save(visit: Visit, wanted: CdrFilter) -> File:
    """Return what the search finds as a file; cells that a spreadsheet would compute are made harmless."""
    txn, actor, now = visit.asked.txn, visit.who.actor, visit.asked.now
    lines = cdrs_for(txn, actor, wanted, now, Slice((), MOST_SAVED))
    documents = [cdr_document(line) for line in lines]
    if visit.query["save"] == "json":
        return File(to_json(documents), "application/json", "calls.json")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    if documents:
        writer.writerow(documents[0])
    for document in documents:
        writer.writerow([spreadsheet_cell(shown(value)) for value in document.values()])
    return File(text.getvalue().encode("utf-8-sig"), "text/csv; charset=utf-8", "calls.csv")


def _call(visit: Visit) -> Outcome:
    txn, actor = visit.asked.txn, visit.who.actor
    documents = explain_for(txn, actor, visit.asked.path["call"], visit.asked.now)
    return Shown("call.html", {"calls": documents, "quoted": json.dumps})


def _quote(visit: Visit) -> Outcome:
    """Tell what a call of a service would cost: the same page, before a call exists."""
    query = visit.query
    found, error = None, ""
    if query.get("service") and query.get("to"):
        try:
            seconds = query.get("seconds") or "60"
            if not seconds.isdecimal():
                raise BadInput(f"seconds: {seconds[:20]!r} is not a whole number")
            at: datetime = visit.asked.now
            if query.get("at"):
                at = instant("at", parse_moment("at", query["at"]), visit.zone)
            found = quote_service(
                visit.asked.txn,
                query["service"],
                query["to"],
                int(seconds),
                at,
                query.get("from", ""),
                actor=visit.who.actor,
            )
            visit.asked.txn.connection.rollback()
        except BadInput as problem:
            error = str(problem)
    return Shown("quote.html", {"found": found, "error": error}, status=400 if error else 200)


PAGES = (
    Page(
        path="/calls",
        title="Calls",
        show=_list,
        right="calls:read",
        menu="Calls",
        cli="tollwire cdr list",
        json="/cdrs",
    ),
    Page(
        path="/calls/{call}",
        title="Call",
        show=_call,
        right="calls:read",
        cli="tollwire explain {call}",
        json="/calls/{call}",
    ),
    Page(
        path="/quote",
        title="What would a call cost?",
        show=_quote,
        right="services:read",
        menu="Quote",
        cli="tollwire quote",
    ),
)
