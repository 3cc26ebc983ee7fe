"""Accounts, and one account: balance, included minutes, its services, and what was posted."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from psycopg2.extensions import cursor as Cursor

from provisioning import accounts
from provisioning.accounts import Account, add_account, list_accounts, read_account, set_account
from provisioning.amounts import MICRO_DECIMALS
from provisioning.api.nouns import made
from provisioning.balances import Posting, PostingKind, post
from provisioning.call_views import cdrs_for
from provisioning.console.forms import NONE, Problems, form_fields, problems_in, read_form
from provisioning.console.pages import Go, Outcome, Page, Shown, Visit
from provisioning.console.services import TITLES, path_of, quote_of
from provisioning.pages import Page as Slice
from provisioning.pages import read_cursor, write_cursor
from provisioning.roles import require_account
from provisioning.service_kinds import KINDS
from provisioning.service_rows import list_services
from radiusd.errors import BadInput
from radiusd.storage.reports import CdrFilter

PAGE = 50
ACCOUNT_FIELDS = tuple(name for name in ("code", *accounts.NEW_HELPS) if name in Account.__dataclass_fields__)


def _list(visit: Visit) -> Outcome:
    after = read_cursor(visit.query.get("after", ""), (str,))
    found = list_accounts(visit.asked.txn, visit.who.actor, Slice(after, PAGE))
    balances = _balances(visit.asked.txn, [account.code for account in found])
    return Shown(
        "accounts.html",
        {
            "rows": [(account, balances.get(account.code)) for account in found],
            "next": write_cursor((found[-1].code,)) if len(found) == PAGE else None,
            "approves": visit.asked.web.settings.console.sign_up_approval and visit.may("accounts:write"),
        },
    )


def _balances(txn: Cursor, codes: list[str]) -> dict[str, tuple[Decimal, Decimal, int, int]]:
    """Return balance, held money, open calls and services by account."""
    txn.execute(
        "SELECT a.code, b.balance_micros, b.held_micros, b.channels,"
        " (SELECT count(*) FROM service s WHERE s.account_id = a.id AND s.ended_at IS NULL)"
        " FROM account a JOIN balance b ON b.account_id = a.id WHERE a.code = ANY (%s)",
        (codes,),
    )
    return {
        code: (_amount(balance), _amount(held), channels, services)
        for code, balance, held, channels, services in txn.fetchall()
    }


def _amount(micros: int) -> Decimal:
    return Decimal(micros).scaleb(-MICRO_DECIMALS)


def _account(visit: Visit, problems: Problems = NONE) -> Outcome:
    txn, code = visit.asked.txn, visit.asked.path["code"]
    account_id, account = _read(visit, code)
    services = list_services(txn, account=code, actor=visit.who.actor)
    return Shown(
        "account.html",
        {
            "account": account,
            "balance": _balances(txn, [code])[code],
            "path_of": path_of,
            "quote_of": quote_of,
            "services": [service for service in services if service.ended is None],
            "ended": [service for service in services if service.ended is not None],
            "kinds": [(kind.value, TITLES[kind]) for kind in KINDS],
            "titles": {kind.value: title for kind, title in TITLES.items()},
            "usage": _usage(txn, account_id, visit.asked.now),
            "postings": _postings(txn, account_id),
            "calls": _calls(visit, code),
            "posting": form_fields(
                Posting,
                ("amount", "kind", "reference", "note"),
                sent=visit.form or None,
                choices={"kind": tuple(kind.value for kind in PostingKind)},
                problems=problems,
            ),
            "problems": problems,
        },
        status=400 if problems is not NONE else 200,
    )


def _read(visit: Visit, code: str) -> tuple[int, Account]:
    require_account(visit.asked.txn, visit.who.actor, code)
    return read_account(visit.asked.txn, code)


def _usage(txn: Cursor, account_id: int, now: Any) -> list[dict[str, Any]]:
    """Return the buckets that hold now."""
    txn.execute(
        "SELECT coalesce(p.name, o.name, ''), s.kind, s.name, b.included_s, b.used_s, b.held_s, b.rolled_s,"
        " b.period_start, b.period_end, strpos(b.bucket_id, '+') > 0"
        " FROM bucket b LEFT JOIN plan_bucket p ON p.id = b.plan_bucket_id"
        " LEFT JOIN account_bucket o ON o.account_id = b.account_id"
        " AND 'a' || o.id = split_part(split_part(b.bucket_id, '/', 2), '+', 1)"
        " LEFT JOIN service s ON s.id = b.service_id"
        " WHERE b.account_id = %s AND b.period_start <= %s AND b.period_end > %s ORDER BY 1, 3, b.bucket_id",
        (account_id, now, now),
    )
    names = (
        *("name", "kind", "service", "included_s", "used_s", "held_s", "rolled_s"),
        *("start", "end", "rolled"),
    )
    return [dict(zip(names, row, strict=True)) for row in txn.fetchall()]


def _postings(txn: Cursor, account_id: int) -> list[dict[str, Any]]:
    txn.execute(
        "SELECT posted_at, kind, amount_micros, seconds, note, call_id::text, location FROM posting"
        " WHERE account_id = %s AND kind <> 'cost' ORDER BY posted_at DESC, id DESC LIMIT 20",
        (account_id,),
    )
    names = ("at", "kind", "amount", "seconds", "note", "call_id", "location")
    found = [dict(zip(names, row, strict=True)) for row in txn.fetchall()]
    return [{**line, "amount": _amount(line["amount"])} for line in found]


def _calls(visit: Visit, code: str) -> list[Any]:
    if not visit.may("calls:read"):
        return []
    now = visit.asked.now
    wanted = CdrFilter(account=code, since=now - timedelta(days=31))
    return cdrs_for(visit.asked.txn, visit.who.actor, wanted, now, Slice((), 10))


def _post(visit: Visit) -> Outcome:
    """Post a payment or an adjustment."""
    code = visit.asked.path["code"]
    names = ("amount", "kind", "reference", "note")
    try:
        _read(visit, code)
        values = read_form(Posting, ("amount", "reference", "note"), visit.form)
        kind = PostingKind(visit.form.get("kind", PostingKind.PAYMENT.value))
        change = post(visit.asked.txn, Posting(account=code, kind=kind, **values), visit.asked.admin)
    except BadInput as error:
        return _account(visit, problems_in(error, names))
    told = "Posted." if change else "It was posted before under that reference; nothing was changed."
    return Go(f"/accounts/{quote(code, '')}", told)


def _edit_account(visit: Visit, problems: Problems = NONE) -> Outcome:
    code = visit.asked.path.get("code")
    current = None if code is None else _read(visit, code)[1]
    names = [name for name in ACCOUNT_FIELDS if current is None or name not in ("code", "currency")]
    return Shown(
        "form.html",
        {
            "heading": "Add an account" if current is None else f"Account {code}",
            "fields": form_fields(
                Account,
                names,
                current=current,
                sent=visit.form or None,
                helps=accounts.NEW_HELPS,
                choices=accounts.WORDS,
                problems=problems,
            ),
            "problems": problems,
            "action": "Add" if current is None else "Save",
            "pick": "",
            "back": "/accounts" if current is None else f"/accounts/{quote(code or '', '')}",
            "notes": (),
        },
        status=400 if problems is not NONE else 200,
    )


def _save_account(visit: Visit) -> Outcome:
    code = visit.asked.path.get("code")
    txn, admin = visit.asked.txn, visit.asked.admin
    try:
        if code is None:
            values = read_form(Account, ACCOUNT_FIELDS, visit.form)
            add_account(txn, made(Account, values), admin)
            return Go(f"/accounts/{quote(values['code'], '')}", f"Account {values['code']} is added.")
        _, current = _read(visit, code)
        names = [name for name in ACCOUNT_FIELDS if name not in ("code", "currency")]
        change = set_account(txn, replace(current, **read_form(Account, names, visit.form)), admin)
        return Go(f"/accounts/{quote(code, '')}", "Saved." if change else "Nothing was changed.")
    except BadInput as error:
        return _edit_account(visit, problems_in(error, ACCOUNT_FIELDS))


PAGES = (
    Page(
        path="/accounts",
        title="Accounts",
        show=_list,
        right="accounts:read",
        menu="Accounts",
        cli="tollwire account list",
        json="/accounts",
    ),
    Page(
        path="/new-account",
        title="Add an account",
        show=_edit_account,
        act=_save_account,
        right="accounts:write",
    ),
    Page(
        path="/accounts/{code}",
        title="Account",
        show=_account,
        act=_post,
        right="accounts:read",
        cli="tollwire account show {code}",
        json="/accounts/{code}",
    ),
    Page(
        path="/accounts/{code}/edit",
        title="Change an account",
        show=_edit_account,
        act=_save_account,
        right="accounts:write",
    ),
)
