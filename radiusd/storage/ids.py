"""Make the ids of rows that calls and ledgers write: UUIDv7, so that no sequence is needed."""

from __future__ import annotations

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


_LAST_74_BITS = (1 << 74) - 1


def uuid7_text(unix_ms: int, random_bits: int) -> str:
    """Return the UUIDv7 of a millisecond since 1970 and 74 random bits as text: :func:`uuid7`, sooner."""
    bits = random_bits & _LAST_74_BITS
    first, second, last = bits >> 62, (bits >> 48) & 0x3FFF | 0x8000, bits & 0xFFFF_FFFF_FFFF
    return f"{unix_ms >> 16:08x}-{unix_ms & 0xFFFF:04x}-7{first:03x}-{second:04x}-{last:012x}"
