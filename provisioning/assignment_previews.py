"""What an assignment of queued calls would mend: done, looked at, and taken back in the same transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg2.extensions import cursor as Cursor

from provisioning.admin import Admin
from provisioning.assignments import Assignment, Waiting, assign
from radiusd.calls.claims import number_claim, trunk_claim, username_claim
from radiusd.calls.context import Context
from radiusd.calls.matching import Match, Try, digits
from radiusd.calls.settlement import match_call
from radiusd.calls.tariffs import Ported
from radiusd.storage.catalogue import load_clients
from radiusd.storage.excerpts import load_excerpt


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """
    What would come of it: of *calls* that say the same, *mended* would be matched and priced.

    *waits* counts the others by the reason for which they would wait on; *tries* is what was tried for the
    first of them that would match nobody.
    """

    service: str
    account: str
    activated: datetime
    calls: int
    mended: int
    waits: dict[str, int]
    tries: tuple[Try, ...]


def preview(txn: Cursor, call_id: str, wanted: Assignment, admin: Admin) -> Preview:
    """
    Return what the assignment would do; nothing of it is left in *txn*.

    Raises as :func:`provisioning.assignments.assign`.
    """
    txn.execute("SAVEPOINT before_assignment")
    try:
        done = assign(txn, call_id, wanted, admin)
        service = done.service
        activated = next(each.after for each in done.change.fields if each.name == "activated")
        waits: Counter[str] = Counter()
        tries: tuple[Try, ...] = ()
        for reason, matched in _foreseen(txn, done.calls, admin):
            if reason:
                waits[reason] += 1
            if matched.refusal is not None:
                tries = tries or matched.trace
    finally:
        txn.execute("ROLLBACK TO before_assignment")
    return Preview(
        service=f"{service.kind.value} {service.key}",
        account=service.account,
        activated=datetime.fromisoformat(activated),
        calls=len(done.calls),
        mended=len(done.calls) - sum(waits.values()),
        waits=dict(waits),
        tries=tries,
    )


def _foreseen(txn: Cursor, calls: Sequence[Waiting], admin: Admin) -> list[tuple[str, Match]]:
    """Return for each call why it would wait on, empty when it would not, and what was tried."""
    clients = {client.id: client for client in load_clients(txn, admin.sealer).clients}
    services = _services_of(txn, calls)
    directory = load_excerpt(txn, _numbers(txn, calls, services), services)
    found = []
    for each in calls:
        client = clients.get(each.client_id)
        if client is None:
            found.append(("client_gone", Match((), "", None, ())))
            continue
        context = Context(directory, client, admin.now, str)
        matched = match_call(each.call, each.booked, context)
        found.append((_lack(each, matched, context), matched))
    return found


def _lack(waiting: Waiting, matched: Match, context: Context) -> str:
    """Return the first reason for which a matched call would wait, as settlement says it."""
    call = waiting.call
    if matched.refusal is not None:
        return matched.refusal.word
    if call.duration_ms is None:
        return "no_duration"
    if call.duration_ms == 0:
        return ""
    for party in matched.parties:
        terms = context.tariff(party, call, matched.called, call.connect_at or call.begun_at)
        if terms.refusal is not None:
            return terms.refusal.word
    return ""


def _services_of(txn: Cursor, calls: Sequence[Waiting]) -> set[int]:
    """Return the services that any identifier of the calls could find."""
    claims: set[str] = set()
    addresses: set[str] = set()
    for each in calls:
        identity = each.call.identity
        claims.add(username_claim(identity.username))
        for trunk in (identity.trunk, identity.trunk_out):
            claims |= {trunk_claim(each.client_id, trunk), trunk_claim(None, trunk)}
        for number in (identity.calling, identity.called):
            claims.add(number_claim(digits(number)))
            claims.add(f"ext:{identity.tenant.lower()}:{digits(number)}")
        if "ip" in each.identifiers:
            addresses.add(each.identifiers["ip"])
    txn.execute(
        "SELECT service_id FROM claim WHERE claim = ANY (%(claims)s) UNION"
        " SELECT id FROM service WHERE kind = 'ip' AND name::inet >>= ANY (%(addresses)s::inet[])",
        {"claims": sorted(claims), "addresses": sorted(addresses)},
    )
    return {service_id for (service_id,) in txn.fetchall()}


def _numbers(txn: Cursor, calls: Sequence[Waiting], services: set[int]) -> set[str]:
    """Return the numbers that the calls may be priced by: as called, ported, and without tech prefix."""
    txn.execute(
        "SELECT DISTINCT tech_prefix FROM service WHERE id = ANY (%s) AND tech_prefix <> ''",
        (list(services),),
    )
    prefixes: list[str] = [prefix for (prefix,) in txn.fetchall()]
    found = set()
    for each in calls:
        identity = each.call.identity
        called = digits(identity.called)
        found.add(Ported(identity.lrn, identity.calling_lrn, identity.ii).number_of(called))
        found |= {called, *(called.removeprefix(prefix) for prefix in prefixes)}
    return found
