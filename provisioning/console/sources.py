"""Sources of call records: what came from each, its files, and what could not be read in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any
from urllib.parse import quote

import psycopg2

from provisioning.api.carriers import NOUNS
from provisioning.api.endpoints import Answer
from provisioning.api.records import asides, files, one_file, roll_back
from provisioning.console.pages import Go, Outcome, Page, Shown, Visit
from provisioning.console.things import siblings
from provisioning.source_report import MOST_GAPS, RECENT, recent, report
from provisioning.sources import Source, read_source
from radiusd.errors import NotFound
from radiusd.storage.record_files import FileRow, Totals

PAGE = 50
GAPS_LIMIT_MS = 3_000
"""So long gaps are looked for while somebody waits: all records of a source are read."""

COUNTS = ("received", "accepted", "duplicate", "set_aside", "unmatched", "unrated")
FILE_COUNTS = (*COUNTS[:4], "passed_over", *COUNTS[4:])
SOURCES = next(noun for noun in NOUNS if noun.word == "source")


def _page_of(visit: Visit, answer: Callable[..., Answer], **query: Any) -> dict[str, Any]:
    """Return a page of a list as the API has it."""
    asked = replace(visit.asked, query={"cursor": visit.query.get("cursor", ""), **query, "limit": PAGE})
    body: dict[str, Any] = answer(asked).body
    return body


def _list(visit: Visit) -> Outcome:
    body = _page_of(visit, SOURCES.list_)
    sources: list[Source] = body["items"]
    came = recent(visit.asked.txn, visit.who.actor, [each.name for each in sources], visit.asked.now)
    return Shown(
        "sources.html",
        {
            "rows": [(each, came[each.name]) for each in sources],
            "next": body["next"],
            "counts": COUNTS,
            "days": RECENT.days,
            "siblings": [(title, path) for title, path, right in siblings("source") if visit.may(right)],
        },
    )


def _source(visit: Visit) -> Outcome:
    txn, now = visit.asked.txn, visit.asked.now
    source = read_source(txn, visit.asked.path["name"])
    body = _page_of(visit, files, source=source.name)
    came: Totals = recent(txn, visit.who.actor, [source.name], now)[source.name]
    return Shown(
        "source.html",
        {
            "source": source,
            "facts": [(field.name, getattr(source, field.name)) for field in fields(Source)[1:]],
            "came": came,
            "counts": COUNTS,
            "days": RECENT.days,
            "files": body["items"],
            "next": body["next"],
            "whole": _whole(visit, source.name) if "gaps" in visit.query else None,
            "most_gaps": MOST_GAPS,
        },
    )


def _whole(visit: Visit, name: str) -> dict[str, Any]:
    """Return the report of all records, or nothing when they are too many to be read now."""
    txn = visit.asked.txn
    txn.execute("SAVEPOINT before_report")
    txn.execute("SET LOCAL statement_timeout = %s", (GAPS_LIMIT_MS,))
    try:
        return report(txn, name)
    except psycopg2.errors.QueryCanceled:
        txn.execute("ROLLBACK TO before_report")
        return {}


def _found(visit: Visit) -> FileRow:
    """Return the file of the page, which is one of its source."""
    file, source = one_file(visit.asked), visit.asked.path["name"]
    if file.source != source:
        raise NotFound(f"no file {file.id} of source {source[:60]} was imported; look at the list")
    return file


def _file(visit: Visit, error: str = "") -> Outcome:
    file = _found(visit)
    body = _page_of(visit, asides)
    return Shown(
        "record_file.html",
        {
            "file": file,
            "counts": FILE_COUNTS,
            "asides": body["items"],
            "next": body["next"],
            "error": error,
        },
        status=400 if error else 200,
    )


def _take_back(visit: Visit) -> Outcome:
    """Take the file's calls out of the books in a thread for what takes long."""
    file = _found(visit)
    visit.asked.admin.require("calls:write")
    if file.state == "rolled back":
        return _file(visit, f"{file.name} is out of the books already.")
    after = roll_back(visit.asked).after
    assert after is not None, "it is what a rollback is"

    def take_back() -> str:
        done: FileRow = after().body
        return f"{done.name} is out of the books. It can be imported again."

    return Go(f"/sources/{quote(file.source, safe='')}/files/{file.id}", after=take_back, long=True)


PAGES = (
    Page(
        path="/sources",
        title="Sources of records",
        show=_list,
        right="clients:read",
        cli="tollwire source list",
        json="/sources",
    ),
    Page(
        path="/sources/{name}",
        title="Source of records",
        show=_source,
        right="clients:read",
        cli="tollwire record files --source {name}",
        json="/record-files?source={name}",
    ),
    Page(
        path="/sources/{name}/files/{file}",
        title="File of records",
        show=_file,
        act=_take_back,
        right="calls:read",
        cli="tollwire record asides {file}",
        json="/record-files/{file}/asides",
    ),
)
