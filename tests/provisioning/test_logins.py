"""Log in and out: guesses wait, sessions end, the second factor is asked for once it was shown."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import psycopg2
import pyotp
import pytest

from provisioning.admin import Secret
from provisioning.logins import (
    FREE_TRIES,
    IDLE,
    LONGEST,
    Session,
    Throttled,
    begin_login,
    begin_totp,
    confirm_totp,
    find_session,
    finish_login,
    is_right,
    log_out,
    remove_totp,
    rotate,
    sweep_logins,
)
from provisioning.people import User, add_user, set_own_password, set_user
from radiusd.errors import BadInput, Forbidden
from tests.provisioning.conftest import NOW

pytestmark = pytest.mark.postgres

ANN = User(name="ann", role="support")
PASSWORD = Secret(b"correct horse battery")
HOME = "192.0.2.1"


@pytest.fixture
def ann(txn, admin) -> Iterator[psycopg2.extensions.cursor]:
    """A transaction in which ann may log in."""
    add_user(txn, ANN, admin, PASSWORD)
    return txn


def log_in(txn, admin, password=PASSWORD, code="", now=NOW, address=HOME, name="ann") -> Session:
    candidate = begin_login(txn, name, address, now)
    return finish_login(txn, candidate, is_right(candidate, password), code, now, admin.sealer, "a browser")


def test_a_session_holds_while_it_is_used_and_ends_by_itself(ann, admin):
    """
    Half an hour without a click, or half a day in all.
    """
    session = log_in(ann, admin)
    at = NOW
    while at - NOW < LONGEST - IDLE:
        at += IDLE - timedelta(minutes=1)
        assert find_session(ann, session.token, HOME, at) is not None
    assert ANN == session.user
    assert None is find_session(ann, session.token, HOME, NOW + LONGEST + timedelta(seconds=1))

    idle = log_in(ann, admin)
    assert None is find_session(ann, idle.token, HOME, NOW + IDLE + timedelta(seconds=1))
    sweep_logins(ann, NOW + LONGEST)
    ann.execute("SELECT count(*) FROM login_session")
    assert (0,) == ann.fetchone()


def test_only_hashes_are_kept(ann, admin):
    """
    A copy of the database logs nobody in.
    """
    session = log_in(ann, admin)
    ann.execute("SELECT (SELECT string_agg(s::text, '') FROM login_session s), password_hash FROM person")
    sessions, hashed = ann.fetchone()

    assert session.token not in sessions
    assert hashed.startswith("$argon2id$")


def test_another_token_ends_the_one_before(ann, admin):
    """
    As at every change of what a session may do; the form's token changes with it.
    """
    session = log_in(ann, admin)
    fresh = rotate(ann, session, NOW)

    assert None is find_session(ann, session.token, HOME, NOW)
    assert fresh.csrf_token == find_session(ann, fresh.token, HOME, NOW).csrf_token != session.csrf_token
    log_out(ann, fresh.token)
    assert None is find_session(ann, fresh.token, HOME, NOW)


def test_what_is_wrong_is_not_told(ann, admin):
    """
    A name that does not exist, one without a password, and a wrong password get the same words.
    """
    add_user(ann, User(name="bob", role="support"), admin)
    said = set()
    for name, password in (("nobody", PASSWORD), ("bob", PASSWORD), ("ann", Secret(b"wrong horse battery"))):
        with pytest.raises(Forbidden) as refused:
            log_in(ann, admin, password, name=name)
        said.add(str(refused.value))
    assert {"the name, the password or the code is wrong"} == said


def test_guesses_wait_longer_and_longer(ann, admin):
    """
    After five tries of a name from one address; from elsewhere its owner gets in.
    """
    for _ in range(FREE_TRIES["pair"]):
        begin_login(ann, "ann", HOME, NOW)
    with pytest.raises(Throttled, match="wait 31 seconds"):
        begin_login(ann, "ann", HOME, NOW)

    assert log_in(ann, admin, address="198.51.100.7")
    later = NOW + timedelta(seconds=31)
    begin_login(ann, "ann", HOME, later)
    with pytest.raises(Throttled, match="wait 61 seconds"):
        begin_login(ann, "ann", HOME, later)


def test_logging_in_costs_nobody_their_tries(ann, admin):
    """
    An office behind one address logs in all day.
    """
    for _ in range(FREE_TRIES["address"] + 5):
        candidate = begin_login(ann, "ann", HOME, NOW)
        assert finish_login(ann, candidate, True, "", NOW, admin.sealer)


def test_many_guesses_at_once_are_no_more_than_one_after_the_other(dsn, admin):
    """
    A try counts before it is known to be wrong.
    """
    def guess(_: int) -> bool:
        with closing(psycopg2.connect(dsn)) as connection:
            try:
                with connection, connection.cursor() as txn:
                    begin_login(txn, "ann", HOME, NOW)
            except Throttled:
                return False
            return True

    with ThreadPoolExecutor(12) as pool:
        looked_at = sum(pool.map(guess, range(40)))

    assert FREE_TRIES["pair"] == looked_at


def test_a_changed_password_logs_out_everywhere(ann, admin):
    """
    By its owner, or by who sets it anew; suspended users are out at once.
    """
    session = log_in(ann, admin)
    set_own_password(ann, "ann", Secret(b"another good one"), replace(admin, name="ann"))
    assert None is find_session(ann, session.token, HOME, NOW)

    session = log_in(ann, admin, Secret(b"another good one"))
    set_user(ann, replace(ANN, status="suspended"), admin)
    assert None is find_session(ann, session.token, HOME, NOW)
    with pytest.raises(Forbidden):
        log_in(ann, admin, Secret(b"another good one"))
    with pytest.raises(Forbidden, match="a user sets its own"):
        set_own_password(ann, "ann", PASSWORD, admin)


def test_the_second_factor_is_asked_for_once_it_was_shown(ann, admin):
    """
    A code is taken once, of this half minute or a neighbour; a lost telephone is an operator's work.
    """
    secret, uri = begin_totp(ann, ANN, admin.sealer)
    assert log_in(ann, admin)  # not confirmed yet: a mistyped secret locks nobody out
    assert uri.startswith("otpauth://totp/Tollwire:ann?secret=")
    with pytest.raises(BadInput, match="code: it is wrong"):
        confirm_totp(ann, ANN, "000000", replace(admin, name="ann"))
    totp = pyotp.TOTP(secret)
    confirm_totp(ann, ANN, totp.at(NOW), replace(admin, name="ann"))

    for code in ("", totp.at(NOW), "123"):  # the one that confirmed is used up
        with pytest.raises(Forbidden):
            log_in(ann, admin, code=code)
    later = NOW + timedelta(minutes=2)
    assert log_in(ann, admin, code=totp.at(later), now=later)
    remove_totp(ann, ANN, admin)
    assert log_in(ann, admin, now=later)
