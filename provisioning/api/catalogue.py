"""Endpoints of the catalogue: accounts, tenants, clients, destinations, policies, plans, buckets."""

from __future__ import annotations

from typing import Any

from provisioning import accounts, buckets, clients, destinations, doctor, plans, policies, tenants
from provisioning.admin import Change
from provisioning.api.endpoints import Answer, Asked, Endpoint, Parameter, listed, sliced
from provisioning.api.nouns import Noun, made
from provisioning.roles import require_account
from radiusd.errors import NotFound

PREFIXES = {"prefixes": "Prefixes of the set; * is every destination."}
BUCKET_HELPS = {"seconds": "Included seconds of each period.", **buckets.HELPS}


def _list_accounts(asked: Asked) -> Answer:
    page = asked.page(str)
    return listed(accounts.list_accounts(asked.txn, asked.admin, page), page, lambda each: (each.code,))


def _find_account(asked: Asked) -> accounts.Account:
    require_account(asked.txn, asked.admin, asked.path["code"])
    return accounts.read_account(asked.txn, asked.path["code"])[1]


def _put_account(asked: Asked, values: dict[str, Any], new: bool) -> Change:
    put = accounts.add_account if new else accounts.set_account
    return put(asked.txn, made(accounts.Account, values), asked.admin)


def _find_tenant(asked: Asked) -> tenants.Tenant:
    name = asked.path["name"].lower()
    for tenant in tenants.list_tenants(asked.txn):
        if tenant.name == name:
            return tenant
    raise NotFound(f"tenant {asked.path['name']} does not exist; add it first")


def _put_client(asked: Asked, values: dict[str, Any], new: bool) -> Change:
    put = clients.add_client if new else clients.set_client
    return put(asked.txn, made(clients.Client, values), asked.admin)


def _find_destination(asked: Asked) -> destinations.DestinationSet:
    for found in destinations.list_destination_sets(asked.txn):
        if found.name == asked.path["name"]:
            return found
    raise NotFound(f"destination set {asked.path['name']} does not exist; add it first")


def _put_destination(asked: Asked, values: dict[str, Any], new: bool) -> Change:
    put = destinations.add_destination_set if new else destinations.set_destination_set
    return put(asked.txn, made(destinations.DestinationSet, values), asked.admin)


def _put_policy(asked: Asked, values: dict[str, Any], new: bool) -> Change:
    put = policies.add_policy if new else policies.set_policy
    return put(asked.txn, made(policies.Policy, values), asked.admin)


def _put_plan(asked: Asked, values: dict[str, Any], new: bool) -> Change:
    put = plans.add_plan if new else plans.set_plan
    return put(asked.txn, made(plans.Plan, values), asked.admin)


def _list_buckets(asked: Asked) -> Answer:
    plan = asked.query.get("plan")
    if plan is not None:
        plans.read_plan(asked.txn, plan)
    found = buckets.list_buckets(asked.txn, plan)
    return sliced(found, asked.page(str, str), lambda each: (each.plan, each.name))


def _find_bucket(asked: Asked) -> buckets.Bucket:
    plan, name = asked.path["plan"], asked.path["name"]
    plans.read_plan(asked.txn, plan)
    for found in buckets.list_buckets(asked.txn, plan):
        if found.name == name:
            return found
    raise NotFound(f"bucket {plan}/{name} does not exist")


def _put_bucket(asked: Asked, values: dict[str, Any], new: bool) -> Change:
    put = buckets.add_bucket if new else buckets.set_bucket
    return put(asked.txn, made(buckets.Bucket, values), asked.admin)


DOCTOR_LIMIT_MS = 2000


def _doctor(asked: Asked) -> Answer:
    asked.admin.require("clients:read")
    hours = asked.query.get("hours", 24)
    found = doctor.examine(asked.txn, asked.path["name"], hours, asked.now, DOCTOR_LIMIT_MS)
    return Answer({"items": found, "next": None})


DOCTOR = Endpoint(
    method="GET",
    path="/clients/{name}/doctor",
    tag="clients",
    summary="Tell from a client's own packets what is wrong with it, and what to change on the device.",
    right="clients:read",
    parameters=(
        Parameter("name", "Which client.", in_path=True),
        Parameter("hours", "How far back.", int, least=1, most=168),
    ),
    result=doctor.Finding,
    many=True,
    answer=_doctor,
)
NOUNS = (
    Noun(
        word="account",
        plural="accounts",
        what="an account",
        kind=accounts.Account,
        key=("code",),
        list_=_list_accounts,
        find=_find_account,
        put=_put_account,
        helps=accounts.NEW_HELPS,
        choices=accounts.WORDS,
    ),
    Noun(
        word="tenant",
        plural="tenants",
        what="a PBX tenant",
        kind=tenants.Tenant,
        key=("name",),
        list_=lambda asked: sliced(
            tenants.list_tenants(asked.txn), asked.page(str), lambda each: (each.name,)
        ),
        find=_find_tenant,
        put=lambda asked, values, new: tenants.add_tenant(
            asked.txn, made(tenants.Tenant, values), asked.admin
        ),
        set_able=False,
    ),
    Noun(
        word="client",
        plural="clients",
        what="a client",
        kind=clients.Client,
        key=("name",),
        list_=lambda asked: sliced(
            clients.list_clients(asked.txn), asked.page(str), lambda each: (each.name,)
        ),
        find=lambda asked: clients.read_client(asked.txn, asked.path["name"]),
        put=_put_client,
        end=lambda asked, client: clients.end_client(asked.txn, client.name, asked.admin),
        helps=clients.HELPS,
        choices=clients.WORDS,
    ),
    Noun(
        word="destination",
        plural="destinations",
        what="a destination set",
        kind=destinations.DestinationSet,
        key=("name",),
        list_=lambda asked: sliced(
            destinations.list_destination_sets(asked.txn), asked.page(str), lambda each: (each.name,)
        ),
        find=_find_destination,
        put=_put_destination,
        helps=PREFIXES,
    ),
    Noun(
        word="policy",
        plural="policies",
        what="a policy: where one may call, at what price, and what a burst looks like",
        kind=policies.Policy,
        key=("name",),
        list_=lambda asked: sliced(
            policies.list_policies(asked.txn), asked.page(str), lambda each: (each.name,)
        ),
        find=lambda asked: policies.read_policy(asked.txn, asked.path["name"]),
        put=_put_policy,
        helps=policies.HELPS,
    ),
    Noun(
        word="plan",
        plural="plans",
        what="a plan",
        kind=plans.Plan,
        key=("code",),
        list_=lambda asked: sliced(plans.list_plans(asked.txn), asked.page(str), lambda each: (each.code,)),
        find=lambda asked: plans.read_plan(asked.txn, asked.path["code"])[1],
        put=_put_plan,
        helps=plans.HELPS,
        choices=plans.WORDS,
    ),
    Noun(
        word="bucket",
        plural="buckets",
        what="included minutes of a plan",
        kind=buckets.Bucket,
        key=("plan", "name"),
        list_=_list_buckets,
        find=_find_bucket,
        put=_put_bucket,
        end=lambda asked, bucket: buckets.remove_bucket(asked.txn, bucket.plan, bucket.name, asked.admin),
        helps=BUCKET_HELPS,
        choices=buckets.WORDS,
        filters=(Parameter("plan", "Only of this plan."),),
    ),
)
