"""
Log in and out: guesses are slowed down, sessions end by themselves, and browsers hold what we only hash.

A login is two transactions with the slow hash between them, so that no lock is held while it is computed:
:func:`begin_login` counts the try before it is known to be wrong, so many at once get no more tries than one
after the other.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg2.extensions import cursor as Cursor

from provisioning.admin import MASK, Action, Admin, Change, FieldChange, Secret, audit
from provisioning.passwords import is_password, new_totp_secret, totp_step, totp_uri
from provisioning.people import User, actor_of, read_user
from provisioning.roles import Actor
from radiusd.errors import BadInput, Forbidden, TollwireError
from radiusd.storage.secrets import Sealer

FREE_TRIES = {"address": 20, "name": 100, "pair": 5}
"""
Tries that nobody waits for: of an address, of a name from anywhere, and of a name from one address. Locking
a name out takes many addresses; guessing from one of them is slow at once.
"""
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(hours=24)
IDLE = timedelta(minutes=30)
LONGEST = timedelta(hours=12)
SEEN_EVERY = timedelta(minutes=1)  # a session's row is written no more often
LONGEST_BROWSER = 200

REFUSED = "the name, the password or the code is wrong"


class Throttled(TollwireError):
    """Too many guesses: *wait_s* seconds from now the next one is looked at. HTTP status 429."""

    def __init__(self, wait_s: int) -> None:
        super().__init__(f"too many tries; wait {wait_s} seconds")
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class Candidate:
    """Who may be logging in, as the database knows it; *stored* None: nobody of that name may."""

    name: str
    address: str
    person_id: int | None
    stored: str | None


@dataclass(frozen=True, slots=True)
class Session:
    """A session that holds: who, and the token that only its browser has."""

    user: User
    actor: Actor
    token: str
    begun_at: datetime
    csrf_token: str


def begin_login(txn: Cursor, name: str, address: str, now: datetime) -> Candidate:
    """
    Count a try to log in as *name* from *address*, and return who that may be; commit it.

    Raises:
        Throttled: There were too many.
    """
    name = name.replace("\0", "")  # what PostgreSQL's text cannot hold
    blocked = [until for subject in _subjects(name, address) if (until := _count(txn, subject, now)) > now]
    if blocked:
        raise Throttled(int((max(blocked) - now).total_seconds()) + 1)
    txn.execute("SELECT id, password_hash FROM person WHERE name = %s AND status = 'active'", (name,))
    row = txn.fetchone()
    return Candidate(name, address, *(row or (None, None)))


def is_right(candidate: Candidate, password: Secret) -> bool:
    """Tell whether *password* is the candidate's. It takes a third of a second, whoever it is."""
    return is_password(candidate.stored, password)


def finish_login(
    txn: Cursor,
    candidate: Candidate,
    right: bool,
    code: str,
    now: datetime,
    sealer: Sealer,
    browser: str = "",
) -> Session:
    """
    Log the candidate in, whose password was *right*, and return the new session.

    Raises:
        Forbidden: Password or *code*, the second factor, is wrong; which of them is not told.
    """
    if not right or candidate.person_id is None or not _is_code_right(txn, candidate, code, now, sealer):
        raise Forbidden(REFUSED)
    txn.execute(  # this try was none of a guesser
        "UPDATE login_failure SET failures = greatest(failures - 1, 0), blocked_until = %s"
        " WHERE subject = ANY(%s)",
        (now, _subjects(candidate.name, candidate.address)),
    )
    token = _insert(txn, candidate.person_id, now, now, candidate.address, browser)
    _, user = read_user(txn, candidate.name)
    return _session(user, token, now, candidate.address)


def find_session(txn: Cursor, token: str, address: str, now: datetime) -> Session | None:
    """Return the session of *token*, None when it has ended; whoever is seen stays logged in."""
    txn.execute(
        "SELECT p.name, s.begun_at, s.seen_at FROM login_session s JOIN person p ON p.id = s.person_id"
        " WHERE s.token_sha256 = %s AND p.status = 'active' AND s.seen_at > %s AND s.begun_at > %s",
        (_hash(token), now - IDLE, now - LONGEST),
    )
    row = txn.fetchone()
    if row is None:
        return None
    name, begun_at, seen_at = row
    if now - seen_at > SEEN_EVERY:
        txn.execute("UPDATE login_session SET seen_at = %s WHERE token_sha256 = %s", (now, _hash(token)))
    _, user = read_user(txn, name)
    return _session(user, token, begun_at, address)


def rotate(txn: Cursor, session: Session, now: datetime) -> Session:
    """Give the session a new token, as whenever what it may do has changed; the old one ends."""
    txn.execute(
        "DELETE FROM login_session WHERE token_sha256 = %s RETURNING person_id, begun_at, address, browser",
        (_hash(session.token),),
    )
    row = txn.fetchone()
    if row is None:
        raise Forbidden("the session has ended; log in again")
    person_id, begun_at, address, browser = row
    token = _insert(txn, person_id, begun_at, now, address, browser)
    return _session(session.user, token, begun_at, session.actor.address)


def log_out(txn: Cursor, token: str) -> None:
    """End the session of *token*."""
    txn.execute("DELETE FROM login_session WHERE token_sha256 = %s", (_hash(token),))


