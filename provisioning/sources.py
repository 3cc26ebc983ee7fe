"""Sources of call records: what writes them, where they stand, and what their trunks and numbers mean."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

from provisioning import names
from provisioning.admin import Admin, Change, compare, record
from provisioning.clients import client_id_of
from provisioning.rows import insert, save
from radiusd.errors import BadInput, Conflict, NotFound
from radiusd.records.events import read_choice, read_rules
from radiusd.records.registry import FORMATS, check_settings
from radiusd.records.stamps import zone_of

SECRET_OCTETS = 32
COLUMNS = ("tenant_from", "username_from", "trunk_in_from", "trunk_out_from")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """
    A PBX or switch whose call records are taken.

    *client* names the RADIUS client that reports the same calls; empty when the switch speaks no RADIUS.
    *zone* is a setting like others, needed by formats of local time. The ``*_from`` are columns of the
    format; *incoming*, ``COLUMN=VALUE|VALUE``, tells which calls came from outside where records tell no
    direction. The rules, ``00:`` or ``0:49``, replace the beginning of a number; the first that fits counts.
    """

    name: str
    format: str
    client: str = ""
    zone: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    tenant: str = ""
    tenant_from: str = ""
    username_from: str = ""
    trunk_in_from: str = ""
    trunk_out_from: str = ""
    incoming: str = ""
    calling_rules: tuple[str, ...] = ()
    called_rules: tuple[str, ...] = ()


HELPS = {
    "format": "What writes the records, as `record decode` has it.",
    "client": "RADIUS client that reports the same calls, if the switch speaks RADIUS.",
    "zone": "Time zone of the switch; needed by formats that tell local time.",
    "settings": "Setting of the format.",
    "tenant": "Tenant of all its extensions.",
    "tenant_from": "Column of the records that names the tenant: a context, a domain.",
    "username_from": "Column that names the user.",
    "trunk_in_from": "Column that names the trunk on which a call came in.",
    "trunk_out_from": "Column that names the trunk on which it left.",
    "incoming": "COLUMN=VALUE|VALUE of calls from outside, where records tell no direction.",
    "calling_rules": "PREFIX:REPLACEMENT of calling numbers; the first that fits counts.",
    "called_rules": "PREFIX:REPLACEMENT of called numbers, as 9: or 00: or 0:49.",
}


WORDS: Mapping[str, tuple[str, ...]] = {"format": tuple(sorted(FORMATS))}
"""What the fields of closed sets may say."""


def add_source(txn: Cursor, source: Source, admin: Admin) -> Change:
    """Add *source*. Raises Conflict when it exists."""
    if _read(txn, source.name) is not None:
        raise Conflict(f"source {source.name} exists already; change it with set")
    return set_source(txn, source, admin)


def set_source(txn: Cursor, source: Source, admin: Admin) -> Change:
    """Make the source be as *source* says, whether it exists or not."""
    change = put_source(txn, source, admin)
    record(txn, admin, [change])
    return change


def put_source(txn: Cursor, source: Source, admin: Admin) -> Change:
    """Make the source be as *source* says; the caller records the change."""
    source = replace(
        source,
        name=names.name("name", source.name),
        tenant=source.tenant.lower(),
        settings=dict(source.settings),
        calling_rules=tuple(source.calling_rules),
        called_rules=tuple(source.called_rules),
    )
    _check(txn, source)
    found = _read(txn, source.name)
    row_id, current = (None, None) if found is None else found
    if current is not None and current.client != source.client:
        raise Conflict("client: it cannot be changed, since calls are known by it; add another source")
    change = compare("source", source.name, current, source)
    if change:
        columns = _columns(source)
        if row_id is None:
            columns["client_id"] = _client_of(txn, source, admin)
            columns["shares_calls"] = bool(source.client)
        save(txn, "source", row_id, columns)
    return change


def list_sources(txn: Cursor) -> list[Source]:
    """Return all sources by name."""
    txn.execute(SELECT + " ORDER BY s.name")
    return [_source_of(txn, row)[1] for row in txn.fetchall()]


def read_source(txn: Cursor, name: str) -> Source:
    """Return the source *name*. Raises NotFound."""
    return found_source(txn, name)[1]


def found_source(txn: Cursor, name: str) -> tuple[int, Source]:
    """Return the id of the source *name*, and the source. Raises NotFound."""
    found = _read(txn, name)
    if found is None:
        raise NotFound(f"source {name} does not exist; add it first")
    return found


def reader_settings(source: Source) -> dict[str, str]:
    """Return the settings that the reader of the source's format gets."""
    return {**source.settings, **({"zone": source.zone} if source.zone else {})}


