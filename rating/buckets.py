"""Included minutes: which bucket may pay for a call, in which order, and by whose clock."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from rating.increments import Increment

_NEVER: Final = datetime.max.replace(tzinfo=UTC)


class Direction(StrEnum):
    """Who placed the call: the customer (out), or somebody who called the customer (in)."""

    OUT = "out"
    IN = "in"
    ANY = "any"


class Partial(StrEnum):
    """What a bucket does that holds less than the increment it is asked for."""

    SPLIT = "split"  # it pays what it has; the rest of the increment is charged
    SKIP = "skip"  # it is left alone


_ANY: Final = Direction.ANY  # a plain global: reading a member of an enum takes its time


@dataclass(frozen=True, slots=True)
class Bucket:
    """
    The free seconds of one period, for a set of destinations.

    *valid_from* is the first instant in force, *valid_to* the first one no
    longer. *devices* None means every device. *increment_s* gives the bucket
    its own clock, which starts with *initial_s* (default: *increment_s*) at
    the answer; without it the bucket counts by the rate's increments.

    Raises:
        ValueError: Seconds are negative, or the clock has steps of no length.
    """

    id: str
    seconds: int
    priority: int = 0
    prefixes: tuple[str, ...] = ("",)
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    partial: Partial = Partial.SPLIT
    initial_s: int | None = None
    increment_s: int | None = None
    devices: frozenset[str] | None = None
    direction: Direction = Direction.ANY

    def __post_init__(self) -> None:
        if self.seconds < 0:
            raise ValueError(f"bucket {self.id!r}: seconds cannot be negative: {self.seconds}")
        if self.initial_s is not None and self.increment_s is None:
            raise ValueError(f"bucket {self.id!r}: an initial needs an increment beside it")
        if self.increment_s is not None:
            Increment(self.increment_s if self.initial_s is None else self.initial_s, self.increment_s)

    def may_pay(self, called: str, direction: Direction, device: str | None) -> bool:
        """Say whether this bucket is for such a call at all (time and seconds left apart)."""
        if not called.startswith(self.prefixes):
            return False
        if self.devices is not None and device not in self.devices:
            return False
        return self.direction == _ANY or self.direction == direction


def _rank(bucket: Bucket) -> tuple[int, datetime, str]:
    return -bucket.priority, bucket.valid_to or _NEVER, bucket.id


def in_order(buckets: Iterable[Bucket]) -> list[Bucket]:
    """Return *buckets* as they are used: highest priority, then the one that ends first, then by id."""
    return sorted(buckets, key=_rank)