def sweep_logins(txn: Cursor, now: datetime) -> None:
    """Forget sessions that have ended, and tries of yesterday."""
    txn.execute(
        "DELETE FROM login_session WHERE seen_at <= %s OR begun_at <= %s", (now - IDLE, now - LONGEST)
    )
    txn.execute("DELETE FROM login_failure WHERE last_at <= %s", (now - FORGOTTEN_AFTER,))


def begin_totp(txn: Cursor, user: User, sealer: Sealer) -> tuple[str, str]:
    """Return a new secret for the user's second factor, and its URI; it counts once a code was shown."""
    secret = new_totp_secret()
    txn.execute(
        "UPDATE person SET totp_sealed = %s, totp_confirmed = false, totp_last_step = 0"
        " WHERE name = %s AND NOT totp_confirmed RETURNING 1",
        (sealer.seal(secret.encode()), user.name),
    )
    if txn.fetchone() is None:
        raise BadInput("code: there is a second factor already; take it away first")
    return secret, totp_uri(secret, user.name)


def confirm_totp(txn: Cursor, user: User, code: str, admin: Admin) -> Change:
    """Ask for the second factor from now on, *code* being one of it. Raises BadInput when it is wrong."""
    txn.execute("SELECT totp_sealed, totp_last_step FROM person WHERE name = %s FOR UPDATE", (user.name,))
    row = txn.fetchone()
    if row is None or row[0] is None:
        raise BadInput("code: there is no second factor yet; begin with one")
    step = totp_step(admin.sealer.open(bytes(row[0])).decode(), code, admin.now, row[1])
    if step is None:
        raise BadInput("code: it is wrong; look at the clock of the telephone that shows it")
    txn.execute(
        "UPDATE person SET totp_confirmed = true, totp_last_step = %s WHERE name = %s", (step, user.name)
    )
    return _second_factor_change(txn, user, admin, "", MASK)


def remove_totp(txn: Cursor, user: User, admin: Admin) -> Change:
    """Ask for no second factor any more: of the user's own, or as an operator of anybody's."""
    if admin.name != user.name:
        admin.require("users:write")
        read_user(txn, user.name, admin)
    txn.execute(
        "UPDATE person SET totp_sealed = NULL, totp_confirmed = false WHERE name = %s"
        " AND totp_sealed IS NOT NULL RETURNING 1",
        (user.name,),
    )
    if txn.fetchone() is None:
        return Change(Action.UNCHANGED, "user", user.name)
    return _second_factor_change(txn, user, admin, MASK, "")


def _second_factor_change(txn: Cursor, user: User, admin: Admin, before: str, after: str) -> Change:
    change = Change(Action.CHANGED, "user", user.name, (FieldChange("second_factor", before, after),))
    audit(txn, admin, [change], own=admin.name == user.name)
    return change


def _is_code_right(txn: Cursor, candidate: Candidate, code: str, now: datetime, sealer: Sealer) -> bool:
    txn.execute(
        "SELECT totp_sealed, totp_last_step FROM person WHERE id = %s AND totp_confirmed FOR UPDATE",
        (candidate.person_id,),
    )
    row = txn.fetchone()
    if row is None:
        return True
    step = totp_step(sealer.open(bytes(row[0])).decode(), code, now, row[1])
    if step is not None:
        txn.execute("UPDATE person SET totp_last_step = %s WHERE id = %s", (step, candidate.person_id))
    return step is not None


def _subjects(name: str, address: str) -> list[str]:
    """Return what the tries of *name* from *address* count for, in the order in which all lock them."""
    return [f"address:{address}", f"name:{name[:100]}", f"pair:{address} {name[:100]}"]


def _count(txn: Cursor, subject: str, now: datetime) -> datetime:
    """Count a try of *subject* and return until when it was blocked before; a blocked try counts nothing."""
    free = FREE_TRIES[subject.partition(":")[0]]
    txn.execute(
        "INSERT INTO login_failure (subject, failures, last_at, blocked_until) VALUES (%s, 0, %s, %s)"
        " ON CONFLICT (subject) DO NOTHING",
        (subject, now, now),
    )
    txn.execute(
        "SELECT failures, last_at, blocked_until FROM login_failure WHERE subject = %s FOR UPDATE", (subject,)
    )
    row = txn.fetchone()
    assert row is not None
    failures, last_at, blocked_until = row
    if blocked_until > now:
        assert isinstance(blocked_until, datetime)
        return blocked_until
    failures = 1 if now - last_at > FORGOTTEN_AFTER else failures + 1
    wait = timedelta()
    if failures >= free:
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(10, failures - free))
    txn.execute(
        "UPDATE login_failure SET failures = %s, last_at = %s, blocked_until = %s WHERE subject = %s",
        (failures, now, now + wait, subject),
    )
    return now


def _insert(
    txn: Cursor, person_id: int, begun_at: datetime, now: datetime, address: str, browser: str
) -> str:
    token = secrets.token_urlsafe(32)
    txn.execute(
        "INSERT INTO login_session (token_sha256, person_id, begun_at, seen_at, address, browser)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (_hash(token), person_id, begun_at, now, address, _printable(browser)[:LONGEST_BROWSER]),
    )
    return token


def _session(user: User, token: str, begun_at: datetime, address: str) -> Session:
    csrf = hashlib.blake2b(token.encode(), digest_size=24, person=b"tollwire csrf").hexdigest()
    return Session(user, actor_of(user, address), token, begun_at, csrf)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable())


