"""Read services, the holders of identifiers, and the rows that a service refers to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from psycopg2.extensions import cursor as Cursor

from provisioning.admin import shown
from provisioning.amounts import MICRO_DECIMALS, NANO_DECIMALS, amount_of
from provisioning.pages import Page
from provisioning.policies import cps_of
from provisioning.roles import Actor, reached_accounts
from provisioning.service_kinds import KINDS, Service
from radiusd.calls.claims import ServiceKind
from radiusd.errors import Conflict, NotFound


@dataclass(frozen=True, slots=True)
class Holder:
    """A service, seen as what holds *claim*."""

    claim: str
    service_id: int
    kind: str
    name: str
    account_id: int
    account: str
    activated_at: datetime
    ended_at: datetime | None

    @property
    def period(self) -> str:
        """From when to when, in words."""
        until = "" if self.ended_at is None else f" until {_day(self.ended_at)}"
        return f"since {_day(self.activated_at)}{until}"

    def taken(self, service: Service) -> str:
        """Return why *service* cannot have the claim too, and what to do."""
        if self.claim.startswith("user:"):
            what = f"username: {self.claim.removeprefix('user:')} is used by {self.kind} {self.name} of"
        else:
            what = f"{service.name_field}: {self.kind} {self.name} is already assigned to"
        return f"{what} account {self.account} {self.period}; end it there first"


@dataclass(frozen=True, slots=True)
class Links:
    """The ids of the rows that a service refers to."""

    account_id: int
    plan_id: int | None
    client_id: int | None
    tenant_id: int | None
    primary_id: int | None = None
    policy_id: int | None = None

    def columns(self) -> dict[str, object]:
        """Return them by their column."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def _day(at: datetime) -> str:
    """Return *at* as a day when it is a midnight in UTC, else in full."""
    return shown(at).removesuffix("T00:00:00Z")


_LINKED = ("account", "plan", "client", "tenant", "policy")


def find_links(txn: Cursor, service: Service) -> tuple[Links, ZoneInfo]:
    """
    Return the ids that *service* needs, but the primary DID's, and its account's time zone.

    Raises:
        NotFound: One of them does not exist.
        Conflict: The plan is in another currency than the account.
    """
    wanted = {field: getattr(service, field, None) for field in _LINKED}
    txn.execute(
        "SELECT a.id, p.id, c.id, t.id, y.id, a.timezone, a.currency, d.currency FROM (VALUES (1)) one"
        " LEFT JOIN account a ON a.code = %(account)s"
        " LEFT JOIN plan p ON p.code = %(plan)s LEFT JOIN deck d ON d.id = p.deck_id"
        " LEFT JOIN client c ON c.name = %(client)s LEFT JOIN tenant t ON t.name = lower(%(tenant)s)"
        " LEFT JOIN policy y ON y.name = %(policy)s",
        wanted,
    )
    (row,) = txn.fetchall()
    for (field, name), found in zip(wanted.items(), row, strict=False):
        if name is not None and found is None:
            raise NotFound(f"{field}: {field} {name} does not exist; add it first")
    timezone, currency, plan_currency = row[len(_LINKED) :]
    if plan_currency not in (None, currency):
        raise Conflict(
            f"plan: {wanted['plan']} is in {plan_currency} and account {service.account} in {currency}; "
            f"choose a plan in {currency}"
        )
    account_id, plan_id, client_id, tenant_id, policy = row[: len(_LINKED)]
    return Links(account_id, plan_id, client_id, tenant_id, policy_id=policy), ZoneInfo(timezone)


def holders_of(txn: Cursor, claims: Sequence[str]) -> list[Holder]:
    """Return all services that hold one of *claims* at any time, earliest first."""
    txn.execute(
        "SELECT c.claim, s.id, s.kind, s.name, a.id, a.code, s.activated_at, s.ended_at"
        " FROM claim c JOIN service s ON s.id = c.service_id JOIN account a ON a.id = s.account_id"
        " WHERE c.claim = ANY(%s) ORDER BY s.activated_at",
        (list(claims),),
    )
    return [Holder(*row) for row in txn.fetchall()]


def read_services(txn: Cursor, service_ids: Sequence[int]) -> dict[int, tuple[Service, bytes | None]]:
    """Return the services by their ids, each with its password as it is sealed."""
    txn.execute(SELECT + " WHERE s.id = ANY(%s)", (list(service_ids),))
    return {
        row[0]: (_service_of(txn, row), None if row[1] is None else bytes(row[1])) for row in txn.fetchall()
    }


