"""What calls of a month would have cost under a draft of prices: begun, followed, cancelled, looked at."""

from __future__ import annotations

import tempfile
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import psycopg2
from markupsafe import Markup

from provisioning.api.decks import Upload
from provisioning.console.charts import Bar, bars
from provisioning.console.pages import Go, Outcome, Page, Shown, Visit
from provisioning.console.rendering import money
from provisioning.decks import list_decks
from provisioning.draft_replays import Wish, draft_of, replay_calls
from provisioning.drafts import Line
from provisioning.drafts import Outcome as Found
from provisioning.jobs import Job, State
from provisioning.plans import list_plans
from provisioning.rate_files import RateFile
from provisioning.rate_layouts import PLAIN
from provisioning.reratings import checked_scope
from radiusd.errors import BadInput, NotDurable
from radiusd.storage.catalogue import load_catalogue
from radiusd.storage.rerating import Scope
from radiusd.storage.what_if import count_calls

if TYPE_CHECKING:
    from provisioning.web import Web

SHOWN = 50
DRAWN = 12
FIELDS = ("deck", "plan", "instead_of", "month", "account")


class Rates(NamedTuple):
    """Rates that were handed in, and what their file is called."""

    octets: bytes
    called: str


def begin_trial(visit: Visit, rates: Rates | None) -> Job:
    """
    Begin to replay the calls that the visitor's form names; what is wrong with the draft is told by its page.

    Raises:
        BadInput: A field is wrong.
        NotDurable: As many are being replayed as may be.
    """
    form = {name: visit.form.get(name, "").strip() for name in FIELDS}
    if sum(map(bool, (rates, form["deck"], form["plan"]))) != 1:
        raise BadInput("deck: choose a file, or a deck, or a plan")
    scope = checked_scope(Scope(account=form["account"] or None, month=form["month"] or last_month(visit)))
    wish = Wish(deck=form["deck"], plan=form["plan"], instead_of=form["instead_of"])
    what = f"deck {form['deck']}" if form["deck"] else f"plan {form['plan']}"
    what = rates.called if rates else what
    title = f"{what} on calls of {scope.month}" + (f" of {scope.account}" if scope.account else "")
    web, at = visit.asked.web, visit.asked.now
    work = partial(_replay, web=web, wish=wish, rates=rates, scope=scope, at=at)
    return web.jobs.begin(visit.who.user.name, title, web.now, work)


def last_month(visit: Visit) -> str:
    """Return the month before this one."""
    first = visit.asked.now.astimezone(visit.zone).replace(day=1)
    return f"{first - timedelta(days=1):%Y-%m}"


def _replay(job: Job, web: Web, wish: Wish, rates: Rates | None, scope: Scope, at: datetime) -> Found:
    """Replay in a thread; each thousand calls, say how far it is."""
    with (
        closing(psycopg2.connect(web.dsn, application_name="tollwire try")) as connection,
        tempfile.NamedTemporaryFile(suffix=Path(rates.called).suffix or ".csv" if rates else ".csv") as file,
    ):
        directory = load_catalogue(connection, web.sealer).directory
        job.require_wanted()
        connection.set_session(readonly=True)
        job.interrupt = connection.cancel
        if rates is not None:
            file.write(rates.octets)
            file.flush()
            wish = replace(wish, file=partial(_file_at, Path(file.name), rates.called))
        draft = draft_of(connection, directory, wish, at)
        job.total = count_calls(connection, scope)
        job.require_wanted()
        found = replay_calls(connection, directory, draft, scope, job.tell)
        job.done = job.total
        return replace(
            found,
            customers=found.customers[:SHOWN],
            destinations=found.destinations[:SHOWN],
            buckets=found.buckets[:SHOWN],
        )


def _file_at(path: Path, called: str, currency: str) -> RateFile:
    return Upload(path, PLAIN, currency, called=called)


def _form(visit: Visit, error: str = "", status: int = 400) -> Outcome:
    txn = visit.asked.txn
    asked = {name: visit.query[name] for name in FIELDS if name in visit.query}
    usual = {**dict.fromkeys((*FIELDS, "rows"), ""), "month": last_month(visit)}
    return Shown(
        "trials.html",
        {
            "form": {**usual, **asked, **visit.form},
            "decks": [deck.name for deck in list_decks(txn)],
            "plans": [plan.code for plan in list_plans(txn)],
            "jobs": visit.asked.web.jobs.of(visit.who.user.name),
            "error": error,
        },
        status=status if error else 200,
    )


def _begin(visit: Visit) -> Outcome:
    octets = visit.files.get("file") or visit.form.get("rows", "").encode()
    rates = Rates(octets, visit.file_names.get("file") or "pasted.csv") if octets.strip() else None
    try:
        job = begin_trial(visit, rates)
    except BadInput as problem:
        return _form(visit, str(problem))
    except NotDurable as problem:
        return _form(visit, str(problem), 503)
    return Go(f"/deck-tries/{job.id}")


def _trial(visit: Visit) -> Outcome:
    job = visit.asked.web.jobs.find(visit.asked.path["id"], visit.who.user.name)
    found = job.result if job.state is State.DONE else None
    return Shown(
        "trial.html",
        {
            "job": job,
            "found": found,
            "charts": _charts(found) if found else {},
            "shown": SHOWN,
            "columns": Line._fields[2:],
        },
    )


def _charts(found: Found) -> dict[str, Markup]:
    """Return how much more or less the customers and destinations would pay that change most."""
    charts = {}
    for title, lines in (("customer", found.customers), ("destination", found.destinations)):
        drawn = [_bar(line) for line in lines if line.difference][:DRAWN]
        charts[title] = bars(f"Revenue by {title}: the greatest differences", drawn) if drawn else Markup()
    return charts


def _bar(line: Line) -> Bar:
    text = money(line.difference, line.currency)
    return Bar(line.name or "none", line.difference, f"+{text}" if line.difference > 0 else text)


def _cancel(visit: Visit) -> Outcome:
    job = visit.asked.web.jobs.find(visit.asked.path["id"], visit.who.user.name)
    job.cancel()
    return Go(f"/deck-tries/{job.id}")


PAGES = (
    Page(
        path="/deck-tries",
        title="Try prices",
        show=_form,
        act=_begin,
        right="decks:read",
        cli="tollwire deck try NEW --on-calls 2026-10",
        json="/deck-tries",
        most_octets=64_000_000,
    ),
    Page(
        path="/deck-tries/{id}",
        title="Prices tried",
        show=_trial,
        act=_cancel,
        right="decks:read",
        cli="tollwire deck try NEW --on-calls 2026-10",
        json="/deck-tries",
    ),
)
