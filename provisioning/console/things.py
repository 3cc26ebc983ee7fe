"""Pages of whatever admins provision: a list, a thing, and its form, made of what the HTTP API knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any
from urllib.parse import quote, urlencode

from provisioning.api import carriers, catalogue, tariffs
from provisioning.api.nouns import Noun
from provisioning.api.people import USERS
from provisioning.console.forms import NONE, Problems, form_fields, problems_in, read_form
from provisioning.console.generated import fill_in, once
from provisioning.console.pages import Go, Outcome, Page, Shown, Visit
from provisioning.decks import list_decks
from provisioning.destinations import list_destination_sets
from provisioning.plans import list_plans
from provisioning.roles import AREAS
from radiusd.errors import BadInput

PAGE = "50"
OWN_PAGES = ("account",)
OWN_LISTS = ("source",)
"""Words whose list and page, elsewhere, tell more than their fields; their forms are here."""
MENU = {"client": "Clients", "plan": "Plans", "user": "Users"}
GROUPS = {
    "Prices": (
        *("plan", "bucket", "destination", "override", "pool", "origin", "holiday", "policy", "supplier"),
    ),
    "Switches": ("client", "tenant", "source"),
    "People": ("user",),
}
TITLES = {
    "client": "Clients",
    "tenant": "Tenants",
    "source": "Sources of records",
    "destination": "Destination sets",
    "plan": "Plans",
    "bucket": "Buckets",
    "override": "Own prices",
    "pool": "Pools",
    "origin": "Origin groups",
    "holiday": "Holidays",
    "policy": "Policies",
    "supplier": "Suppliers",
    "user": "Users",
}
FIRST = 6  # columns of a list; the others are on the thing's page

NOUNS: tuple[Noun, ...] = tuple(
    noun
    for noun in (*catalogue.NOUNS, *tariffs.NOUNS, *carriers.NOUNS, USERS)
    if noun.word not in OWN_PAGES
)
BY_WORD = {noun.word: noun for noun in NOUNS}


def siblings(word: str) -> list[tuple[str, str, str]]:
    """Return the pages beside that of *word*: title, path, and the right that they ask for."""
    for group in GROUPS.values():
        if word in group:
            return [(TITLES.get(each, each), *_listed(each)) for each in group]
    return []


def _listed(word: str) -> tuple[str, str]:
    """Return the page that lists the things called *word*, and the right that it asks for."""
    noun = BY_WORD.get(word)
    return (f"/{noun.plural}", f"{noun.area}:read") if noun else (f"/{word}s", f"{AREAS[word]}:read")


def _shown_fields(noun: Noun) -> list[str]:
    return [field.name for field in fields(noun.kind) if field.name not in ("secret", "password")]


def _path(noun: Noun, thing: Any) -> str:
    where = "/".join(quote(str(getattr(thing, name)), safe="") for name in noun.key)
    scope = {
        parameter.name: getattr(thing, parameter.name)
        for parameter in noun.scope
        if getattr(thing, parameter.name, None)
    }
    return f"/{noun.plural}/{where}" + (f"?{urlencode(scope)}" if scope else "")


def _listing(noun: Noun) -> Callable[[Visit], Outcome]:
    def show(visit: Visit) -> Outcome:
        query: dict[str, Any] = {**visit.query, "limit": int(PAGE)}
        actor = visit.who.actor
        if actor.is_bound and any(each.name == "account" for each in noun.filters):
            query.setdefault("account", actor.account)
        asked = replace(visit.asked, query=query)
        body = noun.list_(asked).body
        items = list(body["items"])
        columns = _shown_fields(noun)[:FIRST]
        return Shown(
            "things.html",
            {
                "heading": TITLES.get(noun.word, noun.plural),
                "columns": columns,
                "rows": [(_path(noun, item), [getattr(item, name) for name in columns]) for item in items],
                "next": body.get("next"),
                "add": f"/new/{noun.word}" if visit.may(f"{noun.area}:write") else "",
                "what": noun.what,
                "siblings": [(title, path) for title, path, right in siblings(noun.word) if visit.may(right)],
            },
        )

    return show


def _thing(noun: Noun) -> Callable[[Visit], Outcome]:
    def show(visit: Visit, problems: Problems = NONE) -> Outcome:
        thing = noun.find(visit.asked)
        may_write = visit.may(f"{noun.area}:write")
        names = _form_names(noun, new=False)
        return Shown(
            "thing.html",
            {
                "heading": " ".join(str(getattr(thing, name)) for name in noun.key),
                "noun": noun.word,
                "facts": [(name, getattr(thing, name)) for name in _shown_fields(noun)],
                "fields": form_fields(
                    noun.inputs or noun.kind,
                    names,
                    current=_with_secrets(noun, thing),
                    sent=visit.form or None,
                    helps=noun.helps,
                    choices=noun.choices,
                    suggestions=_suggestions(visit, names),
                    problems=problems,
                )
                if may_write and noun.set_able
                else [],
                "problems": problems,
                "can_end": noun.end is not None and may_write,
                "back": f"/{noun.plural}",
                "title": TITLES.get(noun.word, noun.plural),
                "more": _more(noun, thing),
            },
            status=400 if problems is not NONE else 200,
        )

    return show


def _more(noun: Noun, thing: Any) -> list[tuple[str, str]]:
    """Return further pages about a thing."""
    if noun.word == "client":
        name = quote(thing.name, safe="")
        return [("Doctor", f"/doctor/{name}"), ("Watch packets", f"/clients/{name}/watch")]
    if noun.word == "plan":
        return [("Its buckets", f"/buckets?plan={quote(thing.code, safe='')}")]
    return []


def _change(noun: Noun) -> Callable[[Visit], Outcome]:
    show = _thing(noun)

    def act(visit: Visit) -> Outcome:
        names = _form_names(noun, new=False)
        try:
            thing = noun.find(visit.asked)
            if "end" in visit.form and noun.end is not None:
                noun.end(visit.asked, thing)
                return Go(f"/{noun.plural}", f"{noun.word} {_name(noun, thing)} is ended.")
            form, made_up = fill_in(visit.form)
            values = read_form(noun.inputs or noun.kind, names, form, keep_secrets=True)
            current = {field.name: getattr(thing, field.name) for field in fields(noun.kind)}
            change = noun.put(visit.asked, {**current, **values}, False)
        except BadInput as error:
            return show(visit, problems_in(error, names))  # type: ignore[call-arg]  # it takes problems
        told = " ".join(["Saved." if change else "Nothing was changed.", *change.warnings])
        return once(made_up, Go(_path(noun, thing), told), _name(noun, thing))

    return act


def _name(noun: Noun, thing: Any) -> str:
    return " ".join(str(getattr(thing, name)) for name in noun.key)


def _adding(noun: Noun) -> Callable[[Visit], Outcome]:
    def show(visit: Visit, problems: Problems = NONE) -> Outcome:
        names = _form_names(noun, new=True)
        return Shown(
            "form.html",
            {
                "heading": f"Add {noun.what}",
                "fields": form_fields(
                    noun.inputs or noun.kind,
                    names,
                    sent=visit.form or ({**_usual(noun), **visit.query} if visit.query else None),
                    helps=noun.helps,
                    choices=noun.choices,
                    suggestions=_suggestions(visit, names),
                    problems=problems,
                ),
                "problems": problems,
                "action": "Add",
                "pick": "",
                "back": f"/{noun.plural}",
                "notes": (),
            },
            status=400 if problems is not NONE else 200,
        )

    return show


def _usual(noun: Noun) -> dict[str, str]:
    """Return what the fields of a new thing hold when nobody says."""
    made = form_fields(noun.inputs or noun.kind, _form_names(noun, new=True))
    return {field.name: field.value for field in made}


def _add(noun: Noun) -> Callable[[Visit], Outcome]:
    show = _adding(noun)

    def act(visit: Visit) -> Outcome:
        names = _form_names(noun, new=True)
        try:
            form, made_up = fill_in(visit.form)
            values = read_form(noun.inputs or noun.kind, names, form)
            change = noun.put(visit.asked, values, True)
        except BadInput as error:
            return show(visit, problems_in(error, names))  # type: ignore[call-arg]  # it takes problems
        told = " ".join([f"{noun.word.capitalize()} {change.key} is added.", *change.warnings])
        return once(made_up, Go(f"/{noun.plural}", told), change.key)

    return act


def _form_names(noun: Noun, *, new: bool) -> list[str]:
    fixed = () if new else (*noun.key, *noun.fixed)
    return [field.name for field in fields(noun.inputs or noun.kind) if field.name not in fixed]


def _with_secrets(noun: Noun, thing: Any) -> Any:
    """Return *thing* as its form's dataclass has it: a secret is written, and never read."""
    kind = noun.inputs
    if kind is None or isinstance(thing, kind):
        return thing
    known = {field.name: getattr(thing, field.name) for field in fields(thing)}
    missing = {field.name: None for field in fields(kind) if field.name not in known}
    return kind(**known, **missing)


