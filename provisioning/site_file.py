"""Read a site file: the whole of an installation's catalogue as one TOML file."""

from __future__ import annotations

import hashlib
import re
import stat
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date
from decimal import Decimal
from pathlib import Path
from typing import Any, Generic, TypeVar

from provisioning.accounts import Account
from provisioning.admin import shown
from provisioning.buckets import Bucket
from provisioning.clients import Client
from provisioning.destinations import DestinationSet
from provisioning.exchange import ExchangeRate
from provisioning.holidays import Calendar
from provisioning.moments import instant
from provisioning.origins import OriginGroup
from provisioning.overrides import Override
from provisioning.plans import Plan
from provisioning.policies import Policy
from provisioning.pools import Pool
from provisioning.rate_files import Problems, Rate, RateFile, RateSource, read_rate
from provisioning.rate_rules import cell
from provisioning.service_kinds import KINDS, Service, canonical
from provisioning.sources import Source
from provisioning.suppliers import Supplier
from provisioning.tenants import Tenant
from provisioning.toml_fields import Findings, Table, read_table
from provisioning.toml_lines import Path as Place
from provisioning.toml_lines import line_index
from radiusd.errors import BadInput

T = TypeVar("T")
MAX_OCTETS = 64_000_000
Cells = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """A thing in the file and where it stands."""

    value: T
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteDeck:
    """A deck, and where the rates stand that hold from a moment on."""

    name: str
    currency: str
    active_from: date | None = None
    source: RateSource


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteAccount(Account):
    """An account with the balance that it is opened with, once."""

    opening_balance: Decimal | None = None

    @property
    def account(self) -> Account:
        """The account alone."""
        return Account(**{name: getattr(self, name) for name in Account.__slots__})


@dataclass(frozen=True, slots=True)
class Site:
    """All that a site file says, in the file's order."""

    path: Path
    sha256: str
    findings: Findings
    tenants: list[Entry[Tenant]] = field(default_factory=list)
    clients: list[Entry[Client]] = field(default_factory=list)
    sources: list[Entry[Source]] = field(default_factory=list)
    destinations: list[Entry[DestinationSet]] = field(default_factory=list)
    origins: list[Entry[OriginGroup]] = field(default_factory=list)
    policies: list[Entry[Policy]] = field(default_factory=list)
    holidays: list[Entry[Calendar]] = field(default_factory=list)
    decks: list[Entry[SiteDeck]] = field(default_factory=list)
    plans: list[Entry[Plan]] = field(default_factory=list)
    buckets: list[Entry[Bucket]] = field(default_factory=list)
    accounts: list[Entry[SiteAccount]] = field(default_factory=list)
    services: list[Entry[Service]] = field(default_factory=list)
    suppliers: list[Entry[Supplier]] = field(default_factory=list)
    exchange: list[Entry[ExchangeRate]] = field(default_factory=list)
    pools: list[Entry[Pool]] = field(default_factory=list)
    overrides: list[Entry[Override]] = field(default_factory=list)


Reader = Callable[[Site, Table, Place], None]


def read_site(path: Path) -> Site:
    """
    Return what the file *path* says.

    Raises:
        BadInput: Every problem with its line, as ``site.toml:12: field: what, and what to do``.
    """
    text = _read_text(path)
    warnings = _open_secrets(path, text)
    return _read(path, text, Findings(path, {}, warnings=warnings))


def read_site_text(name: str, octets: bytes) -> Site:
    """
    Return what a site file that was sent says; messages call it *name*. It cannot name other files.

    Raises:
        BadInput: As :func:`read_site`.
    """
    path = Path(name)
    return _read(path, _decoded(path, octets), Findings(path, {}, alone=True))


