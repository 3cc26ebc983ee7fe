"""Tokens of the HTTP API: each is a user's, may less than its user or as much, and is shown once."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from psycopg2.extensions import cursor as Cursor

from provisioning import names
from provisioning.admin import Action, Admin, Change, FieldChange, audit, compare, shown
from provisioning.pages import ALL, Page
from provisioning.people import actor_of, read_user
from provisioning.roles import GRANTED, Actor, Role, known_rights, reached_accounts
from provisioning.rows import insert
from radiusd.errors import BadInput, Conflict, Forbidden, NotFound

PREFIX = "tollwire_"  # so that scanners of repositories and logs know what they have found
SECRET_OCTETS = 32
USED_EVERY = timedelta(minutes=1)  # the row is written no more often


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token called *name* of the user *user*; *scopes* are rights such as ``accounts:read``."""

    name: str
    user: str
    scopes: tuple[str, ...]
    expires: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken(Token):
    """A token as lists show it."""

    id: int
    created: datetime
    revoked: datetime | None = None
    last_used: datetime | None = None
    last_used_from: str = ""


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who a token speaks for."""

    token_id: int
    actor: Actor = field(repr=False)


def add_token(txn: Cursor, token: Token, admin: Admin) -> tuple[Change, str]:
    """
    Make *token*, and return its secret too: it is stored nowhere and never shown again.

    Raises:
        Forbidden: It is another's token, and *admin* is no operator; or *admin*'s own token lacks a scope.
        BadInput: It would have a right that its user has not.
    """
    admin.require("tokens:write")
    names.name("name", token.name)
    person_id, user = read_user(txn, token.user)
    if admin.role is not Role.OPERATOR and admin.person != token.user:
        raise Forbidden("user: only operators make tokens for others")
    _check_scopes(token, Role(user.role), admin)
    if token.expires is not None and token.expires <= admin.now:
        raise BadInput(f"expires: {shown(token.expires)} is past")
    txn.execute(
        "SELECT 1 FROM api_token WHERE person_id = %s AND name = %s AND revoked_at IS NULL",
        (person_id, token.name),
    )
    if txn.fetchone() is not None:
        raise Conflict(f"token {token.name} of user {token.user} exists already; revoke it first")
    txn.execute(
        "UPDATE api_token SET name = name || ' (revoked ' || id || ')' WHERE person_id = %s AND name = %s",
        (person_id, token.name),
    )
    secret = PREFIX + secrets.token_urlsafe(SECRET_OCTETS)
    token = replace(token, scopes=tuple(sorted(set(token.scopes))))
    insert(
        txn,
        "api_token",
        {
            "name": token.name,
            "person_id": person_id,
            "token_sha256": _hash(secret),
            "scopes": list(token.scopes),
            "created_at": admin.now,
            "expires_at": token.expires,
        },
    )
    change = compare("token", f"{token.user}/{token.name}", None, token)
    audit(txn, admin, [change])
    return change, secret


def revoke_token(txn: Cursor, user: str, name: str, admin: Admin) -> Change:
    """Revoke a token: from now on it opens nothing. Raises NotFound."""
    admin.require("tokens:write")
    if admin.role is not Role.OPERATOR and admin.person != user:
        raise Forbidden("user: only operators revoke tokens of others")
    txn.execute(
        "UPDATE api_token t SET revoked_at = %s FROM person p WHERE p.id = t.person_id AND p.name = %s"
        " AND t.name = %s AND revoked_at IS NULL RETURNING 1",
        (admin.now, user, name),
    )
    if txn.fetchone() is None:
        raise NotFound(f"token {name} of user {user} does not exist, or is revoked")
    revoked = FieldChange("revoked", "", shown(admin.now))
    change = Change(Action.ENDED, "token", f"{user}/{name}", (revoked,))
    audit(txn, admin, [change])
    return change


def list_tokens(
    txn: Cursor, actor: Actor, page: Page = ALL, user: str | None = None, revoked: bool = True
) -> list[IssuedToken]:
    """Return the tokens: all of them for those who see users, else *actor*'s own."""
    actor.require("tokens:read")
    only = user if actor.role is Role.OPERATOR else actor.person
    reached = reached_accounts(txn, actor)
    txn.execute(
        "SELECT t.id, t.name, p.name, t.scopes, t.created_at, t.expires_at, t.revoked_at, t.last_used_at,"
        " t.last_used_from FROM api_token t JOIN person p ON p.id = t.person_id"
        " WHERE t.id > %(after)s AND (%(only)s IS NULL OR p.name = %(only)s)"
        " AND (%(revoked)s OR t.revoked_at IS NULL)"
        " AND (%(reached)s::bigint[] IS NULL OR p.account_id = ANY(%(reached)s::bigint[]))"
        " ORDER BY t.id LIMIT %(limit)s",
        {
            "after": page.after_number,
            "only": only,
            "revoked": revoked,
            "reached": reached,
            "limit": page.limit,
        },
    )
    return [_issued(row) for row in txn.fetchall()]


def find_bearer(txn: Cursor, secret: str, address: str, now: datetime) -> Bearer | None:
    """Return who the token *secret* speaks for, None when it opens nothing (any more)."""
    txn.execute(
        "SELECT t.id, t.name, t.scopes, t.last_used_at, p.name FROM api_token t"
        " JOIN person p ON p.id = t.person_id"
        " WHERE t.token_sha256 = %s AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > %s)"
        " AND p.status = 'active'",
        (_hash(secret), now),
    )
    row = txn.fetchone()
    if row is None:
        return None
    token_id, name, scopes, last_used_at, person = row
    if last_used_at is None or now - last_used_at > USED_EVERY:
        txn.execute(
            "UPDATE api_token SET last_used_at = %s, last_used_from = %s WHERE id = %s",
            (now, address, token_id),
        )
    _, user = read_user(txn, person)
    actor = replace(actor_of(user, address), name=f"{person} (token {name})", scopes=frozenset(scopes))
    return Bearer(token_id, actor)


def _check_scopes(token: Token, role: Role, admin: Admin) -> None:
    if not token.scopes:
        raise BadInput("scopes: give at least one, such as accounts:read")
    unknown = known_rights(token.scopes)
    if unknown is not None:
        raise BadInput(f"scopes: {unknown[:60]!r} is none; there are {', '.join(sorted(GRANTED[role]))}")
    for scope in token.scopes:
        if scope not in GRANTED[role]:
            raise BadInput(f"scopes: user {token.user} has the role {role.value}, which has not {scope}")
        if admin.scopes is not None:
            admin.require(scope)


def _issued(row: tuple[Any, ...]) -> IssuedToken:
    token_id, name, user, scopes, created, expires, revoked, last_used, last_used_from = row
    return IssuedToken(
        id=token_id,
        name=name,
        user=user,
        scopes=tuple(scopes),
        created=created,
        expires=expires,
        revoked=revoked,
        last_used=last_used,
        last_used_from=last_used_from,
    )


def _hash(secret: str) -> bytes:
    # 256 random bits cannot be guessed, so a slow hash would only slow us down.
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
