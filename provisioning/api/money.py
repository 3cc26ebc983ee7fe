"""Endpoints of balances, payments, the feed of postings, and quotes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from provisioning import balances
from provisioning.accounts import read_account
from provisioning.api.endpoints import PAGED, Answer, Asked, Endpoint, Parameter, listed
from provisioning.api.nouns import made
from provisioning.pages import Page, read_cursor, write_cursor
from provisioning.quotes import quote_for
from provisioning.roles import require_account
from provisioning.service_quotes import quote_service
from provisioning.usage import Usage, read_usage
from radiusd.calls.tariffs import Ported
from radiusd.errors import BadInput

KINDS = tuple(kind.value for kind in balances.PostingKind)
LONGEST_S = 10**7


@dataclass(frozen=True, slots=True, kw_only=True)
class PostingBody:
    """Money for an account; with a *reference* it is posted once."""

    amount: Decimal
    kind: str = "payment"
    reference: str = ""
    note: str = ""


def _list(asked: Asked) -> Answer:
    page = asked.page(str)
    found = balances.list_balances(asked.txn, actor=asked.admin, page=page)
    return listed(found, page, lambda each: (each.account,))


def _show(asked: Asked) -> Answer:
    account = asked.path["account"]
    require_account(asked.txn, asked.admin, account)
    read_account(asked.txn, account)
    (found,) = balances.list_balances(asked.txn, account)
    return Answer(found)


def _post(asked: Asked) -> Answer:
    body = made(PostingBody, asked.body)
    if body.kind not in KINDS:
        raise BadInput(f"kind: {body.kind[:20]!r} is none of {', '.join(KINDS)}")
    require_account(asked.txn, asked.admin, asked.path["account"])
    posting = balances.Posting(
        account=asked.path["account"],
        amount=body.amount,
        kind=balances.PostingKind(body.kind),
        reference=body.reference,
        note=body.note,
    )
    change = balances.post(asked.txn, posting, asked.admin)
    (found,) = balances.list_balances(asked.txn, posting.account)
    return Answer(found, 201 if change else 200, change=change)


def _usage(asked: Asked) -> Answer:
    page = Page(read_cursor(asked.query.get("since", ""), (int,)), asked.query.get("limit", 1000))
    found, after = read_usage(asked.txn, asked.admin, asked.now, page)
    return Answer({"items": found, "next": write_cursor((after,))})


def _quote(asked: Asked) -> Answer:
    at = asked.query.get("at", asked.now)
    found = quote_for(
        asked.txn,
        asked.admin,
        asked.query["plan"],
        asked.query["to"],
        asked.query.get("seconds", 60),
        at,
        asked.query.get("from", ""),
    )
    return Answer(quoted(found, at))


def _quote_service(asked: Asked) -> Answer:
    query = asked.query
    found = quote_service(
        asked.txn,
        query["service"],
        query["to"],
        query.get("seconds", 60),
        query.get("at", asked.now),
        query.get("from", ""),
        Ported(query.get("lrn", ""), query.get("from_lrn", "")),
        asked.admin,
    )
    asked.txn.connection.rollback()  # what was opened to look at it
    return Answer(found)


def quoted(found: Any, at: datetime) -> dict[str, Any]:
    """Return a quote as a document, with the lines from which its total follows."""
    rating = found.rating
    return {
        "at": at,
        "deck": found.deck,
        "version": found.version,
        "prefix": found.rate.prefix,
        "destination": found.rate.description,
        "rate_per_min": found.rate.price.text,
        "billed_s": rating.billed_s,
        "total": rating.total_text,
        "currency": found.currency,
        "slices": rating.as_dict()["slices"],
    }


_ACCOUNT = Parameter("account", "Which account.", in_path=True)
ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/balances",
        tag="balances",
        summary="List what accounts have.",
        right="balances:read",
        parameters=PAGED,
        result=balances.Balance,
        many=True,
        answer=_list,
    ),
    Endpoint(
        method="GET",
        path="/balances/{account}",
        tag="balances",
        summary="Show what an account has; held is reserved by calls that are up.",
        right="balances:read",
        parameters=(_ACCOUNT,),
        result=balances.Balance,
        answer=_show,
    ),
    Endpoint(
        method="POST",
        path="/balances/{account}/postings",
        tag="balances",
        summary="Post a payment or an adjustment.",
        right="balances:write",
        parameters=(_ACCOUNT,),
        body=PostingBody,
        choices={"kind": KINDS},
        helps={
            "amount": "In the account's currency; a payment is never negative.",
            "reference": "With one it is posted once, however often it is asked for.",
            "note": "For the ledger.",
        },
        result=balances.Balance,
        status=201,
        alone=True,
        writes=True,
        answer=_post,
    ),
    Endpoint(
        method="GET",
        path="/usage",
        tag="usage",
        summary="Read postings in an order that never changes, each once: keep `next` and go on from there.",
        right="usage:read",
        parameters=(
            Parameter("since", "What `next` of the answer before said; without it, from the beginning."),
            Parameter("limit", "Most postings in the answer.", int, least=1, most=10_000),
        ),
        result=Usage,
        many=True,
        writes=True,
        answer=_usage,
    ),
    Endpoint(
        method="GET",
        path="/quote",
        tag="calls",
        summary="Show what a call would cost under a plan, without included minutes.",
        right="calls:read",
        parameters=(
            Parameter("plan", "Plan whose deck, increments and rounding count.", required=True),
            Parameter("to", "Number that is called.", required=True),
            Parameter("from", "Number that calls."),
            Parameter("seconds", "How long it lasts.", int, least=0, most=LONGEST_S),
            Parameter("at", "When it is answered.", datetime),
        ),
        answer=_quote,
    ),
    Endpoint(
        method="GET",
        path="/quote/service",
        tag="calls",
        summary="Show what a call of a service would cost now: price, included minutes, limits.",
        right="services:read",
        parameters=(
            Parameter(
                "service", "Number, extension (201@TENANT), trunk or network; or KIND:NAME.", required=True
            ),
            Parameter("to", "Number that is called.", required=True),
            Parameter("from", "Number that calls."),
            Parameter("lrn", "What the called number was ported to."),
            Parameter("from_lrn", "What the calling number was ported to."),
            Parameter("seconds", "How long it lasts.", int, least=0, most=LONGEST_S),
            Parameter("at", "When it is answered.", datetime),
        ),
        answer=_quote_service,
    ),
)
