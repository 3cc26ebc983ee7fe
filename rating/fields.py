"""Read typed values out of parsed JSON or TOML, and name the field that is wrong."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from difflib import get_close_matches
from enum import StrEnum
from fractions import Fraction
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from rating.increments import LONGEST_S
from rating.money import fraction

Choice = TypeVar("Choice", bound=StrEnum)

#: Texts about an entry that change no price; allowed in every table.
REMARKS = frozenset({"comment", "description", "id", "name", "note", "tags", "title"})

#: A date beyond has no neighbours in every zone, or none ten years on: a call's last second may need them.
_YEARS = range(1900, 9901)

_SLIP = 0.82  # how much alike two names are of which one is the other, misspelt


class FieldError(ValueError):
    """A field is missing, or its value cannot be used; the message begins with its path."""


class Fields:
    """The fields of one table of a document; *path* is where it stands, like ``rates[2]``."""

    __slots__ = ("path", "values")

    def __init__(self, values: object, path: str = "") -> None:
        if not isinstance(values, Mapping):
            raise FieldError(f"{path or 'document'}: expected a table of fields, not {_shown(values)}")
        self.values: Mapping[str, Any] = values
        self.path = path

    def __contains__(self, name: str) -> bool:
        return self.values.get(name) is not None

    def error(self, name: str, message: object) -> FieldError:
        """Return the error to raise about a field, or with ``""`` about the table itself."""
        place = ".".join(part for part in (self.path, name) if part)
        return FieldError(f"{place}: {message}" if place else str(message))

    @contextmanager
    def blamed(self, name: str = "") -> Iterator[None]:
        """Turn a ValueError of the values read inside into one that begins with the path of the field."""
        try:
            yield
        except FieldError:
            raise
        except ValueError as error:
            raise self.error(name, error) from None

    def only(self, *names: str) -> None:
        """Refuse fields that are not among *names*: a misspelt one would change a price in silence."""
        for name in self.slips(*names):
            raise self.error(name, f"unknown field; known are {', '.join(sorted(names))}")

    def slips(self, *names: str) -> list[str]:
        """Refuse fields that are nearly one of *names*; return the others that are not among them."""
        unknown = [name for name in self.values if name not in names and name not in REMARKS]
        for name in unknown:
            for near in get_close_matches(name, names, 1, _SLIP):
                raise self.error(name, f"unknown field; did you mean {near}?")
        return unknown

    def _get(self, name: str, wanted: str) -> Any:
        value = self.values.get(name)
        if value is None:
            raise self.error(name, f"is missing; give {wanted}")
        return value

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text; a whole number stands for its digits."""
        if default is not None and name not in self:
            return default
        value = self._get(name, "a text")
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str):
            raise self.error(name, f"expected a text, not {_shown(value)}")
        return value

    def digits(self, name: str, longest: int) -> str:
        """Return a text of digits only, perhaps of none, as prefixes are."""
        text = self.text(name)
        if text and not (text.isascii() and text.isdigit() and len(text) <= longest):
            raise self.error(
                name, f"expected up to {longest} digits, without + or blanks, not {_shown(text)}"
            )
        return text

    def flag(self, name: str, default: bool = False) -> bool:
        """Return true or false."""
        value = self.values[name] if name in self else default
        if not isinstance(value, bool):
            raise self.error(name, f"expected true or false, not {_shown(value)}")
        return value

    def whole(self, name: str, default: int | None = None, least: int = -LONGEST_S) -> int:
        """Return a whole number that is not below *least*, as of seconds."""
        if default is not None and name not in self:
            return default
        value = self._get(name, "a whole number")
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) > LONGEST_S:
            raise self.error(name, f"expected a whole number up to {LONGEST_S}, not {_shown(value)}")
        if value < least:
            raise self.error(name, f"must be {least} or more, not {value}")
        return value

    def amount(self, name: str, default: Fraction | None = None) -> Fraction:
        """Return an exact number from a decimal string; a float is refused."""
        if default is not None and name not in self:
            return default
        with self.blamed(name):
            return fraction(self.decimal_text(name))

    def decimal_text(self, name: str) -> str:
        """Return the digits of a number that is written as a string, or was read without loss."""
        value = self._get(name, 'a decimal string like "0.0125"')
        if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) <= len(str(LONGEST_S)):
            return format(value, "f")
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str):
            raise self.error(name, f'expected a decimal string like "0.0125", not {_shown(value)}')
        return value

    def moment(self, name: str, default: datetime | None = None) -> datetime | None:
        """Return an instant with a zone, or *default* when the field is absent."""
        if name not in self:
            return default
        try:
            at = datetime.fromisoformat(self.text(name))
        except ValueError:
            shown = _shown(self.values[name])
            raise self.error(name, f"expected a time like 2026-01-05T10:00:00Z, not {shown}") from None
        if at.tzinfo is None:
            raise self.error(name, f"the time carries no zone: {at.isoformat()}; write Z or +01:00 after it")
        return at

    def event(self, name: str) -> datetime:
        """Return the instant of something that happened, of which every zone has a date."""
        at = self.moment(name)
        if at is None:
            raise self.error(name, "is missing; give a time like 2026-01-05T10:00:00Z")
        return self._in_calendar(name, at)

    def _in_calendar(self, name: str, at: datetime) -> datetime:
        if at.year not in _YEARS:
            raise self.error(name, f"expected a year from {_YEARS[0]} to {_YEARS[-1]}, not {at.year}")
        return at

    def day(self, name: str, zone: ZoneInfo) -> date:
        """Return a date; of an instant, the date that it is in *zone*."""
        text = self.text(name)
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            raise self.error(name, f"expected a date like 2026-01-31, not {_shown(text)}") from None
        self._in_calendar(name, at)
        return at.date() if at.tzinfo is None else at.astimezone(zone).date()

    def choice(self, name: str, kind: type[Choice], default: Choice) -> Choice:
        """Return a member of a closed set."""
        value = self.text(name, default.value)
        try:
            return kind(value)
        except ValueError:
            allowed = ", ".join(member.value for member in kind)
            raise self.error(name, f"expected one of {allowed}, not {_shown(value)}") from None

    def texts(self, name: str, default: Iterable[str] = ()) -> tuple[str, ...]:
        """Return a list of texts."""
        items = self._list(name, default)
        return tuple(Fields({"": item}, self._inside(f"{name}[{index}]")).text("") for index, item in items)

    def tables(self, name: str) -> Iterator["Fields"]:
        """Yield the tables of a list; none when it is absent."""
        for index, item in self._list(name, ()):
            yield Fields(item, self._inside(f"{name}[{index}]"))

    def table(self, name: str) -> "Fields":
        """Return a table; an empty one when it is absent."""
        return Fields(self.values[name] if name in self else {}, self._inside(name))

    def zone(self, name: str) -> ZoneInfo:
        """Return an IANA time zone; UTC when it is absent."""
        key = self.text(name, "UTC")
        try:
            return ZoneInfo(key)
        except (KeyError, ValueError, OSError):  # a KeyError for unknown, the others for hostile names
            raise self.error(name, f"no such time zone: {_shown(key)}") from None

    def _list(self, name: str, default: Iterable[object]) -> Iterator[tuple[int, Any]]:
        value = self.values[name] if name in self else list(default)
        if not isinstance(value, list):
            raise self.error(name, f"expected a list, not {_shown(value)}")
        return enumerate(value)

    def _inside(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