def _suggestions(visit: Visit, names: list[str]) -> dict[str, list[str]]:
    txn = visit.asked.txn
    found: dict[str, list[str]] = {}
    if {"deck", "inbound_deck", "outpayment_deck"} & set(names):
        decks = [deck.name for deck in list_decks(txn)]
        found |= dict.fromkeys(("deck", "inbound_deck", "outpayment_deck"), decks)
    if "plan" in names:
        found["plan"] = [plan.code for plan in list_plans(txn)]
    if {"destinations", "free"} & set(names):
        sets = [each.name for each in list_destination_sets(txn)]
        found |= {"destinations": sets, "free": sets}
    return found


def _pages(noun: Noun) -> list[Page]:
    place = "/".join(f"{{{name}}}" for name in noun.key)
    if noun.word in OWN_LISTS:
        return [_form_to_add(noun), _page_of(noun, f"{place}/edit", f"{noun.area}:write")]
    command = {"destination": "destination", "holiday": "holiday"}.get(noun.word, noun.word)
    return [
        Page(
            path=f"/{noun.plural}",
            title=TITLES.get(noun.word, noun.plural),
            show=_listing(noun),
            right=f"{noun.area}:read",
            menu=MENU.get(noun.word, ""),
            cli=f"tollwire {command} list",
            json=f"/{noun.plural}",
        ),
        _form_to_add(noun),
        _page_of(noun, place, f"{noun.area}:read"),
    ]


def _form_to_add(noun: Noun) -> Page:
    return Page(
        path=f"/new/{noun.word}",
        title=f"Add {noun.what}",
        show=_adding(noun),
        act=_add(noun),
        right=f"{noun.area}:write",
    )


def _page_of(noun: Noun, place: str, right: str) -> Page:
    return Page(
        path=f"/{noun.plural}/{place}",
        title=TITLES.get(noun.word, noun.plural),
        show=_thing(noun),
        act=_change(noun),
        right=right,
        json=f"/{noun.plural}/{place.removesuffix('/edit')}",
    )


PAGES = tuple(page for noun in NOUNS for page in _pages(noun))

