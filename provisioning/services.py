"""Assign services to accounts: add, find, change and end them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from psycopg2.extensions import cursor as Cursor

from provisioning.admin import Action, Admin, Change, FieldChange, record, shown
from provisioning.moments import Moment, instant
from provisioning.number_follow import follow
from provisioning.number_prices import without_prices
from provisioning.reseller_rules import refuse_what_is_the_providers
from provisioning.roles import Actor, require_account
from provisioning.service_desk import ENDLESS, ServiceDesk, same_service, spare_virtual_numbers
from provisioning.service_kinds import Did, Ip, Service, Trunk, Virtual, canonical
from provisioning.service_rows import Links, find_links, holders_of, list_services
from radiusd.calls.claims import ServiceKind
from radiusd.errors import Conflict, Forbidden, NotFound


def add_service(txn: Cursor, service: Service, admin: Admin) -> Change:
    """
    Assign *service* to its account.

    Raises as :meth:`ServiceDesk.put`; Forbidden when the admin may not.
    """
    return _put(txn, service, admin, new=True)


def set_service(txn: Cursor, service: Service, admin: Admin) -> Change:
    """
    Make the service be as *service* says; open calls keep theirs. What the inventory asks is not looked at.

    Raises as :meth:`ServiceDesk.put`.
    """
    return _put(txn, service, admin)


def _put(txn: Cursor, service: Service, admin: Admin, new: bool = False) -> Change:
    admin.require("services:write")
    require_account(txn, admin, service.account, "account")
    change = put_for(ServiceDesk(txn, admin), service, admin, new=new)
    record(txn, admin, [change])
    return change


def put_for(desk: ServiceDesk, service: Service, admin: Admin, *, new: bool, moved: bool = False) -> Change:
    """
    Put *service* at the *desk*; the caller records the change. Who has it is told to our own only.

    *moved*: it was another account's, and keeps the fees that it had there.
    """
    try:
        change = desk.put(service if new else without_prices(service), new)
    except Conflict as error:
        if not admin.is_bound:
            raise
        raise Conflict(f"{service.name_field}: {service.kind.value} {service.key} is not free") from error
    refuse_what_is_the_providers(desk.txn, service, change, admin, moved=moved)
    return change


def find_service(
    txn: Cursor,
    kind: ServiceKind,
    name: str,
    at: datetime,
    scope: Mapping[str, str | None] | None = None,
    actor: Actor | None = None,
) -> Service:
    """
    Return the service called *name* that is active at *at*, else the first that will be.

    *scope* holds what narrows the search, by field: tenant, client, tech_prefix; empty is a service that
    has none. Only what *actor* reaches is found; None reaches everything.

    Raises:
        NotFound: There is none.
        Conflict: Several fit, and *scope* does not tell them apart.
    """
    services = list_services(txn, kind, name=canonical(kind, name), actor=actor)
    return choose_service(services, kind, name, at, scope)


def choose_service(
    services: Iterable[Service],
    kind: ServiceKind,
    name: str,
    at: datetime,
    scope: Mapping[str, str | None] | None = None,
) -> Service:
    """Return the one of *services*, which all have the *name*, as :func:`find_service` does."""
    narrow = {field: value for field, value in (scope or {}).items() if value is not None}
    found = [
        service
        for service in services
        if (service.period[1] or ENDLESS) > at
        and all((getattr(service, field) or "") == value for field, value in narrow.items())
    ]
    if not found:
        raise NotFound(f"no {kind.value} {name} is active at {shown(at)} or later")
    if len({service.key for service in found}) > 1:
        keys = ", ".join(sorted(service.key for service in found))
        raise Conflict(f"{kind.value} {name}: there are several ({keys}); say which one")
    return min(found, key=lambda service: service.period[0])


def end_service(txn: Cursor, service: Service, at: Moment, admin: Admin) -> Change:
    """
    End *service*, as :func:`find_service` returns it, and its claims at *at*, a day being the account's.

    One that would then never have been active is removed.

    Raises:
        Conflict: Virtual numbers share its plan beyond *at*.
        NotFound: It is gone.
    """
    admin.require("services:write")
    require_account(txn, admin, service.account, "account")
    links, zone = find_links(txn, service)
    if admin.is_bound and isinstance(service, Trunk | Ip):
        raise Forbidden(f"{service.name_field}: trunks and addresses are the provider's to end")
    change = finish_service(txn, service, instant("at", at, zone), admin, links)
    record(txn, admin, [change])
    return change


def finish_service(
    txn: Cursor,
    service: Service,
    ended: datetime,
    admin: Admin,
    links: Links | None = None,
    *,
    releases: bool = True,
) -> Change:
    """
    End *service* at *ended*; the caller records the change. Raises as :func:`end_service`.

    *releases*: its number, if it is of the inventory, ages when no other service has it; False when another
    is about to.
    """
    change = _finish(txn, service, ended, links)
    if releases and isinstance(service, Did | Virtual):
        follow(txn, [service.name], admin)
    return change


def _finish(txn: Cursor, service: Service, ended: datetime, links: Links | None) -> Change:
    links = links or find_links(txn, service)[0]
    claim = service.claim(links.client_id)
    holder = same_service(holders_of(txn, [claim]), service, claim, links)
    if holder is None:
        raise NotFound(f"{service.kind.value} {service.key} is not assigned to account {service.account}")
    spare_virtual_numbers(txn, holder, service, ended)
    if ended <= holder.activated_at:
        txn.execute("DELETE FROM service WHERE id = %s", (holder.service_id,))
        return Change(Action.REMOVED, service.kind.value, service.key)
    txn.execute("UPDATE service SET ended_at = %s WHERE id = %s", (ended, holder.service_id))
    txn.execute(
        "UPDATE claim SET active = tstzrange(%s, %s) WHERE service_id = %s",
        (holder.activated_at, ended, holder.service_id),
    )
    field = FieldChange("ended", shown(holder.ended_at), shown(ended))
    return Change(Action.ENDED, service.kind.value, service.key, (field,))
