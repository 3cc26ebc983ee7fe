"""Make the database be as a site file says: all of it or nothing, and nothing the second time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from psycopg2.extensions import TRANSACTION_STATUS_INERROR
from psycopg2.extensions import cursor as Cursor

from provisioning.accounts import put_account
from provisioning.admin import Action, Admin, Change, FieldChange, begin, record
from provisioning.balances import Posting, PostingKind, put_posting
from provisioning.buckets import keep_only, put_bucket
from provisioning.clients import put_client
from provisioning.destinations import put_destination_set
from provisioning.exchange import put_exchange_rate
from provisioning.holidays import put_calendar
from provisioning.origins import put_origin
from provisioning.overrides import put_override
from provisioning.plans import put_plan
from provisioning.policies import put_policy
from provisioning.pools import put_pool
from provisioning.service_desk import ENDLESS, ServiceDesk
from provisioning.service_kinds import Service, Virtual
from provisioning.service_rows import find_links, list_services
from provisioning.services import finish_service
from provisioning.site_decks import put_site_deck
from provisioning.site_file import Entry, Site, SiteAccount, read_site
from provisioning.sources import put_source
from provisioning.suppliers import put_supplier
from provisioning.tenants import put_tenant
from radiusd.errors import BadInput

OPENING = "opening balance"  # the reference under which it is posted, once an account
T = TypeVar("T")


def apply_file(txn: Cursor, path: Path, admin: Admin, prune: bool = False) -> list[Change]:
    """Read the site file *path* and apply it, as :func:`read_site` and :func:`apply_site` do."""
    return apply_site(txn, read_site(path), admin, prune)


def apply_site(txn: Cursor, site: Site, admin: Admin, prune: bool = False) -> list[Change]:
    """
    Create and change what *site* names, and return what was done; nothing when all is so already.

    What the file does not name is left alone, but with *prune* services that it does not name are ended.
    To see what would be done, roll *txn* back.

    Raises:
        BadInput: Everything that is wrong, each with its line; roll *txn* back.
    """
    begin(txn)
    changes = [change for stage in _stages(txn, site, admin) for change in stage()]
    if prune:
        changes += _prune(txn, site, admin)
    made = [change for change in changes if change]
    if made:
        whole = Change(Action.CHANGED, "site", str(site.path), (FieldChange("sha256", "", site.sha256),))
        record(txn, admin, [*made, whole])
    return _with_warnings(changes)


def _stages(txn: Cursor, site: Site, admin: Admin) -> Iterable[Callable[[], list[Change]]]:
    """Yield what is to be done, in an order in which everything finds what it refers to."""

    def stage(entries: Iterable[Entry[T]], put: Callable[[T], list[Change]]) -> Callable[[], list[Change]]:
        return lambda: _put_all(txn, site, entries, put)

    yield stage(site.tenants, lambda tenant: [put_tenant(txn, tenant)])
    yield stage(site.clients, lambda client: [put_client(txn, client, admin)])
    yield stage(site.sources, lambda source: [put_source(txn, source, admin)])
    yield stage(site.destinations, lambda wanted: [put_destination_set(txn, wanted)])
    yield stage(site.origins, lambda group: [put_origin(txn, group)])
    yield stage(site.policies, lambda policy: [put_policy(txn, policy)])
    yield stage(site.holidays, lambda calendar: [put_calendar(txn, calendar)])
    yield stage(site.decks, lambda deck: [put_site_deck(txn, deck, admin)])
    yield stage(site.plans, lambda plan: [put_plan(txn, plan, admin.now)])
    yield stage(site.plans, lambda plan: keep_only(txn, plan.code, _buckets_of(site, plan.code)))
    yield stage(site.buckets, lambda bucket: [put_bucket(txn, bucket)])
    yield stage(site.accounts, lambda account: _put_account(txn, account, admin))
    # A virtual number needs its primary DID.
    for virtual in (False, True):
        services = [entry for entry in site.services if isinstance(entry.value, Virtual) is virtual]
        yield partial(_put_services, txn, site, services, admin)
    yield stage(site.suppliers, lambda supplier: [put_supplier(txn, supplier)])
    yield stage(site.exchange, lambda rate: [put_exchange_rate(txn, rate)])
    yield stage(site.pools, lambda pool: [put_pool(txn, pool)])
    yield stage(site.overrides, lambda override: [put_override(txn, override)])


def _put_services(txn: Cursor, site: Site, entries: list[Entry[Service]], admin: Admin) -> list[Change]:
    entries = sorted(entries, key=lambda entry: entry.value.ended is None)  # what ends makes room
    desk = ServiceDesk(txn, admin)
    desk.expect(entry.value for entry in entries)
    return _put_all(txn, site, entries, lambda service: [desk.put(service)])


def _put_all(
    txn: Cursor, site: Site, entries: Iterable[Entry[T]], put: Callable[[T], list[Change]]
) -> list[Change]:
    """Put *entries*; what follows would only complain of what is wrong here, so all of it is told now."""
    changes: list[Change] = []
    for entry in entries:
        try:
            changes += put(entry.value)
        except BadInput as error:
            site.findings.add(_place_of(error, entry, site), str(error))
            if txn.connection.info.transaction_status == TRANSACTION_STATUS_INERROR:
                break
    site.findings.refuse()
    return changes


def _place_of(error: BadInput, entry: Entry[Any], site: Site) -> tuple[str | int, ...]:
    """Return the place of the field that *error* begins with, or of the whole entry."""
    place = (*entry.place, str(error).partition(":")[0])
    return place if place in site.findings.lines else entry.place


def _put_account(txn: Cursor, account: SiteAccount, admin: Admin) -> list[Change]:
    changes = [put_account(txn, account.account, admin.now)]
    if account.opening_balance:
        posting = Posting(
            account=account.code,
            amount=account.opening_balance,
            kind=PostingKind.ADJUSTMENT if account.opening_balance < 0 else PostingKind.PAYMENT,
            reference=OPENING,
            note=OPENING,
        )
        changes.append(put_posting(txn, posting, admin))
    return changes


def _buckets_of(site: Site, plan: str) -> set[str]:
    return {entry.value.name for entry in site.buckets if entry.value.plan == plan}


def _prune(txn: Cursor, site: Site, admin: Admin) -> list[Change]:
    """End the services that are active now or later and that the file does not name."""
    named = {_identity(entry.value.normalised(find_links(txn, entry.value)[1])) for entry in site.services}
    absent = [
        service
        for service in list_services(txn)
        if (service.period[1] or ENDLESS) > admin.now and _identity(service) not in named
    ]
    absent.sort(key=lambda service: not isinstance(service, Virtual))  # before the DIDs that they share
    return [finish_service(txn, service, admin.now, admin) for service in absent]


def _identity(service: Service) -> tuple[object, ...]:
    """Return what tells apart the services of all accounts and times."""
    return service.kind, service.key, service.account, service.period[0]


def _with_warnings(changes: list[Change]) -> list[Change]:
    return [change for change in changes if change or change.warnings]
