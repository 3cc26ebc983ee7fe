"""Endpoints of what makes a tariff whole: origins, holidays, pools, prices of single prefixes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from provisioning import holidays, origins, overrides, pools
from provisioning.accounts import read_account
from provisioning.admin import Change
from provisioning.api.endpoints import PAGED, Answer, Asked, Endpoint, Parameter, sliced
from provisioning.api.nouns import Noun, made
from provisioning.roles import require_account
from radiusd.errors import BadInput, NotFound


def _find_origin(asked: Asked) -> origins.OriginGroup:
    for found in origins.list_origins(asked.txn):
        if found.name == asked.path["name"]:
            return found
    raise NotFound(f"origin group {asked.path['name']} does not exist; add it first")


def _put_origin(asked: Asked, values: dict[str, Any], new: bool) -> Change:
    put = origins.add_origin if new else origins.set_origin
    return put(asked.txn, made(origins.OriginGroup, values), asked.admin)


def _find_calendar(asked: Asked) -> holidays.Calendar:
    for found in holidays.list_calendars(asked.txn):
        if found.name == asked.path["name"]:
            return found
    raise NotFound(f"holiday calendar {asked.path['name']} does not exist; add it first")


def _put_calendar(asked: Asked, values: dict[str, Any], new: bool) -> Change:
    put = holidays.add_calendar if new else holidays.set_calendar
    return put(asked.txn, made(holidays.Calendar, values), asked.admin)


def _list_pools(asked: Asked) -> Answer:
    account = asked.query.get("account")
    if account is not None:
        require_account(asked.txn, asked.admin, account, "account")
        read_account(asked.txn, account)
    elif asked.admin.is_bound:
        raise BadInput("account: it is missing")
    found = pools.list_pools(asked.txn, account)
    return sliced(found, asked.page(str, str), lambda each: (each.account, each.name))


def _find_pool(asked: Asked) -> pools.Pool:
    account, name = asked.path["account"], asked.path["name"]
    require_account(asked.txn, asked.admin, account)
    read_account(asked.txn, account)
    for found in pools.list_pools(asked.txn, account):
        if found.name == name:
            return found
    raise NotFound(f"pool {account}/{name} does not exist; add it first")


def _put_pool(asked: Asked, values: dict[str, Any], new: bool) -> Change:
    put = pools.add_pool if new else pools.set_pool
    return put(asked.txn, made(pools.Pool, values), asked.admin)


NOUNS = (
    Noun(
        word="origin",
        plural="origins",
        what="an origin group: callers for whom rates may differ",
        kind=origins.OriginGroup,
        key=("name",),
        list_=lambda asked: sliced(
            origins.list_origins(asked.txn), asked.page(str), lambda each: (each.name,)
        ),
        find=_find_origin,
        put=_put_origin,
    ),
    Noun(
        word="holiday",
        plural="holidays",
        what="a calendar of holidays",
        kind=holidays.Calendar,
        key=("name",),
        list_=lambda asked: sliced(
            holidays.list_calendars(asked.txn), asked.page(str), lambda each: (each.name,)
        ),
        find=_find_calendar,
        put=_put_calendar,
        helps={"days": "Dates like 2026-12-25."},
    ),
    Noun(
        word="pool",
        plural="pools",
        what="included minutes of an account",
        kind=pools.Pool,
        key=("account", "name"),
        list_=_list_pools,
        find=_find_pool,
        put=_put_pool,
        end=lambda asked, pool: pools.remove_pool(asked.txn, pool.account, pool.name, asked.admin),
        helps={"seconds": "Included seconds of each period.", **pools.HELPS},
        choices=pools.WORDS,
        filters=(Parameter("account", "Only of this account."),),
    ),
)


def _overrides(asked: Asked) -> Answer:
    plan, account = asked.query.get("plan"), asked.query.get("account")
    found = overrides.overrides_for(asked.txn, asked.admin, plan, account)
    return sliced(found, asked.page(str, str, str), override_key)


def override_key(override: overrides.Override) -> tuple[str, str, str]:
    """Return the key of a price in a list."""
    begins = "" if override.effective is None else override.effective.isoformat()
    return override.key, begins, override.origin


def _set_override(asked: Asked) -> Answer:
    wanted = made(overrides.Override, asked.body)
    change = overrides.set_override(asked.txn, wanted, asked.admin)
    found = overrides.list_overrides(asked.txn, wanted.plan, wanted.account)
    same = next(each for each in found if each.key == change.key)
    return Answer(same, change=change)


def _remove_overrides(asked: Asked) -> Answer:
    plan, account = asked.query.get("plan"), asked.query.get("account")
    changes = overrides.remove_overrides(asked.txn, plan, account, asked.query["prefix"], asked.admin)
    return Answer(None, 204, change=changes[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The price of *prefix* of *plan* or *account*, and when it ends; None is now."""

    prefix: str
    plan: str | None = None
    account: str | None = None
    at: date | None = None


def _end_overrides(asked: Asked) -> Answer:
    body = made(Ending, asked.body)
    changes = overrides.end_overrides(asked.txn, body.plan, body.account, body.prefix, asked.admin, body.at)
    found = overrides.list_overrides(asked.txn, body.plan, body.account)
    ended = [each for each in found if each.key in {change.key for change in changes}]
    return Answer({"items": ended, "next": None}, change=changes[0] if changes else None)


_WHOSE = (Parameter("plan", "Of this plan."), Parameter("account", "Of this account."))
OVERRIDES = (
    Endpoint(
        method="GET",
        path="/overrides",
        tag="overrides",
        summary="List prices of single prefixes that plans and accounts have of their own.",
        right="plans:read",
        parameters=(*_WHOSE, *PAGED),
        result=overrides.Override,
        many=True,
        answer=_overrides,
    ),
    Endpoint(
        method="POST",
        path="/overrides",
        tag="overrides",
        summary="Set the price of a prefix for a plan or an account.",
        right="plans:write",
        body=overrides.Override,
        helps=overrides.HELPS,
        result=overrides.Override,
        alone=True,
        writes=True,
        answer=_set_override,
    ),
    Endpoint(
        method="POST",
        path="/overrides/end",
        tag="overrides",
        summary="End the price of a prefix; what it rated stays explained.",
        right="plans:write",
        body=Ending,
        helps={
            "prefix": "Which prefix; * is every destination.",
            "plan": "Of this plan.",
            "account": "Of this account.",
            "at": "When; a day begins in UTC. Without it, now.",
        },
        result=overrides.Override,
        many=True,
        alone=True,
        writes=True,
        answer=_end_overrides,
    ),
    Endpoint(
        method="DELETE",
        path="/overrides",
        tag="overrides",
        summary="Take away the prices of a prefix, of all dates.",
        right="plans:write",
        parameters=(*_WHOSE, Parameter("prefix", "Which prefix; * is every destination.", required=True)),
        status=204,
        alone=True,
        writes=True,
        answer=_remove_overrides,
    ),
)
