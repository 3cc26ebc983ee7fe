"""What a call costs one of its payers: plan, deck version, rate, and what comes on top or is earned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from typing import NamedTuple

import msgspec

from radiusd.calls.claims import number_claim
from radiusd.calls.directory import Directory, OnNet, Plan
from radiusd.calls.matching import Party
from radiusd.calls.rate_decks import RateDeck
from radiusd.errors import Refusal
from rating.decks import Deck
from rating.engine import rate_call
from rating.increments import Increment
from rating.jurisdiction import Jurisdiction, classify, is_payphone, state_of, with_country_code
from rating.money import MICRO, ZERO, Mode, Rounding
from rating.prices import Price
from rating.rates import ALWAYS, PLAIN, Rate
from rating.ratings import Rating

Rater = Callable[[int | Fraction], Rating]
"""From the seconds that a call lasted to what they cost."""


class Ported(NamedTuple):
    """What look-ups told of a call's numbers: where they were ported to, and the caller's kind of line."""

    lrn: str = ""
    calling_lrn: str = ""
    ii: str = ""

    def number_of(self, called: str) -> str:
        """Return the number that *called* is priced by."""
        return with_country_code(self.lrn) if self.lrn else called


AS_DIALLED = Ported()


class Tariff(msgspec.Struct, frozen=True, gc=False):
    """How one payer's call is rated; neither rate nor refusal: it is free, *detail* says why."""

    rate: Rate | None
    deck_version_id: int | None
    refusal: Refusal | None
    detail: str  # why it is free; for the queue, the smallest fix
    source: str = "deck"  # whose price it is: the deck's, or the plan's or account's own
    jurisdiction: str = ""
    payphone: bool = False
    dips: Fraction = ZERO  # fees of the look-ups that were made for the call
    ported: Ported = AS_DIALLED

    @property
    def free(self) -> bool:
        """Tell whether the call costs nothing."""
        return self.rate is None and self.refusal is None


INTERNAL = Tariff(None, None, None, "inside one account's PBX")
INBOUND_FREE = Tariff(None, None, None, "the plan charges no inbound calls to this number")
ON_NET = Tariff(None, None, None, "on-net: the called number is one of ours")
EMERGENCY = Tariff(None, None, None, "an emergency number that has no rate")
FREE_LIST = Tariff(None, None, None, "the plan lets calls to this destination be free")


def tariff(
    party: Party,
    calling: str,
    called: str,
    setup_at: datetime,
    answer_at: datetime,
    directory: Directory,
    ported: Ported = AS_DIALLED,
) -> Tariff:
    """
    Return how *party* pays for a call to *called*.

    The deck version is that of the set-up; in it, the price in force at the answer holds for the whole call.
    A ported number is priced where it is now.
    """
    plan = party.plan
    if party.internal:
        return INTERNAL
    if party.role == "out":
        if plan.free_prefixes and called.startswith(plan.free_prefixes):
            return FREE_LIST
        if plan.on_net is not OnNet.RATED and _is_on_net(party, called, setup_at, directory):
            return ON_NET
    deck = plan.deck if party.role == "out" else plan.inbound_deck
    if deck is None:
        return INBOUND_FREE
    version = deck.at(setup_at)
    if version is None and party.role == "in":
        return INBOUND_FREE
    version_id, rates = version if version is not None else (None, None)
    number = ported.number_of(called)
    rate, source = _lookup(party, rates, number, answer_at, calling)
    if rate is None and party.role == "in":
        return INBOUND_FREE  # an inbound deck names what costs, toll-free numbers say
    if rate is None:
        return Tariff(None, version_id, Refusal.NO_RATE, _lack(deck, rates, number, answer_at))
    if rate.blocked:
        whose = f"deck {deck.name}" if source == "deck" else f"the {source}'s own prices"
        detail = f"prefix {rate.prefix} is blocked in {whose}"
        return Tariff(None, version_id, Refusal.DESTINATION_BLOCKED, detail)
    jurisdiction = ""
    if rate.rules is not PLAIN and rate.rules.jurisdiction:
        found = _jurisdiction(plan, calling, called, ported, directory)
        rate, jurisdiction = rate.in_jurisdiction(found), found.value
    if source == "deck" and plan.initial_s is not None and plan.increment_s is not None:
        rate = rate.with_increments(plan.initial_s, plan.increment_s)
    dips = plan.lrn_dip if ported.lrn or ported.calling_lrn else ZERO
    payphone = is_payphone(ported.ii, called)
    return Tariff(rate, version_id, None, "", source, jurisdiction, payphone, dips, ported)


