"""Assign services to accounts: add, change and end them, with the identifiers that they claim."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg2.errors
from psycopg2.extensions import cursor as Cursor

from provisioning.admin import Action, Admin, Change, FieldChange, compare, record, shown
from provisioning.amounts import nanos
from provisioning.moments import Moment, instant
from provisioning.rows import save
from provisioning.service_kinds import Did, Registered, Service, Virtual, canonical
from provisioning.service_passwords import password_changes
from provisioning.service_rows import Holder, Links, find_links, holders_of, list_services, read_service
from radiusd.calls.directory import ServiceKind, number_claim, username_claim
from radiusd.errors import BadInput, Conflict, NotFound

ENDLESS = datetime.max.replace(tzinfo=UTC)


def add_service(txn: Cursor, service: Service, admin: Admin) -> Change:
    """
    Assign *service* to its account.

    Raises:
        NotFound: Its account, plan, client, tenant or primary DID does not exist.
        Conflict: Another service, of whichever account, claims the same identifier at the same time.
    """
    change = put_service(txn, service, admin, new=True)
    record(txn, admin, [change])
    return change


def set_service(txn: Cursor, service: Service, admin: Admin) -> Change:
    """Make the service be as *service* says; open calls keep theirs. Raises as :func:`add_service`."""
    change = put_service(txn, service, admin)
    record(txn, admin, [change])
    return change


def find_service(
    txn: Cursor, kind: ServiceKind, name: str, at: datetime, scope: Mapping[str, str | None] | None = None
) -> Service:
    """
    Return the service called *name* that is active at *at*, else the first that will be.

    *scope* holds what narrows the search, by field: tenant, client, tech_prefix.

    Raises:
        NotFound: There is none.
        Conflict: Several fit, and *scope* does not tell them apart.
    """
    narrow = {field: value for field, value in (scope or {}).items() if value is not None}
    found = [
        service
        for service in list_services(txn, kind, name=canonical(kind, name))
        if (service.period[1] or ENDLESS) > at
        and all(getattr(service, field) == value for field, value in narrow.items())
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
    links, zone = find_links(txn, service)
    change = finish_service(txn, service, instant("at", at, zone), links)
    record(txn, admin, [change])
    return change


def finish_service(txn: Cursor, service: Service, ended: datetime, links: Links | None = None) -> Change:
    """End *service* at *ended*; the caller records the change. Raises as :func:`end_service`."""
    links = links or find_links(txn, service)[0]
    claim = service.claim(links.client_id)
    holder = _same_service(holders_of(txn, [claim]), service, claim, links)
    if holder is None:
        raise NotFound(f"{service.kind.value} {service.key} is not assigned to account {service.account}")
    _spare_virtual_numbers(txn, holder, service, ended)
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


def put_service(txn: Cursor, service: Service, admin: Admin, new: bool = False) -> Change:
    """
    Make the service be as *service* says, or with *new* refuse when it exists; the caller records the change.

    Raises as :func:`add_service`.
    """
    links, zone = find_links(txn, service)
    service = service.normalised(zone)
    claims = _claims(service, links)
    holders = holders_of(txn, claims)
    mine = _same_service(holders, service, claims[0], links)
    if new and mine is not None:
        raise Conflict(
            f"{service.name_field}: {service.kind.value} {service.key} is already assigned to account "
            f"{service.account} {mine.period}; change it with set"
        )
    _refuse_overlap(service, holders, mine)
    if isinstance(service, Virtual):
        links = replace(links, primary_id=_primary_id(txn, service, links))
    row_id, current, sealed = (None, None, None) if mine is None else read_service(txn, mine.service_id)
    password, columns, warnings = password_changes(service, current, sealed, admin.sealer)
    change = compare(service.kind.value, service.key, current, service, *password)
    if change:
        if mine is not None and service.period[1] is not None:
            _spare_virtual_numbers(txn, mine, service, service.period[1])
        row_id = save(txn, "service", row_id, {**_columns(service, links), **columns})
        _put_claims(txn, row_id, claims, service)
    return replace(change, warnings=warnings)


def _claims(service: Service, links: Links) -> list[str]:
    """Return the identifiers that *service* claims, its own first."""
    claims = [service.claim(links.client_id)]
    if isinstance(service, Registered) and service.username:
        claims.append(username_claim(service.username))
    return claims


def _same_service(holders: Iterable[Holder], service: Service, claim: str, links: Links) -> Holder | None:
    """Return the row that *service* describes: its identifier and account, its beginning or else no end."""
    rows = [
        holder
        for holder in holders
        if (holder.claim, holder.kind, holder.account_id) == (claim, service.kind.value, links.account_id)
    ]
    exact = [holder for holder in rows if holder.activated_at == service.period[0]]
    return next(iter(exact or [holder for holder in rows if holder.ended_at is None]), None)


def _refuse_overlap(service: Service, holders: Iterable[Holder], mine: Holder | None) -> None:
    """Say in words what the constraint ``claim_taken`` would refuse."""
    activated, ended = service.period
    for holder in holders:
        apart = (ended or ENDLESS) <= holder.activated_at or (holder.ended_at or ENDLESS) <= activated
        if not apart and (mine is None or holder.service_id != mine.service_id):
            raise Conflict(holder.taken(service))


def _primary_id(txn: Cursor, virtual: Virtual, links: Links) -> int:
    """Return the id of the DID whose plan and minutes *virtual* shares as long as it is active."""
    activated, ended = virtual.period
    for holder in holders_of(txn, [number_claim(virtual.primary)]):
        if (holder.kind, holder.account_id) != (Did.kind.value, links.account_id):
            continue
        if holder.activated_at <= activated and (ended or ENDLESS) <= (holder.ended_at or ENDLESS):
            return holder.service_id
        raise BadInput(
            f"primary: did {virtual.primary} is active {holder.period}; "
            "the virtual number must be active within that time"
        )
    raise NotFound(f"primary: account {virtual.account} has no did {virtual.primary}; add it first")


def _spare_virtual_numbers(txn: Cursor, holder: Holder, service: Service, ended: datetime) -> None:
    """Refuse to end a DID while virtual numbers share its plan."""
    txn.execute(
        "SELECT name FROM service WHERE primary_id = %s AND (ended_at IS NULL OR ended_at > %s)"
        " ORDER BY name",
        (holder.service_id, ended),
    )
    names = [name for (name,) in txn.fetchall()]
    if names:
        raise Conflict(
            f"did {service.key} shares its plan with virtual numbers ({', '.join(names[:5])}); end them first"
        )


def _columns(service: Service, links: Links) -> dict[str, Any]:
    """Return all columns but the password's."""
    others = {
        name: getattr(service, name)
        for name in ("max_channels", "tech_prefix", "mac_address", "username")
        if hasattr(service, name)
    }
    return {
        **others,
        **links.columns(),
        "kind": service.kind.value,
        "name": service.name,
        "location": service.location,
        "outpayment_nano": nanos("outpayment", getattr(service, "outpayment", None)),
        "additional_charge_nano": nanos("additional_charge", getattr(service, "additional_charge", None)),
        "activated_at": service.period[0],
        "ended_at": service.period[1],
    }


def _put_claims(txn: Cursor, service_id: int, claims: list[str], service: Service) -> None:
    txn.execute("DELETE FROM claim WHERE service_id = %s", (service_id,))
    try:
        txn.execute(
            "INSERT INTO claim (claim, service_id, active) SELECT unnest(%s), %s, tstzrange(%s, %s)",
            (claims, service_id, *service.period),
        )
    except psycopg2.errors.ExclusionViolation as error:  # somebody else was faster by a moment
        raise Conflict(
            f"{service.kind.value} {service.key} was assigned by somebody else at this moment; look again"
        ) from error
