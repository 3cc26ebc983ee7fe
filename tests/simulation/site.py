"""What the simulated carrier sells: plain values for the auditor, and a directory of them for the product."""

from __future__ import annotations

from typing import Any

from radiusd.calls.claims import ServiceKind
from radiusd.calls.directory import Directory
from radiusd.radius.clients import Client
from rating.money import Mode, Rounding
from tests.builders import (
    a_bucket,
    a_client,
    a_deck,
    a_directory,
    a_plan,
    a_rate,
    a_service,
    a_virtual,
    an_account,
)

RATES: tuple[dict[str, Any], ...] = (
    {"prefix": "1", "price": "0.0100", "initial": 6, "increment": 6, "fee": "0"},
    {"prefix": "33", "price": "0.0137", "initial": 30, "increment": 6, "fee": "0.0500"},
    {"prefix": "44", "price": "0.0600", "initial": 60, "increment": 60, "fee": "0"},
    {"prefix": "447", "price": "0.1234", "initial": 1, "increment": 1, "fee": "0"},
)
"""Nothing is sold to 99: such calls wait in the queue."""

BUCKETS: dict[int, dict[str, Any]] = {
    1: {"included_s": 900, "prefixes": ("1", "44")},
    2: {"included_s": 300, "prefixes": ("44",)},
}
"""By plan. No rate with a connect fee is among the destinations, so that minutes never waive one."""

ACCOUNTS: dict[int, dict[str, Any]] = {
    1: {"credit": None, "max_channels": None, "paid": 0},
    2: {"credit": 0, "max_channels": None, "paid": 3_000_000},
    3: {"credit": None, "max_channels": 5, "paid": 0},
}

SERVICES: dict[int, dict[str, Any]] = {
    1: {"kind": "trunk", "name": "tg1", "account": 1, "plan": 1, "max_channels": 2},
    2: {"kind": "trunk", "name": "tg2", "account": 2, "plan": 2, "max_channels": None},
    3: {"kind": "trunk", "name": "tg3", "account": 3, "plan": 2, "max_channels": 4},
    4: {"kind": "did", "name": "15125550100", "account": 1, "plan": 1},
    5: {"kind": "virtual", "name": "15125550199", "account": 1, "primary": 4, "on_top": "0.0123"},
    6: {"kind": "did", "name": "18005550000", "account": 3, "plan": 2, "earns": "0.0061"},
}

NANO = 10**9


def directory() -> Directory:
    """Return the carrier as the product knows it."""
    deck = a_deck(*(a_rate(**rate) for rate in RATES))
    rounding = Rounding(4, Mode.HALF_UP)
    plans = {
        number: a_plan(number, a_bucket(number, **bucket), deck=deck, rounding=rounding)
        for number, bucket in BUCKETS.items()
    }
    accounts = {
        number: an_account(number, credit_limit_micros=each["credit"], max_channels=each["max_channels"])
        for number, each in ACCOUNTS.items()
    }
    services: dict[int, Any] = {}
    for number, each in SERVICES.items():
        if each["kind"] == "virtual":
            primary = services[each["primary"]]
            nano = _nano(each["on_top"])
            services[number] = a_virtual(each["name"], primary, number, additional_charge_nano=nano)
            continue
        services[number] = a_service(
            ServiceKind(each["kind"]),
            each["name"],
            number,
            account=accounts[each["account"]],
            plan=plans[each["plan"]],
            max_channels=each.get("max_channels"),
            outpayment_nano=_nano(each["earns"]) if "earns" in each else None,
        )
    return a_directory(*services.values())


def _nano(price: str) -> int:
    whole, _, decimals = price.partition(".")
    return int(whole) * NANO + int(decimals.ljust(9, "0"))


def client(number: int) -> Client:
    """Return one of its switches."""
    return a_client(number, max_call_s=3600, lease_s=120, setup_ttl_s=90)
