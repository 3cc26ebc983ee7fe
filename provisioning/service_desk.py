"""
Put services, one or a hundred thousand, into the database with the identifiers that they claim.

What the database knows of many services is read at once: one question each would take minutes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import psycopg2.errors
from psycopg2.extensions import cursor as Cursor

from provisioning import names, number_prices
from provisioning.admin import Admin, Change, compare
from provisioning.amounts import fee, nanos
from provisioning.number_follow import follow
from provisioning.policies import cps_milli
from provisioning.rows import save
from provisioning.service_kinds import Did, Registered, Service, Virtual
from provisioning.service_passwords import password_changes
from provisioning.service_rows import Holder, Links, find_links, holders_of, read_services
from radiusd.calls.claims import number_claim, username_claim
from radiusd.errors import BadInput, Conflict, NotFound

COPIED = (
    *("tech_prefix", "mac_address", "username"),
    *("outpayment_initial_s", "outpayment_increment_s"),
)
ENDLESS = datetime.max.replace(tzinfo=UTC)


class ServiceDesk:
    """Puts services in one transaction, remembering what it has read of the database."""

    def __init__(self, txn: Cursor, admin: Admin) -> None:
        self._txn = txn
        self._admin = admin
        self._links: dict[tuple[object, ...], tuple[Links, ZoneInfo]] = {}
        self._holders: dict[str, list[Holder]] = {}
        self._stored: dict[int, tuple[Service, bytes | None]] = {}
        self._currencies: dict[int, str] = {}
        # Of the numbers that are expected, those of the inventory.
        self._prices: dict[str, number_prices.Prices] | None = None

    @property
    def txn(self) -> Cursor:
        """The transaction that it works in."""
        return self._txn

    def expect(self, services: Iterable[Service]) -> None:
        """Read what is known of *services*, and of what they claim, at once."""
        claims: set[str] = set()
        numbers: list[str] = []
        for service in services:
            try:
                normal, links = self._normalise(service)
            except BadInput:
                continue  # told when it is put
            numbers.append(normal.name)
            claims.update(claims_of(normal, links))
            if isinstance(normal, Virtual):
                claims.add(number_claim(normal.primary))
        self._prices = number_prices.prices_of(self._txn, numbers)
        self._holders = {claim: [] for claim in claims}
        for holder in holders_of(self._txn, list(claims)):
            self._holders[holder.claim].append(holder)
        self._stored = read_services(
            self._txn, [holder.service_id for holders in self._holders.values() for holder in holders]
        )

    def put(self, service: Service, new: bool = False) -> Change:
        """
        Make the service be as *service* says, or with *new* refuse when it exists; record nothing.

        A fee that nobody has said is what the service has, or if new, what the inventory asks for its number.

        Raises:
            NotFound: Its account, plan, client, tenant or primary DID does not exist.
            Conflict: Another service, of whichever account, claims the same identifier at the same time.
            BadInput: The inventory's price is in another currency than the account; a field is wrong.
        """
        service, links = self._normalise(service)
        claims = claims_of(service, links)
        holders = self._holders_of(claims)
        mine = same_service(holders, service, claims[0], links)
        if new and mine is not None:
            raise Conflict(
                f"{service.name_field}: {service.kind.value} {service.key} is already assigned to account "
                f"{service.account} {mine.period}; change it with set"
            )
        _refuse_overlap(service, holders, mine)
        if isinstance(service, Virtual):
            primaries = self._holders_of([number_claim(service.primary)])
            links = replace(links, primary_id=_primary_id(primaries, service, links))
        current, sealed = (None, None) if mine is None else self._read(mine.service_id)
        service = self._priced(service, current, links)
        password, columns, warnings = password_changes(service, current, sealed, self._admin.sealer)
        change = compare(service.kind.value, service.key, current, service, *password)
        if change:
            if mine is not None and service.period[1] is not None:
                spare_virtual_numbers(self._txn, mine, service, service.period[1])
            row_id = None if mine is None else mine.service_id
            if current is not None and not current.monthly_fee:
                columns["fees_from"] = self._admin.now  # a later fee is not due for the time before
            self._write(service, row_id, {**_columns(service, links), **columns}, claims)
            for claim in (*claims, *(() if current is None else claims_of(current, links))):
                self._holders.pop(claim, None)  # what was read is true no more
            is_number = isinstance(service, Did | Virtual)
            if is_number and (self._prices is None or service.name in self._prices):
                follow(self._txn, [service.name], self._admin)
        return replace(change, warnings=warnings)

    def _normalise(self, service: Service) -> tuple[Service, Links]:
        key = tuple(getattr(service, field, None) for field in ("account", "plan", "client", "tenant"))
        if key not in self._links:
            self._links[key] = find_links(self._txn, service)
        links, zone = self._links[key]
        return service.normalised(zone), links

    def _holders_of(self, claims: Sequence[str]) -> list[Holder]:
        if all(claim in self._holders for claim in claims):
            return [holder for claim in claims for holder in self._holders[claim]]
        return holders_of(self._txn, claims)

    def _read(self, service_id: int) -> tuple[Service, bytes | None]:
        if service_id not in self._stored:
            self._stored.update(read_services(self._txn, [service_id]))
        return self._stored[service_id]

    def _priced(self, service: Service, current: Service | None, links: Links) -> Service:
        """Return *service* with the fees that nobody has said."""
        if not number_prices.unsaid_fees(service):
            return service
        prices = self._prices_for(service)
        if prices is None:
            return number_prices.without_prices(service)
        if current is None:
            currency = self._currency_of(links.account_id)
            number_prices.refuse_strange_currency(service, prices, currency, bound=self._admin.is_bound)
        return number_prices.with_prices(service, current, prices)

    def _prices_for(self, service: Service) -> number_prices.Prices | None:
        if not isinstance(service, Did | Virtual):
            return None
        prices = number_prices.prices_of(self._txn, [service.name]) if self._prices is None else self._prices
        return prices.get(service.name)

    def _currency_of(self, account_id: int) -> str:
        if account_id not in self._currencies:
            self._txn.execute("SELECT currency FROM account WHERE id = %s", (account_id,))
            ((self._currencies[account_id],),) = self._txn.fetchall()
        return self._currencies[account_id]

    def _write(
        self, service: Service, row_id: int | None, columns: dict[str, Any], claims: Sequence[str]
    ) -> None:
        service_id = save(self._txn, "service", row_id, columns)
        _put_claims(self._txn, service_id, claims, service, new=row_id is None)
        self._stored.pop(service_id, None)


def claims_of(service: Service, links: Links) -> list[str]:
    """Return the identifiers that *service* claims, its own first."""
    claims = [service.claim(links.client_id)]
    if isinstance(service, Registered) and service.username:
        claims.append(username_claim(service.username))
    return claims


def same_service(holders: Iterable[Holder], service: Service, claim: str, links: Links) -> Holder | None:
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


def _primary_id(holders: Iterable[Holder], virtual: Virtual, links: Links) -> int:
    """Return the id of the DID whose plan and minutes *virtual* shares as long as it is active."""
    activated, ended = virtual.period
    dids = [
        holder for holder in holders if (holder.kind, holder.account_id) == (Did.kind.value, links.account_id)
    ]
    for did in dids:
        if did.activated_at <= activated and (ended or ENDLESS) <= (did.ended_at or ENDLESS):
            return did.service_id
    if dids:
        raise BadInput(
            f"primary: did {virtual.primary} is active {dids[-1].period}; "
            "the virtual number must be active within that time"
        )
    raise NotFound(f"primary: account {virtual.account} has no did {virtual.primary}; add it first")


def spare_virtual_numbers(txn: Cursor, holder: Holder, service: Service, ended: datetime) -> None:
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
        for name in COPIED
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
        "outpayment_max_micros": fee("outpayment_max", getattr(service, "outpayment_max", None)),
        "monthly_fee_micros": fee("monthly_fee", service.monthly_fee),
        "setup_fee_micros": fee("setup_fee", service.setup_fee),
        "max_channels": names.whole("max_channels", getattr(service, "max_channels", None), 0),
        "max_cps_milli": cps_milli("max_cps", getattr(service, "max_cps", None)),
        "activated_at": service.period[0],
        "ended_at": service.period[1],
    }


def _put_claims(txn: Cursor, service_id: int, claims: Sequence[str], service: Service, new: bool) -> None:
    if not new:
        txn.execute("DELETE FROM claim WHERE service_id = %s", (service_id,))
    try:
        txn.execute(
            "INSERT INTO claim (claim, service_id, active) SELECT unnest(%s), %s, tstzrange(%s, %s)",
            (list(claims), service_id, *service.period),
        )
    except psycopg2.errors.ExclusionViolation as error:  # somebody else was faster by a moment
        raise Conflict(
            f"{service.kind.value} {service.key} was assigned by somebody else at this moment; look again"
        ) from error
