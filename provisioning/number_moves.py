"""Give numbers of the inventory to accounts, take them back, move them from one to another: all or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from psycopg2.extensions import cursor as Cursor

from provisioning import numbers
from provisioning.accounts import read_account
from provisioning.admin import Admin, Change, record
from provisioning.moments import Moment, instant, zone_named
from provisioning.number_follow import follow
from provisioning.number_steps import lock
from provisioning.roles import require_account
from provisioning.service_desk import ENDLESS, ServiceDesk
from provisioning.service_kinds import UNSAID, Did, Registered, Service, Virtual
from provisioning.service_rows import list_services
from provisioning.services import finish_service, put_for
from radiusd.calls.claims import ServiceKind
from radiusd.errors import BadInput, Conflict, NotFound


def assign_numbers(
    txn: Cursor,
    chosen: Sequence[str],
    account: str,
    plan: str,
    admin: Admin,
    activated: Moment | None = None,
    location: str = "",
    *,
    monthly_fee: Decimal = UNSAID,
    setup_fee: Decimal = UNSAID,
) -> list[Change]:
    """
    Give the numbers *chosen*, which are in the inventory, to *account* as DIDs on *plan*.

    Each owes the fees that are said, else the inventory's prices.

    Raises:
        NotFound: One is not in the inventory; the account or the plan does not exist.
        Conflict: One is not free.
        BadInput: A price is in another currency than the account.
    """
    admin.require("services:write")
    require_account(txn, admin, account, "account")
    rows = lock(txn, chosen)
    desk = ServiceDesk(txn, admin)
    dids = [
        Did(
            number=row.number,
            account=account,
            plan=plan,
            activated=activated or admin.now,
            location=location,
            monthly_fee=monthly_fee,
            setup_fee=setup_fee,
        )
        for row in rows
    ]
    desk.expect(dids)
    changes = [put_for(desk, did, admin, new=True) for did in dids]
    record(txn, admin, changes)
    return changes


def release_numbers(
    txn: Cursor, chosen: Sequence[str], admin: Admin, at: Moment | None = None
) -> list[Change]:
    """
    End the services of the numbers *chosen* at *at*, None being now; from then on the numbers age.

    Raises:
        NotFound: One has no service that is active then or later.
        Conflict: Virtual numbers share a DID's plan.
    """
    admin.require("services:write")
    changes: list[Change] = []
    for number, services in _services_of(txn, chosen, admin).items():
        if not services:
            raise NotFound(f"number: {number} is assigned to nobody; there is nothing to release")
        for service in services:
            ended = _instant_for(txn, service.account, at, admin)
            if service.period[1] is None or service.period[1] > ended:
                changes.append(finish_service(txn, service, ended, admin))
    record(txn, admin, changes)
    return changes


def move_numbers(
    txn: Cursor,
    chosen: Sequence[str],
    account: str,
    admin: Admin,
    at: Moment | None = None,
    plan: str | None = None,
) -> list[Change]:
    """
    Move the numbers *chosen* to *account* at *at*, None being now: each service ends and begins there.

    It keeps its user name, password and prices, and its plan unless *plan* is given; virtual numbers move
    when their primary DID moves too.

    Raises:
        NotFound: One has no service, or *account* does not exist.
        Conflict: A virtual number and its primary DID would part.
    """
    admin.require("services:write")
    require_account(txn, admin, account, "account")
    zone = zone_named("timezone", read_account(txn, account)[1].timezone)
    begins = admin.now if at is None else instant("at", at, zone)
    found = _services_of(txn, chosen, admin)
    moving = [_moved(number, services, account, begins) for number, services in found.items()]
    passwords = _passwords(txn, list(found), begins)
    for virtual in (True, False):  # a DID cannot end while a virtual number shares its plan
        for service in moving:
            if isinstance(service, Virtual) is virtual:
                _refuse_parting(service, set(found))
                finish_service(txn, service, begins, admin, releases=False)
    desk, changes = ServiceDesk(txn, admin), []
    for virtual in (False, True):
        for service in moving:
            if isinstance(service, Virtual) is virtual:
                changes.append(_begin(desk, service, account, begins, plan, admin))
    _put_passwords(txn, passwords, account, begins)
    follow(txn, list(found), admin)
    record(txn, admin, changes)
    return changes


def numbers_of(txn: Cursor, account: str, admin: Admin) -> list[str]:
    """Return the numbers that *account* has now or later."""
    require_account(txn, admin, account, "account")
    read_account(txn, account)
    return sorted(
        {
            service.name
            for kind in (ServiceKind.DID, ServiceKind.VIRTUAL)
            for service in list_services(txn, kind, account, actor=admin)
            if (service.period[1] or ENDLESS) > admin.now
        }
    )


def _services_of(txn: Cursor, chosen: Sequence[str], admin: Admin) -> dict[str, list[Service]]:
    """Return the services that have each number now or later, those of the admin's reach, earliest first."""
    plain = [numbers.e164("number", number) for number in chosen]
    if len(set(plain)) < len(plain):
        raise BadInput("number: one of them is there twice")
    return {
        number: sorted(
            (
                service
                for kind in (ServiceKind.DID, ServiceKind.VIRTUAL)
                for service in list_services(txn, kind, name=number, actor=admin)
                if (service.period[1] or ENDLESS) > admin.now
            ),
            key=lambda service: service.period[0],
        )
        for number in plain
    }


