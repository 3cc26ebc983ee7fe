"""Tokens of the HTTP API: made and shown once, revoked, and when each was last used."""

from __future__ import annotations

from provisioning.console.pages import Go, Outcome, Page, Shown, Visit
from provisioning.roles import GRANTED
from provisioning.tokens import Token, add_token, list_tokens, revoke_token
from radiusd.errors import BadInput


def _list(visit: Visit, error: str = "", made: str = "") -> Outcome:
    actor = visit.who.actor
    return Shown(
        "tokens.html",
        {
            "rows": list_tokens(visit.asked.txn, actor, revoked=False),
            "rights": sorted(GRANTED[actor.role]),
            "error": error,
            "made": made,
        },
        status=400 if error else 200,
    )


def _change(visit: Visit) -> Outcome:
    """Make a token, or revoke one."""
    form, txn, admin = visit.form, visit.asked.txn, visit.asked.admin
    try:
        if "revoke" in form:
            revoke_token(txn, form.get("user", ""), form["revoke"], admin)
            return Go("/tokens", "Revoked: it opens nothing any more.")
        scopes = tuple(form.get("scopes", "").split())
        user = visit.who.user.name
        _, secret = add_token(txn, Token(name=form.get("name", ""), user=user, scopes=scopes), admin)
    except BadInput as problem:
        return _list(visit, str(problem))
    return _list(visit, made=secret)


PAGES = (
    Page(
        path="/tokens",
        title="Tokens",
        show=_list,
        act=_change,
        right="tokens:read",
        menu="Tokens",
        cli="tollwire token list",
        json="/tokens",
    ),
)
