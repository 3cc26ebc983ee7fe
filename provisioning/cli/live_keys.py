"""Keys that a shell completes: what the database has of accounts, plans, decks and so on, if it is quick."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import click
from psycopg2 import sql

from provisioning.cli.session import connect, settings_of

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    Type = click.ParamType[Any]
else:
    Type = click.ParamType  # not generic in every click that we take

LIMIT_S = 0.5
MOST = 200

SOURCES = {
    **{noun: (noun, "code") for noun in ("account", "plan", "supplier")},
    **{noun: (noun, "name") for noun in ("client", "deck", "policy", "source", "tenant")},
    "destination": ("destination_set", "name"),
    "holiday": ("holiday_calendar", "name"),
    "origin": ("origin_group", "name"),
    "user": ("person", "name"),
}
"""Noun to the table and column of its keys."""

SERVICES = ("did", "extension", "trunk", "ip", "virtual")
OPTIONS = {
    **{noun: noun for noun in SOURCES},
    **dict.fromkeys(("accounts", "reseller"), "account"),
    **dict.fromkeys(("inbound_deck", "outpayment_deck"), "deck"),
    **dict.fromkeys(("destinations", "free"), "destination"),
    "holidays": "holiday",
    "primary": "did",
}
"""Parameter to the noun whose keys it takes."""
OWN_KEYS = ("code", "name", "account")  # how commands call their noun's key
NEW = ("add",)


class Keyed(Type):
    """A type that reads as *inner* does, and whose values are completed by live keys."""

    def __init__(self, inner: Type) -> None:
        self.inner = inner
        self.name = inner.name

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> object:
        """Return what *inner* makes of *value*."""
        return self.inner.convert(value, param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the keys that begin with *incomplete*."""
        from click.shell_completion import CompletionItem

        noun = noun_of(ctx, param)
        return [] if noun is None else [CompletionItem(key) for key in keys(ctx, noun, incomplete)]


def complete_keys(params: Iterable[click.Parameter]) -> None:
    """Let texts among *params* be completed by live keys."""
    for param in params:
        if isinstance(param.type, click.types.StringParamType | click.types.FuncParamType):
            param.type = Keyed(param.type)


def noun_of(ctx: click.Context, param: click.Parameter) -> str | None:
    """Return the noun whose keys *param* takes; None when it takes something else, or a new key."""
    noun = ctx.parent.info_name if ctx.parent is not None else None
    known = noun in SOURCES or noun in SERVICES
    if isinstance(param, click.Argument) and known and param.name in OWN_KEYS:
        return None if ctx.info_name in NEW else noun
    return OPTIONS.get(param.name or "")


def keys(ctx: click.Context, noun: str, incomplete: str) -> list[str]:
    """Return the keys of *noun* that begin so; none when the database does not answer at once."""
    found: list[str] = []

    def look() -> None:
        with suppress(Exception):  # whatever is wrong, a shell that waits for a word is no place to say it
            found.extend(_read(ctx, noun, incomplete))

    looking = Thread(target=look, daemon=True)  # libpq waits for a second at least, and cannot be interrupted
    looking.start()
    looking.join(LIMIT_S)
    return list(found)


def _read(ctx: click.Context, noun: str, incomplete: str) -> list[str]:
    dsn = _running(ctx)
    if dsn is None:
        return []
    table, column = SOURCES.get(noun, ("service", "name"))
    query = sql.SQL(
        "SELECT DISTINCT {column} FROM {table} WHERE starts_with({column}, %(begin)s)"
        + (" AND kind = %(kind)s" if noun in SERVICES else "")
        + " ORDER BY {column} LIMIT %(most)s"
    ).format(table=sql.Identifier(table), column=sql.Identifier(column))
    with closing(connect(dsn)) as connection, connection.cursor() as txn:
        connection.set_session(readonly=True)
        txn.execute("SET LOCAL statement_timeout = %s", (int(LIMIT_S * 1000),))
        txn.execute(query, {"begin": incomplete, "kind": noun, "most": MOST})
        return [key for (key,) in txn.fetchall()]


def _running(ctx: click.Context) -> str | None:
    """Return the DSN of the database; an embedded server that is down is not started for a word."""
    settings = settings_of(ctx).database
    if settings.dsn:
        return settings.dsn
    from radiusd.storage.postgres import EmbeddedPostgres

    server = EmbeddedPostgres(Path(settings.directory))
    return None if server.postmaster_pid is None else server.dsn
