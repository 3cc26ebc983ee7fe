"""Make digest nonces that prove themselves, and see that none is used twice (RFC 5090, RFC 2617)."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from enum import Enum

NONCE_LIFE_S = 60
MAX_NONCES = 65_536

_TIME_OCTETS = 5  # seconds, for 34,000 years
_RANDOM_OCTETS = 8
_MAC_OCTETS = 14
_NONCE_OCTETS = _TIME_OCTETS + _RANDOM_OCTETS + _MAC_OCTETS  # 27: base64 without padding


class NonceState(Enum):
    """
    What a nonce that came back is worth.
    """

    FRESH = "fresh"
    STALE = "stale"  # ours, but too old: challenge again and say so
    FOREIGN = "foreign"  # not ours, or made for another client or realm


class NonceMaker:
    """
    Makes nonces that need no memory: the time, something random, and a MAC over both.

    The MAC covers who the nonce is for, too, so one client cannot use another's.
    All workers and nodes that may see the answer must have the same *key*.

    Args:
        key: At least 16 octets that nobody else knows.
        life_s: For how long a nonce is good.
        random: Where random octets come from; a test hands in its own.

    Raises:
        ValueError: The key is too short.
    """

    def __init__(
        self, key: bytes, life_s: int = NONCE_LIFE_S, random: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        if len(key) < 16:
            raise ValueError(f"the nonce key has {len(key)} octets; use at least 16 random ones")
        self.life_s = life_s
        self._key = key
        self._random = random

    def make(self, now_s: int, client_id: int, realm: str) -> str:
        """Return a new nonce for a user of *realm* behind the client; *now_s* is Unix time."""
        head = now_s.to_bytes(_TIME_OCTETS, "big") + self._random(_RANDOM_OCTETS)
        return base64.urlsafe_b64encode(head + self._mac(head, client_id, realm)).decode()

    def check(self, nonce: bytes, now_s: int, client_id: int, realm: str) -> NonceState:
        """Return what *nonce*, as it came from that client, is worth at *now_s*."""
        try:
            raw = base64.b64decode(nonce, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return NonceState.FOREIGN
        head, mac = raw[: _TIME_OCTETS + _RANDOM_OCTETS], raw[_TIME_OCTETS + _RANDOM_OCTETS :]
        if len(raw) != _NONCE_OCTETS or not hmac.compare_digest(mac, self._mac(head, client_id, realm)):
            return NonceState.FOREIGN
        age_s = now_s - int.from_bytes(head[:_TIME_OCTETS], "big")
        # A node whose clock is a little ahead may have made it.
        return NonceState.FRESH if -self.life_s <= age_s < self.life_s else NonceState.STALE

    def _mac(self, head: bytes, client_id: int, realm: str) -> bytes:
        bound_to = f"{client_id}\0{realm}".encode(errors="replace")
        return hmac.digest(self._key, head + bound_to, "sha256")[:_MAC_OCTETS]


class NonceCounts:
    """
    Remembers how often each nonce was used, so that a recorded answer is worth nothing.

    A nonce count must grow with every use; without one (no qop) a nonce is good
    once. Only answers whose digest was right may come here. When the table is full of
    nonces that still live, new ones are refused: forgetting one would allow its replay.
    """

    def __init__(self, life_s: int = NONCE_LIFE_S, max_nonces: int = MAX_NONCES) -> None:
        # A nonce may be dated one life ahead, see NonceMaker.check, so it can come back for two.
        self._keep_s = 2 * life_s
        self._max_nonces = max_nonces
        self._used: OrderedDict[bytes, tuple[int, int]] = OrderedDict()  # highest count, first use

    def __len__(self) -> int:
        return len(self._used)

    def use(self, nonce: bytes, nonce_count: int | None, now_s: int) -> bool:
        """Return whether this use of *nonce* is its first with so high a count, and remember it."""
        self._forget_expired(now_s)
        count = 1 if nonce_count is None else nonce_count
        used = self._used.get(nonce)
        if used is None:
            if count < 1 or len(self._used) >= self._max_nonces:
                return False
            # Without a count nothing may follow, so it counts as the highest.
            self._used[nonce] = (_LAST if nonce_count is None else count, now_s)
            return True
        highest, first_use_s = used
        if nonce_count is None or count <= highest:
            return False
        self._used[nonce] = (count, first_use_s)
        return True

    def _forget_expired(self, now_s: int) -> None:
        while self._used:
            nonce = next(iter(self._used))
            if now_s - self._used[nonce][1] < self._keep_s:
                return
            del self._used[nonce]


_LAST = 0xFFFFFFFF
