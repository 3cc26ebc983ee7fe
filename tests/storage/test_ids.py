"""UUIDv7s are what RFC 9562 says they are."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from radiusd.storage.ids import uuid7

NOW = datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)


def test_is_the_example_of_the_rfc():
    """
    RFC 9562, appendix A.6: 2022-02-22 14:22:22-05:00, rand_a CC3, rand_b 18C4DC0C0C07398F.
    """
    random = bytes.fromhex("0CC318C4DC0C0C07398F")

    assert UUID("017F22E2-79B0-7CC3-98C4-DC0C0C07398F") == uuid7(NOW, random)


def test_later_ids_sort_later():
    """
    A later millisecond wins over any random octets.
    """
    assert uuid7(NOW, b"\xff" * 10) < uuid7(NOW + timedelta(milliseconds=1), bytes(10))


def test_refuses_too_little_randomness():
    """
    Short randomness would make ids collide.
    """
    with pytest.raises(ValueError, match="10 random octets, not 9"):
        uuid7(NOW, bytes(9))
