"""PBX tenants: the domains that make an extension unique."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg2.extensions import cursor as Cursor

from provisioning import names
from provisioning.admin import Action, Admin, Change, compare, record
from provisioning.rows import insert
from radiusd.errors import Conflict


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A PBX tenant. Its name is the domain that switches send, in lower case."""

    name: str


def add_tenant(txn: Cursor, tenant: Tenant, admin: Admin) -> Change:
    """Add *tenant*. Raises Conflict when it exists."""
    admin.require("tenants:write")
    change = put_tenant(txn, tenant)
    if not change:
        raise Conflict(f"tenant {change.key} exists already")
    record(txn, admin, [change])
    return change


def put_tenant(txn: Cursor, tenant: Tenant) -> Change:
    """Make *tenant* exist; the caller records the change."""
    wanted = Tenant(name=names.name("name", tenant.name).lower())
    if wanted in list_tenants(txn):
        return Change(Action.UNCHANGED, "tenant", wanted.name)
    insert(txn, "tenant", {"name": wanted.name})
    return compare("tenant", wanted.name, None, wanted)


def list_tenants(txn: Cursor) -> list[Tenant]:
    """Return all tenants by name."""
    txn.execute("SELECT name FROM tenant ORDER BY name")
    return [Tenant(name=name) for (name,) in txn.fetchall()]
