"""What a page is: a path, the right that it asks for, what it shows and what its forms do."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, BinaryIO
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from provisioning.admin import shown
from provisioning.api.endpoints import Asked
from provisioning.logins import Session
from radiusd.exports.values import spreadsheet_cell

Form = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Shown:
    """A template with its *values*; *part* of a page is what a script puts in the place of an older one."""

    template: str
    values: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    part: bool = False


@dataclass(frozen=True, slots=True)
class File:
    """Octets to be saved under a name."""

    octets: bytes
    media: str
    name: str


def csv_file(name: str, titles: Sequence[str], rows: Iterable[Sequence[object]]) -> File:
    """Return *rows* as CSV (RFC 4180) to be saved; no text is a formula to a spreadsheet, money is money."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(titles)
    writer.writerows([_saved(value) for value in row] for row in rows)
    return File(text.getvalue().encode("utf-8-sig"), "text/csv; charset=utf-8", name)


def _saved(value: object) -> str:
    # A negative amount as text would get the apostrophe of a formula, and no spreadsheet would add it up.
    return spreadsheet_cell(Decimal(shown(value)) if isinstance(value, Decimal) else shown(value))


@dataclass(frozen=True, slots=True)
class Stream:
    """What *write* writes in a thread as fast as it is taken, to be saved under a name."""

    write: Callable[[BinaryIO], object]
    media: str
    name: str


@dataclass(frozen=True, slots=True)
class Go:
    """
    Another page to go to, and what it tells once. *session* is a new one, or with *ends* there is none.

    *after* is done in a thread once the transaction is committed, and returns what is to be told; with *long*
    in one that no other request waits for.
    """

    where: str
    told: str = ""
    session: Session | None = None
    ends: bool = False
    after: Callable[[], str] | None = None
    long: bool = False


Outcome = Shown | Go | File | Stream


@dataclass(frozen=True, slots=True)
class Visit:
    """A request as a page sees it, within its transaction. *form* are the fields that were sent."""

    asked: Asked
    session: Session | None
    form: Form
    zone: ZoneInfo
    files: Mapping[str, bytes] = field(default_factory=dict)
    file_names: Mapping[str, str] = field(default_factory=dict)

    @property
    def query(self) -> Mapping[str, str]:
        """What stands behind the question mark."""
        return self.asked.query

    @property
    def who(self) -> Session:
        """Who visits a page that needs a login."""
        assert self.session is not None, "the site asks for a login before"
        return self.session

    def may(self, right: str) -> bool:
        """Tell whether whoever visits may do that somewhere."""
        return self.session is not None and self.session.actor.may(right)

    def again(self, **changed: object) -> str:
        """Return the query with some values changed, None taking one away."""
        values = {**self.query, **changed}
        return "?" + urlencode({name: str(value) for name, value in values.items() if value is not None})


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """
    A page of the console.

    *path* has names in braces. *right* None: whoever is logged in; *open*: anybody. *act* answers the page's
    forms, alone among the changes of the catalogue. *menu* is its place in the menu, *cli* the command that
    shows the same.
    """

    path: str
    title: str
    show: Callable[[Visit], Outcome]
    act: Callable[[Visit], Outcome] | None = None
    right: str | None = None
    open: bool = False
    menu: str = ""
    cli: str = ""
    json: str = ""  # the path below /api/v1 that tells the same
    most_octets: int = 200_000
