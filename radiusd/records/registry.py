"""The formats there are. A new one is a module beside this one, and a line in it."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import BinaryIO, Protocol

import msgspec

from radiusd.errors import BadInput, NotFound
from radiusd.records.record import Outcomes


class Reader(Protocol):
    """
    How a format is read.

    It yields as it reads, in memory that does not grow with the file; a bad record is an outcome. It raises
    :class:`radiusd.errors.BadInput` for a setting's value when it is called, and nothing afterwards.
    """

    def __call__(self, file: BinaryIO, settings: Mapping[str, str]) -> Outcomes:
        """Return what *file*, unpacked and read from where it stands, tells."""


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """
    A format: its name, its reader and its settings (name to what it does).

    *local_time*: its records tell local time without an offset, so a source has to say the zone.
    """

    name: str
    title: str
    read: Reader
    settings: Mapping[str, str] = {}
    local_time: bool = False


class _Registry(dict[str, Format]):
    def __missing__(self, name: str) -> Format:
        raise NotFound(f"there is no format {name!r}; the formats are {', '.join(sorted(self))}")


ALL: tuple[Format, ...] = ()

FORMATS: Mapping[str, Format] = _Registry({each.name: each for each in ALL})
"""Every format by its name; an unknown name raises NotFound."""


def check_settings(name: str, settings: Mapping[str, str]) -> list[str]:
    """
    Return what is wrong with *settings* of the format *name*, a sentence each.

    Raises:
        NotFound: There is no such format.
    """
    known = FORMATS[name].settings
    names = ", ".join(sorted(known)) or "none"
    unknown = [setting for setting in settings if setting not in known]
    if unknown:
        return [f"setting {each}: the format {name} has no such setting; it has {names}" for each in unknown]
    try:
        FORMATS[name].read(BytesIO(), settings)
    except BadInput as error:
        return [str(error)]
    return []
