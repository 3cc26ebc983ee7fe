"""
How a carrier writes its rate files: what their names and numbers do not tell by themselves.

What a layout leaves open is found in the first rows, or refused where it could be two things.
"""

from __future__ import annotations

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
        if self.per != "increment" and not (self.per.isascii() and self.per.isdecimal() and int(self.per)):
            raise BadInput(f"per: {self.per[:40]!r} is neither a number of seconds nor increment")
        if self.increments:
            _checked("increments", increments, self.increments)
        if self.peak:
            _checked("peak", week_hours, self.peak)
        zone_named("zone", self.zone)

    def key(self) -> str:
        """Return a text that is the same for the same layout only; empty when it says nothing."""
        said = {
            name: getattr(self, name)
            for name in self.__slots__
            if getattr(self, name) != getattr(PLAIN, name)
        }
        return json.dumps(said, sort_keys=True, default=dict) if said else ""


PLAIN = Layout()


def _checked(name: str, read: Callable[[str], object], text: str) -> None:
    try:
        read(text)
    except ValueError as error:
        raise BadInput(f"{name}: {error}") from error
