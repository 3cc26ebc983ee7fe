"""
Seal secrets at rest, with a key in a file that lives outside of the database.

A copy of the database, a backup or a dump shows nothing without that file. Lose the file, and the secrets
must be typed in again: keep a copy of it apart from the backups of the database.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from radiusd.errors import TollwireError

KEY_BYTES = 32  # AES-256
NONCE_BYTES = 12  # NIST SP 800-38D, 8.2.2: a random nonce is safe for 2^32 seals under one key
FORMAT = b"\x01"  # what is sealed begins with it, so that a later cipher can be told apart


class KeyUnusable(TollwireError):
    """The key file is missing, malformed or open to others; the server does not start and says what to do."""


class NotOurSeal(TollwireError):
    """What is sealed was sealed with another key, or has been changed."""


class Sealer:
    """Seals and opens short secrets with one key (AES-256-GCM). Never shows the key."""

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise KeyUnusable(f"a key has {KEY_BYTES} octets, this one {len(key)}")
        self._cipher = AESGCM(key)

    def __repr__(self) -> str:
        return "Sealer(***)"

    def seal(self, secret: bytes) -> bytes:
        """Return *secret* sealed; the same secret looks different every time."""
        nonce = os.urandom(NONCE_BYTES)
        return FORMAT + nonce + self._cipher.encrypt(nonce, secret, FORMAT)

    def open(self, sealed: bytes) -> bytes:
        """
        Return the secret in *sealed*.

        Raises:
            NotOurSeal: Another key sealed it, or it has been changed.
        """
        nonce, body = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        try:
            if not sealed.startswith(FORMAT):
                raise InvalidTag
            return self._cipher.decrypt(nonce, body, FORMAT)
        except (InvalidTag, ValueError) as error:  # ValueError: cut off in the nonce
            raise NotOurSeal(
                "a stored secret was sealed with another key: point key_file to the key that this database "
                "was made with, or set the secret anew"
            ) from error


def read_key(path: Path) -> bytes:
    """
    Return the key in the file *path*.

    Raises:
        KeyUnusable: It cannot be read, is malformed, or its mode lets others read it.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            key = file.read(KEY_BYTES + 1)
    except OSError as error:
        raise KeyUnusable(f"{path}: the key file cannot be read: {error.strerror}") from error
    if mode & 0o077:
        raise KeyUnusable(f"{path}: others may read this key (mode {mode:04o}): chmod 0400 {path}")
    if len(key) != KEY_BYTES:
        raise KeyUnusable(f"{path}: not a key of {KEY_BYTES} octets: put the right file back from your copy")
    return key


def make_key(path: Path) -> bytes:
    """
    Return the key in *path*, making it with mode 0400 when there is none.

    Two processes that start at once end up with the same key.

    Raises:
        KeyUnusable: It cannot be made or read.
    """
    if not path.exists():
        unfinished = path.with_name(f"{path.name}.{os.getpid()}.new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write_once(unfinished, os.urandom(KEY_BYTES))
            os.link(unfinished, path)  # fails where another process was first: its key is the key
        except FileExistsError:
            pass
        except OSError as error:
            raise KeyUnusable(f"{path}: the key file cannot be made: {error.strerror}") from error
        finally:
            unfinished.unlink(missing_ok=True)
    return read_key(path)


def _write_once(path: Path, key: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())  # secrets sealed with a key that a power cut takes would be lost
