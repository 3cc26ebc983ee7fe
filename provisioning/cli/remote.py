"""
``--url``: do a verb over the HTTP API of another machine, with a token, and no database.

What is asked follows from the server's own OpenAPI document and from :mod:`provisioning.cli.verbs`: arguments
fill the path, options become parameters or fields of the same names. What was not typed is not sent.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

import click
from click.core import ParameterSource

from provisioning.cli.changing import GENERATED_OCTETS
from provisioning.cli.field_options import NONE
from provisioning.cli.output import print_document, print_rows, say
from provisioning.cli.remote_http import Remote
from provisioning.cli.verbs import REQUESTS

VERBS = ("list", "show", "add", "set", "end", "rm", "remove", "revoke")
EXCEPT = ("calls", "cdr", "queue")  # what these show is no list of plain things
RENAMED = {"money": "amount", "who": "actor", "wanted": "state"}
SECRETS = ("secret", "password")
PAGE = 1000
TYPED = (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)


@dataclass(frozen=True, slots=True)
class Operation:
    """A request as the server's document describes it."""

    method: str
    path: str
    query: frozenset[str]
    fields: Mapping[str, Any]
    columns: tuple[str, ...]  # of what it answers

    @property
    def places(self) -> list[str]:
        """The names in the path, in their order."""
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]


def can_do(path: str) -> bool:
    """Tell whether the verb *path* of the command line is done over the API."""
    words = path.split()
    return path in REQUESTS and words[-1] in VERBS and words[0] not in EXCEPT


def do_remotely(ctx: click.Context, remote: Remote) -> None:
    """
    Do the command of *ctx* over the API, and print what it answers.

    Raises:
        click.UsageError: It is not done so.
        TollwireError: As the command would, in the same words; or the server does not answer.
    """
    verb = ctx.command_path.partition(" ")[2]
    if not can_do(verb):
        raise click.UsageError(
            f"{verb} is not done over --url, or TOLLWIRE_URL; type it where the configuration file is"
        )
    document = remote.ask("GET", "/openapi.json")
    operation = _operation(document, REQUESTS[verb])
    place, query, body, shown = _asked(ctx, operation)
    path = operation.path
    for name, value in place.items():
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    if operation.method == "GET" and "cursor" in operation.query:
        _print_list(ctx, operation, remote, path, query)
        return
    asked = urlencode(query)
    said = remote.ask(operation.method, f"{path}?{asked}" if asked else path, body)
    if said is None:
        say(ctx, f"{verb}: done")
    else:
        print_document(ctx, {**said, **shown})


def _operation(document: Mapping[str, Any], request: str) -> Operation:
    method, _, path = request.partition(" ")
    try:
        found = document["paths"][path][method.lower()]
    except KeyError as error:
        raise click.UsageError(f"the server has no {request}; it is of another version") from error
    body = found.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    answers: Mapping[str, Any] = next(
        (each for code, each in found["responses"].items() if code.startswith("2")), {}
    )
    schema = answers.get("content", {}).get("application/json", {}).get("schema", {})
    items = schema.get("properties", {}).get("items", {}).get("items", schema)
    return Operation(
        method=method,
        path=path,
        query=frozenset(each["name"] for each in found.get("parameters", ()) if each["in"] == "query"),
        fields=body.get("properties", {}),
        columns=tuple(items.get("properties", ())),
    )


Asked = tuple[dict[str, str], dict[str, str], dict[str, Any] | None, dict[str, str]]


def _asked(ctx: click.Context, operation: Operation) -> Asked:
    """Return what fills the path, the query and the body, and a secret that is shown this once."""
    place: dict[str, str] = {}
    query: dict[str, str] = {}
    body: dict[str, Any] = {}
    shown: dict[str, str] = {}
    places = operation.places
    for param in ctx.command.params:
        name, value = param.name or "", ctx.params.get(param.name or "")
        if not param.expose_value or ctx.get_parameter_source(name) not in TYPED:
            continue
        name = RENAMED.get(name, name)
        if isinstance(param, click.Argument) and len(place) < len(places):
            place[places[len(place)]] = str(value)
        elif name in ("secret_file", "coa_secret_file", "generate"):
            _secret(name, value, operation, body, shown)
        elif name == "no_header":
            body["header"] = False
        elif name in ("yes", "ended", "revoked"):
            continue  # asked here, or left out of what is listed
        elif name in operation.fields:
            body[name] = _written(value, operation.fields[name])
        elif name == "name" and isinstance(param, click.Argument) and operation.method == "POST":
            body[_name_field(ctx)] = str(value)
        elif name in operation.query:
            query[name] = str(_written(value, {}))
        else:
            raise click.UsageError(f"{param.opts[0]} is not done over --url", ctx=ctx)
    return place, query, body if operation.method in ("POST", "PATCH") else None, shown


def _name_field(ctx: click.Context) -> str:
    """Return the field that names a thing: what stands in the path of its ``show``."""
    noun = ctx.command_path.split()[1]
    return REQUESTS[f"{noun} show"].rpartition("{")[2].rstrip("}")


def _secret(name: str, value: Any, operation: Operation, body: dict[str, Any], shown: dict[str, str]) -> None:
    """Put the secret that an option gives into *body*."""
    field = (
        "coa_secret"
        if name.startswith("coa_")
        else next(each for each in SECRETS if each in operation.fields)
    )
    if name == "generate":
        if value:
            body[field] = shown["secret"] = secrets.token_urlsafe(GENERATED_OCTETS)
    elif value is not None:
        body[field] = value.read().decode().removesuffix("\n").removesuffix("\r")


def _written(value: Any, schema: Mapping[str, Any]) -> Any:
    """Return *value* as JSON has it, an amount as text."""
    kind = schema.get("type", ())
    if "object" in (kind if isinstance(kind, list) else [kind]):
        pairs = [each.partition("=")[::2] if isinstance(each, str) else each for each in value]
        return {key: str(each) for key, each in pairs}
    match value:
        case _ if value is NONE:
            return None
        case bool():
            return value
        case Decimal():
            return format(value, "f")
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value.tzinfo else str(value)
        case date():
            return value.isoformat()
        case tuple():
            return [str(each) for each in value]
        case int():
            return value
        case _:
            return str(value)


def _print_list(
    ctx: click.Context, operation: Operation, remote: Remote, path: str, query: dict[str, str]
) -> None:
    limit = int(query.pop("limit")) if "limit" in query else ctx.params.get("limit")
    items = _items(remote, path, {**query, "limit": str(min(limit or PAGE, PAGE))}, limit)
    kept = [item for item in items if _is_wanted(ctx, item)]
    columns = operation.columns or tuple(kept[0] if kept else ())
    print_rows(ctx, columns, [tuple(item.get(name) for name in columns) for item in kept])


def _items(remote: Remote, path: str, query: dict[str, str], limit: int | None) -> Iterator[dict[str, Any]]:
    """Yield the things of a list, page by page."""
    count = 0
    while True:
        page = remote.ask("GET", f"{path}?{urlencode(query)}")
        for item in page["items"]:
            yield item
            count += 1
            if count == limit:
                return
        if page["next"] is None:
            return
        query = {**query, "cursor": page["next"]}


def _is_wanted(ctx: click.Context, item: Mapping[str, Any]) -> bool:
    """Tell whether a list shows *item*: what has ended or was revoked only with ``--all``."""
    if ctx.params.get("ended") is False and item.get("ended"):
        moment = datetime.fromisoformat(item["ended"])
        if (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) <= datetime.now(UTC):
            return False
    return not (ctx.params.get("revoked") is False and item.get("revoked"))
