"""Exports that are saved in the configuration file: what is in them, and for whom they are made when."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from radiusd.errors import BadInput

Form = Literal["csv", "jsonl", "parquet", "tap"]
Every = Literal["hour", "day", "month"]

STATUSES = ("answered", "failed", "lapsed", "refused", "unmatched", "unrated")
"""How a call may have ended, in the words of its record."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_HOUR = timedelta(hours=1)


class Tap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Between whom TAP files go: PLMN codes, and the number of the first one."""

    sender: str = ""
    recipient: str = ""
    first_sequence: int = 1
    is_test: bool = False


class Export(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """
    A saved export: columns, filters and form; with *every* and *folder* it is made by itself.

    A period is written once, *wait_s* after its end, so that calls which began in it have ended.
    """

    name: str
    format: Form = "csv"
    columns: tuple[str, ...] = ()  # field, or field=Title
    account: str = ""
    status: str = ""
    number: str = ""
    every: Every | Literal[""] = ""
    timezone: str = "UTC"  # whose hours, days and months
    since: str = ""  # the first day that is written; empty: the period of the server's first look
    wait_s: int = 21_600
    folder: str = ""
    tap: Tap = Tap()

    def problems(self) -> list[tuple[str, str]]:
        """Return what is wrong with it: the key it is about, and what to do."""
        from radiusd.exports.columns import parse_columns  # reading settings needs no database

        found = []
        if not _NAME.fullmatch(self.name):
            found.append(("name", f"{self.name!r}: begin with a letter or digit, go on with . _ or - too"))
        try:
            parse_columns(self.columns)
        except BadInput as error:
            found.append(("columns", str(error).removeprefix("columns: ")))
        if bool(self.every) != bool(self.folder):
            found.append(("every", "every and folder go together: when it is made, and where it is put"))
        if self.status and self.status not in STATUSES:
            found.append(("status", f"{self.status!r} is none of {', '.join(STATUSES)}"))
        if self.wait_s < 0:
            found.append(("wait_s", f"{self.wait_s} must be at least 0"))
        if self.format == "tap" and not (self.tap.sender and self.tap.recipient):
            found.append(("tap", "a TAP file needs tap.sender and tap.recipient, PLMN codes like GBRVF"))
        try:
            self.zone()
        except (ZoneInfoNotFoundError, ValueError):
            found.append(("timezone", f"{self.timezone!r} is no time zone like Europe/Berlin"))
        else:
            try:
                self.first_day()
            except ValueError:
                found.append(("since", f"{self.since!r} is no day like 2026-03-01"))
        return found

    def zone(self) -> ZoneInfo:
        """Return the time zone of its periods."""
        return ZoneInfo(self.timezone)

    def first_day(self) -> datetime | None:
        """Return the beginning of the first day that is written, None when it is not said."""
        if not self.since:
            return None
        return datetime.strptime(self.since, "%Y-%m-%d").replace(tzinfo=self.zone())

    def sequence(self, count: int) -> int:
        """Return the number of the TAP file that follows *count* others; after 99999 comes 1."""
        return (self.tap.first_sequence - 1 + count) % 99_999 + 1

    def period_of(self, at: datetime) -> datetime:
        """Return when the period began that *at* is in."""
        local = at.astimezone(self.zone())
        if self.every == "hour":
            began = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
            return at.astimezone(UTC) - began
        day = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        return day.replace(day=1) if self.every == "month" else day

    def period_after(self, start: datetime) -> datetime:
        """Return when the period after that of *start*, its beginning, begins."""
        if self.every == "hour":
            return start + _HOUR
        local = start.astimezone(self.zone()).replace(hour=0, fold=0)
        if self.every == "day":
            return self.period_of(local + timedelta(days=1, hours=3))  # wall time: clocks may change between
        return (local.replace(day=28) + timedelta(days=4)).replace(day=1)