def _is_on_net(party: Party, called: str, at: datetime, directory: Directory) -> bool:
    found, _ = directory.claimed(number_claim(called), at)
    if found is None:
        return False
    return party.plan.on_net is OnNet.SITE or found.account.id == party.service.account.id


def _lookup(
    party: Party, rates: Deck | None, called: str, at: datetime, calling: str
) -> tuple[Rate | None, str]:
    """
    Return the rate of the longest prefix, and whose it is.

    Of one prefix, the account's own price comes before the plan's, and that before the deck's.
    """
    best = None if rates is None else rates.lookup(called, at, calling)
    source = "deck"
    if party.role == "out":
        for owner, own in (("plan", party.plan.overrides), ("account", party.service.account.overrides)):
            rate = None if own is None else own.lookup(called, at, calling)
            if rate is not None and (best is None or len(rate.prefix) >= len(best.prefix)):
                best, source = rate, owner
    return best, source


def _lack(deck: RateDeck, rates: Deck | None, called: str, at: datetime) -> str:
    """Return what is missing, so that an admin knows the smallest fix."""
    if rates is None:
        return f"deck {deck.name} has no rates; import some"
    nearest = rates.nearest(called, at)
    return f"no rate for {called} in deck {deck.name} at {at:%Y-%m-%d}; nearest prefix {nearest!r}"


def _jurisdiction(
    plan: Plan, calling: str, called: str, ported: Ported, directory: Directory
) -> Jurisdiction:
    found = classify(
        state_of(calling, directory.states, ported.calling_lrn),
        state_of(called, directory.states, ported.lrn),
    )
    return plan.indeterminate_as if found is Jurisdiction.INDETERMINATE else found


def additional_rate(party: Party) -> Rater | None:
    """Return how a virtual number's additional charge is rated, None when there is none."""
    nano = party.service.additional_charge_nano
    if party.role != "out" or not nano:
        return None
    increment = Increment(party.plan.initial_s or 1, party.plan.increment_s or 1)
    rate = Rate(prefix="", price=Price.nano(nano), increment=increment)
    return _rater(rate, party, ALWAYS, party.plan.rounding)


def outpayment_rate(
    party: Party, calling: str, called: str, setup_at: datetime, answer_at: datetime
) -> Rater | None:
    """
    Return how inbound seconds earn the customer its out-payment, None when they do not.

    The number's own price comes before the plan's deck. It is rounded down, unless its rate says otherwise.
    """
    if party.role != "in":
        return None
    service = party.service.owner
    if service.outpayment_nano:
        rate = _own_outpayment(
            service.outpayment_nano,
            Increment(service.outpayment_initial_s or 1, service.outpayment_increment_s or 1),
            service.outpayment_max_micros,
        )
    else:
        version = party.plan.outpayment_deck.at(setup_at) if party.plan.outpayment_deck else None
        found = version[1].lookup(called, answer_at, calling) if version else None
        if found is None or found.blocked:
            return None
        rate = found
    rounding = rate.rules.rounding or Rounding(party.plan.rounding.decimals, Mode.DOWN)
    return _rater(rate, party, answer_at, rounding)


def _own_outpayment(nano: int, increment: Increment, max_micros: int | None) -> Rate:
    rules = PLAIN if max_micros is None else replace(PLAIN, max_charge=Fraction(max_micros, MICRO))
    return Rate(prefix="", price=Price.nano(nano), increment=increment, rules=rules)


def _rater(rate: Rate, party: Party, answer_at: datetime, rounding: Rounding) -> Rater:
    """Return what rates seconds by *rate* alone: no bucket pays for them."""
    account = party.service.account

    def rated(duration_s: int | Fraction) -> Rating:
        return rate_call(
            rate,
            called="",
            answer_at=answer_at,
            duration_s=duration_s,
            rounding=rounding,
            zone=account.zone,
            holidays=account.holidays,
            duration_rounding=party.plan.duration_rounding,
        )

    return rated


