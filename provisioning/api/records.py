"""Endpoints of call records in files: import, list, roll back, and where they and RADIUS differ."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from provisioning import source_report
from provisioning.amounts import parse_amount
from provisioning.api.endpoints import PAGED, UPLOAD, Answer, Asked, Endpoint, Parameter, listed
from provisioning.api.rows_out import CSV, FORMAT, MEDIA, PRODUCES, connected, write_rows
from provisioning.call_views import moment_of_key
from provisioning.disputes import KINDS, Dispute, Finding, Limits
from provisioning.record_desk import import_desk
from provisioning.roles import require_unbound
from provisioning.sources import found_source
from radiusd.errors import NotFound
from radiusd.handlers.record_import import found_file
from radiusd.storage.record_files import AsideRow, FileRow, find_files, list_asides

MAX_OCTETS = 64_000_000
SHOWN, MOST_FINDINGS = 200, 10_000
OCTETS = "application/octet-stream"


def files(asked: Asked) -> Answer:
    """Return a page of the files that were imported, newest first, as the console shows them too."""
    asked.admin.require("calls:read")
    require_unbound(asked.admin, "files of call records")
    page = asked.page(str, str)
    after = None
    if page.after:
        moment, file_id = map(str, page.after)
        after = (moment_of_key(moment), _id(file_id))
    found = find_files(asked.txn, asked.query.get("source", ""), "", page.limit, after)
    return listed(found, page, lambda each: (each.begun_at.isoformat(), each.id))


def _id(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError as error:
        raise NotFound(f"no file {text[:60]} was imported; look at the list") from error


def _nobody(octets: int, records: int) -> None:
    """Tell nobody how far an import has come."""


def _import(asked: Asked) -> Answer:
    asked.admin.require("calls:write")
    web, admin, octets, query = asked.web, asked.admin, asked.octets, asked.query

    def take() -> Answer:
        with tempfile.NamedTemporaryFile(prefix="tollwire-records-") as copy:
            copy.write(octets)
            copy.flush()
            with import_desk(web.dsn, query["source"], admin, web.now) as desk:
                row = desk.import_file(
                    copy.name,
                    _nobody,
                    strict=query.get("strict", False),
                    again=query.get("again", False),
                    called=query.get("file", "body"),
                )
        return Answer(row)

    return Answer(after=take)


def roll_back(asked: Asked) -> Answer:
    """Return what takes a file's calls out of the books, which may take minutes."""
    asked.admin.require("calls:write")
    file = found_file(asked.txn, _id(asked.path["file"]))
    web, admin = asked.web, asked.admin

    def take_back() -> Answer:
        with import_desk(web.dsn, file.source, admin, web.now) as desk:
            return Answer(desk.roll_back(file.id, _nobody))

    return Answer(after=take_back)


def one_file(asked: Asked) -> FileRow:
    """Return the file that the path names. Raises NotFound, Forbidden."""
    asked.admin.require("calls:read")
    require_unbound(asked.admin, "files of call records")
    return found_file(asked.txn, _id(asked.path["file"]))


def asides(asked: Asked) -> Answer:
    """Return a page of what could not be read in a file."""
    file = one_file(asked)
    page = asked.page(int)
    after = int(page.after[0]) if page.after else -1
    found = list_asides(asked.txn, file.id, page.limit, after)
    return listed(found, page, lambda each: (each.octet,))


def _report(asked: Asked) -> Answer:
    return Answer(source_report.report(asked.txn, asked.path["name"]))


