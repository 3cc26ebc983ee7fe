"""Read accounts, plans and services as a worker knows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from psycopg2.extensions import cursor as Cursor

from radiusd.calls.directory import Account, Plan, PlanBucket, RateDeck, Service, ServiceKind
from rating.money import Mode, Rounding

EVERY_DESTINATION = ("",)


def load_accounts(txn: Cursor) -> dict[int, Account]:
    """Return the accounts by their id."""
    txn.execute(
        "SELECT id, code, name, currency, timezone, credit_limit_micros, max_channels, status FROM account"
    )
    return {
        account_id: Account(
            id=account_id,
            code=code,
            name=name,
            currency=currency,
            zone=ZoneInfo(timezone),
            credit_limit_micros=credit_limit_micros,
            max_channels=max_channels,
            suspended=status == "suspended",
        )
        for account_id, code, name, currency, timezone, credit_limit_micros, max_channels, status in txn
    }


def load_plans(txn: Cursor, decks: Mapping[int, RateDeck]) -> dict[int, Plan]:
    """Return the plans by their id, each with its buckets."""
    buckets = _load_buckets(txn)
    txn.execute(
        "SELECT id, code, deck_id, inbound_deck_id, initial_s, increment_s, rounding_decimals, rounding_mode"
        " FROM plan"
    )
    return {
        plan_id: Plan(
            id=plan_id,
            code=code,
            deck=decks[deck_id],
            inbound_deck=None if inbound_deck_id is None else decks[inbound_deck_id],
            initial_s=initial_s,
            increment_s=increment_s,
            rounding=Rounding(decimals, Mode(mode)),
            buckets=tuple(buckets.get(plan_id, ())),
        )
        for plan_id, code, deck_id, inbound_deck_id, initial_s, increment_s, decimals, mode in txn.fetchall()
    }


def _load_buckets(txn: Cursor) -> dict[int, list[PlanBucket]]:
    txn.execute(
        "SELECT b.plan_id, b.id, b.name, b.included_s, d.prefixes, b.priority, b.clock_initial_s,"
        " b.clock_increment_s FROM plan_bucket b LEFT JOIN destination_set d ON d.id = b.destination_set_id"
        " ORDER BY b.plan_id, b.priority DESC, b.id"
    )
    buckets: dict[int, list[PlanBucket]] = {}
    for plan_id, bucket_id, name, included_s, prefixes, *rest in txn.fetchall():
        reach = EVERY_DESTINATION if prefixes is None else tuple(prefixes)
        buckets.setdefault(plan_id, []).append(PlanBucket(bucket_id, name, included_s, reach, *rest))
    return buckets


def load_services(
    txn: Cursor, accounts: Mapping[int, Account], plans: Mapping[int, Plan]
) -> Iterable[tuple[Service, Sequence[str]]]:
    """Return every service, ended ones too, with its claims. Passwords stay sealed."""
    claims = _load_claims(txn)
    txn.execute(
        "SELECT s.id, s.kind, s.name, s.account_id, s.plan_id, s.primary_id, s.activated_at, s.ended_at,"
        " coalesce(t.name, ''), s.client_id, s.tech_prefix, s.max_channels, s.username, s.password_sealed,"
        " s.password_realm, s.location, s.outpayment_nano, s.additional_charge_nano"
        " FROM service s LEFT JOIN tenant t ON t.id = s.tenant_id"
        # A virtual number needs its primary DID to be there; false sorts first.
        " ORDER BY s.kind = 'virtual', s.id"
    )
    services: dict[int, Service] = {}
    for service_id, kind, name, account_id, plan_id, primary_id, *rest in txn:
        primary = services.get(primary_id)
        services[service_id] = _service(
            (service_id, ServiceKind(kind), name),
            accounts[account_id],
            primary.plan if primary is not None else plans[plan_id],
            primary,
            rest,
        )
    return [(service, claims.get(service_id, ())) for service_id, service in services.items()]


def _service(
    name: tuple[int, ServiceKind, str],
    account: Account,
    plan: Plan,
    primary: Service | None,
    rest: Sequence[Any],
) -> Service:
    """Return a service; *rest* are the columns from ``activated_at`` on."""
    activated_at, ended_at, tenant, client_id, tech_prefix, max_channels, username, sealed, *others = rest
    realm, location, outpayment_nano, additional_charge_nano = others
    return Service(
        *name,
        account=account,
        plan=plan,
        activated_at=activated_at,
        ended_at=ended_at,
        primary=primary,
        tenant=tenant,
        client_id=client_id,
        tech_prefix=tech_prefix,
        max_channels=max_channels,
        username=username,
        password_sealed=bytes(sealed or b""),
        password_realm=realm,
        location=location,
        outpayment_nano=outpayment_nano,
        additional_charge_nano=additional_charge_nano,
    )


def _load_claims(txn: Cursor) -> dict[int, list[str]]:
    txn.execute("SELECT service_id, claim FROM claim")
    claims: dict[int, list[str]] = {}
    for service_id, claim in txn:
        claims.setdefault(service_id, []).append(claim)
    return claims
