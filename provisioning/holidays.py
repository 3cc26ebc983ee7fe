"""Holiday calendars: the dates on which a rate's bands for holidays hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from psycopg2.extensions import cursor as Cursor

from provisioning import names
from provisioning.admin import Admin, Change, compare, record
from provisioning.rows import save
from radiusd.errors import BadInput, Conflict, NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Dates, as 2026-12-25, each a whole day where the account is."""

    name: str
    days: tuple[str, ...]


def add_calendar(txn: Cursor, calendar: Calendar, admin: Admin) -> Change:
    """Add *calendar*. Raises Conflict when it exists."""
    if _read(txn, calendar.name) is not None:
        raise Conflict(f"holiday calendar {calendar.name} exists already; change it with set")
    return set_calendar(txn, calendar, admin)


def set_calendar(txn: Cursor, calendar: Calendar, admin: Admin) -> Change:
    """Make the calendar be as *calendar*, whether it exists or not."""
    change = put_calendar(txn, calendar)
    record(txn, admin, [change])
    return change


def put_calendar(txn: Cursor, calendar: Calendar) -> Change:
    """Make the calendar be as *calendar*; the caller records the change."""
    days = sorted({_day(text) for text in calendar.days})
    calendar = Calendar(
        name=names.name("name", calendar.name), days=tuple(day.isoformat() for day in days)
    )
    found = _read(txn, calendar.name)
    row_id, current = (None, None) if found is None else found
    change = compare("holiday", calendar.name, current, calendar)
    if change:
        save(txn, "holiday_calendar", row_id, {"name": calendar.name, "days": days})
    return change


def list_calendars(txn: Cursor) -> list[Calendar]:
    """Return all calendars by name."""
    txn.execute("SELECT name, days FROM holiday_calendar ORDER BY name")
    return [_calendar(name, days) for name, days in txn.fetchall()]


def calendar_id(txn: Cursor, field: str, name: str | None) -> int | None:
    """Return the id of the calendar that *field* names, None when it names none. Raises NotFound."""
    if name is None:
        return None
    found = _read(txn, name)
    if found is None:
        raise NotFound(f"{field}: holiday calendar {name} does not exist; add it first")
    return found[0]


def _read(txn: Cursor, name: str) -> tuple[int, Calendar] | None:
    txn.execute("SELECT id, days FROM holiday_calendar WHERE name = %s", (name,))
    row = txn.fetchone()
    return None if row is None else (row[0], _calendar(name, row[1]))


def _calendar(name: str, days: list[date]) -> Calendar:
    return Calendar(name=name, days=tuple(day.isoformat() for day in days))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput(f"days: {text[:40]!r} is no date like 2026-12-25") from None
