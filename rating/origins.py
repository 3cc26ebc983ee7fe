"""Prices that depend on who calls (Europe): groups of calling numbers."""

from dataclasses import dataclass
from typing import Final

#: Fewer digits are no subscriber's number, more are no E.164 number.
SHORTEST_CALLER: Final = 7
LONGEST_CALLER: Final = 15


def caller_digits(calling: str | None) -> str | None:
    """Return the digits of a calling number that can be believed in, or None when it is invalid."""
    digits = (calling or "").removeprefix("+")
    if not (digits.isascii() and digits.isdigit()):
        return None
    return digits if SHORTEST_CALLER <= len(digits) <= LONGEST_CALLER else None


@dataclass(frozen=True, slots=True)
class Origin:
    """A named group of callers: those with one of *prefixes*, or those whose number is *invalid*."""

    name: str
    prefixes: tuple[str, ...] = ()
    invalid: bool = False

    def match(self, caller: str | None) -> int | None:
        """
        Return how many digits of *caller* match, or None when it is not of this group.

        *caller* comes from :func:`caller_digits`. The longest match wins between groups.
        """
        if caller is None:
            return 0 if self.invalid else None
        return max((len(prefix) for prefix in self.prefixes if caller.startswith(prefix)), default=None)
