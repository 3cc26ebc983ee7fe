"""The endpoint that tells what past calls would have cost under a draft of prices."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import psycopg2

from provisioning.api.decks import MAX_OCTETS, Upload
from provisioning.api.endpoints import UPLOAD, Answer, Asked, Endpoint, Parameter
from provisioning.deck_templates import read_template
from provisioning.draft_replays import Wish, draft_of, replay_calls
from provisioning.drafts import Outcome
from provisioning.rate_files import RateFile
from provisioning.rate_layouts import PLAIN
from provisioning.reratings import checked_scope
from radiusd.errors import BadInput
from radiusd.storage.catalogue import load_catalogue
from radiusd.storage.rerating import Scope

MOST_LINES = 1000
SHOWN = 20


def _try(asked: Asked) -> Answer:
    query = dict(asked.query)
    if sum((bool(asked.octets), "deck" in query, "plan" in query)) != 1:
        raise BadInput("deck: give rates in the body, or a deck, or a plan")
    scope = checked_scope(Scope(account=query.get("account"), month=query["month"]))
    template = query.get("template")
    layout = PLAIN if template is None else read_template(asked.txn, template)

    def file_at(path: Path, currency: str) -> RateFile:
        return Upload(path, layout, currency, called=query.get("file", "body"))

    def replay() -> Answer:
        with tempfile.NamedTemporaryFile(suffix=".csv") as file:
            file.write(asked.octets)
            file.flush()
            found = _replayed(asked, scope, partial(file_at, Path(file.name)) if asked.octets else None)
        return Answer(_cut(found, query.get("limit", SHOWN)))

    return Answer(after=replay)


def _replayed(asked: Asked, scope: Scope, file: Callable[[str], RateFile] | None) -> Outcome:
    query = asked.query
    wish = Wish(
        deck=query.get("deck", ""),
        file=file,
        plan=query.get("plan", ""),
        instead_of=query.get("instead_of", ""),
    )
    with closing(psycopg2.connect(asked.web.dsn, application_name="tollwire try")) as connection:
        directory = load_catalogue(connection, asked.web.sealer).directory
        connection.set_session(readonly=True)
        draft = draft_of(connection, directory, wish, asked.now)
        return replay_calls(connection, directory, draft, scope)


def _cut(found: Outcome, limit: int) -> dict[str, Any]:
    """Return the first lines of each table; that of totals has one a currency."""
    return {
        "totals": found.totals,
        "booked": found.booked,
        "customers": found.customers[:limit],
        "destinations": found.destinations[:limit],
        "buckets": found.buckets[:limit],
    }


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/deck-tries",
        tag="decks",
        summary="Rate the calls of a month as if a draft had held, and show the difference; change nothing.",
        right="decks:read",
        parameters=(
            Parameter("month", "Calls of this month, like 2026-10, where the account is.", required=True),
            Parameter("account", "Calls of this account only."),
            Parameter("deck", "Try this deck's newest version, in place of rates in the body."),
            Parameter("plan", "Try this plan, in place of rates in the body."),
            Parameter("instead_of", "Deck, or with plan plan, whose place the draft takes."),
            Parameter("template", "How the rates in the body are written."),
            Parameter("limit", "How many lines of each table to show.", int, least=1, most=MOST_LINES),
            UPLOAD,
        ),
        media="text/csv",
        most_octets=MAX_OCTETS,
        result=Outcome,
        long=True,
        answer=_try,
    ),
)
