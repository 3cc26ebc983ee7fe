"""Endpoints of decks: list, versions, import of a new one from a CSV file."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from provisioning import decks
from provisioning.api.endpoints import PAGED, UPLOAD, Answer, Asked, Endpoint, Parameter, sliced
from provisioning.rate_files import RateFile

MAX_OCTETS = 64_000_000


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
        source = Upload(Path(file.name), called=asked.query.get("file", "body"))
        kind = decks.Kind(asked.query.get("kind", decks.Kind.REPLACE.value))
        active_from = asked.query.get("active_from")
        change = decks.import_deck(asked.txn, deck, source, asked.admin, active_from, kind)
        found = decks.list_versions(asked.txn, deck.name)[0]
        if dry_run:
            asked.txn.execute("ROLLBACK TO before_import")
    return Answer(found, 201 if change else 200, change=change)


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
)
