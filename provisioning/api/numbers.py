"""Endpoints of the inventory of numbers."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from provisioning import inventory, number_states
from provisioning.accounts import read_account
from provisioning.admin import Change
from provisioning.api.endpoints import UPLOAD, Answer, Asked, Endpoint, Parameter, listed
from provisioning.api.nouns import Noun, made
from provisioning.number_import import NumberFile, import_numbers
from provisioning.number_moves import assign_numbers, move_numbers, release_numbers
from provisioning.number_search import Wanted, search
from provisioning.roles import require_account
from provisioning.service_kinds import HELPS, UNSAID
from radiusd.errors import BadInput

MOST_NUMBERS = 1000
MOST_MINUTES = 366 * 24 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """For whom a number is kept, and for how many minutes."""

    account: str
    minutes: int = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Numbers that an account gets as DIDs."""

    numbers: tuple[str, ...]
    account: str
    plan: str
    activated: date | None = None
    location: str = ""
    monthly_fee: Decimal = UNSAID
    setup_fee: Decimal = UNSAID


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Numbers whose services end at *at*; None is now."""

    numbers: tuple[str, ...]
    at: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Numbers that go to the account *to*."""

    numbers: tuple[str, ...]
    to: str
    plan: str | None = None
    at: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenState:
    """Numbers and the state that they get."""

    numbers: tuple[str, ...]
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What was done to one thing."""

    noun: str
    key: str
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What was done to many things: a key and an action each."""

    changes: list[Line]


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """What an import did, or with *dry_run* would have done."""

    added: int
    changed: int
    unchanged: int
    dry_run: bool


_WORDS = ("country", "area", "rate_centre", "pattern", "account", "supplier", "feature")
_FILTERS = (
    Parameter("country", "Only of this country."),
    Parameter("area", "Only of this area."),
    Parameter("rate_centre", "Only of this rate centre."),
    Parameter("pattern", "Digits and letters; * is any digits, ? one. Without *: how numbers begin."),
    Parameter("state", "Only in this state; any is all.", choices=(*inventory.STATES, "any")),
    Parameter("account", "Only of this account; with state."),
    Parameter("supplier", "Only from this supplier."),
    Parameter("feature", "Only with this feature."),
)
_NUMBER = Parameter("number", "Which number.", in_path=True)


def _list(asked: Asked) -> Answer:
    page = asked.page(str)
    state = asked.query.get("state", "available")
    wanted = Wanted(
        state=None if state == "any" else state, **{word: asked.query.get(word) for word in _WORDS}
    )
    found = search(asked.txn, asked.admin, wanted, asked.now, page)
    return listed(found, page, lambda each: (each.number,))


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNumber(inventory.Number):
    """A number, and the state in which it is added."""

    state: str = "available"


def _put(asked: Asked, values: dict[str, Any], new: bool) -> Change:
    number: inventory.Number = made(inventory.Number, values)
    if not new:
        return inventory.set_number(asked.txn, number, asked.admin)
    return inventory.add_number(asked.txn, number, asked.admin, values.get("state", "available"))


NUMBERS = Noun(
    word="number",
    plural="numbers",
    what="a number of the inventory",
    kind=inventory.StockedNumber,
    inputs=NewNumber,
    fixed=("state",),
    choices={"state": inventory.NEW_STATES},
    key=("number",),
    list_=_list,
    find=lambda asked: inventory.read_number(asked.txn, asked.path["number"], asked.admin),
    put=_put,
    helps=inventory.HELPS,
    filters=_FILTERS,
)


def _chosen(body: Any) -> tuple[str, ...]:
    """Return the numbers of a body. Raises BadInput."""
    numbers: tuple[str, ...] = body.numbers
    if not 1 <= len(numbers) <= MOST_NUMBERS:
        raise BadInput(f"numbers: give 1 to {MOST_NUMBERS} numbers")
    return numbers


def _done(changes: list[Change]) -> Answer:
    lines = [
        Line(noun=change.noun, key=change.key, action=change.action.value) for change in changes if change
    ]
    return Answer(Done(changes=lines))


def _reserve(asked: Asked) -> Answer:
    body = made(Reservation, asked.body)
    if not 1 <= body.minutes <= MOST_MINUTES:
        raise BadInput(f"minutes: {body.minutes} is not from 1 to {MOST_MINUTES}")
    require_account(asked.txn, asked.admin, body.account, "account")
    read_account(asked.txn, body.account)
    lasting = timedelta(minutes=body.minutes)
    number_states.reserve(asked.txn, asked.path["number"], body.account, lasting, asked.admin)
    return Answer(NUMBERS.find(asked), tagged=True)


