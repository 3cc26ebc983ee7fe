"""The calls of a month, for a replay under a draft: read only, in order, from a cursor on the server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from psycopg2.extensions import connection as Connection

from radiusd.calls.what_if import PastCall
from radiusd.storage.rerating import SELECTED, Scope

AT_ONCE = 5_000

_COLUMNS = """
    cdr.account_id, cdr.role, cdr.service_id, cdr.channel_service_id, cdr.plan_id, cdr.calling, cdr.called,
    cdr.started_at, coalesce(cdr.connect_at, cdr.started_at), cdr.duration_ms, cdr.total_micros,
    cdr.margin_micros, cdr.destination,
    CASE WHEN strpos(cdr.rating::text, '"ported"') > 0 THEN cdr.rating -> 'ported' END
"""
# Calls that were free whatever the deck says (on-net, internal) stay so; they have no rate to be compared.
_RATED = " AND cdr.deck_version_id IS NOT NULL AND cdr.service_id IS NOT NULL AND cdr.plan_id IS NOT NULL"


def count_calls(connection: Connection, scope: Scope) -> int:
    """Return how many calls *scope* means."""
    with connection.cursor() as txn:
        txn.execute("SELECT count(*)" + SELECTED + _RATED, asdict(scope))
        ((count,),) = txn.fetchall()
        return int(count)


def past_calls(connection: Connection, scope: Scope) -> Iterator[PastCall]:
    """Yield the calls that *scope* means, by account, in the order of their answers."""
    with connection.cursor(name="past_calls") as txn:
        txn.itersize = AT_ONCE
        txn.execute(
            f"SELECT {_COLUMNS} {SELECTED} {_RATED}"
            " ORDER BY cdr.account_id, coalesce(cdr.connect_at, cdr.started_at), cdr.call_id, cdr.role",
            asdict(scope),
        )
        for row in txn:
            yield PastCall(*row)
