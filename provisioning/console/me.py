"""One's own page: who one is, a new password, the second factor, and the sessions that are open."""

from __future__ import annotations

from typing import Any

from provisioning.admin import Secret
from provisioning.console.pages import Go, Outcome, Page, Shown, Visit
from provisioning.console.qr import qr
from provisioning.logins import (
    Throttled,
    begin_login,
    begin_totp,
    confirm_totp,
    finish_login,
    is_right,
    remove_totp,
    rotate,
)
from provisioning.people import set_own_password
from radiusd.errors import BadInput, Forbidden


def _me(visit: Visit, error: str = "", second: tuple[str, str] | None = None) -> Outcome:
    txn, name = visit.asked.txn, visit.who.user.name
    txn.execute(
        "SELECT s.begun_at, s.seen_at, s.address, s.browser FROM login_session s"
        " JOIN person p ON p.id = s.person_id WHERE p.name = %s ORDER BY s.begun_at DESC",
        (name,),
    )
    sessions = txn.fetchall()
    txn.execute("SELECT totp_confirmed FROM person WHERE name = %s", (name,))
    (has_second,) = txn.fetchone() or (False,)
    picture = qr(second[1], "The key as a QR code") if second else None
    return Shown(
        "me.html",
        {
            "sessions": sessions,
            "has_second": has_second,
            "second": second,
            "picture": picture,
            "error": error,
        },
        status=400 if error else 200,
    )


def _change(visit: Visit) -> Outcome:
    """Do what the form's button names; what is wrong leaves everything as it was."""
    acts = {"password": _password, "begin": _begin, "confirm": _confirm, "remove": _remove}
    act = acts.get(visit.form.get("do", ""))
    if act is None:
        raise BadInput("do: choose one of the buttons")
    txn = visit.asked.txn
    try:
        return act(visit)
    except (BadInput, Forbidden, Throttled) as problem:
        txn.execute("ROLLBACK TO before_change")
        return _me(visit, str(problem))


def _proven(visit: Visit) -> Any:
    """Return a new session for who knows the password (and the code); guesses count as at the login."""
    txn, user, form, web = visit.asked.txn, visit.who.user, visit.form, visit.asked.web
    txn.execute("SAVEPOINT before_change")
    candidate = begin_login(txn, user.name, visit.asked.admin.address, visit.asked.now)
    txn.execute("SAVEPOINT before_change")  # the try stays counted
    right = is_right(candidate, Secret(form.get("old", "").encode()))
    return finish_login(txn, candidate, right, form.get("code", ""), visit.asked.now, web.sealer)


def _password(visit: Visit) -> Outcome:
    txn, form, admin = visit.asked.txn, visit.form, visit.asked.admin
    if form.get("new") != form.get("again"):
        txn.execute("SAVEPOINT before_change")
        raise BadInput("password: the two new ones differ; type the same twice")
    _proven(visit)
    set_own_password(txn, visit.who.user.name, Secret(form.get("new", "").encode()), admin)
    return Go("/login", "Your password is changed, and all your sessions have ended. Log in anew.", ends=True)


def _begin(visit: Visit) -> Outcome:
    visit.asked.txn.execute("SAVEPOINT before_change")
    return _me(visit, second=begin_totp(visit.asked.txn, visit.who.user, visit.asked.web.sealer))


def _confirm(visit: Visit) -> Outcome:
    txn, code = visit.asked.txn, visit.form.get("code", "").strip()
    txn.execute("SAVEPOINT before_change")
    confirm_totp(txn, visit.who.user, code, visit.asked.admin)
    session = rotate(txn, visit.who, visit.asked.now)
    return Go("/me", "From now on you are asked for a code.", session=session)


def _remove(visit: Visit) -> Outcome:
    session = _proven(visit)
    remove_totp(visit.asked.txn, visit.who.user, visit.asked.admin)
    return Go("/me", "You are asked for no code any more.", session=session)


PAGES = (Page(path="/me", title="You", show=_me, act=_change),)
