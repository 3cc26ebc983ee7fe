"""How many calls each trunk carried at once at most: a report of its own."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from provisioning.console.charts import Bar, bars
from provisioning.console.pages import Outcome, Page, Shown, Visit
from provisioning.console.services import path_to
from provisioning.moments import instant, parse_moment
from provisioning.peaks import Peak, peaks
from radiusd.calls.claims import ServiceKind
from radiusd.errors import BadInput
from radiusd.storage.time_steps import floor
from radiusd.storage.traffic_sums import HOUR_MINUTES

USUAL = timedelta(days=7)


def _peaks(visit: Visit) -> Outcome:
    query, now = visit.query, visit.asked.now
    error = ""
    rows: list[Peak] = []
    try:
        until = now
        if query.get("until"):
            until = instant("until", parse_moment("until", query["until"]), visit.zone)
        since = floor(until - USUAL, HOUR_MINUTES)
        if query.get("since"):
            since = instant("since", parse_moment("since", query["since"]), visit.zone)
        rows = peaks(visit.asked.txn, visit.who.actor, since, until)
    except BadInput as problem:
        error = str(problem)
    chart = bars("Most calls at once", [_bar(peak) for peak in rows])
    return Shown(
        "peaks.html",
        {"rows": [(peak, _path(peak)) for peak in rows], "chart": chart, "error": error},
        status=400 if error else 200,
    )


def _bar(peak: Peak) -> Bar:
    return Bar(peak.service, Decimal(peak.channels), f"{peak.channels} / {peak.most or 'no limit'}")


def _path(peak: Peak) -> str:
    """Return the page of its service."""
    scope = {"client": peak.client, "tech_prefix": peak.tech_prefix}
    return path_to(peak.account, ServiceKind(peak.kind), peak.service, scope)


PAGES = (
    Page(
        path="/reports/peaks",
        title="Peaks of trunks",
        show=_peaks,
        right="calls:read",
        cli="tollwire report peaks",
        json="/reports/peaks",
    ),
)
