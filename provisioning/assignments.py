"""
Give queued calls to an account: what their sender says of them becomes a service of it.

A call of nobody names an address, a trunk and numbers. An admin says which account pays for calls that say
the same, by which of these; that is added to the account as a service from the oldest of these calls on,
and all of them are tried again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from psycopg2.extensions import cursor as Cursor

from provisioning.admin import Admin, Change
from provisioning.moments import Moment
from provisioning.roles import Actor
from provisioning.service_kinds import Did, Extension, Ip, Service, Trunk, canonical
from provisioning.service_rows import list_services
from provisioning.services import add_service, set_service
from radiusd.calls.claims import parse_address
from radiusd.calls.facts import Call, add_up, read_facts
from radiusd.calls.matching import digits
from radiusd.calls.rows import NOBODY, Booked, read_booked
from radiusd.errors import BadInput, Conflict, NotFound

BY = ("ip", "trunk", "calling", "called")
MOST = 10_000
"""So many queued calls are looked at, the oldest; the rest is for the next assignment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """
    Who pays for queued calls that say the same in *by*, on which *plan*, from when on.

    Without *activated* it is the beginning of the oldest of them. *plan* is not asked for when the account
    has the service already, from a later moment on: then it begins earlier.
    """

    account: str
    by: str
    plan: str | None = None
    activated: Moment | None = None


HELPS = {
    "account": "Who pays.",
    "by": "What these calls have in common: ip, trunk, calling or called number.",
    "plan": "How they are priced; left out when the account has the service from a later day on.",
    "activated": "From when; left out: from the oldest of these calls on.",
}


class Waiting(NamedTuple):
    """A queued call that matched nobody, as its events tell it."""

    call_id: str
    client_id: int
    client: str
    reason: str
    call: Call
    booked: Booked

    @property
    def identifiers(self) -> dict[str, str]:
        """What the call says of itself that a service can be made of: the values of :data:`BY`."""
        identity = self.call.identity
        address = parse_address(identity.remote_ip) if identity.remote_ip else None
        told = {
            "ip": str(address or ""),
            "trunk": identity.trunk,
            "calling": "" if identity.incoming else digits(identity.calling),
            "called": digits(identity.called),
        }
        return {name: value for name, value in told.items() if value}

    def says(self, other: Waiting, by: str) -> bool:
        """Tell whether both name the same; addresses and trunks are a client's own."""
        value = self.identifiers.get(by)
        if value is None or value != other.identifiers.get(by):
            return False
        if by in ("ip", "trunk"):
            return self.client_id == other.client_id
        return by == "called" or self.call.identity.tenant == other.call.identity.tenant


class Choice(NamedTuple):
    """An identifier of a call by which it could be assigned, and how many queued calls say the same."""

    by: str
    value: str
    kind: str
    calls: int


class Assigned(NamedTuple):
    """What an assignment did, and the calls to be tried again."""

    change: Change
    service: Service
    calls: list[Waiting]


def choices(txn: Cursor, actor: Actor, call_id: str) -> list[Choice]:
    """
    Return by what the queued call could be assigned.

    Raises:
        NotFound: It does not wait for somebody who pays.
    """
    actor.require("calls:read")
    waiting = calls_of_nobody(txn)
    one = _named(waiting, call_id)
    counts = Counter(by for each in waiting for by in BY if one.says(each, by))
    return [
        Choice(by, value, _kind(txn, one, by).kind.value, counts[by]) for by, value in one.identifiers.items()
    ]


def assign(txn: Cursor, call_id: str, wanted: Assignment, admin: Admin) -> Assigned:
    """
    Add the service to the account, or make it begin earlier; the caller tries the calls again afterwards.

    Raises:
        NotFound: The call does not wait for somebody who pays, or account or plan do not exist.
        BadInput: A field is wrong.
        Conflict: Somebody else has the identifier at that time.
        Forbidden: The admin may not change services and calls.
    """
    admin.require("calls:write")
    waiting = calls_of_nobody(txn)
    one = _named(waiting, call_id)
    if wanted.by not in one.identifiers:
        raise BadInput(f"by: {wanted.by[:20]!r} is none of {', '.join(one.identifiers) or 'what it says'}")
    calls = [each for each in waiting if one.says(each, wanted.by)]
    since = wanted.activated or min(each.call.begun_at for each in calls)
    known = _known(txn, one, wanted, since)
    if known is not None:
        service = replace(known, activated=since)
        return Assigned(set_service(txn, service, admin), service, calls)
    if not wanted.plan:
        raise BadInput("plan: say how the calls are priced")
    service = _service(txn, one, wanted, since)
    return Assigned(add_service(txn, service, admin), service, calls)


def calls_of_nobody(txn: Cursor) -> list[Waiting]:
    """Return the queued calls for which nobody pays, oldest first."""
    txn.execute(
        "SELECT queue.call_id::text, call.client_id, coalesce(client.name, ''), queue.reason,"
        " call.facts::text, call.charges::text FROM queue JOIN call USING (call_key, seq)"
        " LEFT JOIN client ON client.id = call.client_id WHERE queue.account_id = %s"
        " ORDER BY queue.queued_at, queue.call_id LIMIT %s",
        (NOBODY, MOST),
    )
    return [_waiting(*row) for row in txn.fetchall()]


def _waiting(call_id: str, client_id: int, client: str, reason: str, facts: str, charges: str) -> Waiting:
    booked = read_booked(charges)
    call = add_up(
        read_facts(facts),
        authorized=booked.authorized,
        verified=booked.verified,
        closing=booked.closing,
    )
    return Waiting(call_id, client_id, client, reason, call, booked)


def _named(waiting: Sequence[Waiting], call_id: str) -> Waiting:
    for each in waiting:
        if each.call_id == call_id.lower():
            return each
    raise NotFound(f"call {call_id[:60]} does not wait for somebody who pays; look with 'queue list'")


def _kind(txn: Cursor, one: Waiting, by: str) -> type[Service]:
    """Return what becomes of an identifier: a calling number of a tenant that we know is an extension."""
    if by == "calling" and one.call.identity.tenant:
        txn.execute("SELECT 1 FROM tenant WHERE name = %s", (one.call.identity.tenant.lower(),))
        if txn.fetchone() is not None:
            return Extension
    return {"ip": Ip, "trunk": Trunk}.get(by, Did)


def _service(txn: Cursor, one: Waiting, wanted: Assignment, since: Moment) -> Service:
    assert wanted.plan, "it was looked at before"
    kind = _kind(txn, one, wanted.by)
    fields: dict[str, Any] = {
        "account": wanted.account,
        "plan": wanted.plan,
        "activated": since,
        kind.name_field: one.identifiers[wanted.by],
    }
    if kind in (Ip, Trunk):
        fields["client"] = one.client or None  # what it says is its own: another may mean something else
    if kind is Extension:
        fields["tenant"] = one.call.identity.tenant
    return kind(**fields)


def _known(txn: Cursor, one: Waiting, wanted: Assignment, since: Moment) -> Service | None:
    """Return the service that the account has of the same name from a later moment on."""
    kind = _kind(txn, one, wanted.by).kind
    name = canonical(kind, one.identifiers[wanted.by])
    for service in list_services(txn, kind, wanted.account, name):
        is_here = getattr(service, "client", None) in (None, one.client)
        if is_here and service.ended is None and service.period[0] > _instant(since):
            if wanted.plan and wanted.plan != getattr(service, "plan", wanted.plan):
                raise Conflict(f"plan: {service.kind.value} {service.key} has another from a later day on")
            return service
    return None


def _instant(moment: Moment) -> datetime:
    if isinstance(moment, datetime):
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
