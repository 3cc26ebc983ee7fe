"""Write the whole catalogue as a site file, which :mod:`provisioning.site` would apply without a change."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import tomli_w
from psycopg2.extensions import cursor as Cursor

from provisioning.accounts import Account, list_accounts
from provisioning.admin import Secret, plain_decimal, shown
from provisioning.buckets import Bucket, list_buckets
from provisioning.clients import Client, list_clients
from provisioning.decks import Deck, DeckVersion, list_decks, versions_from
from provisioning.destinations import list_destination_sets
from provisioning.exchange import list_exchange_rates
from provisioning.holidays import list_calendars
from provisioning.moments import instant
from provisioning.number_follow import stocked
from provisioning.number_prices import FEES
from provisioning.origins import list_origins
from provisioning.overrides import list_overrides
from provisioning.plans import list_plans
from provisioning.policies import list_policies
from provisioning.pools import Pool, list_pools
from provisioning.rate_rules import RULE_COLUMNS
from provisioning.service_kinds import KINDS, Did, Registered, Service, Virtual
from provisioning.service_rows import list_services
from provisioning.site_decks import rates_of
from provisioning.sources import list_sources
from provisioning.suppliers import list_suppliers
from provisioning.tenants import list_tenants

HEAD = """\
# Written by tollwire export; tollwire apply makes a database be so.
# Secrets and passwords are never written: where they are left out, those that are stored stay. For another
# database, give them. Balances, the inventory of numbers, people and tokens are not part of a site file.
"""
MOST_INLINE = 1000
"""Rates of a deck that stand in the site file itself where others may stand in files beside it."""

RATE_FIELDS = (
    *("prefix", "description", "rate", "connect_fee", "initial", "increment", "effective", "expires"),
    *("blocked", "origin"),
    *map(str, RULE_COLUMNS),
)
Values = dict[str, Any]


@dataclass(slots=True)
class Export:
    """
    The catalogue that *txn* sees, as a site file.

    With a *directory*, decks of many rates are written to files in it. *notes* are what the file cannot say.
    """

    txn: Cursor
    now: datetime
    directory: Path | None = None
    notes: list[str] = field(default_factory=list)
    _files: set[str] = field(default_factory=set)

    def text(self) -> str:
        """Return the site file."""
        return "\n".join(chain([HEAD], self._tables()))

    def _tables(self) -> Iterator[str]:
        txn = self.txn
        accounts = resellers_first(list_accounts(txn))
        zones: dict[str, tzinfo] = {account.code: ZoneInfo(account.timezone) for account in accounts}
        yield from map(self._plain("tenant"), list_tenants(txn))
        yield from self._clients()
        yield from map(self._plain("source"), list_sources(txn))
        yield from map(self._plain("destination"), list_destination_sets(txn))
        yield from map(self._plain("origin"), list_origins(txn))
        yield from map(self._plain("policy"), list_policies(txn))
        yield from map(self._plain("holiday"), list_calendars(txn))
        yield from self._decks()
        buckets = list_buckets(txn)
        for plan in list_plans(txn):
            its = [_bucket(bucket) for bucket in buckets if bucket.plan == plan.code]
            yield table("plan", values_of(plan) | ({"bucket": its} if its else {}))
        yield from map(self._plain("account"), accounts)
        yield from self._services(zones)
        yield from map(self._plain("supplier"), list_suppliers(txn))
        yield from map(self._plain("exchange"), list_exchange_rates(txn))
        for pool in list_pools(txn):
            yield table("pool", _with_minutes(values_of(pool, zones[pool.account]), pool))
        yield from map(self._plain("override"), list_overrides(txn))

    @staticmethod
    def _plain(noun: str) -> Callable[[Any], str]:
        return lambda thing: table(noun, values_of(thing))

    def _clients(self) -> Iterator[str]:
        own = {source.name for source in list_sources(self.txn) if not source.client}
        for client in list_clients(self.txn):
            if client.networks or client.certificates:
                yield table("client", values_of(client), _secrets(client))
            elif client.name not in own:
                self.notes.append(f"client {client.name} has ended and is left out; its trunks are not")

    def _services(self, zones: Mapping[str, tzinfo]) -> Iterator[str]:
        services = list_services(self.txn)
        numbers = stocked(self.txn, [service.name for service in services])
        for kind in KINDS:
            for service in services:
                if service.kind is kind:
                    values = values_of(service, zones[service.account])
                    if isinstance(service, Did | Virtual) and service.name in numbers:
                        # One that is not said would be what the inventory asks.
                        values |= {name: _written(getattr(service, name), UTC) for name in FEES}
                    yield table(kind.value, values, _password(service))

    def _decks(self) -> Iterator[str]:
        """Yield each deck with the rates that hold now, and again with those planned for a later moment."""
        for deck in list_decks(self.txn):
            for place, version in enumerate(versions_from(self.txn, deck.name, self.now)):
                yield self._version(deck, version, is_planned=place > 0)

    def _version(self, deck: Deck, version: DeckVersion, is_planned: bool) -> str:
        values = values_of(deck) | {"active_from": _written(version.active_from, UTC)}
        rates = rates_of(self.txn, version)
        if self.directory is None or version.row_count <= MOST_INLINE:
            return table("deck", values | {"rates": [_all_written(rate, UTC) for rate in rates]})
        name = self._file_of(f"{deck.name}-{version.active_from:%Y-%m-%d}" if is_planned else deck.name)
        _write_rates(self.directory / name, rates)
        return table("deck", values | {"file": name})

    def _file_of(self, wanted: str) -> str:
        """Return a name for a file of rates, as *wanted*, which no other has."""
        stem = name = file_name(wanted)
        while name.lower() in self._files:
            name = f"{stem}-{len(self._files)}"
        self._files.add(name.lower())
        return f"{name}.csv"


def file_name(name: str) -> str:
    """Return *name* as a file may be called everywhere."""
    return re.sub(r"[^\w-]+", "-", name, flags=re.ASCII).strip("-") or "unnamed"


def values_of(thing: Any, zone: tzinfo = UTC) -> Values:
    """Return the fields of *thing* as a site file has them, but defaults; days are those of *zone*."""
    values: Values = {}
    for each in fields(thing):
        value = getattr(thing, each.name)
        default = each.default_factory() if each.default_factory is not MISSING else each.default
        if value is not None and value != default and not isinstance(value, Secret):
            values[each.name] = _written(value, zone)
    for name in ("prefix", "prefixes"):  # every destination has no digits
        if name in values:
            given = values[name]
            values[name] = given or "*" if isinstance(given, str) else [prefix or "*" for prefix in given]
    return values


def table(noun: str, values: Values, comment: str = "") -> str:
    """Return one table of a site file."""
    _, _, body = tomli_w.dumps({noun: values}).partition("\n")  # begins with [noun], as for one alone
    return f"[[{noun}]]\n# {comment}\n{body}" if comment else f"[[{noun}]]\n{body}"


def resellers_first(accounts: Sequence[Account]) -> list[Account]:
    """Return *accounts* in an order in which each stands after its reseller's."""
    resellers = {account.code: account.reseller for account in accounts}

    def depth(code: str | None) -> int:
        return 0 if code is None else 1 + depth(resellers[code])

    return sorted(accounts, key=lambda account: (depth(account.code), account.code))


