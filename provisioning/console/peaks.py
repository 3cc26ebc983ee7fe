"""How many calls each trunk carried at once at most: a report of its own."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from provisioning.console.charts import Bar, bars
from provisioning.console.pages import Outcome, Page, Shown, Visit
from provisioning.moments import instant, parse_moment
from provisioning.roles import reached_accounts
from radiusd.errors import BadInput

USUAL = timedelta(days=7)
BEFORE = timedelta(days=1)  # calls that began earlier than that before the time asked for are not looked at
MOST_TRUNKS = 50

# A call is one more at its beginning and one less at its end; the highest running sum is the peak. Where one
# call ends in the very instant in which another begins, they were not up at once: -1 goes first.
_PEAKS = """
WITH carried AS (
    SELECT DISTINCT call_id, channel_service_id AS trunk_id, started_at, ended_at FROM cdr
    WHERE channel_service_id IS NOT NULL AND status IN ('answered', 'failed') AND ended_at > started_at
      AND started_at >= %(since)s - %(before)s AND started_at < %(until)s AND ended_at > %(since)s
      AND (%(reached)s::bigint[] IS NULL OR account_id = ANY (%(reached)s::bigint[]))
), steps AS (
    SELECT trunk_id, greatest(started_at, %(since)s) AS at, 1 AS step FROM carried
    UNION ALL SELECT trunk_id, ended_at, -1 FROM carried
), sums AS (
    SELECT trunk_id, at, sum(step) OVER (PARTITION BY trunk_id ORDER BY at, step) AS channels FROM steps
), peaks AS (
    SELECT DISTINCT ON (trunk_id) trunk_id, channels, at FROM sums ORDER BY trunk_id, channels DESC, at
)
SELECT s.kind, s.name, a.code, channels, s.max_channels, at
FROM peaks JOIN service s ON s.id = trunk_id JOIN account a ON a.id = s.account_id
ORDER BY channels DESC, s.name LIMIT %(most)s
"""


def _peaks(visit: Visit) -> Outcome:
    query, now = visit.query, visit.asked.now
    error, rows = "", []
    try:
        until = now
        if query.get("until"):
            until = instant("until", parse_moment("until", query["until"]), visit.zone)
        since = until - USUAL
        if query.get("since"):
            since = instant("since", parse_moment("since", query["since"]), visit.zone)
        visit.asked.txn.execute(
            _PEAKS,
            {
                "since": since,
                "until": until,
                "before": BEFORE,
                "reached": reached_accounts(visit.asked.txn, visit.who.actor),
                "most": MOST_TRUNKS,
            },
        )
        rows = visit.asked.txn.fetchall()
    except BadInput as problem:
        error = str(problem)
    chart = bars(
        "Most calls at once",
        [Bar(name, Decimal(peak), f"{peak} / {most or 'no limit'}") for _, name, _, peak, most, _ in rows],
    )
    return Shown(
        "peaks.html", {"rows": rows, "chart": chart, "error": error}, status=400 if error else 200
    )


PAGES = (Page(path="/reports/peaks", title="Peaks of trunks", show=_peaks, right="calls:read"),)
