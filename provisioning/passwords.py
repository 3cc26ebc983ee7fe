"""People's passwords: argon2id, a second factor by time (RFC 6238). Slow on purpose: only in a thread."""

from __future__ import annotations

import secrets
from datetime import datetime
from functools import cache

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from provisioning.admin import Secret
from radiusd.errors import BadInput

SHORTEST, LONGEST = 10, 1000
STEP_S = 30  # RFC 6238, 5.2
DRIFT_STEPS = 1
ISSUER = "Tollwire"

_hasher = PasswordHasher()  # RFC 9106's second recommendation, as argon2-cffi keeps it up to date


def hash_password(password: Secret) -> str:
    """
    Return *password* as it is stored.

    Raises:
        BadInput: It is too short, too long or not UTF-8.
    """
    try:
        text = password.octets.decode()
    except UnicodeDecodeError as error:
        raise BadInput("password: it is not UTF-8") from error
    if not SHORTEST <= len(text) <= LONGEST:
        raise BadInput(f"password: use {SHORTEST} to {LONGEST} characters; a few words make a good one")
    return _hasher.hash(text)


def is_password(stored: str | None, password: Secret) -> bool:
    """Tell whether *password* is the one that is *stored*; it takes as long when there is none."""
    try:
        return _hasher.verify(stored or _nobodys(), password.octets) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys() -> str:
    """Return the hash of what nobody knows, so that names that do not exist cost as much as those that do."""
    return _hasher.hash(secrets.token_urlsafe())


def new_totp_secret() -> str:
    """Return a new secret of a second factor, in base32 as authenticators take it."""
    return pyotp.random_base32()


def totp_uri(secret: str, name: str) -> str:
    """Return what authenticators read as a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER)


def totp_step(secret: str, code: str, now: datetime, after: int) -> int | None:
    """Return the time step, later than *after*, for which *code* is right at *now*; None when it is wrong."""
    totp = pyotp.TOTP(secret)
    current = int(now.timestamp()) // STEP_S
    for step in range(current - DRIFT_STEPS, current + DRIFT_STEPS + 1):
        if step > after and secrets.compare_digest(
            totp.at(step * STEP_S).encode(), code.encode("utf-8", "replace")
        ):
            return step
    return None
