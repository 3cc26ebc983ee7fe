"""People who may log in: what each is, and to which account a reseller's or customer's people are bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg2.extensions import cursor as Cursor

from provisioning import names
from provisioning.accounts import read_account
from provisioning.admin import MASK, Action, Admin, Change, FieldChange, Secret, audit, compare
from provisioning.pages import ALL, Page
from provisioning.passwords import hash_password
from provisioning.roles import BOUND, Actor, Role, reached_accounts, require_account
from provisioning.rows import save, update
from radiusd.errors import BadInput, Conflict, Forbidden, NotFound

ROLES = tuple(role.value for role in Role)
STATUSES = ("active", "suspended")


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """
    Somebody who may log in, by *name* and a password.

    *account* is needed for resellers and customers, and only for them. A suspended user is logged out.
    """

    name: str
    full_name: str = ""
    email: str = ""
    role: str
    account: str | None = None
    status: str = "active"


HELPS = {
    "full_name": "Name for people.",
    "email": "Address of mail.",
    "role": "What the user may do.",
    "account": "Account that a reseller's or customer's user is bound to.",
    "status": "A suspended user is logged out, and its tokens open nothing.",
}
WORDS = {"role": ROLES, "status": STATUSES}


def add_user(txn: Cursor, user: User, admin: Admin, password: Secret | None = None) -> Change:
    """
    Add *user*. Without *password* nobody can log in until one is set.

    Hashing a password takes a third of a second: never call this in a reactor's thread.

    Raises:
        Conflict: The user exists.
        Forbidden: Only operators make users of other roles than their own reseller's and customers'.
    """
    admin.require("users:write")
    if find_user(txn, user.name) is not None:
        raise Conflict(f"user {user.name} exists already; change it with set")
    return set_user(txn, user, admin, password)


def set_user(txn: Cursor, user: User, admin: Admin, password: Secret | None = None) -> Change:
    """Make the user be as *user* says; *password* None keeps the one that is stored. As :func:`add_user`."""
    admin.require("users:write")
    columns = _columns(txn, user)
    _permit(txn, user, admin)
    found = find_user(txn, user.name)
    row_id, current = (None, None) if found is None else found
    if current is not None:
        _permit(txn, current, admin)
    secrets = []
    if password is not None:
        columns["password_hash"] = hash_password(password)
        secrets.append(FieldChange("password", MASK if row_id else "", MASK))
    change = compare("user", user.name, current, user, *secrets)
    if change:
        row_id = save(txn, "person", row_id, columns)
        if secrets or user.status != "active" or (current and current.role != user.role):
            log_out_everywhere(txn, row_id)
        audit(txn, admin, [change])
    return change


def set_own_password(txn: Cursor, name: str, password: Secret, admin: Admin) -> Change:
    """Give *admin*'s own user a new password; the caller has asked for the old one. Logs out everywhere."""
    if admin.name != name or admin.scopes is not None:
        raise Forbidden("password: a user sets its own, having logged in")
    row_id, _ = read_user(txn, name)
    update(txn, "person", row_id, {"password_hash": hash_password(password)})
    log_out_everywhere(txn, row_id)
    change = Change(Action.CHANGED, "user", name, (FieldChange("password", MASK, MASK),))
    audit(txn, admin, [change], own=True)
    return change


def log_out_everywhere(txn: Cursor, person_id: int) -> None:
    """End the sessions of a user: what they were allowed is no more so."""
    txn.execute("DELETE FROM login_session WHERE person_id = %s", (person_id,))


def list_users(txn: Cursor, actor: Actor | None = None, page: Page = ALL) -> list[User]:
    """Return the users whom *actor* reaches, by name."""
    reached = None if actor is None else reached_accounts(txn, actor)
    if actor is not None:
        actor.require("users:read")
    txn.execute(
        SELECT
        + " WHERE (%(reached)s::bigint[] IS NULL OR p.account_id = ANY(%(reached)s::bigint[]))"
        + " AND p.name > %(after)s ORDER BY p.name LIMIT %(limit)s",
        {"reached": reached, "after": page.after_text, "limit": page.limit},
    )
    return [_user_of(row[1:]) for row in txn.fetchall()]


def find_user(txn: Cursor, name: str) -> tuple[int, User] | None:
    """Return the id and the user *name*, None when there is none."""
    txn.execute(SELECT + " WHERE p.name = %s", (name,))
    row = txn.fetchone()
    return None if row is None else (row[0], _user_of(row[1:]))


def read_user(txn: Cursor, name: str, actor: Actor | None = None) -> tuple[int, User]:
    """Return the id and the user *name*, whom *actor* reaches. Raises NotFound."""
    found = find_user(txn, name)
    if actor is not None:
        actor.require("users:read")
        if found is not None and actor.is_bound and not _reaches(txn, actor, found[1]):
            found = None
    if found is None:
        raise NotFound(f"user {name} does not exist; add it first")
    return found


def actor_of(user: User, address: str = "") -> Actor:
    """Return what *user* is when it asks for something from *address*."""
    return Actor(user.name, role=Role(user.role), account=user.account, address=address, person=user.name)


SELECT = """
SELECT p.id, p.name, p.full_name, p.email, p.role, a.code, p.status
FROM person p LEFT JOIN account a ON a.id = p.account_id
"""


def _reaches(txn: Cursor, actor: Actor, user: User) -> bool:
    if user.account is None:
        return False
    try:
        require_account(txn, actor, user.account)
    except NotFound:
        return False
    return True


def _permit(txn: Cursor, user: User, admin: Admin) -> None:
    """Refuse that somebody makes users who may more than itself."""
    if not admin.is_bound:
        return  # of the others, only operators have the right
    if Role(user.role) not in BOUND or user.account is None:
        raise Forbidden(f"role: a reseller's users are resellers and customers, not {user.role}")
    require_account(txn, admin, user.account, "account")


def _columns(txn: Cursor, user: User) -> dict[str, Any]:
    """Return all columns but the secrets. Raises BadInput when a field is wrong."""
    if user.role not in ROLES:
        raise BadInput(f"role: {user.role[:40]!r} is none of {', '.join(ROLES)}")
    if user.status not in STATUSES:
        raise BadInput(f"status: {user.status[:40]!r} is neither {' nor '.join(STATUSES)}")
    if (Role(user.role) in BOUND) != (user.account is not None):
        needed = "needs one" if user.account is None else "is not bound to one; leave it out"
        raise BadInput(f"account: a user with the role {user.role} {needed}")
    return {
        "name": names.name("name", user.name),
        "full_name": names.prose("full_name", user.full_name),
        "email": _email(user.email),
        "role": user.role,
        "account_id": None if user.account is None else read_account(txn, user.account)[0],
        "status": user.status,
    }


def _email(text: str) -> str:
    """Return an address of mail, or none; whether it takes mail only mail can tell."""
    local, at, domain = names.prose("email", text).partition("@")
    if text and not (local and at and domain and "@" not in domain and " " not in text):
        raise BadInput(f"email: {text[:60]!r} is no address; write one like ann@example.com")
    return text


def _user_of(row: tuple[Any, ...]) -> User:
    return User(**dict(zip(User.__slots__, row, strict=True)))  # the SELECT's order
