"""Read accounts, plans and services as a worker knows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from psycopg2.extensions import cursor as Cursor

from radiusd.calls.claims import ServiceKind
from radiusd.calls.directory import Account, Allowance, Cycle, OnNet, Plan, Service
from radiusd.calls.policies import Policy
from radiusd.calls.rate_decks import RateDeck
from radiusd.storage.policies import Policies
from rating.buckets import Direction, Partial
from rating.decks import Deck
from rating.increments import DurationRounding
from rating.jurisdiction import Jurisdiction
from rating.money import MICRO, Mode, Rounding

EVERY_DESTINATION = ("",)
NO_POLICIES = Policies()
ACCOUNTS_OWN = "a"  # begins the key of an account's own bucket, which no plan has


def load_states(txn: Cursor) -> dict[str, str]:
    """Return the state of every NPA and NPA-NXX that we know."""
    txn.execute("SELECT code, state FROM number_state")
    return dict(txn.fetchall())


def load_accounts(
    txn: Cursor, overrides: Mapping[int, Deck], policies: Policies = NO_POLICIES
) -> dict[int, Account]:
    """Return the accounts by their id; *overrides* are their own prices."""
    allowances = _load_account_allowances(txn)
    txn.execute(
        "SELECT a.id, code, a.name, currency, timezone, credit_limit_micros, max_channels, status, h.days,"
        " policy_id, max_cps_milli, daily_limit_micros, monthly_limit_micros"
        " FROM account a LEFT JOIN holiday_calendar h ON h.id = a.holidays_id"
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
            holidays=frozenset(days or ()),
            overrides=overrides.get(account_id),
            allowances=tuple(allowances.get(account_id, ())),
            policy=policies.by_id.get(policy_id),
            max_cps_milli=max_cps_milli,
            daily_limit_micros=daily_limit_micros,
            monthly_limit_micros=monthly_limit_micros,
            emergency=policies.emergency.get(policy_id, policies.emergency[None]),
        )
        for (
            account_id,
            code,
            name,
            currency,
            timezone,
            credit_limit_micros,
            max_channels,
            status,
            days,
            policy_id,
            max_cps_milli,
            daily_limit_micros,
            monthly_limit_micros,
        ) in txn
    }


def load_plans(
    txn: Cursor, decks: Mapping[int, RateDeck], overrides: Mapping[int, Deck]
) -> dict[int, Plan]:
    """Return the plans by their id, each with its buckets; *overrides* are their own prices."""
    buckets = _load_plan_allowances(txn)
    txn.execute(
        "SELECT p.id, code, deck_id, inbound_deck_id, initial_s, increment_s, rounding_decimals,"
        " rounding_mode, outpayment_deck_id, on_net, f.prefixes, indeterminate_as, duration_rounding,"
        " lrn_dip_micros"
        " FROM plan p LEFT JOIN destination_set f ON f.id = p.free_set_id"
    )
    return {
        row[0]: _plan(row, decks, tuple(buckets.get(row[0], ())), overrides.get(row[0]))
        for row in txn.fetchall()
    }


def _plan(
    row: tuple[Any, ...],
    decks: Mapping[int, RateDeck],
    buckets: tuple[Allowance, ...],
    overrides: Deck | None,
) -> Plan:
    plan_id, code, deck_id, inbound_deck_id, initial_s, increment_s, decimals, mode, *rest = row
    outpayment_deck_id, on_net, free, indeterminate_as, duration_rounding, lrn_dip_micros = rest
    return Plan(
        id=plan_id,
        code=code,
        deck=decks[deck_id],
        inbound_deck=None if inbound_deck_id is None else decks[inbound_deck_id],
        initial_s=initial_s,
        increment_s=increment_s,
        rounding=Rounding(decimals, Mode(mode)),
        buckets=buckets,
        overrides=overrides,
        outpayment_deck=None if outpayment_deck_id is None else decks[outpayment_deck_id],
        on_net=OnNet(on_net),
        free_prefixes=tuple(free or ()),
        indeterminate_as=Jurisdiction(indeterminate_as),
        duration_rounding=DurationRounding(duration_rounding),
        lrn_dip=Fraction(lrn_dip_micros, MICRO),
    )


_ALLOWANCE = (
    "b.id, b.name, b.included_s, d.prefixes, b.priority, b.clock_initial_s, b.clock_increment_s, b.cycle,"
    " b.prorate, b.rollover_cap_s, b.rollover_periods, b.direction, b.partial, b.exhausted"
)
_DESTINATIONS = " LEFT JOIN destination_set d ON d.id = b.destination_set_id"


def _load_plan_allowances(txn: Cursor) -> dict[int, list[Allowance]]:
    txn.execute(
        f"SELECT b.plan_id, b.shared, {_ALLOWANCE} FROM plan_bucket b{_DESTINATIONS}"
        " ORDER BY b.plan_id, b.priority DESC, b.id"
    )
    allowances: dict[int, list[Allowance]] = {}
    for plan_id, shared, *row in txn.fetchall():
        allowances.setdefault(plan_id, []).append(_allowance("", row, shared=shared == "account"))
    return allowances


def _load_account_allowances(txn: Cursor) -> dict[int, list[Allowance]]:
    txn.execute(
        f"SELECT b.account_id, b.services, b.valid_from, b.valid_to, {_ALLOWANCE}"
        f" FROM account_bucket b{_DESTINATIONS} ORDER BY b.account_id, b.priority DESC, b.id"
    )
    allowances: dict[int, list[Allowance]] = {}
    for account_id, services, valid_from, valid_to, *row in txn.fetchall():
        allowances.setdefault(account_id, []).append(
            _allowance(
                ACCOUNTS_OWN,
                row,
                shared=True,
                services=None if services is None else frozenset(services),
                valid_from=valid_from,
                valid_to=valid_to,
            )
        )
    return allowances


def _allowance(kind: str, row: Sequence[Any], **more: Any) -> Allowance:
    """Return the allowance of the columns of ``_ALLOWANCE``; *kind* begins its key."""
    row_id, name, included_s, prefixes, priority, clock_initial_s, clock_increment_s, cycle, *rest = row
    prorate, rollover_cap_s, rollover_periods, direction, partial, exhausted = rest
    return Allowance(
        key=f"{kind}{row_id}",
        name=name,
        included_s=included_s,
        prefixes=EVERY_DESTINATION if prefixes is None else tuple(prefixes),
        priority=priority,
        clock_initial_s=clock_initial_s,
        clock_increment_s=clock_increment_s,
        cycle=Cycle(cycle),
        prorate=prorate,
        rollover_cap_s=rollover_cap_s,
        rollover_periods=rollover_periods,
        direction=Direction(direction),
        partial=Partial(partial),
        blocks=exhausted == "block",
        **more,
    )


def load_services(
    txn: Cursor,
    accounts: Mapping[int, Account],
    plans: Mapping[int, Plan],
    only: list[int] | None = None,
    policies: Policies = NO_POLICIES,
) -> Iterable[tuple[Service, Sequence[str]]]:
    """
    Return every service, ended ones too, with its claims. Passwords stay sealed.

    *only*: just these; the primary DIDs of virtual numbers must be among them.
    """
    claims = _load_claims(txn, only)
    txn.execute(
        "SELECT s.id, s.kind, s.name, s.account_id, s.plan_id, s.primary_id, s.activated_at, s.ended_at,"
        " coalesce(t.name, ''), s.client_id, s.tech_prefix, s.max_channels, s.username, s.password_sealed,"
        " s.password_realm, s.location, s.outpayment_nano, s.additional_charge_nano,"
        " s.outpayment_initial_s, s.outpayment_increment_s, s.outpayment_max_micros, s.max_cps_milli,"
        " s.policy_id"
        " FROM service s LEFT JOIN tenant t ON t.id = s.tenant_id"
        " WHERE %(only)s::bigint[] IS NULL OR s.id = ANY (%(only)s)"
        # A virtual number needs its primary DID to be there; false sorts first.
        " ORDER BY s.kind = 'virtual', s.id",
        {"only": only},
    )
    services: dict[int, Service] = {}
    for service_id, kind, name, account_id, plan_id, primary_id, *rest, policy_id in txn:
        primary = services.get(primary_id)
        services[service_id] = _service(
            (service_id, ServiceKind(kind), name),
            accounts[account_id],
            primary.plan if primary is not None else plans[plan_id],
            primary,
            rest,
            policies.by_id.get(policy_id),
        )
    return [(service, claims.get(service_id, ())) for service_id, service in services.items()]


def _service(
    name: tuple[int, ServiceKind, str],
    account: Account,
    plan: Plan,
    primary: Service | None,
    rest: Sequence[Any],
    policy: Policy | None,
) -> Service:
    """Return a service; *rest* are the columns from ``activated_at`` on."""
    activated_at, ended_at, tenant, client_id, tech_prefix, max_channels, username, sealed, *others = rest
    realm, location, outpayment_nano, additional_charge_nano, *outpayment = others
    outpayment_initial_s, outpayment_increment_s, outpayment_max_micros, max_cps_milli = outpayment
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
        outpayment_initial_s=outpayment_initial_s,
        outpayment_increment_s=outpayment_increment_s,
        outpayment_max_micros=outpayment_max_micros,
        policy=policy,
        max_cps_milli=max_cps_milli,
    )


def _load_claims(txn: Cursor, only: list[int] | None) -> dict[int, list[str]]:
    txn.execute(
        "SELECT service_id, claim FROM claim"
        " WHERE %(only)s::bigint[] IS NULL OR service_id = ANY (%(only)s)",
        {"only": only},
    )
    claims: dict[int, list[str]] = {}
    for service_id, claim in txn:
        claims.setdefault(service_id, []).append(claim)
    return claims
