"""Endpoints of ended calls in full, and of exports: the saved ones, what they wrote, and a download now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO
from uuid import UUID

import msgspec

from provisioning.api.endpoints import PAGED, Answer, Asked, Endpoint, Parameter, listed, sliced
from provisioning.api.rows_out import FORMAT, MEDIA, PRODUCES, connected
from provisioning.call_views import moment_of_key, narrowed, records_for
from provisioning.roles import require_unbound
from radiusd.errors import BadInput, NotFound
from radiusd.exports.columns import parse_columns
from radiusd.exports.drops import Drop, drops
from radiusd.exports.retention import Month, months
from radiusd.exports.template import STATUSES, Export
from radiusd.exports.writers import WRITERS
from radiusd.storage.reports import CdrFilter, stream_cdrs

FILTERS = ("account", "status", "number")


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedExport:
    """An export of the configuration file: what is in it, and when it is made by itself."""

    name: str
    format: str
    columns: tuple[str, ...]
    account: str
    status: str
    number: str
    every: str
    timezone: str
    folder: str


def _record(asked: Asked) -> Answer:
    try:
        call_id = str(UUID(asked.path["call"]))
    except ValueError as error:
        raise NotFound(f"no ended call has the id {asked.path['call'][:60]}") from error
    return Answer({"items": records_for(asked.txn, asked.admin, call_id), "next": None})


def saved_exports(asked: Asked) -> list[SavedExport]:
    """Return the exports of the configuration file. Raises Forbidden."""
    require_unbound(asked.admin, "saved exports")
    names = SavedExport.__slots__
    return [
        SavedExport(**{name: getattr(each, name) for name in names}) for each in asked.web.settings.exports
    ]


def _saved(asked: Asked) -> Answer:
    return sliced(saved_exports(asked), asked.page(str), lambda each: (each.name,))


def written(asked: Asked) -> Answer:
    """Return a page of the periods that were written. Raises Forbidden."""
    require_unbound(asked.admin, "saved exports")
    page = asked.page(str, str)
    after = None
    if page.after:
        after = (moment_of_key(str(page.after[0])), str(page.after[1]))
    found = drops(asked.txn.connection, asked.query.get("name"), page.limit, after)
    return listed(found, page, lambda each: (each.period_start.isoformat(), each.name))


def _template(asked: Asked) -> Export:
    """Return the saved export that is named, or one of nothing. Raises NotFound."""
    name = asked.query.get("template")
    if name is None:
        return Export(name="export")
    require_unbound(asked.admin, "saved exports")
    exports = {each.name: each for each in asked.web.settings.exports}
    if name not in exports:
        known = ", ".join(exports) or "none: write [[exports]] in the configuration file"
        raise NotFound(f"template: there is no export {name!r}; there are {known}")
    return exports[name]


def download(asked: Asked) -> Answer:
    """Return what writes the ended calls that are asked for. Raises BadInput, NotFound, Forbidden."""
    query: dict[str, Any] = dict(asked.query)
    saved = _template(asked)
    form = query.get("format", saved.format)
    if form not in MEDIA:
        raise BadInput(f"format: {form} is written by tollwire cdr export; say {' or '.join(MEDIA)}")
    texts = tuple(text.strip() for text in query.get("columns", "").split(",") if text.strip())
    saved = msgspec.structs.replace(saved, columns=texts or saved.columns)
    columns = parse_columns(saved.columns)
    filters = {name: query.get(name) or getattr(saved, name) or None for name in FILTERS}
    wanted = CdrFilter(
        since=query.get("since"), until=query.get("until"), limit=query.get("limit"), **filters
    )
    wanted = narrowed(asked.txn, asked.admin, wanted)
    web = asked.web

    def write(out: BinaryIO) -> None:
        with connected(web) as connection:
            WRITERS[form](out, columns, stream_cdrs(connection, wanted))

    name = f'attachment; filename="{saved.name}.{form}"'
    return Answer(headers={"Content-Disposition": name}, media=MEDIA[form], stream=write)


def _months(asked: Asked) -> Answer:
    require_unbound(asked.admin, "months")
    found = [{**each._asdict(), "month": f"{each.month:%Y-%m}"} for each in months(asked.txn)]
    return sliced(found, asked.page(str, str), lambda each: (each["month"], each["relation"]))


ENDPOINTS = (
    # Fixed words before ids: the first path that fits is taken.
    Endpoint(
        method="GET",
        path="/cdrs/export",
        tag="calls",
        summary="Download ended calls, oldest first, any number of them, as CSV or JSON lines.",
        right="calls:read",
        parameters=(
            Parameter("template", "A saved export, whose columns and filters count where none is given."),
            FORMAT,
            Parameter("columns", "Only these fields, between commas: field or field=Title."),
            Parameter("account", "Only calls that this account pays."),
            Parameter("since", "Only calls that began then or later.", datetime),
            Parameter("until", "Only calls that began before.", datetime),
            Parameter("status", "Only calls that ended so.", choices=STATUSES),
            Parameter("number", "Calling or called number; 4930* is a prefix."),
            Parameter("limit", "At most so many.", int, least=1, most=10**9),
        ),
        produces=PRODUCES,
        answer=download,
    ),
    Endpoint(
        method="GET",
        path="/cdrs/{call}",
        tag="calls",
        summary="Show everything that is recorded of an ended call, once for each payer.",
        right="calls:read",
        parameters=(Parameter("call", "Our call id.", in_path=True),),
        many=True,
        answer=_record,
    ),
    Endpoint(
        method="GET",
        path="/exports",
        tag="exports",
        summary="List the saved exports of the configuration file.",
        right="calls:read",
        parameters=PAGED,
        result=SavedExport,
        many=True,
        answer=_saved,
    ),
    Endpoint(
        method="GET",
        path="/exports/drops",
        tag="exports",
        summary="List which periods of scheduled exports were written, newest first.",
        right="calls:read",
        parameters=(Parameter("name", "Only those of this export."), *PAGED),
        result=Drop,
        many=True,
        answer=written,
    ),
    Endpoint(
        method="GET",
        path="/months",
        tag="months",
        summary="List the months of call records and of the ledger, and which of them are kept elsewhere.",
        right="balances:read",
        parameters=PAGED,
        result=Month,
        many=True,
        answer=_months,
    ),
)
