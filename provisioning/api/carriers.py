"""Endpoints of who carries calls and tells of them: suppliers, exchange rates, sources of call records."""

from __future__ import annotations

from typing import Any

from provisioning import exchange, sources, suppliers
from provisioning.admin import Change
from provisioning.api.endpoints import PAGED, Answer, Asked, Endpoint, sliced
from provisioning.api.nouns import Noun, made


def _put_supplier(asked: Asked, values: dict[str, Any], new: bool) -> Change:
    put = suppliers.add_supplier if new else suppliers.set_supplier
    return put(asked.txn, made(suppliers.Supplier, values), asked.admin)


def _put_source(asked: Asked, values: dict[str, Any], new: bool) -> Change:
    put = sources.add_source if new else sources.set_source
    return put(asked.txn, made(sources.Source, values), asked.admin)


NOUNS = (
    Noun(
        word="supplier",
        plural="suppliers",
        what="a supplier, who carries calls over some trunks",
        kind=suppliers.Supplier,
        key=("code",),
        list_=lambda asked: sliced(
            suppliers.list_suppliers(asked.txn), asked.page(str), lambda each: (each.code,)
        ),
        find=lambda asked: suppliers.read_supplier(asked.txn, asked.path["code"])[1],
        put=_put_supplier,
        helps=suppliers.HELPS,
        choices=suppliers.WORDS,
    ),
    Noun(
        word="source",
        plural="sources",
        what="a PBX or switch whose call records are taken",
        kind=sources.Source,
        key=("name",),
        list_=lambda asked: sliced(
            sources.list_sources(asked.txn), asked.page(str), lambda each: (each.name,)
        ),
        find=lambda asked: sources.read_source(asked.txn, asked.path["name"]),
        put=_put_source,
        helps=sources.HELPS,
        choices=sources.WORDS,
        fixed=("client",),
    ),
)


def _list_rates(asked: Asked) -> Answer:
    found = exchange.list_exchange_rates(asked.txn)
    return sliced(found, asked.page(str, str), _rate_key)


def _rate_key(rate: exchange.ExchangeRate) -> tuple[str, str]:
    return rate.key, "" if rate.effective is None else rate.effective.isoformat()


def _set_rate(asked: Asked) -> Answer:
    wanted = made(exchange.ExchangeRate, asked.body)
    change = exchange.set_exchange_rate(asked.txn, wanted, asked.admin)
    return Answer(wanted, change=change)


EXCHANGE = (
    Endpoint(
        method="GET",
        path="/exchange-rates",
        tag="exchange-rates",
        summary="List what currencies cost in others.",
        right="decks:read",
        parameters=PAGED,
        result=exchange.ExchangeRate,
        many=True,
        answer=_list_rates,
    ),
    Endpoint(
        method="POST",
        path="/exchange-rates",
        tag="exchange-rates",
        summary="Set what one currency costs in another, from a moment on.",
        right="decks:write",
        body=exchange.ExchangeRate,
        result=exchange.ExchangeRate,
        alone=True,
        writes=True,
        answer=_set_rate,
    ),
)
