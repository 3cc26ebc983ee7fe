"""Reports: traffic added up and drawn, statements, peaks of trunks, who changed what, and our health."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any

from provisioning.account_statements import statement
from provisioning.audit import AuditFilter, list_audit
from provisioning.console.charts import Bar, bars
from provisioning.console.pages import Outcome, Page, Shown, Visit, csv_file
from provisioning.console.rendering import money
from provisioning.moments import instant, parse_moment
from provisioning.outpayments import Earned, outpayments
from provisioning.pages import Page as Slice
from provisioning.pages import read_cursor, write_cursor
from provisioning.traffic import GROUPS, Traffic, month_until, traffic
from radiusd.errors import BadInput, NotFound

MEASURES = {
    "charge": "Charge",
    "calls": "Calls",
    "minutes": "Minutes",
    "margin": "Margin",
    "earned": "Out-payment",
}
PAGE = 50
MOST_SHOWN = 200  # lines of a report on one page


def _traffic(visit: Visit) -> Outcome:
    query, now = visit.query, visit.asked.now
    error, since, until = "", now, now
    rows: list[Traffic] = []
    by = query.get("by") or "account"
    measure = query.get("measure") or "charge"
    try:
        until = _moment(query, "until", now, visit.zone)
        since = _moment(query, "since", month_until(until, visit.zone), visit.zone)
        if measure not in MEASURES:
            raise BadInput(f"measure: {measure[:20]!r} is none of {', '.join(MEASURES)}")
        account, actor = query.get("account") or None, visit.who.actor
        if by == "service" and account is None and not actor.is_bound:
            raise BadInput("account: name one; the services of all together are too many for a page")
        rows = traffic(
            visit.asked.txn, actor, by, since, until, account, visit.zone.key, MOST_SHOWN + 1, first=measure
        )
    except BadInput as problem:
        error = str(problem)
    return Shown(
        "traffic.html",
        {
            "rows": rows,
            "shown": MOST_SHOWN,
            "names": [field.name for field in fields(Traffic)][2:],
            "by": by,
            "groups": tuple(GROUPS),
            "measure": measure,
            "measures": MEASURES,
            "chart": bars(f"{MEASURES.get(measure, '')} by {by}", _bars(rows, measure)),
            "error": error,
            "since": since,
            "until": until,
            "times": _times(now, visit.zone),
        },
        status=400 if error else 200,
    )


def _times(now: datetime, zone: tzinfo) -> list[tuple[str, str | None, str | None]]:
    """Return times that are often asked for, with the days of since and until as a query says them."""
    today = now.astimezone(zone).date()
    month = today.replace(day=1)
    before = (month - timedelta(days=1)).replace(day=1)
    return [
        ("Today", str(today), None),
        ("This month", None, None),
        ("Last month", str(before), str(month)),
        ("31 days", str(today - timedelta(days=30)), None),
    ]


def _moment(query: Mapping[str, str], name: str, default: datetime, zone: tzinfo) -> datetime:
    return instant(name, parse_moment(name, query[name]), zone) if query.get(name) else default


def _bars(rows: list[Traffic], measure: str) -> list[Bar]:
    found = []
    for row in rows:
        value = getattr(row, measure, None)
        if value is not None:
            is_money = measure in ("charge", "margin", "earned")
            text = money(value, row.currency) if is_money else f"{value:,}"
            found.append(Bar(row.key or "none", Decimal(value), text))
    return found


def _statement(visit: Visit) -> Outcome:
    code = visit.asked.path["code"]
    now = visit.asked.now
    period = visit.query.get("period") or f"{now:%Y-%m}"
    error, found = "", None
    try:
        found = statement(visit.asked.txn, visit.who.actor, code, period)
    except NotFound:
        raise
    except BadInput as problem:
        error = str(problem)
    return Shown(
        "statement.html",
        {"found": found, "code": code, "period": period, "error": error},
        status=400 if error else 200,
    )


def _outpayments(visit: Visit) -> Outcome:
    """Show what an account earned in a month, or save it as a file."""
    code, period = visit.asked.path["code"], visit.query.get("period") or f"{visit.asked.now:%Y-%m}"
    error, found = "", None
    try:
        found = outpayments(visit.asked.txn, visit.who.actor, code, period)
    except NotFound:
        raise
    except BadInput as problem:
        error = str(problem)
    if found is not None and visit.query.get("save") == "csv":
        names = [field.name for field in fields(Earned)]
        rows = [[getattr(line, name) for name in names] for line in found.lines]
        return csv_file(f"out-payments-{code}-{period}.csv", names, rows)
    lines = found.lines if found else ()
    drawn = [Bar(line.service or "none", line.amount, money(line.amount)) for line in lines]
    return Shown(
        "outpayments.html",
        {
            "found": found,
            "code": code,
            "period": period,
            "chart": bars("Earned by service", drawn) if drawn else "",
            "error": error,
        },
        status=400 if error else 200,
    )


def _audit(visit: Visit) -> Outcome:
    query = visit.query
    wanted = AuditFilter(
        **{name: query[name] for name in ("actor", "noun", "key") if query.get(name)}  # type: ignore[arg-type]
    )
    page = Slice(read_cursor(query.get("after", ""), (str,)), PAGE)
    found = list_audit(visit.asked.txn, visit.who.actor, wanted, page)
    return Shown(
        "audit.html",
        {"rows": found, "next": write_cursor((found[-1].id,)) if len(found) == PAGE else None},
    )


def _health(visit: Visit) -> Outcome:
    """Tell what an engineer looks at first: the database, partitions ahead, the queue, what waits."""
    txn, now = visit.asked.txn, visit.asked.now
    checks: list[tuple[str, bool, str, str]] = []
    txn.execute(
        "SELECT current_setting('server_version'), pg_is_in_recovery(), pg_database_size(current_database())"
    )
    version, replica, size = _one(txn)
    checks.append(
        ("Database", not replica, f"PostgreSQL {version}, {size // 2**20:,} MiB", "connect to the primary")
    )
    txn.execute(
        "SELECT max(to_date(right(relname, 7), 'YYYY_MM')) FROM pg_class"
        " WHERE relname ~ '^cdr_[0-9]{4}_[0-9]{2}$'"
    )
    (last,) = _one(txn)
    ahead = last is not None and (last - now.date()).days > 20
    checks.append(("Partitions ahead", ahead, f"made until {last}", "is 'tollwire serve' running?"))
    txn.execute("SELECT count(*) FROM queue")
    (queued,) = _one(txn)
    checks.append(("Calls in the queue", queued == 0, f"{queued:,}", "look at the queue"))
    txn.execute("SELECT count(*) FROM session WHERE expires_at < %s - interval '5 minutes'", (now,))
    (overdue,) = _one(txn)
    checks.append(("Open calls overdue", overdue == 0, f"{overdue:,}", "is 'tollwire serve' running?"))
    txn.execute("SELECT name, owner, until FROM duty ORDER BY name")
    duties = [(name, owner, until, until > now) for name, owner, until in txn.fetchall()]
    txn.execute(
        "SELECT c.name, max(h.hour) FROM client c LEFT JOIN client_habit h ON h.client_id = c.id"
        " GROUP BY c.name ORDER BY c.name"
    )
    return Shown("health.html", {"checks": checks, "duties": duties, "clients": txn.fetchall()})


def _one(txn: Any) -> Any:
    row = txn.fetchone()
    assert row is not None, "it is an aggregate"
    return row


PAGES = (
    Page(
        path="/reports",
        title="Reports",
        show=_traffic,
        right="calls:read",
        menu="Reports",
        cli="tollwire report traffic --by account",
    ),
    Page(
        path="/accounts/{code}/statement",
        title="Statement",
        show=_statement,
        right="balances:read",
        cli="tollwire statement {code} --period 2026-11",
    ),
    Page(
        path="/accounts/{code}/outpayments",
        title="Out-payments",
        show=_outpayments,
        right="balances:read",
        cli="tollwire report outpayments {code} --period 2026-11",
        json="/accounts/{code}/outpayments",
    ),
    Page(
        path="/audit",
        title="Audit",
        show=_audit,
        right="audit:read",
        menu="Audit",
        cli="tollwire audit list",
        json="/audit",
    ),
    Page(path="/health", title="Health", show=_health, right="clients:read", menu="Health"),
)