def _instant_for(txn: Cursor, account: str, at: Moment | None, admin: Admin) -> datetime:
    if at is None:
        return admin.now
    return instant("at", at, zone_named("timezone", read_account(txn, account)[1].timezone))


def _moved(number: str, services: Sequence[Service], account: str, begins: datetime) -> Service:
    """Return the service that has *number* when it is moved."""
    active = [service for service in services if (service.period[1] or ENDLESS) > begins]
    if not active:
        raise NotFound(f"number: {number} has no service then; assign it instead")
    if active[0].account == account:
        raise Conflict(f"number: {number} is account {account}'s already")
    if len(active) > 1:
        raise Conflict(f"number: {number} is spoken for by account {active[1].account}; end that first")
    return active[0]


def _refuse_parting(service: Service, moving: set[str]) -> None:
    if isinstance(service, Virtual) and service.primary not in moving:
        raise Conflict(
            f"number: virtual {service.number} shares the plan of did {service.primary}; move that too"
        )


def _begin(
    desk: ServiceDesk, service: Service, account: str, begins: datetime, plan: str | None, admin: Admin
) -> Change:
    moved = replace(service, account=account, activated=max(begins, service.period[0]))
    if plan is not None and isinstance(moved, Did):
        moved = replace(moved, plan=plan)
    if isinstance(moved, Registered):
        moved = replace(moved, realm=None)  # put back with the password that belongs to it
    return replace(put_for(desk, moved, admin, new=True, moved=True), warnings=())


def _passwords(
    txn: Cursor, moving: Sequence[str], begins: datetime
) -> list[tuple[str, memoryview | None, str | None]]:
    """Return what is stored of the passwords of the DIDs, by number."""
    txn.execute(
        "SELECT name, password_sealed, password_realm FROM service"
        " WHERE name = ANY(%s) AND kind = 'did' AND (ended_at IS NULL OR ended_at > %s)",
        (list(moving), begins),
    )
    return [(name, sealed, realm) for name, sealed, realm in txn.fetchall()]


def _put_passwords(
    txn: Cursor,
    passwords: Sequence[tuple[str, memoryview | None, str | None]],
    account: str,
    begins: datetime,
) -> None:
    """Give the moved DIDs the passwords that they had: as they are sealed, for nobody needs to see them."""
    for name, sealed, realm in passwords:
        txn.execute(
            "UPDATE service SET password_sealed = %s, password_realm = %s"
            " WHERE name = %s AND kind = 'did' AND activated_at >= %s"
            " AND account_id = (SELECT id FROM account WHERE code = %s)",
            (sealed, realm, name, begins, account),
        )
