"""What went wrong, as RFC 9457 says it, in the words and with the codes of the command line."""

from __future__ import annotations

import re
from collections.abc import Collection
from http import HTTPStatus
from typing import Any

import psycopg2

from provisioning.api.bodies import NotJson, WrongFields
from provisioning.logins import Throttled
from radiusd.errors import BadInput, Conflict, Forbidden, NotDurable, NotFound, TollwireError

MEDIA = "application/problem+json"
FIELD = re.compile(r"([a-z][a-z0-9_]{0,40})(?:\.[^:]{1,80})?: ", re.ASCII)


class Unauthorized(TollwireError):
    """No token, or one that opens nothing. HTTP status 401."""


class NoSuchPath(TollwireError):
    """There is nothing at that path. HTTP status 404."""


class NotAllowed(TollwireError):
    """The path does not have that method. HTTP status 405."""

    def __init__(self, allowed: Collection[str]) -> None:
        super().__init__(f"this path has {', '.join(sorted(allowed))}")
        self.allowed = allowed


class Changed(TollwireError):
    """The thing is not as the caller has seen it. HTTP status 412."""


class TooLong(TollwireError):
    """The body is longer than the endpoint takes. HTTP status 413."""


class WrongMedia(TollwireError):
    """The body is of a type that the endpoint does not take. HTTP status 415."""


# The first fitting class counts: children stand before their parents.
KINDS: tuple[tuple[type[BaseException], str, HTTPStatus], ...] = (
    (Unauthorized, "unauthorized", HTTPStatus.UNAUTHORIZED),
    (NoSuchPath, "not_found", HTTPStatus.NOT_FOUND),
    (NotAllowed, "usage", HTTPStatus.METHOD_NOT_ALLOWED),
    (Changed, "changed", HTTPStatus.PRECONDITION_FAILED),
    (TooLong, "usage", HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (WrongMedia, "usage", HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    (NotJson, "usage", HTTPStatus.BAD_REQUEST),
    (Throttled, "try_later", HTTPStatus.TOO_MANY_REQUESTS),
    (NotFound, "not_found", HTTPStatus.NOT_FOUND),
    (Conflict, "conflict", HTTPStatus.CONFLICT),
    (BadInput, "bad_input", HTTPStatus.UNPROCESSABLE_ENTITY),
    (Forbidden, "refused", HTTPStatus.FORBIDDEN),
    (NotDurable, "try_later", HTTPStatus.SERVICE_UNAVAILABLE),
    (psycopg2.IntegrityError, "conflict", HTTPStatus.CONFLICT),
    (psycopg2.DataError, "bad_input", HTTPStatus.UNPROCESSABLE_ENTITY),
    (psycopg2.OperationalError, "unreachable", HTTPStatus.SERVICE_UNAVAILABLE),
    (psycopg2.InterfaceError, "unreachable", HTTPStatus.SERVICE_UNAVAILABLE),
)
TOOK_TOO_LONG = "57014"  # query_canceled: the statement's time is over


def problem_of(error: BaseException, known: Collection[str]) -> tuple[int, dict[str, Any]] | None:
    """
    Return the status and the document of *error*, None for a fault of ours.

    *known* are the fields and parameters of the request: a sentence that begins with one is about it.
    """
    fitting = next((each for each in KINDS if isinstance(error, each[0])), None)
    if fitting is None:
        return None
    _, code, status = fitting
    if getattr(error, "pgcode", None) == TOOK_TOO_LONG:
        code = "try_later"
    sentences = error.problems if isinstance(error, WrongFields) else [_sentence(error)]
    if isinstance(error, WrongFields):
        known = {text.partition(":")[0] for text in sentences}
    errors = [{"field": _field(text, known), "message": text} for text in sentences]
    fields = [each["field"] for each in errors if each["field"] is not None]
    if isinstance(error, NotFound) and fields:
        status = HTTPStatus.UNPROCESSABLE_ENTITY  # what is missing is named in the body, not by the path
    document = {
        "type": f"urn:tollwire:problem:{code}",
        "title": status.phrase,
        "status": int(status),
        "code": code,
        "detail": "\n".join(sentences),
    }
    if fields:
        document["field"] = fields[0]
        document["errors"] = errors
    return int(status), document


def _sentence(error: BaseException) -> str:
    if getattr(error, "pgcode", None) == TOOK_TOO_LONG:
        return "the database took too long; ask for less, or try again in a moment"
    if isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError):
        return "the database does not answer; try again in a moment"
    if isinstance(error, psycopg2.Error):
        return "the database says: " + " ".join(str(error).splitlines()[0].split())
    return str(error)


def _field(text: str, known: Collection[str]) -> str | None:
    found = FIELD.match(text)
    return found[1] if found and found[1] in known else None
