"""The inventory: search for numbers, their history, their steps, and the import of more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from provisioning.console.forms import read_form
from provisioning.console.pages import Go, Outcome, Page, Shown, Visit
from provisioning.inventory import STATES, read_history, read_number
from provisioning.number_import import NumberFile, import_numbers
from provisioning.number_moves import assign_numbers, release_numbers
from provisioning.number_prices import FEES
from provisioning.number_search import Wanted, search
from provisioning.number_states import choose_state, free, reserve
from provisioning.pages import Page as Slice
from provisioning.pages import read_cursor, write_cursor
from provisioning.plans import list_plans
from provisioning.service_kinds import Did
from radiusd.errors import BadInput

PAGE = 50
HELD = timedelta(days=1)
FILTERS = ("country", "area", "rate_centre", "pattern", "state", "account", "supplier")


def _list(visit: Visit) -> Outcome:
    query = visit.query
    error, found = "", []
    given: dict[str, Any] = {name: query[name] for name in FILTERS if query.get(name)}
    if "state" not in query:
        given["state"] = "available"
    elif not query["state"]:
        given["state"] = None
    try:
        page = Slice(read_cursor(query.get("after", ""), (str,)), PAGE)
        found = search(visit.asked.txn, visit.who.actor, Wanted(**given), visit.asked.now, page)
    except BadInput as problem:
        error = str(problem)
    return Shown(
        "numbers.html",
        {
            "rows": found,
            "next": write_cursor((found[-1].number,)) if len(found) == PAGE else None,
            "states": STATES,
            "state": given["state"] or "",
            "error": error,
        },
        status=400 if error else 200,
    )


def _number(visit: Visit, error: str = "") -> Outcome:
    txn, actor = visit.asked.txn, visit.who.actor
    found = read_number(txn, visit.asked.path["number"], actor)
    return Shown(
        "number.html",
        {
            "number": found,
            "history": read_history(txn, found.number, actor),
            "plans": [plan.code for plan in list_plans(txn)] if visit.may("plans:read") else [],
            "error": error,
        },
        status=400 if error else 200,
    )


def _step(visit: Visit) -> Outcome:
    """Take a step that the form's button names."""
    txn, admin, form = visit.asked.txn, visit.asked.admin, visit.form
    number = visit.asked.path["number"]
    try:
        match form.get("do"):
            case "assign":
                fees = read_form(Did, FEES, form)
                assign_numbers(txn, [number], form.get("account", ""), form.get("plan", ""), admin, **fees)
            case "release":
                release_numbers(txn, [number], admin)
            case "reserve":
                reserve(txn, number, form.get("account", ""), HELD, admin)
            case "free":
                free(txn, number, admin)
            case state:
                choose_state(txn, [number], state or "", admin)
    except BadInput as problem:
        return _number(visit, str(problem))
    return Go(f"/numbers/{number}", "Done.")


def _import_form(visit: Visit, error: str = "", told: str = "") -> Outcome:
    return Shown("number_import.html", {"error": error, "result": told}, status=400 if error else 200)


def _import(visit: Visit) -> Outcome:
    """Import a file; with the box ticked, only say what would be done."""
    txn, form = visit.asked.txn, visit.form
    text = visit.files["file"].decode("utf-8-sig", "replace") if visit.files.get("file") else ""
    text = text or form.get("rows", "")
    try:
        txn.execute("SAVEPOINT before_import")
        file = NumberFile("numbers.csv", text, form.get("currency") or None)
        found, _ = import_numbers(txn, file, visit.asked.admin)
    except BadInput as problem:
        return _import_form(visit, str(problem))
    told = f"{found.added:,} new, {found.changed:,} changed, {found.unchanged:,} as they were"
    if form.get("dry_run"):
        txn.execute("ROLLBACK TO before_import")
        return _import_form(visit, told=f"It would be: {told}. Nothing was changed.")
    return Go("/numbers", f"Imported: {told}.")


PAGES = (
    Page(
        path="/numbers",
        title="Numbers",
        show=_list,
        right="numbers:read",
        menu="Numbers",
        cli="tollwire number search",
        json="/numbers",
    ),
    Page(
        path="/numbers/{number}",
        title="Number",
        show=_number,
        act=_step,
        right="numbers:read",
        cli="tollwire number history {number}",
        json="/numbers/{number}",
    ),
    Page(
        path="/new/numbers",
        title="Import numbers",
        show=_import_form,
        act=_import,
        right="numbers:write",
        cli="tollwire number import FILE",
        most_octets=64_000_000,
    ),
)
