"""Endpoints of the five kinds of service, one shape for all."""

from __future__ import annotations

from datetime import date
from typing import Any

from provisioning.accounts import read_account
from provisioning.admin import Change
from provisioning.api.endpoints import Answer, Asked, Parameter, listed
from provisioning.api.nouns import Noun, made
from provisioning.moments import parse_moment
from provisioning.roles import require_account
from provisioning.service_kinds import HELPS, KINDS, SCOPE_HELPS, Service, canonical
from provisioning.service_rows import page_services
from provisioning.services import add_service, end_service, find_service, set_service
from radiusd.calls.claims import ServiceKind

PLURALS = {
    ServiceKind.DID: "dids",
    ServiceKind.EXTENSION: "extensions",
    ServiceKind.TRUNK: "trunks",
    ServiceKind.IP: "ips",
    ServiceKind.VIRTUAL: "virtuals",
}
WHAT = {
    ServiceKind.DID: "a telephone number of an account",
    ServiceKind.EXTENSION: "an extension of a PBX tenant",
    ServiceKind.TRUNK: "a trunk group",
    ServiceKind.IP: "an address that calls come from",
    ServiceKind.VIRTUAL: "a virtual number, which shares a DID's plan and minutes",
}
FILTERS = (
    Parameter("account", "Only of this account."),
    Parameter("name", "Only of this number, extension, trunk group or network; ended ones, too."),
)
AT = Parameter("at", "When; a day begins where the account is. Without it, now.")


def _noun(kind: type[Service]) -> Noun:
    scope = tuple(name for name in SCOPE_HELPS if name in kind.__dataclass_fields__)

    def list_(asked: Asked) -> Answer:
        page = asked.page(int)
        account, name = asked.query.get("account"), asked.query.get("name")
        if account is not None:
            require_account(asked.txn, asked.admin, account, "account")
            read_account(asked.txn, account)
        wanted = None if name is None else canonical(kind.kind, name)
        found = page_services(asked.txn, asked.admin, page, kind.kind, account, wanted)
        answer = listed(found, page, lambda each: (each[0],))
        return Answer({**answer.body, "items": [service for _, service in found]})

    def find(asked: Asked) -> Service:
        narrow = {name: asked.query.get(name) for name in scope}
        name = asked.path[kind.name_field]
        return find_service(asked.txn, kind.kind, name, asked.now, narrow, asked.admin)

    def put(asked: Asked, values: dict[str, Any], new: bool) -> Change:
        function = add_service if new else set_service
        return function(asked.txn, made(kind, values), asked.admin)

    def end(asked: Asked, service: Service) -> Change:
        at: date = parse_moment("at", asked.query["at"]) if "at" in asked.query else asked.now
        return end_service(asked.txn, service, at, asked.admin)

    return Noun(
        word=kind.kind.value,
        plural=PLURALS[kind.kind],
        what=WHAT[kind.kind],
        kind=kind,
        key=(kind.name_field,),
        list_=list_,
        find=find,
        put=put,
        end=end,
        helps=HELPS,
        filters=FILTERS,
        scope=tuple(Parameter(name, SCOPE_HELPS[name]) for name in scope),
        fixed=(*scope, "account"),
        end_parameters=(AT,),
    )


NOUNS = tuple(_noun(kind) for kind in KINDS.values())