def list_services(
    txn: Cursor,
    kind: ServiceKind | None = None,
    account: str | None = None,
    name: str | None = None,
    actor: Actor | None = None,
) -> list[Service]:
    """
    Return the services, ended ones too, of one kind, account and name, or of all.

    Those that *actor* does not reach are left out; None reaches all.
    """
    where, values = _conditions(txn, kind, account, name, actor)
    txn.execute(SELECT + where + " ORDER BY s.kind, a.code, s.name, s.activated_at", values)
    return [_service_of(txn, row) for row in txn.fetchall()]


def services_named(txn: Cursor, kind: ServiceKind, names: Sequence[str]) -> list[Service]:
    """Return the services of one kind that have one of *names*, ended ones too."""
    txn.execute(
        SELECT + " WHERE s.kind = %s AND s.name = ANY(%s) ORDER BY s.name, s.activated_at",
        (kind.value, list(names)),
    )
    return [_service_of(txn, row) for row in txn.fetchall()]


def page_services(
    txn: Cursor,
    actor: Actor,
    page: Page,
    kind: ServiceKind | None = None,
    account: str | None = None,
    name: str | None = None,
) -> list[tuple[int, Service]]:
    """Return a page of the services that *actor* reaches, by their ids, which are their keys."""
    actor.require("services:read")
    where, values = _conditions(txn, kind, account, name, actor)
    txn.execute(
        SELECT + where + " AND s.id > %s ORDER BY s.id LIMIT %s", (*values, page.after_number, page.limit)
    )
    return [(row[0], _service_of(txn, row)) for row in txn.fetchall()]


def _conditions(
    txn: Cursor, kind: ServiceKind | None, account: str | None, name: str | None, actor: Actor | None
) -> tuple[str, tuple[object, ...]]:
    """Return a WHERE that asks only for what is asked for, so that it finds its index, with its values."""
    reached = None if actor is None else reached_accounts(txn, actor)
    wanted = (
        ("s.kind = %s", None if kind is None else kind.value),
        ("s.account_id = (SELECT id FROM account WHERE code = %s)", account),
        ("s.name = %s", name),
        ("s.account_id = ANY(%s)", reached),
    )
    asked = [(condition, value) for condition, value in wanted if value is not None]
    return (
        " WHERE " + " AND ".join([condition for condition, _ in asked] or ["true"]),
        tuple(value for _, value in asked),
    )


SELECT = """
SELECT s.id, s.password_sealed, s.kind, s.name, a.code AS account, p.code AS plan, c.name AS client,
    t.name AS tenant, d.name AS primary, s.tech_prefix, s.max_channels, s.username,
    s.password_realm AS realm, s.mac_address, s.location, s.outpayment_nano AS outpayment,
    s.additional_charge_nano AS additional_charge, s.activated_at AS activated, s.ended_at AS ended,
    s.outpayment_initial_s, s.outpayment_increment_s, s.outpayment_max_micros AS outpayment_max,
    s.monthly_fee_micros AS monthly_fee, s.setup_fee_micros AS setup_fee, y.name AS policy,
    s.max_cps_milli AS max_cps
FROM service s JOIN account a ON a.id = s.account_id LEFT JOIN plan p ON p.id = s.plan_id
    LEFT JOIN client c ON c.id = s.client_id LEFT JOIN tenant t ON t.id = s.tenant_id
    LEFT JOIN service d ON d.id = s.primary_id LEFT JOIN policy y ON y.id = s.policy_id
"""


def _service_of(txn: Cursor, row: tuple[Any, ...]) -> Service:
    values = {column.name: value for column, value in zip(txn.description or (), row, strict=True)}
    for price in ("outpayment", "additional_charge"):
        values[price] = amount_of(values[price], NANO_DECIMALS)
    for amount in ("outpayment_max", "monthly_fee", "setup_fee"):
        values[amount] = amount_of(values[amount], MICRO_DECIMALS)
    values["max_cps"] = cps_of(values["max_cps"])
    kind = KINDS[ServiceKind(values["kind"])]
    values[kind.name_field] = values["name"]
    return kind(**{field.name: values[field.name] for field in fields(kind) if field.name in values})
