"""The services of an account: the forms that add one of each kind, change it and end it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote, urlencode

from provisioning import service_kinds
from provisioning.accounts import read_account
from provisioning.buckets import list_buckets
from provisioning.console.forms import NONE, Field, Problems, form_fields, problems_in, read_form
from provisioning.console.generated import fill_in, once
from provisioning.console.pages import Go, Outcome, Page, Shown, Visit
from provisioning.console.rendering import money
from provisioning.inventory import read_number
from provisioning.moments import parse_moment
from provisioning.plans import list_plans
from provisioning.roles import require_account
from provisioning.service_kinds import KINDS, Service
from provisioning.service_rows import list_services
from provisioning.services import add_service, end_service, find_service, set_service
from provisioning.tenants import list_tenants
from radiusd.calls.claims import ServiceKind
from radiusd.errors import BadInput, NotFound

TITLES = {
    ServiceKind.DID: "DID",
    ServiceKind.EXTENSION: "Extension",
    ServiceKind.TRUNK: "Trunk",
    ServiceKind.IP: "IP Address",
    ServiceKind.VIRTUAL: "Virtual Number",
}
FIELDS: dict[ServiceKind, tuple[str, ...]] = {
    ServiceKind.DID: (
        *("number", "plan", "activated", "mac_address", "username", "password", "realm", "location"),
        *("outpayment", "monthly_fee", "setup_fee"),
    ),
    ServiceKind.EXTENSION: ("extension", "tenant", "plan", "activated", "username", "password", "location"),
    ServiceKind.TRUNK: (
        *("trunk", "plan", "activated", "max_channels", "max_cps", "client", "username", "password"),
        "location",
    ),
    ServiceKind.IP: (
        *("network", "plan", "activated", "tech_prefix", "max_channels", "max_cps", "client", "location"),
    ),
    ServiceKind.VIRTUAL: (
        *("number", "primary", "activated", "additional_charge", "monthly_fee", "outpayment", "location"),
    ),
}
"""The fields of each kind's form, in their order."""
FIXED = {"number", "extension", "trunk", "network", "tenant", "client", "tech_prefix", "primary"}
"""What a service is known by; it never changes."""
SCOPE = ("tenant", "client", "tech_prefix")
"""What tells services of one name apart."""


def path_of(service: Service) -> str:
    """Return the page of *service*, told apart from others of its name."""
    scope = {name: getattr(service, name) for name in SCOPE if hasattr(service, name)}
    return path_to(service.account, service.kind, service.name, scope)


def path_to(account: str, kind: ServiceKind, name: str, scope: Mapping[str, str | None]) -> str:
    """Return the page of the service called *name*; *scope* has what is its kind's of :data:`SCOPE`."""
    where = f"/accounts/{quote(account, '')}/services/{kind.value}/{quote(name, '')}"
    known = {each: scope[each] or "" for each in SCOPE if each in scope and hasattr(KINDS[kind], each)}
    return f"{where}?{urlencode(known)}" if known else where


def quote_of(service: Service) -> str:
    """Return the page that tells what a call of *service* would cost."""
    return f"/quote?service={quote(f'{service.kind.value}:{service.key}', '')}"


def _kind(visit: Visit) -> type[Service]:
    for kind, service in KINDS.items():
        if kind.value == visit.asked.path["kind"]:
            return service
    raise NotFound("there is no such kind of service")


def _add_service(visit: Visit, problems: Problems = NONE) -> Outcome:
    kind, code = _kind(visit), visit.asked.path["code"]
    require_account(visit.asked.txn, visit.who.actor, code)
    read_account(visit.asked.txn, code)  # the page of an account that does not exist is not found
    names = FIELDS[kind.kind]
    return Shown(
        "form.html",
        {
            "heading": f"Add {TITLES[kind.kind]} to {code}",
            "fields": _service_fields(visit, kind, names, None, problems),
            "problems": problems,
            "action": f"Add {TITLES[kind.kind]}",
            "back": f"/accounts/{quote(code, '')}",
            "notes": [*_asked(visit), *(_shares(visit, code) if kind.kind is ServiceKind.VIRTUAL else ())],
            "pick": f"/numbers?for={quote(code, '')}" if kind.kind is ServiceKind.DID else "",
        },
        status=400 if problems is not NONE else 200,
    )


def _service_fields(
    visit: Visit, kind: type[Service], names: tuple[str, ...], current: Service | None, problems: Problems
) -> list[Field]:
    sent = visit.form or None
    if sent is None and current is None:
        today = visit.asked.now.astimezone(visit.zone).date().isoformat()
        sent = {"activated": today, **visit.query}
    found = form_fields(
        kind,
        names,
        current=current,
        sent=sent,
        helps=service_kinds.HELPS,
        suggestions=_suggestions(visit, names),
        problems=problems,
        labels={"number": TITLES[kind.kind]},
    )
    if current is None:
        return found
    return [replace(each, required=each.required and each.kind != "secret") for each in found]