def _written(value: Any, zone: tzinfo) -> Any:
    match value:
        case Decimal():
            return plain_decimal(value)
        case datetime():
            day = value.astimezone(zone).date()
            return day if instant("day", day, zone) == value else value.astimezone(UTC)
        case tuple():
            return [_written(item, zone) for item in value]
        case Mapping():
            return _all_written(value, zone)
        case _:
            return value


def _all_written(values: Mapping[str, Any], zone: tzinfo) -> Values:
    return {name: _written(value, zone) for name, value in values.items()}


def _bucket(bucket: Bucket) -> Values:
    values = values_of(bucket)
    del values["plan"]
    return _with_minutes(values, bucket)


def _with_minutes(values: Values, thing: Bucket | Pool) -> Values:
    """Write the time as minutes, where they are whole."""
    if thing.seconds % 60:
        return values
    return {
        "minutes" if name == "seconds" else name: thing.seconds // 60 if name == "seconds" else value
        for name, value in values.items()
    }


def _secrets(client: Client) -> str:
    return f'secret_file = "{file_name(client.name)}.secret"' if client.networks else ""


def _password(service: Service) -> str:
    if not isinstance(service, Registered) or not service.username:
        return ""
    return f'password_file = "{file_name(service.username)}.password"'


def _write_rates(path: Path, rates: Iterable[Values]) -> None:
    """Write *rates* as a rate file: the columns that one of them has."""
    rows = [{name: shown(_written(value, UTC)) for name, value in rate.items()} for rate in rates]
    used = set().union(*rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [name for name in RATE_FIELDS if name in used], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
