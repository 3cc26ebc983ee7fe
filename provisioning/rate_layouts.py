"""
How a carrier writes its rate files: what their names and numbers do not tell by themselves.

What a layout leaves open is found in the first rows, or refused where it could be two things.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from provisioning.moments import zone_named
from provisioning.rate_columns import FIELDS
from provisioning.rate_texts import increments, week_hours
from radiusd.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """
    How a carrier writes its rate files; what is empty is found in the file itself.

    *columns*: our field to the title of its column, or to its number from 1. *per*: seconds that a price is
    for, or ``increment``. *divisor*: what prices are divided by. *increments*: those of rows that name none.
    *peak*: when the peak is, as ``1-5 08:00-20:00``.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    header: bool = True
    decimal: str = ""
    dates: str = ""
    zone: str = "UTC"
    per: str = "60"
    divisor: int = 1
    increments: str = ""
    peak: str = ""
    delimiter: str = ""
    encoding: str = ""
    sheet: str = ""

    def __post_init__(self) -> None:
        for name in self.columns:
            if name not in FIELDS:
                raise BadInput(f"column: {name[:40]!r} is no field; there are {', '.join(sorted(FIELDS))}")
        self._check_words()
        if self.per != "increment" and not (self.per.isascii() and self.per.isdecimal() and int(self.per)):
            raise BadInput(f"per: {self.per[:40]!r} is neither a number of seconds nor increment")
        if self.increments:
            _checked("increments", increments, self.increments)
        if self.peak:
            _checked("peak", week_hours, self.peak)
        zone_named("zone", self.zone)

    def _check_words(self) -> None:
        """Refuse what no file is written with. Raises BadInput."""
        for name, known in WORDS.items():
            text = getattr(self, name)
            if text and text not in known:
                raise BadInput(f"{name}: {text[:40]!r} is none of {', '.join(known)}")
        if self.divisor < 1:
            raise BadInput(f"divisor: {self.divisor} must be at least 1")
        if len(self.delimiter) > 1:
            raise BadInput(f"delimiter: {self.delimiter[:40]!r} is more than one sign")
        if self.encoding:
            try:
                codecs.lookup(self.encoding)
            except (LookupError, ValueError) as error:
                raise BadInput(f"encoding: no encoding is called {self.encoding[:40]!r}") from error

    def key(self) -> str:
        """Return a text that is the same for the same layout only; empty when it says nothing."""
        said = {
            name: getattr(self, name)
            for name in self.__slots__
            if getattr(self, name) != getattr(PLAIN, name)
        }
        return json.dumps(said, sort_keys=True, default=dict) if said else ""


WORDS: Mapping[str, tuple[str, ...]] = {"decimal": ("point", "comma"), "dates": ("dmy", "mdy")}
"""What the fields of closed sets may say; empty: it is found."""

HELPS = {
    "columns": "Our field to the title of its column, or without a header to its number from 1.",
    "ignore": "Titles of columns that do not count.",
    "header": "Whether the first row has titles.",
    "decimal": "Sign before decimals; without it, found.",
    "dates": "Order of day and month between slashes; without it, found.",
    "zone": "Where days begin.",
    "per": "What a price is for: seconds, or increment.",
    "divisor": "What prices are divided by.",
    "increments": "Increments of rates that name none, like 30/6.",
    "peak": "When the peak is, for files with peak prices, like 1-5 08:00-20:00.",
    "delimiter": "Sign between cells; without it, found.",
    "encoding": "Encoding of the text; without it, found.",
    "sheet": "Sheet of a workbook; without it, the first.",
}
"""What the fields mean."""

PLAIN = Layout()


def _checked(name: str, read: Callable[[str], object], text: str) -> None:
    try:
        read(text)
    except ValueError as error:
        raise BadInput(f"{name}: {error}") from error
