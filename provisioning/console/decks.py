"""Decks: what they are, what each version changed, and the import that is looked at before it is done."""

from __future__ import annotations

import tempfile
from bisect import bisect_right
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

from provisioning.api.decks import Upload
from provisioning.console.charts import Bar, bars
from provisioning.console.pages import Go, Outcome, Page, Shown, Visit
from provisioning.console.trials import Rates, begin_trial, last_month
from provisioning.deck_changes import DeckChanges, compare_versions
from provisioning.decks import Deck, Kind, import_deck, list_decks, list_versions, roll_back
from provisioning.moments import instant, parse_moment
from radiusd.errors import BadInput, NotDurable

LATELY = timedelta(days=31)
READ = 20_000  # changes that are looked at for the histogram
SHOWN = 20
STEPS = (-50, -20, -10, -5, 0, 5, 10, 20, 50)  # percent


def _list(visit: Visit) -> Outcome:
    txn = visit.asked.txn
    rows = []
    for deck in list_decks(txn):
        versions = list_versions(txn, deck.name)
        rows.append((deck, versions[0] if versions else None))
    return Shown("decks.html", {"rows": rows})


def _deck(visit: Visit, error: str = "") -> Outcome:
    txn, name = visit.asked.txn, visit.asked.path["name"]
    versions = list_versions(txn, name)
    newest = versions[0]
    wanted = visit.query.get("version", "")
    chosen = next((each for each in versions if str(each.number) == wanted), newest)
    before = chosen.number - 1 if chosen.number > 1 else None
    changes = compare_versions(txn, name, before, chosen.number, visit.asked.now - LATELY, READ)
    return Shown(
        "deck.html",
        {
            "name": name,
            "versions": versions,
            "chosen": chosen,
            "changes": changes,
            "charts": _charts(changes),
            "shown": SHOWN,
            "error": error,
        },
        status=400 if error else 200,
    )


def _charts(changes: DeckChanges) -> list[tuple[str, Any]]:
    """Return what became of the prefixes, and how far prices rise and fall."""
    words = [(word, count) for word, count in changes.counts.items() if word != "same" and count]
    count = [0] * (len(STEPS) + 1)
    for each in changes.largest:
        if each.before and each.after is not None and each.after != each.before:
            count[bisect_right(STEPS, 100 * (each.after - each.before) / each.before)] += 1
    shares = [(name, number) for name, number in zip(_STEP_NAMES, count, strict=True) if number]
    title = "Prices by how far they rise or fall"
    if len(changes.largest) == READ:
        title += f", of the {READ:,} largest changes"
    return [
        (name, bars(name, [Bar(text, Decimal(number), f"{number:,}") for text, number in values]))
        for name, values in (("Prefixes by what becomes of them", words), (title, shares))
        if values
    ]


_STEP_NAMES = (
    f"falls by more than {-STEPS[0]} %",
    *(
        f"falls by {-high} to {-low} %" if high <= 0 else f"rises by {low} to {high} %"
        for low, high in pairwise(STEPS)
    ),
    f"rises by {STEPS[-1]} % or more",
)


def _roll_back(visit: Visit) -> Outcome:
    name = visit.asked.path["name"]
    try:
        to = visit.form.get("to", "")
        roll_back(visit.asked.txn, name, visit.asked.admin, int(to) if to.isdecimal() else None)
    except BadInput as problem:
        return _deck(visit, str(problem))
    return Go(f"/decks/{name}", "The rates are back, as a version of their own.")


def _import_form(visit: Visit, error: str = "", changes: DeckChanges | None = None) -> Outcome:
    usual = {"name": "", "currency": "", "kind": Kind.REPLACE.value, "active_from": "", "rows": ""}
    form = {**usual, **visit.form}
    if not form["name"]:
        form["name"] = visit.query.get("name", "")
        known = {deck.name: deck.currency for deck in list_decks(visit.asked.txn)}
        form["currency"] = known.get(form["name"], form["currency"])
    return Shown(
        "deck_import.html",
        {
            "form": form,
            "kinds": [kind.value for kind in Kind if kind is not None],
            "changes": changes,
            "charts": _charts(changes) if changes else [],
            "shown": SHOWN,
            "error": error,
        },
        status=400 if error else 200,
    )


def _import(visit: Visit) -> Outcome:
    """Import a file, or show what that would change and keep nothing."""
    txn, form = visit.asked.txn, visit.form
    octets = visit.files.get("file") or form.get("rows", "").encode()
    called = visit.file_names.get("file") or "pasted.csv"
    if form.get("do") == "try":
        return _try(visit, Rates(octets, called))
    try:
        begin = None
        if form.get("active_from"):
            begin = instant("active_from", parse_moment("active_from", form["active_from"]), visit.zone)
        txn.execute("SAVEPOINT before_import")
        with tempfile.NamedTemporaryFile(suffix=Path(called).suffix or ".csv") as file:
            file.write(octets)
            file.flush()
            deck = Deck(name=form.get("name", "").strip(), currency=form.get("currency", "").strip())
            source = Upload(Path(file.name), called=called)
            kind = Kind(form.get("kind", Kind.REPLACE.value))
            change = import_deck(txn, deck, source, visit.asked.admin, begin, kind)
        versions = list_versions(txn, deck.name)
        before = versions[0].number - 1 if versions[0].number > 1 else None
        since = visit.asked.now - LATELY
        changes = compare_versions(txn, deck.name, before, versions[0].number, since, READ)
    except (BadInput, ValueError) as problem:
        return _import_form(visit, str(problem))
    if form.get("do") != "import":
        txn.execute("ROLLBACK TO before_import")
        return _import_form(visit, changes=changes)
    return Go(f"/decks/{deck.name}", "Imported." if change else "These rates are the newest version already.")


def _try(visit: Visit, rates: Rates) -> Outcome:
    """Begin to tell what the calls of last month would have cost under the file."""
    name = visit.form.get("name", "").strip()
    tried = replace(visit, form={"instead_of": name, "month": last_month(visit)})
    try:
        job = begin_trial(tried, rates if rates.octets.strip() else None)
    except (BadInput, NotDurable) as problem:
        return _import_form(visit, str(problem))
    return Go(f"/deck-tries/{job.id}")


PAGES = (
    Page(
        path="/decks",
        title="Decks",
        show=_list,
        right="decks:read",
        menu="Decks",
        cli="tollwire deck list",
        json="/decks",
    ),
    Page(
        path="/decks/{name}",
        title="Deck",
        show=_deck,
        act=_roll_back,
        right="decks:read",
        cli="tollwire deck show {name}",
        json="/decks/{name}/versions",
    ),
    Page(
        path="/new/deck",
        title="Import rates",
        show=_import_form,
        act=_import,
        right="decks:write",
        cli="tollwire deck import NAME FILE",
        most_octets=64_000_000,
    ),
)
