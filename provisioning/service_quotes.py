"""What a call of a service would cost now: matched, limited and rated as a real one, and nothing written."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from psycopg2.extensions import cursor as Cursor

from provisioning import numbers
from provisioning.amounts import MICRO_DECIMALS
from provisioning.roles import Actor, reached_accounts
from provisioning.service_kinds import canonical
from provisioning.service_rows import read_services
from radiusd.calls import limits
from radiusd.calls.books import Books
from radiusd.calls.claims import ServiceKind, number_claim
from radiusd.calls.matching import Party, is_internal, label
from radiusd.calls.pricing import NOTHING, Cost, explained, price
from radiusd.calls.rows import Balance, BucketRow, Channel
from radiusd.calls.tariffs import AS_DIALLED, Ported, Tariff, tariff
from radiusd.errors import BadInput, NotFound, Refusal
from radiusd.storage.excerpts import load_excerpt
from rating.increments import LONGEST_S

Document = dict[str, Any]
_CHANNEL_KINDS = (ServiceKind.TRUNK, ServiceKind.IP)
QUALIFIED = re.compile(r"@| prefix | on ")  # what may follow a name in a service's key
_LONGEST_LOOK_BACK = timedelta(days=400)


def quote_service(
    txn: Cursor,
    service: str,
    called: str,
    duration_s: int,
    at: datetime,
    calling: str = "",
    ported: Ported = AS_DIALLED,
    actor: Actor | None = None,
) -> Document:
    """
    Return what a call of *service* to *called* costs that is answered *at* and lasts *duration_s*.

    *service* is a number, extension, trunk or network, or says its kind before it: ``trunk:acme-1``. What
    several have the name of is said as lists show it: ``extension:201@pbx.example``.
    Included minutes are those that are left, limits stand as they do now.

    Raises:
        NotFound: No such service holds at that moment, or *actor* does not reach its account.
        Forbidden: *actor* may not look at services.
        BadInput: An argument is wrong, or the name stands for several services.
    """
    number = numbers.e164("to", called)
    if not 0 <= duration_s <= LONGEST_S:
        raise BadInput(f"seconds: {duration_s} is not from 0 to {LONGEST_S}")
    if actor is not None:
        actor.require("services:read")
    service_id = _find(txn, service, at, None if actor is None else reached_accounts(txn, actor))
    into = _owner_of(txn, number, at)
    directory = load_excerpt(
        txn, {ported.number_of(number)}, {service_id} | ({into} if into is not None else set())
    )
    found = directory.services[service_id]
    party = Party(
        "out",
        found,
        found if found.kind in _CHANNEL_KINDS else None,
        found.owner.plan,
        into is not None and is_internal(found, directory.services[into]),
    )
    books = _books(txn, party, at)
    terms = tariff(party, calling, number, at, at, directory, ported)
    cost = NOTHING
    if terms.refusal is None:
        cost = price(books, party, terms, calling, number, at, at, duration_s * 1000)
    return _document(books, party, terms, cost, at)


def _find(txn: Cursor, service: str, at: datetime, reached: list[int] | None) -> int:
    kind_word, colon, name = service.partition(":")
    kinds = {kind.value: kind for kind in ServiceKind}
    if not colon or kind_word not in kinds:
        kind_word, name = "", service
    spellings = _spellings(kind_word, name)
    stems = spellings | _spellings(kind_word, QUALIFIED.split(name)[0])
    txn.execute(
        "SELECT id FROM service WHERE name = ANY (%s) AND (%s = '' OR kind = %s)"
        " AND activated_at <= %s AND (ended_at IS NULL OR ended_at > %s)"
        " AND (%s::bigint[] IS NULL OR account_id = ANY(%s::bigint[])) ORDER BY id",
        (sorted(stems), kind_word, kind_word, at, at, reached, reached),
    )
    services = read_services(txn, [service_id for (service_id,) in txn.fetchall()])
    found = {key: each for key, (each, _) in services.items() if each.key == name} or {
        key: each for key, (each, _) in services.items() if each.name in spellings
    }
    if not found:
        raise NotFound(f"service: no service {service} holds at {at:%Y-%m-%d %H:%M}Z; look with list")
    if len(found) > 1:
        keys = ", ".join(sorted(f"{each.kind.value}:{each.key}" for each in found.values()))
        raise BadInput(f"service: {service} stands for {len(found)} services; write which: {keys}")
    return next(iter(found))


def _spellings(kind_word: str, name: str) -> set[str]:
    """Return what *name* may be written as in the database."""
    found = {name}
    for kind in ServiceKind:
        if kind_word in ("", kind.value):
            try:
                found.add(canonical(kind, name))
            except BadInput:
                continue  # it is no name of that kind
    return found


def _owner_of(txn: Cursor, number: str, at: datetime) -> int | None:
    """Return the service of ours that a call to *number* reaches, None when it is nobody's."""
    txn.execute(
        "SELECT service_id FROM claim WHERE claim = %s AND active @> %s::timestamptz",
        (number_claim(number), at),
    )
    row = txn.fetchone()
    return None if row is None else int(row[0])


