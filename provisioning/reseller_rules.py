"""What a reseller may not do with a service, though the account is its own customer's."""

from __future__ import annotations

from psycopg2.extensions import cursor as Cursor

from provisioning import numbers
from provisioning.admin import Action, Admin, Change, shown
from provisioning.number_prices import FEES, Prices, prices_of
from provisioning.roles import reached_accounts
from provisioning.service_kinds import ZERO, Did, Extension, Ip, Service, Trunk, Virtual
from radiusd.errors import Forbidden, NotFound

PROVIDERS_OWN = (
    "monthly_fee",
    "outpayment",
    "outpayment_increment_s",
    "outpayment_initial_s",
    "outpayment_max",
    "policy",
    "setup_fee",
)
"""Fields by which money goes from or to the provider, or that guard it."""


def refuse_what_is_the_providers(
    txn: Cursor, service: Service, change: Change, admin: Admin, *, moved: bool = False
) -> None:
    """
    Return when a bound *admin* may make *change* of *service*, which is made but not committed.

    A new service owes what the inventory asks for its number; one that is *moved* keeps its fees.

    Raises:
        Forbidden: It is the provider's to do.
        NotFound: The number, or the tenant, is not one that the admin sees.
    """
    if not admin.is_bound or not change:
        return
    if isinstance(service, Trunk | Ip):
        raise Forbidden(
            f"{service.name_field}: whose calls come over a trunk or from an address is the provider's to say"
        )
    is_new, prices = change.action is Action.ADDED, _prices(txn, service)
    for field in change.fields:
        if field.name not in PROVIDERS_OWN or (moved and field.name in FEES):
            continue
        if not is_new or field.after != _usual(service, field.name, prices):
            raise Forbidden(f"{field.name}: it is the provider's to say")
    if is_new:
        _refuse_strange_names(txn, service, prices, admin)


def _usual(service: Service, name: str, prices: Prices | None) -> str:
    """Return what a field of a new service is when its provider has said nothing else."""
    if name in FEES:
        return shown(ZERO if prices is None else getattr(prices, name))
    return shown(type(service).__dataclass_fields__[name].default)


def _prices(txn: Cursor, service: Service) -> Prices | None:
    """Return the prices of its number; None: it has none, or one that is not in the inventory."""
    if not isinstance(service, Did | Virtual):
        return None
    number = _plain(service)
    return prices_of(txn, [number]).get(number)


def _refuse_strange_names(txn: Cursor, service: Service, prices: Prices | None, admin: Admin) -> None:
    """Refuse numbers that are not for sale, and tenants in which others have extensions."""
    if isinstance(service, Did | Virtual) and prices is None:
        raise NotFound(f"number: {service.number} is not in the inventory; choose one that is")
    if isinstance(service, Extension):
        txn.execute(
            "SELECT 1 FROM service s JOIN tenant t ON t.id = s.tenant_id"
            " WHERE t.name = lower(%s) AND s.account_id <> ALL(%s) LIMIT 1",
            (service.tenant, reached_accounts(txn, admin) or []),
        )
        if txn.fetchone() is not None:
            raise NotFound(f"tenant: tenant {service.tenant} does not exist; add it first")


def _plain(service: Service) -> str:
    """Return the number as the inventory has it."""
    return numbers.e164("number", service.name)