def _free(asked: Asked) -> Answer:
    number_states.free(asked.txn, asked.path["number"], asked.admin)
    return Answer(NUMBERS.find(asked), tagged=True)


def _assign(asked: Asked) -> Answer:
    body = made(Assignment, asked.body)
    return _done(
        assign_numbers(
            asked.txn,
            _chosen(body),
            body.account,
            body.plan,
            asked.admin,
            body.activated,
            body.location,
            monthly_fee=body.monthly_fee,
            setup_fee=body.setup_fee,
        )
    )


def _release(asked: Asked) -> Answer:
    body = made(Release, asked.body)
    return _done(release_numbers(asked.txn, _chosen(body), asked.admin, body.at))


def _move(asked: Asked) -> Answer:
    body = made(Move, asked.body)
    return _done(move_numbers(asked.txn, _chosen(body), body.to, asked.admin, body.at, body.plan))


def _choose(asked: Asked) -> Answer:
    body = made(ChosenState, asked.body)
    return _done(number_states.choose_state(asked.txn, _chosen(body), body.state, asked.admin))


def _history(asked: Asked) -> Answer:
    steps = inventory.read_history(asked.txn, asked.path["number"], asked.admin)
    return Answer({"items": steps, "next": None})


def _import(asked: Asked) -> Answer:
    file = NumberFile.decode(asked.query.get("file", "body"), asked.octets, asked.query.get("currency"))
    dry_run = bool(asked.query.get("dry_run"))
    if dry_run:
        asked.txn.execute("SAVEPOINT before_import")
    done, _ = import_numbers(asked.txn, file, asked.admin)
    if dry_run:
        asked.txn.execute("ROLLBACK TO before_import")
    counts = {each.name: getattr(done, each.name) for each in fields(done)}
    return Answer(Import(**counts, dry_run=dry_run))


def _step(path: str, summary: str, body: type[Any], answer: Any, **more: Any) -> Endpoint:
    return Endpoint(
        method="POST",
        path=f"/numbers/{path}",
        tag="numbers",
        summary=summary,
        body=body,
        answer=answer,
        writes=True,
        **{"right": "services:write", "result": Done, "alone": True, **more},
    )


ENDPOINTS = (
    # Fixed words before numbers: the first path that fits is taken.
    _step(
        "assign",
        "Give numbers to an account as DIDs: all or none.",
        Assignment,
        _assign,
        helps={name: HELPS[name] for name in ("monthly_fee", "setup_fee")},
    ),
    _step("release", "End the services of numbers: all or none.", Release, _release),
    _step("move", "Move numbers to another account: all or none.", Move, _move),
    _step(
        "state",
        "Block, free, port or retire numbers: all or none.",
        ChosenState,
        _choose,
        right="numbers:write",
        alone=False,
        choices={"state": number_states.CHOSEN},
    ),
    Endpoint(
        method="POST",
        path="/numbers/import",
        tag="numbers",
        summary="Import numbers from CSV: all or nothing.",
        right="numbers:write",
        parameters=(
            UPLOAD,
            Parameter("currency", "Of rows that name none."),
            Parameter("dry_run", "Only say what would be done.", bool),
        ),
        media="text/csv",
        most_octets=64_000_000,
        result=Import,
        writes=True,
        answer=_import,
    ),
    *(
        replace(endpoint, alone=False) if endpoint.method == "PATCH" else endpoint
        for endpoint in NUMBERS.endpoints()
    ),
    _step(
        "{number}/reserve",
        "Keep a number for an account.",
        Reservation,
        _reserve,
        right="numbers:write",
        alone=False,
        result=inventory.StockedNumber,
        parameters=(_NUMBER,),
        tagged=True,
    ),
    Endpoint(
        method="POST",
        path="/numbers/{number}/free",
        tag="numbers",
        summary="End the reservation of a number.",
        right="numbers:write",
        parameters=(_NUMBER,),
        result=inventory.StockedNumber,
        tagged=True,
        writes=True,
        answer=_free,
    ),
    Endpoint(
        method="GET",
        path="/numbers/{number}/history",
        tag="numbers",
        summary="Show what has become of a number, oldest first.",
        right="numbers:read",
        parameters=(_NUMBER,),
        result=inventory.Step,
        many=True,
        answer=_history,
    ),
)
