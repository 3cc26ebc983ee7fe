"""Endpoints of what is billed: closed periods, taxes, statements, the general ledger, traffic added up."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg2

from provisioning import account_statements, periods, taxes
from provisioning.admin import Change
from provisioning.api.endpoints import PAGED, Answer, Asked, Endpoint, Parameter, sliced
from provisioning.api.nouns import Noun, made
from provisioning.moments import instant
from provisioning.outpayments import OutPayments, outpayments
from provisioning.peaks import Peak, peaks
from provisioning.roles import require_unbound
from provisioning.traffic import GROUPS, Traffic, traffic
from provisioning.trial_balance import LedgerAccount, trial_balance
from radiusd.storage.books_check import check_books

A_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodBody:
    """Calls set up before *until* are invoiced; of *account*, or of all."""

    until: date
    account: str | None = None


def _list_periods(asked: Asked) -> Answer:
    found = periods.list_closed(asked.txn, asked.admin)
    return sliced(found, asked.page(str), lambda each: (each.account,))


def _close(asked: Asked) -> Answer:
    body = made(PeriodBody, asked.body)
    until = instant("until", body.until, UTC)
    change = periods.close_period(asked.txn, until, body.account, asked.admin)
    return Answer(periods.ClosedPeriod(account=body.account or "", closed_until=until), change=change)


def _list_taxes(asked: Asked) -> Answer:
    require_unbound(asked.admin, "taxes")
    return sliced(
        taxes.list_taxes(asked.txn, asked.query.get("account")), asked.page(str), lambda each: (each.name,)
    )


def _find_tax(asked: Asked) -> taxes.Tax:
    require_unbound(asked.admin, "taxes")
    return taxes.read_tax(asked.txn, asked.path["name"])[1]


def _put_tax(asked: Asked, values: dict[str, Any], new: bool) -> Change:
    put = taxes.add_tax if new else taxes.set_tax
    return put(asked.txn, made(taxes.Tax, values), asked.admin)


TAX = Noun(
    word="tax",
    plural="taxes",
    what="a tax, which statements add",
    kind=taxes.Tax,
    key=("name",),
    list_=_list_taxes,
    find=_find_tax,
    put=_put_tax,
    helps=taxes.HELPS,
    choices=taxes.WORDS,
    filters=(Parameter("account", "Only those that this account owes."),),
)


def _statement(asked: Asked) -> Answer:
    return Answer(
        account_statements.statement(asked.txn, asked.admin, asked.path["code"], asked.query["period"])
    )


def _outpayments(asked: Asked) -> Answer:
    return Answer(outpayments(asked.txn, asked.admin, asked.path["code"], asked.query["period"]))


def _peaks(asked: Asked) -> Answer:
    until = asked.query.get("until", asked.now)
    found = peaks(asked.txn, asked.admin, asked.query.get("since", until - A_WEEK), until)
    return Answer({"items": [each._asdict() for each in found], "next": None})


def _traffic(asked: Asked) -> Answer:
    until = asked.query.get("until", asked.now)
    since = asked.query.get("since")
    by, account = asked.query["by"], asked.query.get("account")
    found = traffic(asked.txn, asked.admin, by, since, until, account, asked.query.get("zone", "UTC"))
    return Answer({"items": found, "next": None})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The trial balance; *balanced*: debits and credits of every currency are equal."""

    balanced: bool
    accounts: list[LedgerAccount]


def _ledger(asked: Asked) -> Answer:
    require_unbound(asked.admin, "the books")
    found = trial_balance(asked.txn, asked.query.get("since"), asked.query.get("until"))
    sums: dict[str, Decimal] = {}
    for each in found:
        sums[each.currency] = sums.get(each.currency, Decimal(0)) + each.debit - each.credit
    return Answer(Ledger(balanced=not any(sums.values()), accounts=found))


def _check(asked: Asked) -> Answer:
    require_unbound(asked.admin, "the books")
    dsn = asked.web.dsn

    def check() -> Answer:
        with closing(psycopg2.connect(dsn)) as connection:
            proofs = check_books(connection)
        differences = [difference._asdict() for proof in proofs for difference in proof.shown]
        checks = [
            {"check": proof.check, "compared": proof.compared, "differing": proof.differing}
            for proof in proofs
        ]
        return Answer({"ok": not differences, "checks": checks, "differences": differences})

    return Answer(after=check)


_SPAN = (
    Parameter("since", "From when on.", datetime),
    Parameter("until", "Until when, not included.", datetime),
)
ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/periods",
        tag="periods",
        summary="List until when accounts are closed; the empty account stands for all.",
        right="balances:read",
        parameters=PAGED,
        result=periods.ClosedPeriod,
        many=True,
        answer=_list_periods,
    ),
    Endpoint(
        method="POST",
        path="/periods",
        tag="periods",
        summary="Close what is before a moment; an earlier moment opens again what was closed.",
        right="balances:write",
        body=PeriodBody,
        helps={"until": "Calls set up before then.", "account": "Of this account; without it, of all."},
        result=periods.ClosedPeriod,
        writes=True,
        answer=_close,
    ),
    *TAX.endpoints(),
    Endpoint(
        method="GET",
        path="/accounts/{code}/statement",
        tag="accounts",
        summary="Show what an account was charged, earned and paid in a month, and the taxes on it.",
        right="balances:read",
        parameters=(
            Parameter("code", "Which account.", in_path=True),
            Parameter("period", "A month where the account is, like 2026-11.", required=True),
        ),
        result=account_statements.Statement,
        answer=_statement,
    ),
    Endpoint(
        method="GET",
        path="/accounts/{code}/outpayments",
        tag="accounts",
        summary="Show what an account earned by calls in a month, for each service and location.",
        right="balances:read",
        parameters=(
            Parameter("code", "Which account.", in_path=True),
            Parameter("period", "A month where the account is, like 2026-11.", required=True),
        ),
        result=OutPayments,
        answer=_outpayments,
    ),
    Endpoint(
        method="GET",
        path="/reports/peaks",
        tag="reports",
        summary="Show how many calls each trunk carried at once at most, the highest 50.",
        right="calls:read",
        parameters=(
            Parameter("since", "From when on; without it, for the last 7 days.", datetime),
            Parameter("until", "Until when, not included; without it, now.", datetime),
        ),
        result=Peak,
        many=True,
        answer=_peaks,
    ),
    Endpoint(
        method="GET",
        path="/reports/traffic",
        tag="reports",
        summary="Add up calls, minutes, charges and margins by account, destination, trunk, day and so on.",
        right="calls:read",
        parameters=(
            Parameter("by", "What to add up by.", required=True, choices=tuple(GROUPS)),
            Parameter("account", "Only what this account pays."),
            Parameter(
                "since", "From when on; without it, the month that ends with until, or has it.", datetime
            ),
            Parameter("until", "Until when, not included; without it, now.", datetime),
            Parameter("zone", "Where days, hours and months begin; without it, UTC."),
        ),
        result=Traffic,
        many=True,
        answer=_traffic,
    ),
    Endpoint(
        method="GET",
        path="/books/ledger",
        tag="books",
        summary="Show the trial balance: every posting from both sides, by currency.",
        right="balances:read",
        parameters=_SPAN,
        result=Ledger,
        answer=_ledger,
    ),
    Endpoint(
        method="GET",
        path="/books/check",
        tag="books",
        summary="Prove that balances, buckets, holds, channels and charges are what their rows add up to.",
        right="balances:read",
        long=True,
        answer=_check,
    ),
)
