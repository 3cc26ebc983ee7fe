"""Where the console begins, the search that finds anything, and the way out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import quote

from psycopg2.extensions import cursor as Cursor

from provisioning.console.pages import Go, Outcome, Page, Shown, Visit
from provisioning.logins import log_out
from provisioning.roles import Role, reached_accounts
from radiusd.storage.trails import find_calls

MOST_FOUND = 20
LATELY = timedelta(hours=6)  # calls that are looked through for ids of their legs


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
    """
    Return what is called so: kind, what it is, and its page.

    What an index leads to comes first; the rest is looked through only when that finds nothing.
    """
    txn = visit.asked.txn
    reached = reached_accounts(txn, visit.who.actor)
    digits = "".join(c for c in text if c.isdigit())
    names = [text, digits, f"{text}/32", f"{text}/128"]
    values = {"reached": reached, "text": text, "names": names, "digits": digits, "most": MOST_FOUND}
    found = _accounts(txn, "a.code = ANY (ARRAY[%(text)s, upper(%(text)s)])", values)
    found += _services(txn, "s.name = ANY (%(names)s)", values)
    if not found and len(digits) >= 4:
        # The digits that a number begins with, written so that an index serves in any collation.
        found = _services(txn, "s.name BETWEEN %(digits)s AND %(digits)s || repeat('9', 20)", values)
    if not found:
        like = {**values, "like": f"%{_plain(text)}%"}
        found = _accounts(txn, "(a.code ILIKE %(like)s OR a.name ILIKE %(like)s)", like)
        found += _services(txn, "s.username = %(text)s AND s.username <> ''", values)
    if not found and visit.may("calls:read"):
        found = [
            ("call", trail.call_id, f"/calls/{quote(trail.call_id, '')}")
            for trail in find_calls(txn, text, MOST_FOUND, visit.asked.now - LATELY)
            if reached is None or set(trail.accounts) & set(reached)
        ]
    return found


_REACHED = "(%(reached)s::bigint[] IS NULL OR a.id = ANY (%(reached)s::bigint[]))"


def _accounts(txn: Cursor, where: str, values: Mapping[str, object]) -> list[tuple[str, str, str]]:
    txn.execute(
        f"SELECT a.code, a.name FROM account a WHERE {where} AND {_REACHED} ORDER BY a.code LIMIT %(most)s",
        values,
    )
    return [
        ("account", f"{code} {name}".strip(), f"/accounts/{quote(code, '')}") for code, name in txn.fetchall()
    ]


def _services(txn: Cursor, where: str, values: Mapping[str, object]) -> list[tuple[str, str, str]]:
    txn.execute(
        "SELECT s.kind, s.name, a.code, s.ended_at FROM service s JOIN account a ON a.id = s.account_id"
        f" WHERE {where} AND {_REACHED} ORDER BY s.ended_at IS NOT NULL, s.name LIMIT %(most)s",
        values,
    )
    return [
        (kind, f"{name} of {code}{' (ended)' if ended_at else ''}", f"/accounts/{quote(code, '')}#services")
        for kind, name, code, ended_at in txn.fetchall()
    ]


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
