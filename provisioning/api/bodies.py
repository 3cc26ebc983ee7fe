"""Read JSON bodies into the fields of what admins provision: fields, types and words are the site file's."""

from __future__ import annotations

import json
import types
from collections.abc import Hashable, Mapping
from dataclasses import MISSING, Field, fields
from decimal import Decimal
from functools import cache
from typing import Any, NoReturn, cast, get_args, get_origin, get_type_hints

from provisioning.toml_fields import read_value, suggestion
from radiusd.errors import BadInput

DEEPEST = 20


class NotJson(BadInput):
    """A body is no JSON object. HTTP status 400."""


class WrongFields(BadInput):
    """Fields of a body are wrong; *problems* holds a sentence for each, that begins with its name."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def read_json(octets: bytes) -> dict[str, Any]:
    """
    Return the object in *octets*; no number becomes a float.

    Raises:
        NotJson: There is none.
    """
    try:
        value = json.loads(octets.decode(), parse_float=Decimal, parse_constant=_refuse_constant)
        _check_texts(value, 0)
    except (ValueError, RecursionError) as error:
        raise NotJson(f"the body is no JSON in UTF-8: {str(error)[:100]}") from error
    if not isinstance(value, dict):
        raise NotJson('the body is no JSON object; write {"name": "value", ...}')
    return value


def read_fields(
    kind: type[Any], given: Mapping[str, Any], *, partial: bool, fixed: tuple[str, ...] = ()
) -> dict[str, Any]:
    """
    Return the values of the fields of the dataclass *kind* in the body *given*; null takes a value away.

    With *partial* none is needed. *fixed* fields are told elsewhere and may not be there.

    Raises:
        WrongFields: Some are wrong, missing or unknown.
    """
    hints, required = _fields_of(cast(Hashable, kind))
    known = {name: hint for name, hint in hints.items() if name not in fixed}
    values: dict[str, Any] = {}
    problems: list[str] = []
    for name, value in given.items():
        try:
            if name not in known:
                raise BadInput(f"{name[:60]}: there is no such field{suggestion(name, known)}")
            values[name] = _read(name, known[name], value)
        except BadInput as error:
            problems.append(str(error))
    if not partial:
        problems += [f"{name}: it is missing" for name in required if name in known and name not in given]
    if problems:
        raise WrongFields(problems)
    return values


def without_none(hint: Any) -> tuple[Any, bool]:
    """Return a type without None, and whether None is allowed."""
    if get_origin(hint) is types.UnionType:
        (inner,) = (choice for choice in get_args(hint) if choice is not types.NoneType)
        return inner, True
    return hint, False


def _read(name: str, hint: Any, value: object) -> object:
    wanted, optional = without_none(hint)
    if value is None:
        if optional:
            return None
        raise BadInput(f"{name}: it cannot be null")
    return read_value(name, wanted, value)


@cache
def _fields_of(kind: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    all_fields: tuple[Field[Any], ...] = fields(kind)
    required = tuple(f.name for f in all_fields if f.default is MISSING and f.default_factory is MISSING)
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in all_fields}, required


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")


def _check_texts(value: object, depth: int) -> None:
    """Refuse what PostgreSQL's text cannot hold, and nesting that nothing of ours has."""
    if depth > DEEPEST:
        raise ValueError("it is nested too deeply")
    if isinstance(value, str):
        check_text(value)
    elif isinstance(value, dict):
        for name, inner in value.items():
            check_text(name)
            _check_texts(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check_texts(inner, depth + 1)


def check_text(text: str) -> None:
    """Return when *text* can be stored. Raises ValueError."""
    if "\0" in text:
        raise ValueError("a text holds the character U+0000, which cannot be stored")
    text.encode()  # a surrogate by itself is a UnicodeEncodeError, which is a ValueError
