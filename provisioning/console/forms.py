"""Forms made from the fields of what admins provision: the same names, types and words as everywhere else."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from dataclasses import Field as DataclassField
from datetime import date
from decimal import Decimal
from typing import Any, get_origin, get_type_hints

from provisioning.admin import Secret, shown
from provisioning.api.bodies import without_none
from provisioning.console.rendering import words
from provisioning.toml_fields import read_value
from radiusd.errors import BadInput


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form: how it is asked for, what stands in it, and what is wrong with that."""

    name: str
    kind: str  # text, number, amount, date, choice, flag, lines, secret
    value: str
    required: bool
    help: str
    choices: tuple[str, ...] = ()
    suggestions: tuple[str, ...] = ()
    error: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Problems:
    """What is wrong with what was sent: by field, and as a whole."""

    of: Mapping[str, str]
    whole: tuple[str, ...] = ()


NONE = Problems({})


def form_fields(
    kind: type[Any],
    names: Sequence[str],
    *,
    current: Any | None = None,
    sent: Mapping[str, str] | None = None,
    helps: Mapping[str, str] | None = None,
    choices: Mapping[str, tuple[str, ...]] | None = None,
    suggestions: Mapping[str, Sequence[str]] | None = None,
    problems: Problems = NONE,
    labels: Mapping[str, str] | None = None,
) -> list[Field]:
    """Return the fields *names* of a form for a *kind*: with what was *sent*, else what *current* has."""
    hints = get_type_hints(kind)
    known = {field.name: field for field in fields(kind)}
    made = []
    for name in names:
        wanted, optional = without_none(hints[name])
        if sent is not None:
            value = sent.get(name, "")
        elif current is not None:
            value = _text(getattr(current, name), wanted)
        else:
            value = _text(_default(known[name]), wanted) if _has_default(known[name]) else ""
        made.append(
            Field(
                name=name,
                kind=_kind(wanted, (choices or {}).get(name)),
                value=value,
                required=not _has_default(known[name]) and not optional,
                help=(helps or {}).get(name, ""),
                choices=tuple((choices or {}).get(name, ())),
                suggestions=tuple((suggestions or {}).get(name, ())),
                error=problems.of.get(name, ""),
                label=(labels or {}).get(name) or words(name),
            )
        )
    return made


def read_form(
    kind: type[Any], names: Collection[str], sent: Mapping[str, str], *, keep_secrets: bool = False
) -> dict[str, Any]:
    """
    Return the values of the fields *names* of a *kind* that were *sent*; an empty one is not set.

    Raises:
        BadInput: Some cannot be read: a line each, beginning with the field's name.
    """
    hints = get_type_hints(kind)
    known = {field.name: field for field in fields(kind)}
    values: dict[str, Any] = {}
    problems = []
    for name in names:
        wanted, optional = without_none(hints[name])
        text = sent.get(name, "").strip() if wanted is not Secret else sent.get(name, "")
        if wanted is bool:
            values[name] = text in ("yes", "on", "true")
            continue
        if not text:
            if wanted is Secret and keep_secrets:
                continue
            if optional or _has_default(known[name]):
                values[name] = None if optional else _default(known[name])
            else:
                problems.append(f"{name}: it is missing")
            continue
        try:
            values[name] = read_value(name, wanted, _parsed(name, wanted, text))
        except BadInput as error:
            problems.append(str(error))
    if problems:
        raise BadInput("\n".join(problems))
    return values


def problems_in(error: BadInput, names: Collection[str]) -> Problems:
    """Return what *error* says of the fields *names*, and what it says of the whole."""
    of: dict[str, str] = {}
    whole = []
    for line in str(error).splitlines():
        name, colon, message = line.partition(": ")
        if colon and name in names:
            of.setdefault(name, message)
        elif line:
            whole.append(line)
    return Problems(of, tuple(whole))


def _has_default(field: DataclassField[Any]) -> bool:
    return field.default is not MISSING or field.default_factory is not MISSING


def _default(field: DataclassField[Any]) -> Any:
    """Return what a field is when nobody says."""
    if field.default is not MISSING:
        return field.default
    assert field.default_factory is not MISSING, "it has a default"
    return field.default_factory()


def _kind(wanted: Any, choices: tuple[str, ...] | None) -> str:
    if choices:
        return "choice"
    origin = get_origin(wanted) or wanted
    kinds = {bool: "flag", int: "number", Decimal: "amount", date: "date", Secret: "secret", tuple: "lines"}
    return "lines" if origin is Mapping else kinds.get(origin, "text")


def _parsed(name: str, wanted: Any, text: str) -> object:
    """Return *text* as TOML would give it."""
    origin = get_origin(wanted) or wanted
    if wanted is int:
        if not text.lstrip("-").isdecimal() or not text.isascii() or len(text) > 20:
            raise BadInput(f"{name}: {text[:40]!r} is not a whole number")
        return int(text)
    if origin is tuple:
        return [line.strip() for line in _lines(text)]
    if origin is Mapping:
        pairs = [line.partition("=") for line in _lines(text)]
        for key, equals, _ in pairs:
            if not equals:
                raise BadInput(f"{name}: {key[:40]!r} is not NAME=VALUE; write one a line")
        return {key.strip(): value.strip() for key, _, value in pairs}
    return text


def _lines(text: str) -> Iterator[str]:
    """Yield the items of a list: one a line, or divided by commas."""
    for line in text.replace(",", "\n").splitlines():
        if line.strip():
            yield line


def _text(value: object, wanted: Any) -> str:
    if value is None or wanted is Secret:
        return ""
    if isinstance(value, tuple):
        return "\n".join(shown(item) for item in value)
    if isinstance(value, Mapping):
        return "\n".join(f"{name}={item}" for name, item in value.items())
    return shown(value)


