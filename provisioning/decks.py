"""Rate decks: every import makes a new version, whole or not at all; no version is ever edited."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from functools import lru_cache
from typing import NamedTuple, NoReturn

import psycopg2.errors
from psycopg2.extensions import cursor as Cursor

from provisioning import names
from provisioning.accounts import currency as checked_currency
from provisioning.admin import Action, Admin, Change, FieldChange, compare, record, shown
from provisioning.deck_successions import Closing, end_closed, take_over
from provisioning.rate_files import Problems, Rate, RateSource
from provisioning.rows import insert, number, update
from radiusd.errors import BadInput, Conflict, NotFound

RATE_COLUMNS = (
    "prefix, description, price_nano, connect_fee_micros, initial_s, increment_s, effective_at, expires_at,"
    " blocked, origin, rules"
)
COPY = f"COPY rate (deck_version_id, {RATE_COLUMNS}) FROM STDIN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deck:
    """A set of rates in one currency."""

    name: str
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeckVersion:
    """One import of a deck, for calls set up from *active_from* on; the first holds before that too."""

    deck: str
    number: int
    active_from: datetime
    source: str
    sha256: str
    row_count: int
    kind: str
    base: int | None


class Kind(Enum):
    """What a file is to the rates that the deck has."""

    WHOLE = "whole"  # all there is: what it lacks has no rate, and a rate has none before its date
    REPLACE = "replace"  # all there will be: until a rate's date, the prefix keeps the one that it has
    AMEND = "amend"  # the changes only: what it lacks stays as it is


def import_deck(
    txn: Cursor,
    deck: Deck,
    source: RateSource,
    admin: Admin,
    active_from: datetime | None = None,
    kind: Kind = Kind.REPLACE,
) -> Change:
    """
    Make the rates of *source* the deck's newest version, making the deck when there is none.

    *active_from* None is now. Importing again what the newest version holds changes nothing.

    Raises:
        BadInput: What is wrong with the rows, a line each; nothing was changed.
    """
    change = put_deck(txn, deck, source, admin, active_from, kind)
    record(txn, admin, [change])
    return change


def put_deck(
    txn: Cursor,
    deck: Deck,
    source: RateSource,
    admin: Admin,
    active_from: datetime | None = None,
    kind: Kind = Kind.WHOLE,
    *,
    unless_held: bool = False,
) -> Change:
    """
    Import as :func:`import_deck` does; the caller records the change.

    With *unless_held* nothing is changed when the version that holds at *active_from* was made from the same.
    """
    deck_id, change = _put_name(txn, deck)
    sha256 = source.sha256() if kind is not Kind.AMEND else f"amend:{source.sha256()}"
    begin = active_from or admin.now
    newest = _newest(txn, deck_id)
    same = version_at(txn, deck.name, begin) if unless_held and newest is not None else newest
    if same is not None and same.sha256 == sha256:
        return change
    if newest is None and kind is Kind.AMEND:
        raise BadInput(f"deck {deck.name} has no rates that could be amended; import it whole first")
    base = None if newest is None or kind is Kind.WHOLE else _version_at(txn, deck_id, begin)
    added = _add_version(txn, deck_id, newest, begin, source.name, sha256, kind.value, base)
    copied = _copy(txn, added.id, source)
    if base is not None:
        take_over(txn, added.id, base.id, begin, copied.closings, everything=kind is Kind.AMEND)
    warnings = tuple(copied.notes)
    if newest is not None and newest.active_from > begin and not (base is None and kind is Kind.AMEND):
        warnings += (f"version {newest.number} takes its place on {shown(newest.active_from)}, as it is",)
    done = _finish_version(txn, change, added, newest, begin)
    return replace(done, warnings=(*done.warnings, *warnings))


class VersionRow(NamedTuple):
    """A version's key and number."""

    id: int
    number: int


def _add_version(
    txn: Cursor,
    deck_id: int,
    newest: DeckVersion | None,
    begin: datetime,
    source: str,
    sha256: str,
    kind: str,
    base: VersionRow | None,
) -> VersionRow:
    number = 1 if newest is None else newest.number + 1
    values = {
        "deck_id": deck_id,
        "number": number,
        "active_from": begin,
        "source": source,
        "sha256": sha256,
        "row_count": 0,
        "kind": kind,
        "base": None if base is None else base.number,
    }
    return VersionRow(insert(txn, "deck_version", values), number)


def _finish_version(
    txn: Cursor, change: Change, added: VersionRow, newest: DeckVersion | None, begin: datetime
) -> Change:
    """Count the version's rates, and return the change that it is."""
    txn.execute("SELECT count(*) FROM rate WHERE deck_version_id = %s", (added.id,))
    row_count = number(txn)
    update(txn, "deck_version", added.id, {"row_count": row_count})
    fields = (
        FieldChange("version", "" if newest is None else str(newest.number), str(added.number)),
        FieldChange("rates", "" if newest is None else str(newest.row_count), str(row_count)),
        FieldChange("active_from", "", shown(begin)),
    )
    action = Action.ADDED if change.action is Action.ADDED else Action.CHANGED
    return replace(change, action=action, fields=(*change.fields, *fields))


