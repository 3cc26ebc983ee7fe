"""Rows of any number as CSV or JSON lines, from a connection that a download has for itself."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, BinaryIO

import psycopg2
from psycopg2.extensions import connection as Connection

from provisioning.api.endpoints import Parameter
from provisioning.api.writing import to_json
from radiusd.exports.values import spreadsheet_cell

if TYPE_CHECKING:
    from provisioning.web import Web

CSV, JSONL = "csv", "jsonl"
MEDIA = {CSV: "text/csv; charset=utf-8", JSONL: "application/jsonl"}
PRODUCES = ("text/csv", "application/jsonl")
FORMAT = Parameter("format", "CSV, which is usual, or JSON lines.", choices=(CSV, JSONL))
CONNECT_LIMIT_S = 5


@contextmanager
def connected(web: Web, *, scratch: bool = False) -> Iterator[Connection]:
    """
    Yield a connection that only reads, and sees one moment of the database.

    *scratch*: it may make tables of its own, which go with it; what else it writes is not kept, either.
    """
    with closing(
        psycopg2.connect(web.dsn, connect_timeout=CONNECT_LIMIT_S, application_name="tollwire download")
    ) as connection:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=not scratch)
        yield connection


def write_rows(out: BinaryIO, form: str, names: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write *rows* as they come; no cell of CSV is a formula to a spreadsheet."""
    if form == JSONL:
        for row in rows:
            out.write(to_json(dict(zip(names, row, strict=True))) + b"\n")
        return
    text = io.TextIOWrapper(out, "utf-8", newline="")
    try:
        writer = csv.writer(text, lineterminator="\r\n")  # RFC 4180, 2.1
        writer.writerow(names)
        for row in rows:
            writer.writerow([spreadsheet_cell(value) for value in row])
    finally:
        text.detach()  # flushes; what it writes to stays its owner's