def _differences(asked: Asked) -> Answer:
    name, web = asked.path["name"], asked.web
    found_source(asked.txn, name)  # or there is none
    form = asked.query.get("format", CSV)

    def write(out: BinaryIO) -> None:
        with connected(web) as connection:
            found = source_report.differences(connection, name)
            write_rows(out, form, source_report.Difference._fields, found)

    return Answer(media=MEDIA[form], stream=write)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What a comparison came to: how many calls of each kind, the first findings, and how many more."""

    kinds: dict[str, int]
    difference: Decimal
    set_aside: int
    findings: list[Finding]
    more: int


def _dispute(asked: Asked) -> Answer:
    query: dict[str, Any] = dict(asked.query)
    least = parse_amount("amount", query.get("amount", "0"))
    limits = Limits(query.get("clock_s", 60), query.get("seconds", 1), least)
    web, octets = asked.web, asked.octets

    def compare() -> Answer:
        with tempfile.TemporaryDirectory() as folder, connected(web, scratch=True) as connection:
            path = Path(folder) / (Path(query.get("file", "records")).name or "records")
            path.write_bytes(octets)
            price = query.get("price", "").strip()
            dispute = Dispute(connection, query["supplier"], query["source"], price)
            findings = dispute.findings(str(path), query["since"], query["until"], limits)
            some = list(islice(findings, query.get("limit", SHOWN)))
            more = sum(1 for _ in findings)
        return Answer(_compared(dispute, some, more))

    return Answer(after=compare)


def _compared(dispute: Dispute, some: list[Finding], more: int) -> Compared:
    totals = dispute.totals
    return Compared(
        kinds={kind: totals.kinds[kind] for kind in KINDS},
        difference=totals.difference,
        set_aside=totals.set_aside,
        findings=some,
        more=more,
    )


_SOURCE = Parameter("name", "Which source.", in_path=True)
ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/record-files",
        tag="record-files",
        summary="List the files of call records that were imported, newest first, and what came of each.",
        right="calls:read",
        parameters=(Parameter("source", "Only of this source."), *PAGED),
        result=FileRow,
        many=True,
        answer=files,
    ),
    Endpoint(
        method="POST",
        path="/record-files",
        tag="record-files",
        summary="Take the calls in a file, also a packed one, into the books, each exactly once.",
        right="calls:write",
        parameters=(
            Parameter("source", "What wrote the file.", required=True),
            UPLOAD,
            Parameter("strict", "Import nothing when anything in it cannot be read.", bool),
            Parameter("again", "Read a file that was imported before once more.", bool),
        ),
        media=OCTETS,
        most_octets=MAX_OCTETS,
        result=FileRow,
        writes=True,
        repeatable=False,  # the file itself says whether it is there already
        long=True,
        answer=_import,
    ),
    Endpoint(
        method="GET",
        path="/record-files/{file}/asides",
        tag="record-files",
        summary="List what could not be read in a file: where it stands, and why.",
        right="calls:read",
        parameters=(Parameter("file", "The id of the file.", in_path=True), *PAGED),
        result=AsideRow,
        many=True,
        answer=asides,
    ),
    Endpoint(
        method="POST",
        path="/record-files/{file}/rollback",
        tag="record-files",
        summary="Take a file's calls out of the books again, by postings the other way round.",
        right="calls:write",
        parameters=(Parameter("file", "The id of the file.", in_path=True),),
        result=FileRow,
        writes=True,
        repeatable=False,  # what is out of the books is not taken out again
        long=True,
        answer=roll_back,
    ),
    Endpoint(
        method="GET",
        path="/sources/{name}/report",
        tag="sources",
        summary="Show how many records came, what came of them, and gaps in their numbers.",
        right="clients:read",
        parameters=(_SOURCE,),
        answer=_report,
    ),
    Endpoint(
        method="GET",
        path="/sources/{name}/differences",
        tag="sources",
        summary="Download the calls of which a record and RADIUS tell different durations.",
        right="clients:read",
        parameters=(_SOURCE, FORMAT),
        produces=PRODUCES,
        answer=_differences,
    ),
    Endpoint(
        method="POST",
        path="/disputes",
        tag="disputes",
        summary="Compare a supplier's call records with ours; nothing of the file is kept.",
        right="decks:read",
        parameters=(
            Parameter("supplier", "Whose records they are.", required=True),
            Parameter("source", "How its files are read.", required=True),
            Parameter("price", "Column of what it charges for a call."),
            Parameter("since", "Calls answered from then on.", datetime, required=True),
            Parameter("until", "Calls answered before then.", datetime, required=True),
            Parameter("clock_s", "Seconds by which clocks may differ.", int, least=0, most=3600),
            Parameter("seconds", "Seconds by which durations may differ.", int, least=0, most=86_400),
            Parameter("amount", "Money that may differ."),
            Parameter("limit", "Most findings in the answer.", int, least=1, most=MOST_FINDINGS),
            UPLOAD,
        ),
        media=OCTETS,
        most_octets=MAX_OCTETS,
        result=Compared,
        long=True,
        answer=_dispute,
    ),
)