def _check(txn: Cursor, source: Source) -> None:
    """Refuse what could not be read, or would bill the wrong hour or the wrong people."""
    known = FORMATS[source.format]
    if source.zone:
        zone_of(source.zone)
    elif known.local_time:
        raise BadInput(
            f"zone: the format {source.format} tells local time; say which, as Europe/Berlin, or UTC"
        )
    if "zone" in source.settings:
        raise BadInput("settings: give the zone as zone, not among the settings")
    settings = reader_settings(source)
    if "zone" not in known.settings:
        settings.pop("zone", None)  # it tells UTC
    wrong = check_settings(source.format, settings)
    if wrong:
        raise BadInput(f"settings: {'; '.join(wrong)}")
    for name in COLUMNS:
        names.prose(name, getattr(source, name))
    read_choice("incoming", source.incoming)
    read_rules("calling_rules", source.calling_rules)
    read_rules("called_rules", source.called_rules)
    if source.tenant:
        txn.execute("SELECT FROM tenant WHERE name = %s", (source.tenant,))
        if txn.fetchone() is None:
            raise NotFound(f"tenant: {source.tenant} does not exist; add it first")


def _client_of(txn: Cursor, source: Source, admin: Admin) -> int:
    """Return the client whose calls the source tells of: the one it names, else one of its own."""
    if source.client:
        return client_id_of(txn, source.client)
    txn.execute("SELECT FROM client WHERE name = %s", (source.name,))
    if txn.fetchone() is not None:
        raise Conflict(
            f"name: there is a RADIUS client {source.name}; if it is this switch, give client {source.name}, "
            "else another name"
        )
    # It has no network and a secret that nobody knows, so it can never speak; its trunks have a name.
    return insert(
        txn,
        "client",
        {
            "name": source.name,
            "secret_sealed": admin.sealer.seal(os.urandom(SECRET_OCTETS)),
            "dialect": "rfc2866",
            "asserts_numbers": True,
        },
    )


def _columns(source: Source) -> dict[str, object]:
    columns: dict[str, object] = {name: getattr(source, name) for name in Source.__slots__}
    del columns["client"], columns["zone"], columns["incoming"]
    columns["settings"] = Json({**source.settings, "zone": source.zone, "incoming": source.incoming})
    columns["calling_rules"], columns["called_rules"] = list(source.calling_rules), list(source.called_rules)
    return columns


SELECT = """
SELECT s.id, s.name, s.format, CASE WHEN s.shares_calls THEN c.name ELSE '' END AS client, s.settings,
    s.tenant, s.tenant_from, s.username_from, s.trunk_in_from, s.trunk_out_from, s.calling_rules,
    s.called_rules
FROM source s JOIN client c ON c.id = s.client_id
"""


def _read(txn: Cursor, name: str) -> tuple[int, Source] | None:
    txn.execute(SELECT + " WHERE s.name = %s", (name,))
    row = txn.fetchone()
    return None if row is None else _source_of(txn, row)


def _source_of(txn: Cursor, row: tuple[Any, ...]) -> tuple[int, Source]:
    fields = {column.name: value for column, value in zip(txn.description or (), row, strict=True)}
    source_id, settings = fields.pop("id"), fields.pop("settings")
    zone, incoming = settings.pop("zone", ""), settings.pop("incoming", "")
    fields |= {name: tuple(fields[name]) for name in ("calling_rules", "called_rules")}
    return source_id, Source(zone=zone, incoming=incoming, settings=settings, **fields)