def _suggestions(visit: Visit, names: tuple[str, ...]) -> dict[str, list[str]]:
    """Return what there is to choose from."""
    txn = visit.asked.txn
    found: dict[str, list[str]] = {}
    if "plan" in names:
        found["plan"] = [plan.code for plan in list_plans(txn)]
    if "tenant" in names:
        found["tenant"] = [tenant.name for tenant in list_tenants(txn)]
    if "client" in names and not visit.asked.admin.is_bound:
        txn.execute("SELECT name FROM client ORDER BY name")
        found["client"] = [name for (name,) in txn.fetchall()]
    if "primary" in names:
        dids = list_services(txn, ServiceKind.DID, visit.asked.path["code"])
        found["primary"] = [did.name for did in dids if did.ended is None]
    if "number" in names and "primary" not in names and visit.may("numbers:read"):
        txn.execute("SELECT number FROM number WHERE state = 'available' ORDER BY number LIMIT 50")
        found["number"] = [number for (number,) in txn.fetchall()]
    return found


def _asked(visit: Visit) -> list[str]:
    """Say in words what the inventory asks for the number that was picked from it."""
    number = visit.query.get("number", "")
    if not number or not visit.may("numbers:read"):
        return []
    try:
        found = read_number(visit.asked.txn, number, visit.who.actor)
    except BadInput:  # told when the form is sent
        return []
    if not (found.monthly_price or found.setup_price):
        return []
    monthly, setup = (money(price, found.currency) for price in (found.monthly_price, found.setup_price))
    return [f"The inventory asks {monthly} a month and {setup} once: a fee that is left empty is that"]


def _shares(visit: Visit, code: str) -> list[str]:
    """Say in words what a virtual number shares with each DID of the account."""
    lines = []
    for did in list_services(visit.asked.txn, ServiceKind.DID, code):
        plan = getattr(did, "plan", None)
        if did.ended is not None or plan is None:
            continue
        minutes = [
            f"its {bucket.seconds // 60:,} minutes to {bucket.destinations or 'anywhere'}"
            for bucket in list_buckets(visit.asked.txn, plan)
        ]
        shared = " and ".join([f"plan {plan}", *minutes])
        lines.append(f"With primary DID {did.name} it shares {shared}")
    return lines


def _save_service(visit: Visit) -> Outcome:
    kind, code = _kind(visit), visit.asked.path["code"]
    names = FIELDS[kind.kind]
    try:
        form, made_up = fill_in(visit.form)
        values = read_form(kind, names, form)
        service = kind(account=code, **values)
        change = add_service(visit.asked.txn, service, visit.asked.admin)
    except BadInput as error:
        return _add_service(visit, problems_in(error, names))
    told = " ".join([f"{TITLES[kind.kind]} {service.key} is added.", *change.warnings])
    return once(made_up, Go(f"/accounts/{quote(code, '')}#services", told), service.key)


def _find(visit: Visit) -> Service:
    kind, path = _kind(visit), visit.asked.path
    scope = {name: visit.query.get(name) for name in SCOPE}
    narrow = {name: scope[name] for name in scope if name in kind.__dataclass_fields__}
    found = find_service(visit.asked.txn, kind.kind, path["name"], visit.asked.now, narrow, visit.who.actor)
    if found.account != path["code"]:
        raise NotFound(f"account {path['code']} has no such service")
    return found


def _edit_service(visit: Visit, problems: Problems = NONE) -> Outcome:
    kind, code = _kind(visit), visit.asked.path["code"]
    current = _find(visit)
    names = tuple(name for name in FIELDS[kind.kind] if name not in FIXED and name != "activated")
    return Shown(
        "service.html",
        {
            "heading": f"{TITLES[kind.kind]} {current.key}",
            "service": current,
            "kind": kind.kind.value,
            "fields": _service_fields(visit, kind, names, current, problems),
            "problems": problems,
            "action": "Save",
            "back": f"/accounts/{quote(code, '')}",
            "notes": (),
            "quote": quote_of(current),
            "today": visit.asked.now.astimezone(visit.zone).date().isoformat(),
        },
        status=400 if problems is not NONE else 200,
    )


def _change_service(visit: Visit) -> Outcome:
    """Save the form, or end the service from a day on."""
    kind, code = _kind(visit), visit.asked.path["code"]
    names = tuple(name for name in FIELDS[kind.kind] if name not in FIXED and name != "activated")
    txn, admin = visit.asked.txn, visit.asked.admin
    current = _find(visit)
    try:
        if "end" in visit.form:
            at = parse_moment("ended", visit.form["end"])
            end_service(txn, current, at, admin)
            return Go(f"/accounts/{quote(code, '')}#services", f"{current.key} ends on {visit.form['end']}.")
        form, made_up = fill_in(visit.form)
        values = read_form(kind, names, form, keep_secrets=True)
        change = set_service(txn, replace(current, **values), admin)
    except BadInput as error:
        return _edit_service(visit, problems_in(error, (*names, "ended")))
    told = "Saved." if change else "Nothing was changed."
    return once(made_up, Go(f"/accounts/{quote(code, '')}#services", told), current.key)


PAGES = (
    Page(
        path="/accounts/{code}/add/{kind}",
        title="Add a service",
        show=_add_service,
        act=_save_service,
        right="services:write",
    ),
    Page(
        path="/accounts/{code}/services/{kind}/{name}",
        title="Service",
        show=_edit_service,
        act=_change_service,
        right="services:read",
    ),
)
