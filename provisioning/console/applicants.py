"""Who signed up and waits for somebody to be let in."""

from __future__ import annotations

from dataclasses import replace

from provisioning.accounts import read_account, set_account
from provisioning.console.pages import Go, Outcome, Page, Shown, Visit
from provisioning.console.signup import CLERK
from provisioning.roles import reached_accounts, require_account

MOST_SHOWN = 200


def _list(visit: Visit) -> Outcome:
    visit.asked.txn.execute(
        "SELECT a.code, a.name, p.name, p.email, s.name, s.activated_at FROM account a"
        " JOIN person p ON p.account_id = a.id JOIN service s ON s.account_id = a.id"
        " WHERE a.status = 'suspended' AND EXISTS (SELECT FROM audit u WHERE u.action = 'account added'"
        " AND u.key = a.code AND u.actor = %(clerk)s)"
        " AND (%(reached)s::bigint[] IS NULL OR a.id = ANY (%(reached)s::bigint[]))"
        " ORDER BY s.activated_at LIMIT %(most)s",
        {"clerk": CLERK, "reached": reached_accounts(visit.asked.txn, visit.who.actor), "most": MOST_SHOWN},
    )
    return Shown("applicants.html", {"rows": visit.asked.txn.fetchall()})


def _let_in(visit: Visit) -> Outcome:
    code = visit.form.get("code", "")
    require_account(visit.asked.txn, visit.who.actor, code)
    _, account = read_account(visit.asked.txn, code)
    set_account(visit.asked.txn, replace(account, status="active"), visit.asked.admin)
    return Go("/applicants", f"{code} is let in: its calls work from now on.")


PAGES = (Page(path="/applicants", title="Sign-ups", show=_list, act=_let_in, right="accounts:write"),)