def _read(path: Path, text: str, findings: Findings) -> Site:
    try:
        tables = tomllib.loads(text, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        line = re.search(r"at line (\d+)", str(error))
        raise BadInput(f"{path}:{line[1] if line else 1}: not TOML: {error}") from error
    findings.lines = line_index(text)
    site = Site(path, hashlib.sha256(text.encode()).hexdigest(), findings)
    for name, entries in tables.items():
        reader = READERS.get(name)
        if reader is None:
            findings.add((name,), f"{name}: there is no such table; there are {', '.join(sorted(READERS))}")
            continue
        for table, place in _tables(name, entries, findings):
            reader(site, table, place)
    _refuse_doubles(site)
    findings.refuse()
    return site


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            octets = file.read(MAX_OCTETS + 1)
        if len(octets) > MAX_OCTETS:
            raise BadInput(f"{path}: it has more than {MAX_OCTETS} octets; keep rates in CSV files beside it")
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from error
    return _decoded(path, octets)


def _decoded(path: Path, octets: bytes) -> str:
    try:
        return octets.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        raise BadInput(f"{path}:{line}: not UTF-8; save the file as UTF-8") from error


def _tables(name: str, entries: object, findings: Findings) -> Iterator[tuple[Table, Place]]:
    """Yield the tables of an array of tables."""
    if not isinstance(entries, list) or not all(isinstance(table, dict) for table in entries):
        findings.add((name,), f"{name}: write every one as a table of its own, under [[{name}]]")
        return
    for number, table in enumerate(entries):
        yield table, (name, number)


def _open_secrets(path: Path, text: str) -> list[str]:
    """Return a warning when the file holds secrets that others may read."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o044 and re.search(r"^\s*(secret|password)\s*=", text, re.MULTILINE):
        return [f"{path} holds secrets, and others may read it (mode {mode:04o}): chmod 0600"]
    return []


def _plain(kind: type[Any], collect: Callable[[Site], list[Entry[Any]]]) -> Reader:
    """Return a reader of tables that are a *kind* each."""

    def read(site: Site, table: Table, place: Place) -> None:
        value = read_table(kind, table, place, site.findings)
        if value is not None:
            collect(site).append(Entry(value, place))

    return read


def _read_plan(site: Site, table: Table, place: Place) -> None:
    buckets = table.pop("bucket", [])
    plan = read_table(Plan, table, place, site.findings)
    if plan is None:
        return
    site.plans.append(Entry(plan, place))
    for bucket_table, (name, number) in _tables("bucket", buckets, site.findings):
        bucket_place = (*place, name, number)
        _seconds_of_minutes(bucket_table, bucket_place, site.findings)
        bucket = read_table(Bucket, bucket_table, bucket_place, site.findings, plan=plan.code)
        if bucket is not None:
            site.buckets.append(Entry(bucket, bucket_place))


def _read_pool(site: Site, table: Table, place: Place) -> None:
    _seconds_of_minutes(table, place, site.findings)
    pool = read_table(Pool, table, place, site.findings)
    if pool is not None:
        site.pools.append(Entry(pool, place))


def _seconds_of_minutes(table: Table, place: Place, findings: Findings) -> None:
    """Turn ``minutes`` into ``seconds``, which the books count."""
    minutes = table.pop("minutes", None)
    if minutes is None:
        return
    seconds = minutes * 60 if isinstance(minutes, int | Decimal) else Decimal("NaN")
    if not Decimal(seconds).is_finite() or seconds != int(seconds) or "seconds" in table:
        findings.add(
            (*place, "minutes"), "minutes: give a number that is whole in seconds, or seconds instead"
        )
        seconds = 0
    table["seconds"] = int(seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class _DeckTable:
    name: str
    currency: str
    active_from: date | None = None
    file: str | None = None


def _read_deck(site: Site, table: Table, place: Place) -> None:
    rates = table.pop("rates", None)
    deck = read_table(_DeckTable, table, place, site.findings)
    if deck is None:
        return
    if (deck.file is None) == (rates is None):
        site.findings.add(place, f"deck {deck.name}: give either file, a CSV file, or rates")
        return
    if deck.file is not None and site.findings.alone:
        site.findings.add((*place, "file"), "file: no file can be named in what is sent; write rates")
        return
    source: RateSource
    if deck.file is not None:
        source = RateFile(site.path.parent / deck.file)
    else:
        source = InlineRates(str(site.path), tuple(_inline_rates(rates, (*place, "rates"), site.findings)))
    value = SiteDeck(name=deck.name, currency=deck.currency, active_from=deck.active_from, source=source)
    site.decks.append(Entry(value, place))


def _inline_rates(rates: object, place: Place, findings: Findings) -> Iterator[tuple[int, Cells]]:
    if not isinstance(rates, list) or not all(isinstance(rate, dict) for rate in rates):
        findings.add(place, 'rates: write a list of tables like [{prefix = "1", rate = 0.01, ...}]')
        return
    for number, rate in enumerate(rates):
        cells = tuple(
            sorted(
                (name, cell(value) if isinstance(value, list | dict) else shown(value))
                for name, value in rate.items()
            )
        )
        yield findings.line((*place, number)), cells


@dataclass(frozen=True, slots=True)
class InlineRates:
    """Rates that stand in the site file: the cells of each, as in a CSV file, and their line."""

    name: str
    cells: tuple[tuple[int, Cells], ...]

    def sha256(self) -> str:
        """Return the hash of the rates; where they stand does not count."""
        return hashlib.sha256(repr([cells for _, cells in self.cells]).encode()).hexdigest()

    def rates(self, problems: Problems) -> Iterator[tuple[int, Rate]]:
        """Yield each good rate with its line."""
        for line, cells in self.cells:
            rate = read_rate(dict(cells), line, problems)
            if rate is not None:
                yield line, rate


READERS: dict[str, Reader] = {
    "tenant": _plain(Tenant, lambda site: site.tenants),
    "client": _plain(Client, lambda site: site.clients),
    "source": _plain(Source, lambda site: site.sources),
    "destination": _plain(DestinationSet, lambda site: site.destinations),
    "origin": _plain(OriginGroup, lambda site: site.origins),
    "policy": _plain(Policy, lambda site: site.policies),
    "holiday": _plain(Calendar, lambda site: site.holidays),
    "deck": _read_deck,
    "plan": _read_plan,
    "account": _plain(SiteAccount, lambda site: site.accounts),
    **{kind.value: _plain(service, lambda site: site.services) for kind, service in KINDS.items()},
    "pool": _read_pool,
    "supplier": _plain(Supplier, lambda site: site.suppliers),
    "exchange": _plain(ExchangeRate, lambda site: site.exchange),
    "override": _plain(Override, lambda site: site.overrides),
}
"""Who reads which table."""


def _refuse_doubles(site: Site) -> None:
    """Note what the file says twice: which of the two is meant?"""
    named: list[tuple[str, Entry[Any], str]] = [
        *(("tenant", entry, entry.value.name.lower()) for entry in site.tenants),
        *(("client", entry, entry.value.name) for entry in site.clients),
        *(("source", entry, entry.value.name) for entry in site.sources),
        *(("destination", entry, entry.value.name) for entry in site.destinations),
        *(("origin", entry, entry.value.name) for entry in site.origins),
        *(("policy", entry, entry.value.name) for entry in site.policies),
        *(("holiday", entry, entry.value.name) for entry in site.holidays),
        *(("deck", entry, _deck_key(entry.value)) for entry in site.decks),
        *(("plan", entry, entry.value.code) for entry in site.plans),
        *(("bucket", entry, entry.value.key) for entry in site.buckets),
        *(("supplier", entry, entry.value.code) for entry in site.suppliers),
        *(("account", entry, entry.value.code) for entry in site.accounts),
        *(("pool", entry, entry.value.key) for entry in site.pools),
        *((entry.value.kind.value, entry, _service_key(entry.value)) for entry in site.services),
    ]
    first: dict[tuple[str, str], Place] = {}
    for noun, entry, key in named:
        place = first.setdefault((noun, key), entry.place)
        if place != entry.place:
            name = key.partition("\0")[0]
            site.findings.add(entry.place, f"{noun} {name} is on line {site.findings.line(place)} too")


def _deck_key(deck: SiteDeck) -> str:
    """Return what tells *deck* from all others in the file: it may be there once for each moment."""
    moment = "" if deck.active_from is None else shown(instant("active_from", deck.active_from, UTC))
    return f"{deck.name}\0{moment}"


def _service_key(service: Service) -> str:
    """Return what tells *service* from all others in the file: one number may be there for several times."""
    try:
        name = canonical(service.kind, service.name)
    except BadInput:
        name = service.name  # told when it is applied
    scope = (getattr(service, field, None) for field in ("tenant", "client", "tech_prefix"))
    return "\0".join((name, service.account, shown(service.activated), *map(shown, scope)))
