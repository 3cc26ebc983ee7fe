"""The sources of call records, as whoever imports them needs them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from psycopg2.extensions import cursor as Cursor

from radiusd.errors import NotFound


class StoredSource(NamedTuple):
    """A provisioned source; *meaning* holds the columns that explain its trunks and numbers."""

    id: int
    name: str
    client_id: int
    format: str
    settings: Mapping[str, str]  # of the format, the zone among them
    shares_calls: bool
    meaning: Mapping[str, Any]


def load_source(txn: Cursor, name: str) -> StoredSource:
    """Return the source *name*. Raises NotFound."""
    txn.execute(
        "SELECT id, name, client_id, format, settings, shares_calls, tenant, tenant_from, username_from,"
        " trunk_in_from, trunk_out_from, calling_rules, called_rules FROM source WHERE name = %s",
        (name,),
    )
    row = txn.fetchone()
    if row is None:
        raise NotFound(f"source {name} does not exist; add it first")
    names = [column.name for column in txn.description or ()]
    fields = dict(zip(names, row, strict=True))
    settings = {setting: value for setting, value in fields["settings"].items() if value != ""}
    return StoredSource(
        fields["id"], name, fields["client_id"], fields["format"], settings, fields["shares_calls"], fields
    )
