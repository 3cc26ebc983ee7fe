"""Who may do what: roles, rights, and the accounts that somebody reaches. Functions ask here, not faces."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import Enum

from psycopg2.extensions import cursor as Cursor

from radiusd.errors import Forbidden, NotFound


class Role(Enum):
    """What somebody is to the operator."""

    OPERATOR = "operator"  # everything
    BILLING = "billing"  # money, prices and accounts
    SUPPORT = "support"  # reads, and explains calls
    RESELLER = "reseller"  # its own account and those below it
    CUSTOMER = "customer"  # its own account


AREAS = {
    "account": "accounts",
    "balance": "balances",
    "bucket": "plans",
    "call": "calls",
    "client": "clients",
    "deck": "decks",
    "destination": "plans",
    "exchange": "decks",
    "did": "services",
    "extension": "services",
    "holiday": "plans",
    "ip": "services",
    "number": "numbers",
    "origin": "plans",
    "override": "plans",
    "period": "balances",
    "plan": "plans",
    "policy": "plans",
    "pool": "plans",
    "record": "calls",
    "rerating": "balances",
    "site": "site",
    "source": "clients",
    "state": "decks",
    "tax": "balances",
    "supplier": "decks",
    "template": "decks",
    "tenant": "tenants",
    "token": "tokens",
    "trunk": "services",
    "user": "users",
    "virtual": "services",
}
"""The area of each noun. What has none is the operator's alone."""

READABLE = (
    "accounts",
    "audit",
    "balances",
    "calls",
    "clients",
    "decks",
    "numbers",
    "plans",
    "services",
    "site",
    "tenants",
    "tokens",
    "usage",
    "users",
)
CHANGEABLE = (
    "accounts",
    "balances",
    "calls",
    "clients",
    "decks",
    "numbers",
    "plans",
    "services",
    "site",
    "tenants",
    "tokens",
    "users",
)
RIGHTS = (*(f"{area}:read" for area in READABLE), *(f"{area}:write" for area in CHANGEABLE))
"""All rights. A token's scopes are some of them."""


def _read(*areas: str) -> set[str]:
    return {f"{area}:read" for area in areas}


def _write(*areas: str) -> set[str]:
    return {f"{area}:write" for area in areas}


_OWN = _read("accounts", "balances", "calls", "numbers", "services", "tokens", "usage") | _write("tokens")
GRANTED: dict[Role, frozenset[str]] = {
    Role.OPERATOR: frozenset(RIGHTS),
    Role.BILLING: frozenset(
        _read(*(area for area in READABLE if area not in ("site", "users")))
        | _write("accounts", "balances", "calls", "decks", "plans", "tokens")
    ),
    Role.SUPPORT: frozenset(
        _read(*(area for area in READABLE if area not in ("audit", "site", "users"))) | _write("tokens")
    ),
    Role.RESELLER: frozenset(
        _OWN | _read("plans", "tenants", "users") | _write("accounts", "numbers", "services", "users")
    ),
    Role.CUSTOMER: frozenset(_OWN),
}
"""What each role may do, within its reach."""

BOUND = (Role.RESELLER, Role.CUSTOMER)
"""Roles that are bound to an account."""


@dataclass(frozen=True, slots=True)
class Actor:
    """
    Somebody who asks for something.

    *account* is the code of the account that a reseller or customer is bound to. *scopes* narrow the rights
    of the role further, as a token does. *person* is the name of the user behind a token.
    """

    name: str
    role: Role = field(default=Role.OPERATOR, kw_only=True)
    account: str | None = field(default=None, kw_only=True)
    address: str = field(default="", kw_only=True)
    scopes: frozenset[str] | None = field(default=None, kw_only=True)
    person: str | None = field(default=None, kw_only=True)

    def may(self, right: str) -> bool:
        """Tell whether the actor has *right*, such as ``accounts:write``."""
        return right in GRANTED[self.role] and (self.scopes is None or right in self.scopes)

    def require(self, right: str) -> None:
        """
        Return when the actor has *right*.

        Raises:
            Forbidden: It has not.
        """
        if right not in GRANTED[self.role]:
            raise Forbidden(f"{self.name} has the role {self.role.value}, which has not the right {right}")
        if self.scopes is not None and right not in self.scopes:
            raise Forbidden(f"{self.name} was made without the scope {right}; make a token that has it")

    @property
    def is_bound(self) -> bool:
        """Whether the actor reaches only some accounts."""
        return self.role in BOUND


def require_change(actor: Actor, noun: str) -> None:
    """Return when *actor* may change a *noun*. Raises Forbidden."""
    actor.require(f"{AREAS.get(noun, 'site')}:write")


def require_unbound(actor: Actor, what: str) -> None:
    """Return when *actor* is bound to no account. Raises Forbidden, which says that *what* are of all."""
    if actor.is_bound:
        raise Forbidden(f"{actor.name} reaches only some accounts, and {what} are about all of them")


def require_account(txn: Cursor, actor: Actor, code: str, field_name: str = "") -> None:
    """
    Return when *actor* reaches the account *code*; one that does not exist is for others to tell.

    Raises:
        NotFound: It does not; the words are those for an account that does not exist.
    """
    if actor.is_bound and not _is_below(txn, code, actor):
        prefix = f"{field_name}: " if field_name else ""
        raise NotFound(f"{prefix}account {code} does not exist; add it first")


def reached_accounts(txn: Cursor, actor: Actor) -> list[int] | None:
    """Return the ids of the accounts that *actor* reaches; None: all of them."""
    if not actor.is_bound:
        return None
    if actor.role is Role.CUSTOMER:
        txn.execute("SELECT id FROM account WHERE code = %s", (actor.account,))
    else:
        txn.execute(
            "WITH RECURSIVE below AS (SELECT id FROM account WHERE code = %s"
            " UNION SELECT a.id FROM account a JOIN below ON a.reseller_id = below.id)"
            " SELECT id FROM below ORDER BY id",
            (actor.account,),
        )
    return [account_id for (account_id,) in txn.fetchall()]


def _is_below(txn: Cursor, code: str, actor: Actor) -> bool:
    """Tell whether the account *code* is the actor's own, or below it."""
    if code == actor.account:
        return True
    if actor.role is not Role.RESELLER:
        return False
    txn.execute(
        "WITH RECURSIVE up AS (SELECT id, code, reseller_id FROM account WHERE code = %s"
        " UNION SELECT a.id, a.code, a.reseller_id FROM account a JOIN up ON a.id = up.reseller_id)"
        " SELECT EXISTS (SELECT FROM up WHERE code = %s)",
        (code, actor.account),
    )
    (row,) = txn.fetchall()
    return bool(row[0])


def known_rights(scopes: Collection[str]) -> str | None:
    """Return the first of *scopes* that is no right, None when all are."""
    return next((scope for scope in scopes if scope not in RIGHTS), None)
