"""What a reseller may not do with a service, though the account is its own customer's."""

from __future__ import annotations

from psycopg2.extensions import cursor as Cursor

from provisioning import numbers
from provisioning.admin import Action, Admin, Change, shown
from provisioning.number_follow import stocked
from provisioning.roles import reached_accounts
from provisioning.service_kinds import Did, Extension, Ip, Service, Trunk, Virtual
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


def refuse_what_is_the_providers(txn: Cursor, service: Service, change: Change, admin: Admin) -> None:
    """
    Return when a bound *admin* may make *change* of *service*, which is made but not committed.

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
    for field in change.fields:
        is_new = change.action is Action.ADDED
        if field.name in PROVIDERS_OWN and not (is_new and field.after == _default(service, field.name)):
            raise Forbidden(f"{field.name}: it is the provider's to say")
    if change.action is Action.ADDED:
        _refuse_strange_names(txn, service, admin)


def _default(service: Service, name: str) -> str:
    return shown(type(service).__dataclass_fields__[name].default)


def _refuse_strange_names(txn: Cursor, service: Service, admin: Admin) -> None:
    """Refuse numbers that are not for sale, and tenants in which others have extensions."""
    if isinstance(service, Did | Virtual) and not stocked(txn, [_plain(service)]):
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
