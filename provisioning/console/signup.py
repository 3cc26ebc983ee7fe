"""
Sign-up: a visitor picks a number, held meanwhile, and a plan, and gets account, DID and credentials at once.

The visitor's hold on the number is a secret of its own, which the pages carry on.
"""

from __future__ import annotations

import re
import secrets
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from psycopg2.extensions import cursor as Cursor

from provisioning.accounts import Account, add_account, find_account
from provisioning.admin import Admin, Secret
from provisioning.api.pacing import Pace
from provisioning.buckets import list_buckets
from provisioning.console.pages import Go, Outcome, Page, Shown, Visit
from provisioning.inventory import read_number
from provisioning.number_search import Wanted, search
from provisioning.number_states import is_held_by, pass_reservation, reserve
from provisioning.pages import Page as Slice
from provisioning.people import User, add_user
from provisioning.plans import find_plan
from provisioning.roles import Actor
from provisioning.service_kinds import Did
from provisioning.services import add_service
from radiusd.errors import BadInput, Forbidden, NotFound
from radiusd.settings import Console

CLERK = "sign-up"  # as the audit names who acts for a visitor
HELD = timedelta(minutes=15)
SHOWN = 30
TRIES_PER_MINUTE = 20
COMPANY = re.compile(r"[^A-Z0-9]+")
LONGEST_CODE = 20

_pace = Pace(TRIES_PER_MINUTE)


def _settings(visit: Visit) -> Console:
    """Return the settings, or refuse: nobody signs up where it is not switched on, or tries too often."""
    console = visit.asked.web.settings.console
    if not console.sign_up:
        raise NotFound("there is no sign-up here")
    if not visit.form:
        return console
    wait_s = _pace.wait_s(visit.asked.admin.address, visit.asked.web.reactor.seconds())
    if wait_s:
        raise Forbidden(f"too many tries; wait {wait_s} seconds")
    return console


def _clerk(visit: Visit) -> Admin:
    """Return who acts for a visitor: it may all that a sign-up needs, and the audit says who it was."""
    return visit.asked.web.admin(Actor(CLERK, address=visit.asked.admin.address))


def _choose(visit: Visit, error: str = "") -> Outcome:
    _settings(visit)
    txn, query = visit.asked.txn, visit.query
    given: dict[str, Any] = {name: query[name] for name in ("country", "area", "pattern") if query.get(name)}
    found = []
    try:
        found = search(txn, _clerk(visit), Wanted(**given), visit.asked.now, Slice((), SHOWN))
    except BadInput as problem:
        error = str(problem)
    txn.execute(
        "SELECT DISTINCT country, area FROM number WHERE state = 'available' ORDER BY country, area LIMIT 200"
    )
    places = txn.fetchall()
    return Shown(
        "signup.html",
        {
            "numbers": found,
            "countries": sorted({country for country, _ in places if country}),
            "areas": sorted({area for _, area in places if area}),
            "error": error,
        },
        status=400 if error else 200,
    )


def _hold(visit: Visit) -> Outcome:
    """Hold the number that was chosen, for a visitor who has it from now on by a secret."""
    _settings(visit)
    holder = secrets.token_urlsafe(24)
    try:
        reserve(visit.asked.txn, visit.form.get("number", ""), holder, HELD, _clerk(visit), sign_up=True)
    except BadInput as problem:
        return _choose(visit, f"{problem}. Choose another one.")
    return Go("/signup/details?" + urlencode({"number": visit.form["number"], "hold": holder}))


def _details(visit: Visit, errors: dict[str, str] | None = None) -> Outcome:
    console = _settings(visit)
    txn = visit.asked.txn
    number = read_number(txn, visit.query.get("number", ""))
    _require_hold(txn, number.number, visit.query.get("hold", ""), visit)
    plans = []
    for code in console.sign_up_plans:
        found = find_plan(txn, code)
        if found is not None:
            plans.append((found[1], list_buckets(txn, code)))
    return Shown(
        "signup_details.html",
        {"number": number, "plans": plans, "form": visit.form, "errors": errors or {}},
        status=400 if errors else 200,
    )


def _require_hold(txn: Cursor, number: str, hold: str, visit: Visit) -> None:
    if not is_held_by(txn, number, hold, visit.asked.now):
        raise NotFound("the number is held for you no more; choose one again")


def _confirm(visit: Visit) -> Outcome:
    """Make account, DID, SIP credentials and user in this one transaction, or tell what is wrong."""
    console = _settings(visit)
    txn, form, clerk = visit.asked.txn, visit.form, _clerk(visit)
    number = read_number(txn, visit.query.get("number", ""))
    _require_hold(txn, number.number, visit.query.get("hold", ""), visit)
    errors = _wrong(form, console)
    if errors:
        return _details(visit, errors)
    txn.execute("SAVEPOINT before_account")
    try:
        code = _code(txn, form["company"])
        status = "suspended" if console.sign_up_approval else "active"
        account = Account(
            code=code, name=form["company"].strip(), currency=number.currency, reseller=None, status=status
        )
        add_account(txn, account, clerk)
        if not pass_reservation(txn, number.number, visit.query["hold"], code):
            raise NotFound("the number is held for you no more; choose one again")
        password = secrets.token_urlsafe(12)
        did = Did(
            number=number.number,
            account=code,
            plan=form["plan"],
            activated=visit.asked.now,
            username=number.number,
            password=Secret(password.encode()),
            mac_address=form.get("mac_address", "").strip(),
        )
        add_service(txn, did, clerk)
        user = User(name=form["user"].strip(), email=form["email"].strip(), role="customer", account=code)
        add_user(txn, user, clerk, Secret(form["password"].encode()))
    except NotFound:
        raise
    except BadInput as problem:
        txn.execute("ROLLBACK TO before_account")
        field, colon, text = str(problem).partition(": ")
        asked = ("company", "mac_address", "email", "password", "plan")
        known = field if colon and field in asked else "user"
        return _details(visit, {known: text if colon else str(problem)})
    return Shown(
        "signup_done.html",
        {"account": account, "did": did, "sip_password": password, "user": user.name},
    )


def _wrong(form: Any, console: Console) -> dict[str, str]:
    """Return what is wrong with the fields that only a sign-up has, by their name."""
    errors = {}
    for name in ("company", "user", "email", "password", "plan"):
        if not form.get(name, "").strip():
            errors[name] = "it is missing"
    if "plan" not in errors and form["plan"] not in console.sign_up_plans:
        errors["plan"] = "choose one of those shown"
    return errors


def _code(txn: Cursor, company: str) -> str:
    """Return a code for the account that is not taken."""
    stem = COMPANY.sub("-", company.upper()).strip("-")[:LONGEST_CODE] or "CUSTOMER"
    code, count = stem, 1
    while find_account(txn, code) is not None:
        count += 1
        code = f"{stem}-{count}"
    return code


PAGES = (
    Page(path="/signup", title="Choose your number", show=_choose, act=_hold, open=True),
    Page(path="/signup/details", title="Your account", show=_details, act=_confirm, open=True),
)
