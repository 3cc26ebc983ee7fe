"""Replay the calls of a month under a draft: a rate file, another deck, or another plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from psycopg2.extensions import connection as Connection

from provisioning import drafts
from provisioning.rate_files import RateFile
from radiusd.calls.directory import Directory
from radiusd.calls.what_if import Draft, Replay
from radiusd.errors import BadInput, NotFound
from radiusd.storage.rerating import Scope
from radiusd.storage.what_if import past_calls


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """
    What to try: the rates in *file*, those of *deck*, or *plan*; one of the three.

    *instead_of* names the deck, or with *plan* the plan, whose place it takes; empty: the deck of that name,
    or the only one, and any plan. *file* is given what the deck's currency is.
    """

    deck: str = ""
    file: Callable[[str], RateFile] | None = None
    plan: str = ""
    instead_of: str = ""


def draft_of(connection: Connection, directory: Directory, wish: Wish, at: datetime) -> Draft:
    """
    Return the draft that *wish* means.

    Raises:
        NotFound: There is no such plan or deck.
        BadInput: It is not said whose place the draft takes, the currencies differ, or rates are wrong.
    """
    if wish.plan:
        plan = next((plan for plan in directory.plans.values() if plan.code == wish.plan), None)
        if plan is None:
            raise NotFound(f"plan {wish.plan} does not exist; add it first")
        return Draft(wish.instead_of, plan=plan)
    in_use = {deck.name: deck for deck in drafts.decks_in_use(directory)}
    instead_of = wish.instead_of
    if not instead_of:
        if wish.deck in in_use:
            instead_of = wish.deck
        elif len(in_use) == 1:
            (instead_of,) = in_use
        else:
            raise BadInput(f"instead_of: say which deck: {', '.join(sorted(in_use))}")
    if instead_of not in in_use:
        raise NotFound(f"instead_of: no plan uses a deck {instead_of}")
    currency = in_use[instead_of].currency
    if wish.file is None:
        deck = drafts.deck_by_name(directory, wish.deck, at)
        if deck.currency != currency:
            raise BadInput(f"deck {wish.deck} is in {deck.currency}, and {instead_of} in {currency}")
        return Draft(instead_of, deck)
    source = wish.file(currency)
    with connection.cursor() as txn:
        return Draft(instead_of, drafts.deck_of_file(txn, source.name, currency, source, at))


def replay_calls(
    connection: Connection,
    directory: Directory,
    draft: Draft,
    scope: Scope,
    told: Callable[[int], None] | None = None,
) -> drafts.Outcome:
    """Return what the calls of *scope*, a month, come to under *draft*; every thousand, tell how many."""
    assert scope.month is not None
    since = datetime.fromisoformat(f"{scope.month}-01T00:00:00+00:00")
    sums = Replay(directory, draft, since).run(past_calls(connection, scope), told)
    connection.rollback()
    return drafts.outcome(sums, drafts.bucket_names(connection))
