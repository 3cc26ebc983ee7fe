"""Read the tables of a TOML file into our dataclasses; every wrong field is told with its line."""

from __future__ import annotations

import difflib
import types
from collections.abc import Collection, Hashable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from provisioning.admin import Secret
from provisioning.amounts import parse_amount
from provisioning.moments import parse_moment
from provisioning.toml_lines import Path as Place
from provisioning.toml_lines import line_of
from radiusd.errors import BadInput

Table = dict[str, Any]
MAX_SECRET_OCTETS = 4096


@dataclass(slots=True)
class Findings:
    """
    What is wrong with the file at *path*, line by line, and what its admin should be warned of.

    *alone*: it came without files beside it, and may name none: they would be others, of our own machine.
    """

    path: Path
    lines: dict[Place, int]
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    alone: bool = False

    def line(self, place: Place) -> int:
        """Return the line of *place*."""
        return line_of(self.lines, place)

    def add(self, place: Place, message: str) -> None:
        """Note a problem at *place*."""
        self.problems.append(f"{self.path}:{self.line(place)}: {message}")

    def refuse(self) -> None:
        """Raise BadInput with all problems, if there are any."""
        if self.problems:
            raise BadInput("\n".join(self.problems) + "\nNothing was changed.")


T = TypeVar("T")


def read_table(kind: type[T], table: Table, place: Place, findings: Findings, **given: object) -> T | None:
    """
    Return the *kind*, a dataclass, that *table* at *place* describes; *given* are fields not written in it.

    A field of type Secret may also be named as the file that holds it, with ``_file`` after its name.

    Returns:
        None when something is wrong; *findings* got to know what.
    """
    before = len(findings.problems)
    readers, required = _readers_of(cast(Hashable, kind))
    values = dict(given)
    for name, value in table.items():
        _read_field(name, value, readers, given, (*place, name), findings, values)
    missing = [name for name in required if name not in values and name not in table]
    for name in missing:
        findings.add(place, f"{name}: it is missing")
    return kind(**values) if len(findings.problems) == before else None


def _read_field(
    name: str,
    value: object,
    readers: Mapping[str, Any],
    given: Collection[str],
    place: Place,
    findings: Findings,
    values: dict[str, object],
) -> None:
    target = name.removesuffix("_file")
    of_file = target != name and readers.get(target) is Secret
    try:
        if of_file and findings.alone:
            findings.add(place, f"{name}: no file can be named in what is sent; write {target}")
        elif of_file:
            values[target] = _secret_in(findings.path.parent / _text(name, value), name)
        elif name in readers and name not in given:
            values[name] = read_value(name, readers[name], value)
        else:
            findings.add(place, f"{name}: there is no such field{suggestion(name, readers)}")
    except BadInput as error:
        findings.add(place, str(error))


@cache
def _readers_of(kind: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the types of the fields of *kind*, and the names of those that must be given."""
    hints = get_type_hints(kind)
    all_fields: tuple[Field[Any], ...] = fields(kind)
    required = tuple(f.name for f in all_fields if f.default is MISSING and f.default_factory is MISSING)
    return {f.name: _without_none(hints[f.name]) for f in all_fields}, required


def _without_none(hint: Any) -> Any:
    if get_origin(hint) is types.UnionType:
        (hint,) = (choice for choice in get_args(hint) if choice is not types.NoneType)
    return hint


def read_value(name: str, wanted: Any, value: object) -> object:
    """
    Return *value*, as TOML gives it, as the type *wanted*.

    Raises:
        BadInput: It is of another type.
    """
    if wanted is Secret:
        return Secret(_text(name, value).encode())
    if wanted is str:
        return _text(name, value)
    if wanted in (int, bool) and type(value) is wanted:
        return value
    if wanted is Decimal:
        return _decimal(name, value)
    if wanted is date:  # a datetime is one too
        return value if isinstance(value, date) else parse_moment(name, _text(name, value))
    if get_origin(wanted) is tuple and isinstance(value, list):
        return tuple(_text(name, item) for item in value)
    if get_origin(wanted) is Mapping and isinstance(value, dict):
        return {key: _text(f"{name}.{key}", item) for key, item in value.items()}
    raise BadInput(f"{name}: {_written(value)} is not {EXPECTED[get_origin(wanted) or wanted]}")


EXPECTED = {
    int: "a whole number",
    bool: "true or false",
    tuple: 'a list of texts like ["a", "b"]',
    Mapping: "a table of texts",
}


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise BadInput(f"{name}: {_written(value)} is not a text; put it in quotes")
    return value


def _decimal(name: str, value: object) -> Decimal:
    """Return a number that was written as text, or as a TOML number, which was read without float."""
    if isinstance(value, str):
        return parse_amount(name, value)
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return Decimal(value)
    raise BadInput(f"{name}: {_written(value)} is not a number like 0.0125")


def _written(value: object) -> str:
    """Return *value* as a message may show it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a table"
    return repr(str(value)[:40])


def suggestion(name: str, known: Collection[str]) -> str:
    """Return which of the *known* names may be meant by *name*, or all of them."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(sorted(known))}"


def _secret_in(path: Path, name: str) -> Secret:
    """Return the secret in a file, without the newline that editors put after it. Raises BadInput."""
    try:
        with path.open("rb") as file:
            octets = file.read(MAX_SECRET_OCTETS + 1)
    except OSError as error:
        raise BadInput(f"{name}: {path} cannot be read: {error.strerror}") from error
    if len(octets) > MAX_SECRET_OCTETS:
        raise BadInput(f"{name}: {path} has more than {MAX_SECRET_OCTETS} octets")
    return Secret(octets.removesuffix(b"\n").removesuffix(b"\r"))
