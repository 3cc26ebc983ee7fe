"""Endpoints of users, tokens, the audit, and of who is asking."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from provisioning import audit, people, tokens
from provisioning.admin import Change, Secret
from provisioning.api.endpoints import PAGED, Answer, Asked, Endpoint, Parameter, listed
from provisioning.api.nouns import Noun, made
from provisioning.logins import remove_totp
from provisioning.moments import instant
from provisioning.roles import GRANTED, RIGHTS


@dataclass(frozen=True, slots=True, kw_only=True)
class UserBody(people.User):
    """A user with the password that it gets."""

    password: Secret | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenBody:
    """A token that is wanted; *user* None: of who asks."""

    name: str
    scopes: tuple[str, ...]
    user: str | None = None
    expires: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """A token that was made, and what it is, this once."""

    name: str
    user: str
    scopes: tuple[str, ...]
    expires: datetime | None
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Me:
    """Who asks, and what it may."""

    name: str
    role: str
    account: str | None
    rights: tuple[str, ...]


def _list_users(asked: Asked) -> Answer:
    page = asked.page(str)
    return listed(people.list_users(asked.txn, asked.admin, page), page, lambda each: (each.name,))


def _put_user(asked: Asked, values: dict[str, Any], new: bool) -> Change:
    put = people.add_user if new else people.set_user
    return put(asked.txn, made(people.User, values), asked.admin, values.get("password"))


USERS = Noun(
    word="user",
    plural="users",
    what="a user",
    kind=people.User,
    inputs=UserBody,
    key=("name",),
    list_=_list_users,
    find=lambda asked: people.read_user(asked.txn, asked.path["name"], asked.admin)[1],
    put=_put_user,
    helps={**people.HELPS, "password": "At least 10 characters; it is never shown."},
    choices=people.WORDS,
)


def _no_second_factor(asked: Asked) -> Answer:
    _, user = people.read_user(asked.txn, asked.path["name"], asked.admin)
    return Answer(None, 204, change=remove_totp(asked.txn, user, asked.admin))


def _list_tokens(asked: Asked) -> Answer:
    page = asked.page(int)
    found = tokens.list_tokens(asked.txn, asked.admin, page, asked.query.get("user"))
    return listed(found, page, lambda each: (each.id,))


def _add_token(asked: Asked) -> Answer:
    body = made(TokenBody, asked.body)
    user = body.user or asked.admin.person or ""
    expires = None if body.expires is None else instant("expires", body.expires, UTC)
    token = tokens.Token(name=body.name, user=user, scopes=body.scopes, expires=expires)
    change, secret = tokens.add_token(asked.txn, token, asked.admin)
    fields = {name: getattr(token, name) for name in ("name", "user", "scopes", "expires")}
    return Answer(NewToken(token=secret, **fields), 201, change=change)


def _revoke(asked: Asked) -> Answer:
    change = tokens.revoke_token(asked.txn, asked.path["user"], asked.path["name"], asked.admin)
    return Answer(None, 204, change=change)


def _audit(asked: Asked) -> Answer:
    page = asked.page(str)
    names = ("actor", "noun", "key", "since", "until")
    wanted = audit.AuditFilter(**{name: asked.query.get(name) for name in names})
    return listed(audit.list_audit(asked.txn, asked.admin, wanted, page), page, lambda each: (each.id,))


def _me(asked: Asked) -> Answer:
    admin = asked.admin
    rights = tuple(right for right in RIGHTS if right in GRANTED[admin.role] and admin.may(right))
    return Answer(Me(name=admin.name, role=admin.role.value, account=admin.account, rights=rights))


ENDPOINTS = (
    *USERS.endpoints(),
    Endpoint(
        method="DELETE",
        path="/users/{name}/second-factor",
        tag="users",
        summary="Ask a user for no second factor any more, when the telephone with it is lost.",
        right="users:write",
        parameters=(Parameter("name", "Which user.", in_path=True),),
        status=204,
        writes=True,
        answer=_no_second_factor,
    ),
    Endpoint(
        method="GET",
        path="/tokens",
        tag="tokens",
        summary="List tokens: one's own, an operator all.",
        right="tokens:read",
        parameters=(Parameter("user", "Only of this user."), *PAGED),
        result=tokens.IssuedToken,
        many=True,
        answer=_list_tokens,
    ),
    Endpoint(
        method="POST",
        path="/tokens",
        tag="tokens",
        summary="Make a token, which is shown this once.",
        right="tokens:write",
        body=TokenBody,
        helps={
            "scopes": "Rights such as accounts:read.",
            "user": "Whose it is; without it, of who asks.",
            "expires": "Until when; without it, until it is revoked.",
        },
        result=NewToken,
        status=201,
        writes=True,
        repeatable=False,  # a kept answer would be a stored token
        answer=_add_token,
    ),
    Endpoint(
        method="DELETE",
        path="/tokens/{user}/{name}",
        tag="tokens",
        summary="Revoke a token.",
        right="tokens:write",
        parameters=(
            Parameter("user", "Whose token.", in_path=True),
            Parameter("name", "Which one.", in_path=True),
        ),
        status=204,
        writes=True,
        answer=_revoke,
    ),
    Endpoint(
        method="GET",
        path="/audit",
        tag="audit",
        summary="List changes, newest first.",
        right="audit:read",
        parameters=(
            Parameter("actor", "Only by this one."),
            Parameter("noun", "Only of this kind of thing."),
            Parameter("key", "Only of the thing with this code, number or name."),
            Parameter("since", "From when.", datetime),
            Parameter("until", "Until when, that moment excluded.", datetime),
            *PAGED,
        ),
        result=audit.Entry,
        many=True,
        answer=_audit,
    ),
    Endpoint(
        method="GET",
        path="/me",
        tag="me",
        summary="Show who asks, and what it may.",
        right=None,
        result=Me,
        answer=_me,
    ),
)
