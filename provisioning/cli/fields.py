"""Values on the command line that need more than a word: instants, numbers of rows."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from provisioning.moments import instant, parse_moment
from radiusd.errors import BadInput

LIMIT = click.IntRange(min=1, max=1_000_000)


def instant_of(text: str) -> datetime:
    """
    Return the day or instant in *text*, as :mod:`provisioning.moments` reads it; UTC where it names no zone.

    A function of one text is a type to click; what it raises becomes a usage error of the option.
    """
    try:
        return instant("date", parse_moment("date", text), UTC)
    except BadInput as error:
        raise click.BadParameter(str(error)) from error
