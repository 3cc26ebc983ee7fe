"""Who changed what, when and from where: questions to the record that every change leaves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg2.extensions import cursor as Cursor

from provisioning.pages import Page
from provisioning.roles import Actor

NEWEST = Page(limit=100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One change. *fields* are before and after, by the field's name; secrets are masked."""

    id: str
    at: datetime
    actor: str
    role: str
    address: str
    noun: str
    action: str
    key: str
    fields: dict[str, list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which entries are wanted; None is any. From *since* (inclusive) to *until* (exclusive)."""

    actor: str | None = None
    noun: str | None = None
    key: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def list_audit(txn: Cursor, actor: Actor, wanted: AuditFilter, page: Page = NEWEST) -> list[Entry]:
    """Return the wanted entries, newest first; the page's key is the id of an entry."""
    actor.require("audit:read")
    txn.execute(
        "SELECT id::text, at, actor, role, address, split_part(action, ' ', 1), split_part(action, ' ', 2),"
        " key, detail -> 'fields' FROM audit"
        " WHERE (%(actor)s IS NULL OR actor = %(actor)s)"
        " AND (%(noun)s IS NULL OR split_part(action, ' ', 1) = %(noun)s)"
        " AND (%(key)s IS NULL OR key = %(key)s)"
        " AND (%(since)s IS NULL OR at >= %(since)s::timestamptz)"
        " AND (%(until)s IS NULL OR at < %(until)s::timestamptz)"
        " AND (%(after)s::uuid IS NULL OR (at, id) < (SELECT at, id FROM audit WHERE id = %(after)s::uuid))"
        " ORDER BY at DESC, id DESC LIMIT %(limit)s",
        {
            "actor": wanted.actor,
            "noun": wanted.noun,
            "key": wanted.key,
            "since": wanted.since,
            "until": wanted.until,
            "after": page.after_text or None,
            "limit": page.limit,
        },
    )
    return [
        Entry(
            id=id_,
            at=at,
            actor=who,
            role=role,
            address=address,
            noun=noun,
            action=action,
            key=key,
            fields=fields or {},
        )
        for id_, at, who, role, address, noun, action, key, fields in txn.fetchall()
    ]
