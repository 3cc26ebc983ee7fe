"""Live: calls now with their cost, trunks by how full they are, and what was refused lately and why."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from typing import Any

from psycopg2.extensions import cursor as Cursor

from provisioning.admin import Action, Change, audit
from provisioning.api.calls import open_journal
from provisioning.call_views import live_for, require_call
from provisioning.console.pages import Go, Outcome, Page, Shown, Visit
from provisioning.console.services import path_to
from provisioning.roles import reached_accounts
from radiusd.calls.claims import ServiceKind
from radiusd.errors import Refusal
from radiusd.storage.disconnects import ask_by_hand

LATELY = timedelta(minutes=15)
MOST_TRUNKS = 12


def _live(visit: Visit) -> Outcome:
    txn, actor, now = visit.asked.txn, visit.who.actor, visit.asked.now
    calls = live_for(txn, actor, now)
    wanted = visit.query.get("q", "").strip().lower()
    shown = [call for call in calls if not wanted or wanted in _text(call)]
    reached = reached_accounts(txn, actor)
    return Shown(
        "live.html",
        {
            "calls": shown,
            "count": len(calls),
            "at_risk": _sums(calls, "held"),
            "cost": _sums(calls, "cost"),
            "trunks": _trunks(txn, reached),
            "lately": _lately(txn, reached, now - LATELY),
            "minutes": int(LATELY.total_seconds() // 60),
            "filter": visit.query.get("q", ""),
        },
    )


def _text(call: dict[str, Any]) -> str:
    names = ("account", "service", "from", "to", "trunk", "client", "call_id")
    return " ".join(str(call[name]) for name in names if call[name]).lower()


def _sums(calls: list[dict[str, Any]], what: str) -> list[tuple[Decimal, str]]:
    """Return the sums by currency."""
    sums: dict[str, Decimal] = {}
    for call in calls:
        if call["currency"]:
            sums[call["currency"]] = sums.get(call["currency"], Decimal(0)) + call[what]
    return [(amount, currency) for currency, amount in sorted(sums.items())]


def _trunks(txn: Cursor, reached: list[int] | None) -> list[dict[str, Any]]:
    """Return the fullest trunks."""
    txn.execute(
        "SELECT s.kind, s.name, a.code, c.used, s.max_channels, l.name, s.tech_prefix FROM channel c"
        " JOIN service s ON s.id = c.service_id JOIN account a ON a.id = c.account_id"
        " LEFT JOIN client l ON l.id = s.client_id"
        " WHERE (%(reached)s::bigint[] IS NULL OR a.id = ANY (%(reached)s::bigint[])) AND (c.used > 0"
        " OR s.max_channels IS NOT NULL) AND s.ended_at IS NULL"
        " ORDER BY c.used::numeric / greatest(coalesce(s.max_channels, 1000), 1) DESC, s.name LIMIT %(most)s",
        {"reached": reached, "most": MOST_TRUNKS},
    )
    return [
        {
            "name": name,
            "account": account,
            "used": used,
            "most": most,
            "client": client,
            "path": path_to(account, ServiceKind(kind), name, {"client": client, "tech_prefix": prefix}),
        }
        for kind, name, account, used, most, client, prefix in txn.fetchall()
    ]


def _lately(txn: Cursor, reached: list[int] | None, since: Any) -> dict[str, Any]:
    """Return how many calls were answered, and how many refused for which reason."""
    txn.execute(
        "SELECT status, reason, count(*) FROM cdr WHERE started_at >= %(since)s AND role <> 'in'"
        " AND (%(reached)s::bigint[] IS NULL OR account_id = ANY (%(reached)s::bigint[]))"
        " GROUP BY status, reason",
        {"since": since, "reached": reached},
    )
    rows = txn.fetchall()
    answered = sum(count for status, _, count in rows if status == "answered")
    tried = sum(count for status, _, count in rows if status in ("answered", "failed"))
    texts = {refusal.word: refusal.text for refusal in Refusal}
    refused = sorted(
        ((count, reason, texts.get(reason, "")) for status, reason, count in rows if status == "refused"),
        reverse=True,
    )
    return {"answered": answered, "tried": tried, "refused": refused}


def _end(visit: Visit) -> Outcome:
    """End a call: its switch is asked, if it can be; else the call is closed in the books."""
    call_id = visit.form.get("call_id", "")
    txn, admin, web = visit.asked.txn, visit.asked.admin, visit.asked.web
    require_call(txn, admin, call_id)
    why_not = ask_by_hand(txn, call_id, admin.now)
    audit(txn, admin, [Change(Action.ENDED, "call", call_id)])
    if why_not is None:
        return Go("/live", "The switch is asked to end the call.")

    def close() -> str:
        with closing(open_journal(web)) as journal:
            journal.end_call(call_id, admin.now)
        return f"The call is closed in the books; {why_not}."

    return Go("/live", after=close)


PAGES = (
    Page(
        path="/live",
        title="Live calls",
        show=_live,
        act=_end,
        right="calls:read",
        menu="Live",
        cli="tollwire calls top",
        json="/calls/live",
    ),
)