def _books(txn: Cursor, party: Party, at: datetime) -> Books:
    """Return the rows that decide what the party may still do."""
    account_id = party.service.account.id
    books = Books({account_id}, set(), at)
    for kind, table, condition in (
        (Balance, "balance", "true"),
        (Channel, "channel", "true"),
        (BucketRow, "bucket", "period_end > %(since)s"),
    ):
        columns = kind.__struct_fields__
        txn.execute(
            f"SELECT {', '.join(columns)} FROM {table} WHERE account_id = %(account)s AND {condition}",
            {"account": account_id, "since": at - _LONGEST_LOOK_BACK},
        )
        for row in txn.fetchall():
            books.load(kind(**dict(zip(columns, row, strict=True))))
    return books


def _document(books: Books, party: Party, terms: Tariff, cost: Cost, at: datetime) -> Document:
    account = party.service.account
    suspended = Refusal.ACCOUNT_SUSPENDED if account.suspended else None
    refusal = suspended or terms.refusal or limits.room_for(books, party)
    return {
        "at": at,
        "account": account.code,
        "service": label(party.service),
        "plan": party.plan.code,
        "deck": _deck_label(party, terms),
        "prefix": terms.rate.prefix if terms.rate else "",
        "destination": cost.destination,
        "refusal": refusal.word if refusal else None,
        "detail": terms.detail,
        "billed_s": cost.rated.billed_s if cost.rated else 0,
        "included_s": sum(cost.buckets.values()),
        "buckets": [_drawn(books, account.id, bucket, seconds) for bucket, seconds in cost.buckets.items()],
        "rating": explained(cost, terms),
        "total": _money(cost.total_micros),
        "currency": account.currency,
        "limits": [
            {"limit": what, "of": of, "state": state}
            for what, of, state in limits.state_of(books, account, party.channel)
        ],
    }


def _drawn(books: Books, account_id: int, bucket_id: str, seconds: int) -> Document:
    row = books.buckets[account_id, bucket_id]
    return {
        "bucket": bucket_id,
        "included_s": row.included_s,
        "before_s": row.free_s,
        "drawn_s": seconds,
        "after_s": row.free_s - seconds,
    }


def _deck_label(party: Party, terms: Tariff) -> str:
    if terms.rate is not None and terms.source != "deck":
        return f"own price of the {terms.source}"
    deck = party.plan.deck
    for number, (_, version_id, _) in enumerate(reversed(deck.versions), 1):
        if version_id == terms.deck_version_id:
            return f"{deck.name} version {number}"
    return deck.name


def _money(micros: int) -> Decimal:
    return Decimal(micros).scaleb(-MICRO_DECIMALS)
