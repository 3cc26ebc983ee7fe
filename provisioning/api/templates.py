"""Endpoints of the tables around decks and numbers: templates of rate files, states of NPAs, quarantines."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from provisioning import deck_templates, quarantines, states
from provisioning.admin import Change
from provisioning.api.endpoints import PAGED, UPLOAD, Answer, Asked, Endpoint, Parameter, sliced
from provisioning.api.nouns import Noun, made
from provisioning.rate_layouts import HELPS, WORDS, Layout

MAX_OCTETS = 16_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Template(Layout):
    """How a carrier writes its rate files, under a name."""

    name: str


def _shown(name: str, layout: Layout) -> Template:
    return Template(name=name, **{field.name: getattr(layout, field.name) for field in fields(Layout)})


def _list_templates(asked: Asked) -> Answer:
    found = [
        _shown(each.name, deck_templates.read_template(asked.txn, each.name))
        for each in deck_templates.list_templates(asked.txn)
    ]
    return sliced(found, asked.page(str), lambda each: (each.name,))


def _find_template(asked: Asked) -> Template:
    name = asked.path["name"]
    return _shown(name, deck_templates.read_template(asked.txn, name))


def _add_template(asked: Asked, values: dict[str, Any], new: bool) -> Change:
    layout: Layout = made(Layout, values)
    return deck_templates.add_template(asked.txn, values["name"], layout, asked.admin)


TEMPLATES = Noun(
    word="template",
    plural="templates",
    what="a template: how a carrier writes its rate files",
    kind=Template,
    key=("name",),
    list_=_list_templates,
    find=_find_template,
    put=_add_template,
    end=lambda asked, found: deck_templates.remove_template(asked.txn, found.name, asked.admin),
    helps=HELPS,
    choices=WORDS,
    set_able=False,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """How many codes are known now, and whether that is a change."""

    codes: int
    changed: bool


def _list_states(asked: Asked) -> Answer:
    return sliced(
        states.list_states(asked.txn, asked.query.get("state")), asked.page(str), lambda each: (each.code,)
    )


def _import_states(asked: Asked) -> Answer:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "states.csv"
        path.write_bytes(asked.octets)
        change = states.import_states(asked.txn, path, asked.admin, asked.query.get("file", "body"))
    known = len(states.list_states(asked.txn))
    return Answer(Imported(codes=known, changed=bool(change)), change=change)


def _list_quarantines(asked: Asked) -> Answer:
    return sliced(quarantines.list_quarantines(asked.txn), asked.page(str), lambda each: (each.country,))


def _set_quarantine(asked: Asked) -> Answer:
    wanted = made(quarantines.Quarantine, asked.body)
    change = quarantines.set_quarantine(asked.txn, wanted, asked.admin)
    return Answer(wanted, change=change)


ENDPOINTS = (
    *TEMPLATES.endpoints(),
    Endpoint(
        method="GET",
        path="/states",
        tag="states",
        summary="List in which state the numbers of each NPA or NPA-NXX are.",
        right="decks:read",
        parameters=(Parameter("state", "Only this state's."), *PAGED),
        result=states.NumberState,
        many=True,
        answer=_list_states,
    ),
    Endpoint(
        method="POST",
        path="/states",
        tag="states",
        summary="Take that table from CSV with the columns code and state, in place of what is known.",
        right="decks:write",
        parameters=(UPLOAD,),
        media="text/csv",
        most_octets=MAX_OCTETS,
        result=Imported,
        alone=True,
        writes=True,
        answer=_import_states,
    ),
    Endpoint(
        method="GET",
        path="/quarantines",
        tag="quarantines",
        summary="List how long numbers of each country age; the empty country stands for all others.",
        right="numbers:read",
        parameters=PAGED,
        result=quarantines.Quarantine,
        many=True,
        answer=_list_quarantines,
    ),
    Endpoint(
        method="POST",
        path="/quarantines",
        tag="quarantines",
        summary="Set how long released numbers of a country age before they are sold again.",
        right="numbers:write",
        body=quarantines.Quarantine,
        helps={
            "country": "Of which country; empty, of all others.",
            "days": "How long a number ages.",
            "quiet_days": "How long it must have been silent.",
        },
        result=quarantines.Quarantine,
        writes=True,
        answer=_set_quarantine,
    ),
)
