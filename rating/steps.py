"""Prices that change with the length of a call."""

from collections.abc import Sequence
from dataclasses import dataclass

from rating.prices import Price


@dataclass(frozen=True, slots=True)
class Step:
    """
    The terms from *from_s* seconds after the answer on; what is None is as in the rate or its band.

    Raises:
        ValueError: It begins before the answer, or its increment has no length.
    """

    from_s: int
    price: Price | None = None
    following_s: int | None = None

    def __post_init__(self) -> None:
        if self.from_s < 0:
            raise ValueError(f"a step cannot begin before the answer: {self.from_s}")
        if self.following_s is not None and self.following_s < 1:
            raise ValueError(f"a step's increment must be 1 or more seconds, not {self.following_s}")


def step_at(steps: Sequence[Step], second: int) -> tuple[Step | None, int | None]:
    """Return the step in force *second* seconds after the answer, and when the next one begins."""
    current: Step | None = None
    following: int | None = None
    for step in steps:
        if step.from_s <= second:
            if current is None or step.from_s >= current.from_s:
                current = step
        elif following is None or step.from_s < following:
            following = step.from_s
    return current, following
