"""A supplier's bill beside our records: the file is compared, and nothing of it is kept."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from provisioning.amounts import parse_amount
from provisioning.console.pages import File, Outcome, Page, Shown, Visit, csv_file
from provisioning.disputes import KINDS, Dispute, Finding, Limits, Totals
from provisioning.moments import instant, parse_moment
from provisioning.sources import list_sources
from provisioning.suppliers import list_suppliers
from radiusd.errors import BadInput

MOST_SHOWN = 200
MOST_DIGITS = 6
FIELDS = {
    "supplier": "",
    "source": "",
    "price": "",
    "since": "",
    "until": "",
    "clock": "60",
    "seconds": "1",
    "amount": "0",
}


class _Compared(NamedTuple):
    """What a comparison came to; *more* findings are not shown."""

    findings: list[Finding]
    more: int
    totals: Totals


def _form(visit: Visit, error: str = "", found: _Compared | None = None) -> Outcome:
    txn = visit.asked.txn
    return Shown(
        "dispute.html",
        {
            "form": {**FIELDS, **visit.form},
            "suppliers": [each.code for each in list_suppliers(txn)],
            "sources": [each.name for each in list_sources(txn)],
            "kinds": KINDS,
            "columns": Finding._fields,
            "found": found,
            "error": error,
        },
        status=400 if error else 200,
    )


def _compare(visit: Visit) -> Outcome:
    """Show the first findings, or return all of them as a file."""
    form = {**FIELDS, **visit.form}
    name = Path(visit.file_names.get("file") or "records").name
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(visit.files.get("file", b""))
        try:
            since, until = _moment(visit, "since"), _moment(visit, "until")
            least = parse_amount("amount", form["amount"])
            limits = Limits(_whole(form, "clock"), _whole(form, "seconds"), least)
            if not visit.files.get("file"):
                raise BadInput("file: choose the file with the supplier's records")
            connection = visit.asked.txn.connection
            dispute = Dispute(connection, form["supplier"], form["source"], form["price"].strip())
            findings = dispute.findings(str(path), since, until, limits)
            if form.get("do") == "save":
                return _file(findings)
            some = list(islice(findings, MOST_SHOWN))
            more = sum(1 for _ in findings)
        except BadInput as problem:
            return _form(visit, str(problem).replace(f"{folder}/", ""))  # the visitor's name of the file only
    return _form(visit, found=_Compared(some, more, dispute.totals))


def _file(findings: Iterator[Finding]) -> File:
    return csv_file("dispute.csv", Finding._fields, findings)


def _moment(visit: Visit, name: str) -> datetime:
    return instant(name, parse_moment(name, visit.form.get(name, "")), visit.zone)


def _whole(form: Mapping[str, str], name: str) -> int:
    if not form[name].isdecimal() or len(form[name]) > MOST_DIGITS:
        raise BadInput(f"{name}: {form[name][:20]!r} is not a whole number of seconds")
    return int(form[name])


PAGES = (
    Page(
        path="/disputes",
        title="Dispute a supplier's bill",
        show=_form,
        act=_compare,
        right="decks:read",
        cli="tollwire dispute find FILE",
        most_octets=64_000_000,
    ),
)