def roll_back(
    txn: Cursor, name: str, admin: Admin, to: int | None = None, at: datetime | None = None
) -> Change:
    """
    Bring back the rates of version *to*, by default those before the newest version, as another version.

    It holds from *at*, by default from now, or from when the newest was to hold; so what is only planned
    never comes to pass. Calls that are over keep their price.

    Raises:
        NotFound: There is no such deck or version.
        Conflict: The deck has no version before.
    """
    versions = list_versions(txn, name)
    newest = versions[0]
    holding = newest.base if newest.kind == "rollback" and newest.base else newest.number
    wanted = holding - 1 if to is None else to
    found = next((version for version in versions if version.number == wanted), None)
    if found is None and to is not None:
        raise NotFound(f"deck {name} has no version {to}; 'tollwire deck show {name}' lists them")
    if found is None or found.number == newest.number:
        raise Conflict(f"deck {name} has no version before {holding}")
    txn.execute(
        "SELECT v.deck_id, v.id FROM deck_version v JOIN deck d ON d.id = v.deck_id"
        " WHERE d.name = %s AND v.number = %s",
        (name, found.number),
    )
    ((deck_id, found_id),) = txn.fetchall()
    begin = at or max(admin.now, newest.active_from)
    base = VersionRow(found_id, found.number)
    source = f"version {found.number} again"
    added = _add_version(txn, deck_id, newest, begin, source, found.sha256, "rollback", base)
    txn.execute(
        f"INSERT INTO rate (deck_version_id, {RATE_COLUMNS})"
        f" SELECT %s, {RATE_COLUMNS} FROM rate WHERE deck_version_id = %s",
        (added.id, found_id),
    )
    change = _finish_version(txn, Change(Action.CHANGED, "deck", name), added, newest, begin)
    record(txn, admin, [change])
    return change


def _version_at(txn: Cursor, deck_id: int, at: datetime) -> VersionRow:
    """Return the version for calls set up at a moment, as the server chooses it."""
    txn.execute(
        "SELECT id, number FROM deck_version WHERE deck_id = %s"
        " ORDER BY active_from <= %s DESC, CASE WHEN active_from <= %s THEN active_from END DESC NULLS LAST,"
        " active_from, number DESC LIMIT 1",
        (deck_id, at, at),
    )
    row = txn.fetchone()
    assert row is not None
    return VersionRow(*row)


def version_at(txn: Cursor, name: str, at: datetime) -> DeckVersion:
    """Return the version for calls set up at a moment. Raises NotFound."""
    versions = list_versions(txn, name)
    txn.execute("SELECT id FROM deck WHERE name = %s", (name,))
    held = _version_at(txn, number(txn), at)
    return next(version for version in versions if version.number == held.number)


def versions_from(txn: Cursor, name: str, now: datetime) -> list[DeckVersion]:
    """Return the version that holds at *now* and those that are planned to follow it, in this order."""
    planned = {each.active_from for each in list_versions(txn, name) if each.active_from > now}
    followed = [version_at(txn, name, at) for at in (now, *sorted(planned))]
    return list({version.number: version for version in followed}.values())


def list_decks(txn: Cursor) -> list[Deck]:
    """Return all decks by name."""
    txn.execute("SELECT name, currency FROM deck ORDER BY name")
    return [Deck(name=name, currency=currency) for name, currency in txn.fetchall()]


def list_versions(txn: Cursor, name: str) -> list[DeckVersion]:
    """Return the deck's versions, newest first. Raises NotFound."""
    txn.execute("SELECT id FROM deck WHERE name = %s", (name,))
    row = txn.fetchone()
    if row is None:
        raise NotFound(f"deck {name} does not exist; import it first")
    return _versions(txn, row[0])


def _versions(txn: Cursor, deck_id: int) -> list[DeckVersion]:
    txn.execute(
        "SELECT d.name, v.number, v.active_from, v.source, v.sha256, v.row_count, v.kind, v.base"
        " FROM deck_version v JOIN deck d ON d.id = v.deck_id WHERE d.id = %s ORDER BY v.number DESC",
        (deck_id,),
    )
    return [
        DeckVersion(**dict(zip(DeckVersion.__slots__, row, strict=True)))  # the SELECT's order
        for row in txn.fetchall()
    ]


def _newest(txn: Cursor, deck_id: int) -> DeckVersion | None:
    return next(iter(_versions(txn, deck_id)), None)


