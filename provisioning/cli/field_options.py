"""Options made from the fields of what admins provision: one name and meaning, here and in site files."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import click

from provisioning.amounts import parse_amount
from provisioning.moments import Moment, parse_moment
from radiusd.errors import BadInput

Command = TypeVar("Command", bound=Callable[..., None])
NONE = object()
SHOWN = "shown_in_lists"
NONE_WORD = "none"


def field_options(
    kind: type[Any], helps: Mapping[str, str], new: bool, choices: Mapping[str, tuple[str, ...]] | None = None
) -> Callable[[Command], Command]:
    """
    Return what adds an option for each field of the dataclass *kind* that *helps* describes.

    For a *new* thing, fields without default must be given. *choices* are the words of closed sets.
    """
    hints = get_type_hints(kind)
    known: dict[str, Field[Any]] = {field.name: field for field in fields(kind)}
    made = [
        _option(known[name], hints[name], text, new, (choices or {}).get(name))
        for name, text in helps.items()
    ]

    def add(command: Command) -> Command:
        for option in reversed(made):
            command = option(command)
        return listed_as(kind)(command)

    return add


def listed_as(kind: type[Any]) -> Callable[[Command], Command]:
    """Return what notes that lists show the fields of *kind*: rows of ``set`` may have all of them."""

    def note(command: Command) -> Command:
        if not hasattr(command, SHOWN):
            setattr(command, SHOWN, tuple(field.name for field in fields(kind)))
        return command

    return note


def given(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that were given; the word none takes a field's value away."""
    return {
        name: None if value is NONE else value for name, value in chosen.items() if value not in (None, ())
    }


def _option(
    field: Field[Any], hint: Any, text: str, new: bool, choices: tuple[str, ...] | None
) -> Callable[[Command], Command]:
    optional = get_origin(hint) is types.UnionType
    if optional:
        (hint,) = (choice for choice in get_args(hint) if choice is not types.NoneType)
        text += f" '{NONE_WORD}': not set." if not new else ""
    flag = f"--{field.name.replace('_', '-')}"
    required = new and field.default is MISSING and field.default_factory is MISSING
    if hint is bool:
        return click.option(f"{flag}/--no-{flag[2:]}", field.name, default=None, help=text)
    many = get_origin(hint) in (tuple, Mapping)
    reader = click.Choice(choices) if choices else READERS[get_origin(hint) or hint]
    if optional and not new:
        reader = _or_none(reader)
    return click.option(
        flag,
        field.name,
        type=reader,
        multiple=many,
        required=required,
        metavar=None if choices else METAVARS[get_origin(hint) or hint],
        help=text + (" May be repeated." if many else ""),
    )


def amount(text: str) -> Decimal:
    """Return a decimal number. A function of one text is a type to click."""
    try:
        return parse_amount("amount", text)
    except BadInput as error:
        raise click.BadParameter(str(error).partition(": ")[2]) from error


def moment(text: str) -> Moment:
    """Return a day or an instant; a day begins where the account is."""
    try:
        return parse_moment("date", text)
    except BadInput as error:
        raise click.BadParameter(str(error).partition(": ")[2]) from error


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE")
    return name, value


def _whole(text: str) -> int:
    if not text.lstrip("-").isdecimal() or not text.isascii() or len(text) > 20:
        raise click.BadParameter(f"{text[:40]!r} is not a whole number")
    return int(text)


def _or_none(reader: Any) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        return NONE if text == NONE_WORD else reader(text)

    return read


READERS: dict[Any, Callable[[str], Any]] = {
    str: str,
    int: _whole,
    Decimal: amount,
    date: moment,
    tuple: str,
    Mapping: _pair,
}
METAVARS: dict[Any, str] = {
    str: "TEXT",
    int: "NUMBER",
    Decimal: "AMOUNT",
    date: "DATE",
    tuple: "TEXT",
    Mapping: "NAME=VALUE",
}
