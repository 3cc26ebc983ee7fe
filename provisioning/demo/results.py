"""What the scenario came to, as tables: calls, minutes, channels, charges, and whether the books add up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from provisioning.amounts import MICRO_DECIMALS
from radiusd.storage.books_check import check_books
from radiusd.storage.reports import CdrFilter, stream_cdrs
from radiusd.storage.statements import balance_lines, bucket_lines, channel_lines

Rows = Sequence[tuple[object, ...]]
BOOKS = "books"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows to show under *title*; *name* is what programs call them."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: Rows


def results(connection: Connection) -> list[Table]:
    """Return the tables, of books in which only the scenario has played."""
    with connection:
        calls = _calls(connection)
    with connection, connection.cursor() as txn:
        tables = [calls, _minutes(txn), _channels(txn), _charges(txn)]
    proofs = [(proof.check, proof.compared, proof.differing) for proof in check_books(connection)]
    return [*tables, Table(BOOKS, "Do the books add up?", ("check", "compared", "differing"), proofs)]


def is_clean(tables: Sequence[Table]) -> bool:
    """Tell whether no check of the books found a difference."""
    return all(row[2] == 0 for table in tables if table.name == BOOKS for row in table.rows)


def _calls(connection: Connection) -> Table:
    rows = [
        (
            record.account,
            f"{record.service_kind} {record.service}" if record.service else None,
            record.called,
            record.destination,
            f"{record.status} {record.reason}".strip(),
            record.duration_ms // 1000,
            record.billed_s,
            record.included_s,
            _money(record.total_micros),
            record.currency,
        )
        for record in stream_cdrs(connection, CdrFilter())
    ]
    columns = "account service to destination status seconds billed_s included_s total currency".split()
    return Table("calls", "Calls", tuple(columns), rows)


def _minutes(txn: Cursor) -> Table:
    rows = [
        (line.account, line.service, line.bucket, line.included_s, line.used_s, line.held_s)
        for line in bucket_lines(txn)
    ]
    columns = ("account", "service", "bucket", "included_s", "used_s", "held_s")
    return Table("buckets", "Included minutes", columns, rows)


def _channels(txn: Cursor) -> Table:
    columns = ("account", "kind", "service", "used", "max_channels")
    return Table("channels", "Channels in use", columns, [tuple(line) for line in channel_lines(txn)])


def _charges(txn: Cursor) -> Table:
    rows = [
        (line.account, _money(line.balance_micros), _money(line.held_micros), line.currency)
        for line in balance_lines(txn)
    ]
    return Table("balances", "Balances", ("account", "balance", "held", "currency"), rows)


def _money(micros: int) -> Decimal:
    return Decimal(micros).scaleb(-MICRO_DECIMALS)
