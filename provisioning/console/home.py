"""Where the console begins, the search that finds anything, and the way out."""

from __future__ import annotations

from urllib.parse import quote

from provisioning.console.pages import Go, Outcome, Page, Shown, Visit
from provisioning.logins import log_out
from provisioning.roles import Role, reached_accounts
from radiusd.storage.trails import find_calls

MOST_FOUND = 20


def _begin(visit: Visit) -> Outcome:
    if visit.who.actor.role is Role.CUSTOMER:
        return Go(f"/accounts/{quote(visit.who.actor.account or '', '')}")
    return Go("/live" if visit.may("calls:read") else "/accounts")


def _search(visit: Visit) -> Outcome:
    """Find a number, address, trunk, account, user or call id; go there when there is one answer."""
    text = visit.query.get("q", "").strip()
    found = _found(visit, text) if text else []
    if len(found) == 1:
        return Go(found[0][2])
    return Shown("search.html", {"text": text, "found": found})


def _found(visit: Visit, text: str) -> list[tuple[str, str, str]]:
    """Return what is called so: kind, what it is, and its page."""
    txn = visit.asked.txn
    reached = reached_accounts(txn, visit.who.actor)
    digits = "".join(c for c in text if c.isdigit())
    txn.execute(
        "SELECT a.code, a.name FROM account a WHERE (a.code ILIKE %(like)s OR a.name ILIKE %(like)s)"
        " AND (%(reached)s::bigint[] IS NULL OR a.id = ANY (%(reached)s::bigint[]))"
        " ORDER BY a.code LIMIT %(most)s",
        {"like": f"%{_plain(text)}%", "reached": reached, "most": MOST_FOUND},
    )
    found = [
        ("account", f"{code} {name}".strip(), f"/accounts/{quote(code, '')}")
        for code, name in txn.fetchall()
    ]
    txn.execute(
        "SELECT s.kind, s.name, a.code, s.ended_at FROM service s JOIN account a ON a.id = s.account_id"
        " WHERE (s.name = ANY (%(names)s) OR s.username = %(text)s OR s.name LIKE %(like)s)"
        " AND (%(reached)s::bigint[] IS NULL OR a.id = ANY (%(reached)s::bigint[]))"
        " ORDER BY s.ended_at IS NOT NULL, s.name LIMIT %(most)s",
        {
            "names": [text, digits, f"{text}/32", f"{text}/128"],
            "text": text,
            "like": f"{_plain(digits)}%" if len(digits) >= 4 else text,
            "reached": reached,
            "most": MOST_FOUND,
        },
    )
    found += [
        (kind, f"{name} of {code}{' (ended)' if ended_at else ''}", f"/accounts/{quote(code, '')}#services")
        for kind, name, code, ended_at in txn.fetchall()
    ]
    if visit.may("calls:read"):
        found += [
            ("call", trail.call_id, f"/calls/{quote(trail.call_id, '')}")
            for trail in find_calls(txn, text, MOST_FOUND)
            if reached is None or set(trail.accounts) & set(reached)
        ]
    return found


def _plain(text: str) -> str:
    """Return *text* without the signs that mean something to LIKE."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _leave(visit: Visit) -> Outcome:
    log_out(visit.asked.txn, visit.who.token)
    return Go("/login", "You are logged out.", ends=True)


PAGES = (
    Page(path="/", title="Tollwire", show=_begin),
    Page(path="/search", title="Search", show=_search),
    Page(path="/logout", title="Log out", show=lambda visit: Go("/me"), act=_leave),
)
