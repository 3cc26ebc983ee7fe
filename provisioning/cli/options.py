"""The options that every command takes, before or after its name, and what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import click

CONFIG_VARIABLE = "TOLLWIRE_CONFIG"
URL_VARIABLE = "TOLLWIRE_URL"


class Format(Enum):
    """How results are written. TEXT is a table on a terminal and tab-separated lines elsewhere."""

    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


@dataclass(slots=True)
class Options:
    """What the shared options say; one for the whole command line, in ``ctx.obj``."""

    config: Path | None = None
    format: Format = Format.TEXT
    url: str | None = None
    token_file: Path | None = None


def options_of(ctx: click.Context) -> Options:
    """Return the shared options, wherever in the command line they were given."""
    return ctx.find_root().ensure_object(Options)


def _take_format(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        options_of(ctx).format = Format(param.name)


def _take_config(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value is not None:
        options_of(ctx).config = Path(value)


def _take_url(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value is not None:
        options_of(ctx).url = value


def _take_token_file(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value is not None:
        options_of(ctx).token_file = Path(value)


def shared_options(config_variable: str | None = None) -> Sequence[click.Option]:
    """Return new shared options; only the outermost command reads *config_variable* of the environment."""
    url_variable = None if config_variable is None else URL_VARIABLE
    flags = [
        (Format.JSON, "Write one JSON document."),
        (Format.JSONL, "Write one JSON object a line."),
        (Format.CSV, "Write CSV with a header row."),
    ]
    return [
        click.Option(
            ["--config"],
            metavar="FILE",
            envvar=config_variable,
            help=f"Configuration file [env: {CONFIG_VARIABLE}; default: tollwire.toml here or in the home].",
            expose_value=False,
            callback=_take_config,
        ),
        click.Option(
            ["--url"],
            metavar="URL",
            envvar=url_variable,
            help=f"Ask the HTTP API there, not the database [env: {URL_VARIABLE}].",
            expose_value=False,
            callback=_take_url,
        ),
        click.Option(
            ["--token-file"],
            metavar="FILE",
            help="File with the token for --url [env: TOLLWIRE_TOKEN, the token itself].",
            expose_value=False,
            callback=_take_token_file,
        ),
        *(
            click.Option(
                [f"--{form.value}"], is_flag=True, help=text, expose_value=False, callback=_take_format
            )
            for form, text in flags
        ),
    ]
