"""What the command line says when something is wrong, and the exit code it ends with."""

from __future__ import annotations

import json
import os
import sys
import traceback
from enum import IntEnum

import click
import psycopg2

from provisioning.cli.text import printable
from radiusd.errors import BadInput, BadSettings, Conflict, Forbidden, NotDurable, NotFound, TollwireError


class Exit(IntEnum):
    """Exit codes; those from 64 on are of sysexits.h. Documented in ``docs/reference/cli.md``."""

    OK = 0
    DIFFERS = 1
    USAGE = 2
    NOT_FOUND = 3
    CONFLICT = 4
    REFUSED = 5
    UNREACHABLE = 69
    INTERNAL = 70
    TRY_LATER = 75
    BAD_CONFIG = 78
    INTERRUPTED = 130


class Unreachable(TollwireError):
    """The server or its database does not answer. Exit code 69."""


class NotMigrated(TollwireError):
    """The database lacks our tables, or has newer ones than we understand. Exit code 78."""


class RefusedHere(TollwireError):
    """The operating system or the database does not allow it. Exit code 5."""


# The first fitting class counts: children stand before their parents.
KINDS: tuple[tuple[type[BaseException], str, Exit], ...] = (
    (click.exceptions.Abort, "interrupted", Exit.INTERRUPTED),
    (KeyboardInterrupt, "interrupted", Exit.INTERRUPTED),
    (click.ClickException, "usage", Exit.USAGE),
    (NotFound, "not_found", Exit.NOT_FOUND),
    (Conflict, "conflict", Exit.CONFLICT),
    (BadInput, "bad_input", Exit.CONFLICT),
    (BadSettings, "bad_config", Exit.BAD_CONFIG),
    (NotMigrated, "not_migrated", Exit.BAD_CONFIG),
    (NotDurable, "try_later", Exit.TRY_LATER),
    (RefusedHere, "refused", Exit.REFUSED),
    (Forbidden, "refused", Exit.REFUSED),
    (PermissionError, "refused", Exit.REFUSED),
    (UnicodeError, "bad_input", Exit.CONFLICT),  # an argument that is no text in any encoding
    (TollwireError, "unreachable", Exit.UNREACHABLE),  # what is left: the embedded server, a silent port
    (psycopg2.IntegrityError, "conflict", Exit.CONFLICT),
    (psycopg2.OperationalError, "unreachable", Exit.UNREACHABLE),
    (psycopg2.InterfaceError, "unreachable", Exit.UNREACHABLE),
)
# SQLSTATEs that say more than the class: https://www.postgresql.org/docs/15/errcodes-appendix.html
STATES = {
    "40001": ("try_later", Exit.TRY_LATER),  # serialization_failure
    "40P01": ("try_later", Exit.TRY_LATER),  # deadlock_detected
    "53300": ("try_later", Exit.TRY_LATER),  # too_many_connections
    "55P03": ("try_later", Exit.TRY_LATER),  # lock_not_available
    "57014": ("try_later", Exit.TRY_LATER),  # query_canceled: a statement timeout
    "42501": ("refused", Exit.REFUSED),  # insufficient_privilege
}


def kind_of(error: BaseException) -> tuple[str, Exit]:
    """Return the word and the exit code of *error*; ``internal`` is a fault of ours."""
    state = getattr(error, "pgcode", None)
    if state in STATES:
        return STATES[state]
    for kind, word, code in KINDS:
        if isinstance(error, kind):
            return word, code
    return "internal", Exit.INTERNAL


def report(error: BaseException, as_json: bool) -> int:
    """Say on stderr what went wrong, as a sentence or as JSON, and return the exit code."""
    if isinstance(error, BrokenPipeError):
        # The reader has seen enough (head, a pager). Python would complain once more when it flushes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    word, code = kind_of(error)
    if code is Exit.INTERNAL:
        traceback.print_exception(error)
    if as_json:
        click.echo(json.dumps({"error": {"code": word, "message": _sentence(error)}}), err=True)
    elif isinstance(error, click.ClickException):
        error.show()  # with the usage line
    elif code is not Exit.INTERRUPTED:
        told = _sentence(error)
        lines = told.split("\n") if isinstance(error, BadInput) else [told]  # ours: each mistake has its line
        click.echo("tollwire: " + "\n".join(map(printable, lines)), err=True)
    return code


def _sentence(error: BaseException) -> str:
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, psycopg2.Error):
        return "the database says: " + " ".join(str(error).split())
    return str(error) or type(error).__name__