def _put_name(txn: Cursor, deck: Deck) -> tuple[int, Change]:
    """Make the deck exist and return its id."""
    names.name("name", deck.name)
    checked_currency("currency", deck.currency)
    txn.execute("SELECT id, currency FROM deck WHERE name = %s", (deck.name,))
    row = txn.fetchone()
    if row is None:
        values = {"name": deck.name, "currency": deck.currency}
        return insert(txn, "deck", values), compare("deck", deck.name, None, deck)
    if row[1] != deck.currency:
        raise Conflict(
            f"currency: deck {deck.name} is in {row[1]} for good; "
            f"import into another deck for {deck.currency}"
        )
    return row[0], Change(Action.UNCHANGED, "deck", deck.name)


class Copied(NamedTuple):
    """What a file held beside its rates: prefixes that end, with origin and moment, and what was assumed."""

    closings: list[Closing]
    notes: list[str]


def _copy(txn: Cursor, version_id: int, source: RateSource) -> Copied:
    """Store the rates of *source* as they are read."""
    problems = Problems(source.name)
    lines = _CopyLines(version_id, source.rates(problems))
    try:
        txn.copy_expert(COPY, lines)  # type: ignore[arg-type]  # it only calls read
    except psycopg2.errors.UniqueViolation:
        _refuse_doubles(source)
    if lines.failure is not None:
        raise lines.failure
    _refuse_unknown_origins(txn, lines.origins, problems)
    problems.refuse()
    if end_closed(txn, version_id, lines.closings):
        _refuse_doubles(source)
    if not lines.row_count and not lines.closings:
        raise BadInput(f"{source.name}: there are no rates in it")
    return Copied(lines.closings, problems.notes)


def _refuse_unknown_origins(txn: Cursor, origins: Mapping[str, int], problems: Problems) -> None:
    """Note the groups of callers that rates name and nobody has added."""
    txn.execute("SELECT name FROM origin_group WHERE name = ANY (%s)", (list(origins),))
    known = {name for (name,) in txn.fetchall()}
    for name, line in origins.items():
        if name not in known and not problems.full:
            problems.add(line, f"origin: there is no group of callers {name[:40]!r}; add it first")


def _refuse_doubles(source: RateSource) -> NoReturn:
    """Raise BadInput that tells which rows price or close one prefix twice from the same instant."""
    problems = Problems(source.name)
    first: dict[tuple[str, datetime, str], int] = {}
    for line, rate in source.rates(problems):
        key = rate.prefix, rate.effective_at, rate.origin
        earlier = first.get(key)
        if earlier is not None and not problems.full:
            place = "twice in this row" if earlier == line else f"on line {earlier} too"
            told = f"{rate.prefix or '*'} effective {shown(rate.effective_at)} is {place}; keep one of them"
            problems.add(line, f"prefix: {told}")
        first.setdefault(key, line)
    problems.refuse()
    raise BadInput(f"{source.name}: the file changed while it was read; import it again")


class _CopyLines(io.TextIOBase):
    """Rates as the lines that COPY reads, made as it asks for them, so that no deck lies in memory."""

    def __init__(self, version_id: int, rates: Iterator[tuple[int, Rate]]) -> None:
        self._start = f"{version_id}\t"
        self._rates = rates
        self.row_count = 0
        self.origins: dict[str, int] = {}  # the line of each group's first rate
        self.closings: list[Closing] = []
        self.failure: BadInput | None = None  # an exception in read would reach us as one of psycopg2's

    def read(self, size: int | None = -1) -> str:
        """Return lines of about *size* characters; an empty string after the last."""
        lines: list[str] = []
        length = 0
        try:
            for line, rate in self._rates:
                if rate.origin:
                    self.origins.setdefault(rate.origin, line)
                if rate.closed:
                    self.closings.append(Closing(rate.prefix, rate.origin, rate.effective_at))
                    continue
                self.row_count += 1
                lines.append(self._start + _copy_line(rate))
                length += len(lines[-1])
                if size is not None and 0 < size <= length:
                    break
        except BadInput as error:
            self.failure = error
        return "".join(lines)


def _copy_line(rate: Rate) -> str:
    """Return *rate* in COPY's text format. Control characters were refused when it was read."""
    description, origin = rate.description.replace("\\", "\\\\"), rate.origin.replace("\\", "\\\\")
    rules = r"\N" if rate.rules is None else rate.rules.replace("\\", "\\\\")
    return (
        f"{rate.prefix}\t{description}\t{rate.price_nano}\t{rate.connect_fee_micros}\t{rate.initial_s}\t"
        f"{rate.increment_s}\t{_copy_moment(rate.effective_at)}\t{_copy_moment(rate.expires_at)}\t"
        f"{'t' if rate.blocked else 'f'}\t{origin}\t{rules}\n"
    )


@lru_cache(maxsize=4096)
def _copy_moment(at: datetime | None) -> str:
    return r"\N" if at is None else at.isoformat()
