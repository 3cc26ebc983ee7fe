"""Desks at which the calls of two accounts are settled."""

from typing import Any

from radiusd.calls.claims import ServiceKind
from radiusd.calls.directory import Directory
from radiusd.calls.events import CallEvent
from tests.builders import a_deck, a_directory, a_plan, a_rate, a_service, an_account
from tests.desk import Desk

TRUNK, DID = ServiceKind.TRUNK, ServiceKind.DID


def two_accounts(*buckets: Any) -> Directory:
    """Return trunks of two accounts at 6.00 a minute to 331 and 0.06 elsewhere, and a DID that earns."""
    plan = a_plan(1, *buckets, deck=a_deck(a_rate(), a_rate("331", "6.00", initial=30, increment=6)))
    trunks = (
        a_service(TRUNK, name, number, account=an_account(number), plan=plan)
        for number, name in ((1, "tg1"), (2, "tg2"))
    )
    earns = a_service(DID, "15125550199", 3, account=an_account(2), plan=plan, outpayment_nano=6_000_000)
    return a_directory(*trunks, earns)


def settled(events: list[CallEvent], *buckets: Any) -> Desk:
    """Return a desk that has taken *events*, where the plan has *buckets*."""
    desk = Desk(two_accounts(*buckets))
    desk.post(*events)
    return desk
