"""Make the ids of rows that calls and ledgers write: UUIDv7, so that no sequence is needed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

RANDOM_BYTES = 10  # 74 of these bits are kept
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def uuid7(now: datetime, random: bytes) -> UUID:
    """
    Return the UUIDv7 of *now*, to the millisecond, and 10 octets of *random* (RFC 9562, 5.7).

    Ids of a later millisecond sort later; within one, the order is the random octets'.
    """
    if len(random) != RANDOM_BYTES:
        raise ValueError(f"a UUIDv7 needs {RANDOM_BYTES} random octets, not {len(random)}")
    unix_ms = (now - EPOCH) // timedelta(milliseconds=1)
    value = (unix_ms & (1 << 48) - 1) << 80 | int.from_bytes(random)
    value = value & ~(0xF << 76) | 0x7 << 76  # version 7
    value = value & ~(0x3 << 62) | 0x2 << 62  # variant 10, RFC 9562, 4.1
    return UUID(int=value)


def uuid7_texts(unix_ms: int, random_bits: Callable[[int], int]) -> Callable[[], str]:
    """
    Return what makes UUIDv7s of one millisecond since 1970 as text: :func:`uuid7`, much sooner.

    *random_bits* returns as many random bits as it is asked for.
    """
    begin = f"{unix_ms >> 16:08x}-{unix_ms & 0xFFFF:04x}-7"

    def make() -> str:
        digits = f"{random_bits(74) | 0x2 << 74:019x}"  # the variant goes first here
        return f"{begin}{digits[1:4]}-{digits[0]}{digits[4:7]}-{digits[7:]}"

    return make
