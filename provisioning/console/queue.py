"""The queue: calls that nobody could be charged for; each is mended, given to an account, tried again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import fields
from datetime import timedelta
from typing import NamedTuple
from urllib.parse import urlencode

from provisioning.admin import Action, Change, audit
from provisioning.api.calls import open_journal
from provisioning.assignment_previews import Preview, preview
from provisioning.assignments import HELPS, Assignment, Choice, assign, choices
from provisioning.call_views import queue_for
from provisioning.console.pages import Go, Outcome, Page, Shown, Visit
from provisioning.moments import instant, parse_moment
from provisioning.plans import list_plans
from radiusd.errors import BadInput, NotFound
from radiusd.storage.reports import QueuedCall

MOST_SHOWN = 200
NAMES = tuple(field.name for field in fields(Assignment))
A_DAY = timedelta(days=1)


def _list(visit: Visit) -> Outcome:
    entries = queue_for(visit.asked.txn, visit.who.actor)
    return Shown("queue.html", {"entries": entries[:MOST_SHOWN], "count": len(entries)})


def _retry(visit: Visit) -> Outcome:
    """Match and rate one call again, or all of them."""
    visit.asked.admin.require("calls:write")
    wanted = visit.form.get("call_id", "")
    entries = queue_for(visit.asked.txn, visit.asked.admin)
    chosen = sorted({entry.call_id for entry in entries if wanted in ("all", entry.call_id)})
    if not chosen:
        raise NotFound(f"call {wanted[:60]} is not in the queue")
    return Go("/queue", after=_again(visit, chosen))


def _again(visit: Visit, call_ids: Sequence[str]) -> Callable[[], str]:
    """Return what tries the calls again once the transaction is committed, and tells what came of it."""
    admin, web = visit.asked.admin, visit.asked.web
    audit(visit.asked.txn, admin, [Change(Action.CHANGED, "call", call_id) for call_id in call_ids])

    def retry() -> str:
        with closing(open_journal(web)) as journal:
            journal.retry_all(call_ids, admin.now)
        left = {entry.call_id for entry in web.database.run_here(lambda txn: queue_for(txn, admin))}
        return f"{len(set(call_ids) - left)} of {len(call_ids)} are mended."

    return retry


class _Fix(NamedTuple):
    """A page that mends what a call lacks."""

    title: str
    where: str


def _call(visit: Visit, error: str = "", found: Preview | None = None) -> Outcome:
    txn, actor, call_id = visit.asked.txn, visit.who.actor, visit.asked.path["call"]
    entries = [entry for entry in queue_for(txn, actor) if entry.call_id == call_id]
    if not entries:
        raise NotFound(f"call {call_id[:60]} is not in the queue")
    may_assign = visit.may("calls:write") and visit.may("services:write")
    offered: list[Choice] = []
    if any(entry.account is None for entry in entries) and may_assign:
        offered = choices(txn, actor, call_id)
    return Shown(
        "queued.html",
        {
            "entries": entries,
            "call_id": call_id,
            "choices": offered,
            "fixes": [fix for entry in entries for fix in _fixes(visit, entry)],
            "form": {**dict.fromkeys(NAMES, ""), **visit.form},
            "plans": [plan.code for plan in list_plans(txn)] if offered else [],
            "helps": HELPS,
            "found": found,
            "error": error,
        },
        status=400 if error else 200,
    )


def _fixes(visit: Visit, entry: QueuedCall) -> list[_Fix]:
    """Return the pages on which the price of a call is mended that has none."""
    if entry.account is None or not (visit.may("decks:write") and visit.may("plans:write")):
        return []
    txn = visit.asked.txn
    txn.execute(
        "SELECT coalesce(d.name, ''), c.called FROM queue q JOIN call USING (call_key, seq)"
        " JOIN cdr c ON c.account_id = q.account_id AND c.call_id = q.call_id AND c.role = q.role"
        " AND c.started_at BETWEEN call.begun_at - %(around)s AND call.begun_at + %(around)s"
        " LEFT JOIN plan p ON p.id = c.plan_id LEFT JOIN deck d ON d.id = p.deck_id"
        " JOIN account a ON a.id = q.account_id WHERE a.code = %(account)s AND q.call_id = %(call)s::uuid"
        " AND q.role = %(role)s",
        {"around": A_DAY, "account": entry.account, "call": entry.call_id, "role": entry.role},
    )
    row = txn.fetchone()
    if row is None or entry.reason not in ("no_rate", "destination_blocked"):
        return []
    deck, called = row
    price = urlencode({"account": entry.account, "prefix": called.lstrip("+")})
    found = [_Fix(f"Set a price of {entry.account}'s own", f"/new/override?{price}")]
    if deck:
        found.insert(0, _Fix(f"Import rates into deck {deck}", f"/new/deck?{urlencode({'name': deck})}"))
    return found


def _assign(visit: Visit) -> Outcome:
    """Show what an assignment would mend, or do it and try the calls again."""
    txn, form, admin = visit.asked.txn, visit.form, visit.asked.admin
    call_id = visit.asked.path["call"]
    txn.execute("SAVEPOINT before_act")
    try:
        wanted = _wanted(visit)
        if form.get("do") != "assign":
            return _call(visit, found=preview(txn, call_id, wanted, admin))
        done = assign(txn, call_id, wanted, admin)
    except BadInput as problem:
        txn.execute("ROLLBACK TO before_act")
        return _call(visit, str(problem))
    again = _again(visit, [each.call_id for each in done.calls])
    service = done.change.key
    return Go("/queue", after=lambda: f"{done.service.kind.value} {service} is {wanted.account}’s. {again()}")


def _wanted(visit: Visit) -> Assignment:
    """Return what the form says. Raises BadInput."""
    form = {name: visit.form.get(name, "").strip() for name in NAMES}
    for name in ("account", "by"):
        if not form[name]:
            raise BadInput(f"{name}: it is missing")
    activated = None
    if form["activated"]:
        activated = parse_moment("activated", form["activated"])
        instant("activated", activated, visit.zone)
    return Assignment(
        account=form["account"], by=form["by"], plan=form["plan"] or None, activated=activated
    )


PAGES = (
    Page(
        path="/queue",
        title="Queue",
        show=_list,
        act=_retry,
        right="calls:read",
        menu="Queue",
        cli="tollwire queue list",
        json="/queue",
    ),
    Page(
        path="/queue/{call}",
        title="Queued call",
        show=_call,
        act=_assign,
        right="calls:read",
        cli="tollwire queue assign {call} --account CODE --by trunk --plan CODE",
        json="/queue/{call}/choices",
    ),
)
