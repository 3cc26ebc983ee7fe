"""Endpoints of decks: list, versions, import of a new one from a CSV file."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from provisioning import decks
from provisioning.api.endpoints import PAGED, UPLOAD, Answer, Asked, Endpoint, Parameter, sliced
from provisioning.api.nouns import made
from provisioning.deck_changes import DeckChanges, compare_usual
from provisioning.deck_templates import read_template
from provisioning.moments import instant
from provisioning.rate_files import RateFile
from provisioning.rate_layouts import PLAIN

MAX_OCTETS = 64_000_000
DAYS, SHOWN, MOST_SHOWN = 30, 20, 10_000


@dataclass(frozen=True, slots=True)
class Upload(RateFile):
    """A file of rates that came in a body; messages call it *called*."""

    called: str = "body"

    @property
    def name(self) -> str:
        """What messages and the deck's version call it."""
        return self.called


def _list(asked: Asked) -> Answer:
    return sliced(decks.list_decks(asked.txn), asked.page(str), lambda each: (each.name,))


def _versions(asked: Asked) -> Answer:
    return Answer({"items": decks.list_versions(asked.txn, asked.path["name"]), "next": None})


def _import(asked: Asked) -> Answer:
    asked.admin.require("decks:write")
    deck = decks.Deck(name=asked.path["name"], currency=asked.query["currency"])
    dry_run = bool(asked.query.get("dry_run"))
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        file.write(asked.octets)
        file.flush()
        if dry_run:
            asked.txn.execute("SAVEPOINT before_import")
        template = asked.query.get("template")
        layout = PLAIN if template is None else read_template(asked.txn, template)
        source = Upload(Path(file.name), layout, deck.currency, called=asked.query.get("file", "body"))
        kind = decks.Kind(asked.query.get("kind", decks.Kind.REPLACE.value))
        active_from = asked.query.get("active_from")
        change = decks.import_deck(asked.txn, deck, source, asked.admin, active_from, kind)
        found = decks.list_versions(asked.txn, deck.name)[0]
        if dry_run:
            asked.txn.execute("ROLLBACK TO before_import")
    return Answer(found, 201 if change else 200, change=change)


@dataclass(frozen=True, slots=True, kw_only=True)
class RollBack:
    """Which version comes back, and from when on; without them, the one before, as soon as it can."""

    to: int | None = None
    at: date | None = None


def _roll_back(asked: Asked) -> Answer:
    body = made(RollBack, asked.body)
    name = asked.path["name"]
    at = None if body.at is None else instant("at", body.at, UTC)
    change = decks.roll_back(asked.txn, name, asked.admin, body.to, at)
    return Answer(decks.list_versions(asked.txn, name)[0], 201, change=change)


def _changes(asked: Asked) -> Answer:
    query = asked.query
    since = asked.now - timedelta(days=query.get("days", DAYS))
    limit = query.get("limit", SHOWN)
    found = compare_usual(asked.txn, asked.path["name"], query.get("from"), query.get("to"), since, limit)
    return Answer(found)


_NAME = Parameter("name", "Which deck.", in_path=True)
ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/decks",
        tag="decks",
        summary="List decks.",
        right="decks:read",
        parameters=PAGED,
        result=decks.Deck,
        many=True,
        answer=_list,
    ),
    Endpoint(
        method="GET",
        path="/decks/{name}/versions",
        tag="decks",
        summary="List the versions of a deck, newest first.",
        right="decks:read",
        parameters=(_NAME,),
        result=decks.DeckVersion,
        many=True,
        answer=_versions,
    ),
    Endpoint(
        method="POST",
        path="/decks/{name}/versions",
        tag="decks",
        summary="Import rates as the deck's newest version: whole or not at all.",
        right="decks:write",
        parameters=(
            _NAME,
            UPLOAD,
            Parameter("currency", "Of the deck; it never changes.", required=True),
            Parameter("active_from", "For calls set up from then on; without it, now.", datetime),
            Parameter(
                "kind",
                "All there is, all there will be (that is what goes without saying), or changes only.",
                choices=tuple(kind.value for kind in decks.Kind),
            ),
            Parameter("template", "How the file is written."),
            Parameter("dry_run", "Only say what would be done.", bool),
        ),
        media="text/csv",
        most_octets=MAX_OCTETS,
        result=decks.DeckVersion,
        status=201,
        alone=True,
        writes=True,
        answer=_import,
    ),
    Endpoint(
        method="POST",
        path="/decks/{name}/rollback",
        tag="decks",
        summary="Bring back an older version's rates, as another version.",
        right="decks:write",
        parameters=(_NAME,),
        body=RollBack,
        partial=True,
        helps={
            "to": "Version to go back to; without it, the one before.",
            "at": "Calls set up from then on; without it, as soon as it can.",
        },
        result=decks.DeckVersion,
        status=201,
        alone=True,
        writes=True,
        answer=_roll_back,
    ),
    Endpoint(
        method="GET",
        path="/decks/{name}/changes",
        tag="decks",
        summary="Show what changes from one version of a deck to another, and what that comes to in money.",
        right="decks:read",
        parameters=(
            _NAME,
            Parameter("from", "Version before; without it, the one that it was made from.", int, least=1),
            Parameter("to", "Version after; without it, the newest.", int, least=1),
            Parameter("days", "Traffic that tells the effect in money.", int, least=0, most=3650),
            Parameter(
                "limit", "How many changes to show, the greatest first.", int, least=1, most=MOST_SHOWN
            ),
        ),
        result=DeckChanges,
        answer=_changes,
    ),
)
