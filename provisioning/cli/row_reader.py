"""Make a command's parameters from rows of cells: its words are read once, a cell as one of its values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

import click

from radiusd.exports.values import cell

Params = dict[str, Any]
YES, NO = ("yes", "true", "1"), ("no", "false", "0")
SEPARATORS = {";": re.compile(r"(?<!\\);"), ",": re.compile(",")}
BARE = object()  # a cell that says nothing


class RowReader:
    """
    Reads rows with *columns* for the command of *ctx*, with the options *given* before those of each row.

    To make a context of click for each row would take longer than all else that a row costs.

    Raises:
        click.UsageError: The options are wrong.
    """

    def __init__(self, ctx: click.Context, given: Sequence[str], columns: Sequence[click.Parameter]) -> None:
        self._columns = columns
        self._cells: dict[tuple[int, str], Any] = {}
        relaxed = copy(ctx.command)
        relaxed.params = [_relaxed(param) for param in ctx.command.params]
        self.context = relaxed.make_context(ctx.info_name, list(given), parent=ctx.parent)
        self._base = dict(self.context.params)
        self._missing = [
            param for param in ctx.command.params if param not in columns and self._is_missing(param)
        ]

    def params(self, cells: Sequence[str]) -> Params:
        """
        Return the parameters of a row.

        Raises:
            click.UsageError: A cell is wrong or missing.
        """
        for param in self._missing:
            raise click.MissingParameter(ctx=self.context, param=param)
        found = dict(self._base)
        with self.context.scope(cleanup=False):
            for index, text in enumerate(cells):
                param = self._columns[index]
                if (index, text) in self._cells:
                    found[param.name or ""] = self._cells[index, text]
                    continue
                value = found[param.name or ""] = self._value(param, text)
                if not isinstance(param.type, click.File):
                    self._cells[index, text] = value
        return found

    def _value(self, param: click.Parameter, text: str) -> Any:
        raw = _raw(param, text)
        if raw is not BARE:
            try:
                return param.process_value(self.context, raw)
            except click.BadParameter as error:
                error.param = error.param or param
                raise
        if isinstance(param, click.Argument) or self._is_missing(param):
            raise click.MissingParameter(ctx=self.context, param=param)
        return self._base[param.name or ""]

    def _is_missing(self, param: click.Parameter) -> bool:
        return param.required and self._base.get(param.name or "") in (None, ())


def _relaxed(param: click.Parameter) -> click.Parameter:
    """Return *param* as one that need not be given: each row may give it."""
    made = copy(param)
    made.required = False
    return made


def _raw(param: click.Parameter, text: str) -> Any:
    """Return a cell as click's parser would give it. An empty one is an option that was not given."""
    if not text:
        return BARE
    if isinstance(param, click.Argument):
        return tuple(_several(text)) if param.nargs == -1 else text
    assert isinstance(param, click.Option), "click has no other parameters"
    if param.is_flag:
        return _flag(param, text)
    return tuple(_several(text)) if param.multiple else text


def _several(text: str) -> list[str]:
    """Return the values in a cell: between semicolons if it has any, since values may have commas."""
    separator = ";" if ";" in text else ","
    parts = SEPARATORS[separator].split(text)
    return [value for part in parts if (value := part.strip().replace("\\;", ";"))]


def row_cell(name: str, value: object) -> object:
    """Return a field of a list's row so that a cell of rows reads it again: several values in one."""
    if isinstance(value, Mapping):
        value = tuple(f"{name}={each}" for name, each in sorted(value.items()))
    if not isinstance(value, tuple | list):
        return value
    texts = [cell(each).replace(";", "\\;") for each in value]
    if name == "prefixes":
        texts = [text or "*" for text in texts]  # every destination has no digits
    # One alone that has a comma ends in a semicolon: else it would be taken for several.
    return ";".join(texts) + (";" if len(texts) == 1 and set(texts[0]) & set(",;") else "")


def _flag(option: click.Option, text: str) -> Any:
    if text.lower() in YES:
        return True
    if text.lower() in NO:
        return False if option.secondary_opts else BARE
    raise click.BadParameter(f"{text[:40]!r} is neither yes nor no", param=option)


def told(error: click.UsageError) -> str:
    """Return what is wrong with a cell, its column first."""
    name = error.param.name if isinstance(error, click.BadParameter) and error.param else None
    if isinstance(error, click.MissingParameter):
        return f"{name}: it is missing"
    return f"{name}: {error.message}" if name else error.message
