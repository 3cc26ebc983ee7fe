"""Own prices: what single prefixes cost for one plan or one account, in place of its deck's rates."""

from __future__ import annotations

from dataclasses import fields
from typing import Any
from urllib.parse import urlencode

from provisioning.admin import shown
from provisioning.api.endpoints import sliced
from provisioning.api.nouns import made
from provisioning.api.tariffs import override_key
from provisioning.console.forms import NONE, Problems, form_fields, problems_in, read_form
from provisioning.console.pages import Go, Outcome, Page, Shown, Visit
from provisioning.console.things import siblings
from provisioning.moments import parse_moment
from provisioning.overrides import (
    HELPS,
    Override,
    end_overrides,
    overrides_for,
    remove_overrides,
    set_override,
)
from provisioning.pages import Page as Slice
from provisioning.pages import read_cursor
from provisioning.plans import list_plans
from radiusd.errors import BadInput

PAGE = 50
FIRST = ("prefix", "plan", "account")
NAMES = (*FIRST, *(field.name for field in fields(Override) if field.name not in FIRST))


def _list(visit: Visit, error: str = "") -> Outcome:
    txn, actor, query = visit.asked.txn, visit.who.actor, visit.query
    plan = query.get("plan") or None
    account = query.get("account") or (actor.account if actor.is_bound else None)
    items: list[Override] = []
    body: dict[str, Any] = {}
    try:
        page = Slice(read_cursor(query.get("cursor", ""), (str, str, str)), PAGE)
        body = sliced(overrides_for(txn, actor, plan, account), page, override_key).body
        items = list(body["items"])
    except BadInput as problem:
        error = error or str(problem)
    return Shown(
        "overrides.html",
        {
            "rows": [(each, _form_of(each)) for each in items],
            "next": body.get("next"),
            "error": error,
            "siblings": [(title, path) for title, path, right in siblings("override") if visit.may(right)],
        },
        status=400 if error else 200,
    )


def _form_of(override: Override) -> str:
    """Return the path of the form that has a price's values."""
    values: dict[str, Any] = {name: _typed(getattr(override, name)) for name in NAMES}
    values["prefix"] = override.prefix or "*"
    return "/new/override?" + urlencode({name: value for name, value in values.items() if value})


def _typed(value: object) -> str:
    """Return a value as the form takes it: a mapping is a line each."""
    if isinstance(value, dict):
        return "\n".join(f"{name}={text}" for name, text in value.items())
    return shown(value)


def _act(visit: Visit) -> Outcome:
    """End the prices of a prefix at a day, or take them away, of all dates."""
    txn, form, admin = visit.asked.txn, visit.form, visit.asked.admin
    plan, account, prefix = form.get("plan") or None, form.get("account") or None, form.get("prefix", "")
    try:
        if form.get("do") == "remove":
            changes = remove_overrides(txn, plan, account, prefix, admin)
            return Go(f"/overrides{visit.again()}", f"{changes[0].key} is taken away, of all dates.")
        at = parse_moment("at", form["at"].strip()) if form.get("at", "").strip() else None
        changes = end_overrides(txn, plan, account, prefix, admin, at)
    except BadInput as problem:
        return _list(visit, str(problem))
    return Go(f"/overrides{visit.again()}", f"{changes[0].key} ends.")


def _form(visit: Visit, problems: Problems = NONE) -> Outcome:
    usual = {field.name: field.value for field in form_fields(Override, NAMES)}
    return Shown(
        "form.html",
        {
            "heading": "Set an own price",
            "fields": form_fields(
                Override,
                NAMES,
                sent=visit.form or {**usual, **visit.query},
                helps={
                    **HELPS,
                    "prefix": "Digits that numbers begin with; * is every destination.",
                    "plan": "Whose price it is: of this plan,",
                    "account": "or of this account; that comes before its plan's.",
                },
                suggestions={"plan": [plan.code for plan in list_plans(visit.asked.txn)]},
                problems=problems,
            ),
            "problems": problems,
            "action": "Set",
            "pick": "",
            "back": "/overrides",
            "notes": ("A price of the same prefix, moment and group of callers is replaced",),
        },
        status=400 if problems is not NONE else 200,
    )


def _set(visit: Visit) -> Outcome:
    try:
        wanted = made(Override, read_form(Override, NAMES, visit.form))
        change = set_override(visit.asked.txn, wanted, visit.asked.admin)
    except BadInput as error:
        return _form(visit, problems_in(error, NAMES))
    whose = {name: value for name in ("plan", "account") if (value := getattr(wanted, name))}
    told = f"The price of {change.key} is set." if change else "Nothing was changed."
    return Go(f"/overrides?{urlencode(whose)}", told)


PAGES = (
    Page(
        path="/overrides",
        title="Own prices",
        show=_list,
        act=_act,
        right="plans:read",
        cli="tollwire override list",
        json="/overrides",
    ),
    Page(
        path="/new/override",
        title="Set an own price",
        show=_form,
        act=_set,
        right="plans:write",
        cli="tollwire override set PREFIX --account CODE --rate AMOUNT",
    ),
)
