"""Makers for tests: each fills in what a test is not about, so that the test names only what it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from ipaddress import ip_network
from typing import Any
from zoneinfo import ZoneInfo

from radiusd.calls.authorization import Attempt
from radiusd.calls.claims import (
    ServiceKind,
    extension_claim,
    network_claim,
    number_claim,
    trunk_claim,
    username_claim,
)
from radiusd.calls.directory import Account, Allowance, Directory, Plan, Service
from radiusd.calls.events import CallEvent, Kind, Leg, Status
from radiusd.calls.rate_decks import RateDeck
from radiusd.radius.clients import Client
from rating.decks import Deck
from rating.increments import Increment
from rating.money import Rounding
from rating.prices import Price
from rating.rates import ALWAYS, Rate

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
UTC_ZONE = ZoneInfo("UTC")


def seconds(count: float) -> timedelta:
    """Return *count* seconds."""
    return timedelta(seconds=count)


def a_client(id: int = 1, **settings: Any) -> Client:
    """Return a switch that may assert nothing but its users."""
    return Client(
        **{
            "id": id,
            "name": f"switch{id}",
            "networks": (ip_network(f"192.0.2.{id}"),),
            "secret": b"0123456789abcdef",
            "dialect": "rfc2866",
            **settings,
        }
    )


def a_call_event(kind: Kind = Kind.STOP, at: datetime = NOW, **fields: Any) -> CallEvent:
    """
    Return a report of the call ``c1`` of trunk ``tg1`` to London, heard at the moment it happened.

    Like those of a switch with a good clock that reports one record a call.
    """
    call_id = fields.get("call_id", "c1")
    usual = {
        "client_id": 1,
        "dialect": "rfc2866",
        "received_at": at,
        "event_at": at,
        "event_at_known": True,
        "call_id": call_id,
        "leg_id": call_id,
        "leg": None if kind is Kind.AUTHORIZE else Leg.SINGLE,
        "calling": "15125550100",
        "called": "442071838750",
        "trunk_in": "tg1",
    }
    return CallEvent(kind=kind, **{**usual, **fields})


def an_attempt(at: datetime = NOW, verified: bool | None = None, **fields: Any) -> Attempt:
    """Return an attempt to set up the call of :func:`a_call_event`, without credentials unless *verified*."""
    return Attempt(a_call_event(Kind.AUTHORIZE, at, **fields), verified)


def a_start(at: datetime = NOW, **fields: Any) -> CallEvent:
    """Return the report that the call was answered *at* that moment."""
    return a_call_event(Kind.START, at, **{"status": Status.ANSWERED, "connect_at": at, **fields})


def an_interim(at: datetime, duration_s: float | None, **fields: Any) -> CallEvent:
    """Return the report that the call has lasted *duration_s* so far."""
    lasted = None if duration_s is None else int(duration_s * 1000)
    return a_call_event(Kind.INTERIM, at, **{"status": Status.ANSWERED, "duration_ms": lasted, **fields})


def a_stop(at: datetime = NOW, duration_s: float | None = 60, **fields: Any) -> CallEvent:
    """Return the report that the call has ended *at* that moment after *duration_s*."""
    usual: dict[str, Any] = {"status": Status.ANSWERED, "disconnect_at": at}
    if duration_s is not None:
        usual["duration_ms"] = int(duration_s * 1000)
        if not duration_s:
            usual["status"] = Status.FAILED
    return a_call_event(Kind.STOP, at, **{**usual, **fields})


def a_failure(at: datetime = NOW, **fields: Any) -> CallEvent:
    """Return the report that nobody answered (Acct-Status-Type 15)."""
    return a_call_event(
        Kind.FAILED, at, **{"status": Status.FAILED, "duration_ms": 0, "disconnect_at": at, **fields}
    )


def an_account(id: int = 1, **fields: Any) -> Account:
    """Return an account that pays afterwards, in dollars, on UTC."""
    usual = {
        "code": f"A{id}",
        "name": f"Account {id}",
        "currency": "USD",
        "zone": UTC_ZONE,
        "credit_limit_micros": None,
        "max_channels": None,
    }
    return Account(id=id, **{**usual, **fields})


def a_rate(prefix: str = "", price: str = "0.06", **fields: Any) -> Rate:
    """Return a price of *price* a minute; *initial* and *increment* are seconds, *fee* is for connecting."""
    clock = Increment(fields.pop("initial", 1), fields.pop("increment", 1))
    fee = Fraction(fields.pop("fee", 0))
    return Rate(prefix, Price.of(price), clock, fee, fields.pop("since", ALWAYS), **fields)


def a_deck(*rates: Rate, id: int = 1, versions: Sequence[tuple[datetime, int, Deck]] = ()) -> RateDeck:
    """Return a deck of *rates* (by default 0.06 a minute to anywhere), or of several *versions*."""
    whole = tuple(versions) or ((LONG_AGO, id, Deck.of(rates or (a_rate(),))),)
    return RateDeck(id, f"deck{id}", "USD", whole)


def a_bucket(id: int = 1, included_s: int = 3600, **fields: Any) -> Allowance:
    """Return included seconds of each month, for every destination."""
    return Allowance(str(id), f"bucket{id}", included_s, **fields)


def a_plan(id: int = 1, *buckets: Allowance, **fields: Any) -> Plan:
    """Return a plan with a deck of one price; its increments are the rates'."""
    usual = {
        "code": f"plan{id}",
        "deck": a_deck(id=id),
        "inbound_deck": None,
        "initial_s": None,
        "increment_s": None,
        "rounding": Rounding(),
        "buckets": buckets,
    }
    return Plan(id=id, **{**usual, **fields})


def a_service(
    kind: ServiceKind = ServiceKind.TRUNK, name: str = "tg1", id: int = 1, **fields: Any
) -> Service:
    """Return a service of the account and plan with id 1, active since long ago."""
    usual = {"account": an_account(), "plan": a_plan(), "activated_at": LONG_AGO}
    return Service(id=id, kind=kind, name=name, **{**usual, **fields})


def a_virtual(name: str, primary: Service, id: int, **fields: Any) -> Service:
    """Return a virtual number that shares the plan and the minutes of *primary*."""
    shared = {"account": primary.account, "plan": primary.plan, "primary": primary}
    return a_service(ServiceKind.VIRTUAL, name, id, **{**shared, **fields})


def claims_of(service: Service) -> list[str]:
    """Return what *service* claims, as provisioning writes it."""
    kind, client_id = service.kind, service.client_id
    if kind in (ServiceKind.DID, ServiceKind.VIRTUAL):
        claims = [number_claim(service.name)]
    elif kind is ServiceKind.EXTENSION:
        claims = [extension_claim(service.tenant, service.name)]
    elif kind is ServiceKind.TRUNK:
        claims = [trunk_claim(client_id, service.name)]
    else:
        claims = [network_claim(client_id, ip_network(service.name), service.tech_prefix)]
    return claims + ([username_claim(service.username)] if service.username else [])


def a_directory(*services: Service) -> Directory:
    """Return a directory of *services* (by default the trunk ``tg1``)."""
    return Directory(1, [(service, claims_of(service)) for service in services or (a_service(),)])
