"""
A rate deck: find the rate of a number by longest prefix, among a million of them.

Prefixes are kept sorted in one array of integers; of every prefix we know the
longest shorter one in the deck (its parent). The greatest entry that is not
above a number is either a prefix of it or a descendant of its longest prefix,
so one binary search and a climb of a few parents find it.

Rows are columns of numbers; what many rows have in common (increments, fees,
dates) is kept once. A deck never changes and is shared by all its customers.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final, Self

from rating.deck_builder import (
    DIGIT_BITS,
    LENGTH_MASK,
    LONGEST_PREFIX,
    WHOLE,
    Columns,
    Row,
    key_of,
    prefix_of,
)
from rating.origins import caller_digits
from rating.prices import NANO, PER_MINUTE_S, Price
from rating.rates import Rate

#: By length: the bits of a key that are beyond that many digits.
_BEYOND: Final = tuple((LONGEST_PREFIX + 1 - length) * DIGIT_BITS for length in range(LONGEST_PREFIX + 1))

#: A named tuple without its __new__, which would double the time of a look-up's last step.
_new: Final = tuple.__new__

#: How far :meth:`Deck.nearest` looks to each side for an entry in force. It is only a hint.
_NEAR: Final = 256


#: From so many prefixes on, four leading digits are indexed (262 kB), else two.
_LARGE: Final = 20_000
_LARGE_DIGITS, _SMALL_DIGITS = 4, 2

#: How many rates a deck remembers that it has made from columns; about 350 bytes each.
_MADE: Final = 8192


class Deck:
    """An immutable set of rates; made by :meth:`build` or :meth:`of`."""

    __slots__ = (
        "_by_origin",
        "_descriptions",
        "_first",
        "_index",
        "_keys",
        "_made",
        "_names",
        "_parents",
        "_prices",
        "_shared",
        "_shift",
        "_terms",
    )

    def __init__(self, columns: Columns) -> None:
        self._keys = columns.keys
        self._first = columns.first
        self._parents = _parents(columns.keys)
        self._index, self._shift = _index(columns.keys)
        self._prices = columns.prices
        self._terms = columns.terms
        self._names = columns.names
        self._shared = columns.shared
        self._descriptions = columns.descriptions
        self._made: dict[int, Rate] = {}
        self._by_origin = any(rate.rules.origin is not None for rate in columns.shared)

    @classmethod
    def build(cls, rows: Iterable[Row | Rate]) -> Self:
        """
        Return the deck of *rows*, read once. Whole rates, with any rules, may be among them.

        A row is (prefix, description, price_nano for 60 s, connect_fee_micros,
        initial_s, increment_s, effective_at, expires_at or None, blocked).
        Rows in the order of their prefixes as bytes (``ORDER BY prefix COLLATE
        "C"``) need no memory beyond the deck; others are sorted, for about
        100 bytes a row while it lasts.

        Raises:
            ValueError: A row cannot be a rate; the message names its number and prefix.
        """
        columns = Columns()
        for row in rows:
            if isinstance(row, Rate):
                columns.add_rate(row)
            else:
                columns.add_row(row)
        return cls(columns.finished())

    @classmethod
    def of(cls, rates: Iterable[Rate]) -> Self:
        """Return the deck of whole *rates*, with any rules; raises ValueError as :meth:`build`."""
        columns = Columns()
        for rate in rates:
            columns.add_rate(rate)
        return cls(columns.finished())

    def __len__(self) -> int:
        """Return the number of rates, all price versions counted."""
        return len(self._prices)

    @property
    def by_origin(self) -> bool:
        """Whether some of its rates are for some callers only."""
        return self._by_origin

    @property
    def prefix_count(self) -> int:
        """The number of different prefixes."""
        return len(self._keys)

    def lookup(self, number: str, at: datetime, calling: str | None = None) -> Rate | None:
        """
        Return the rate for a call to *number* answered at *at*, or None.

        The longest prefix among entries in force, then the longest origin
        that *calling* matches, then the newest. An entry that is not in force,
        or is for other callers, does not hide a shorter one. A blocked rate is
        returned; look at its *blocked*.
        """
        if self._by_origin:
            return self._lookup_by_origin(number, at, caller_digits(calling))
        ours = _key(number)
        keys, index = self._keys, self._index
        slot = ours >> self._shift
        position = bisect_right(keys, ours, index[slot], index[slot + 1]) - 1
        while position >= 0:
            key = keys[position]
            length = key & LENGTH_MASK
            if not (ours ^ key) >> _BEYOND[length]:  # it is a prefix of ours
                row = self._first[position]
                template = self._shared[self._terms[row]]
                expires_at = template.expires_at
                if template.effective_at <= at and (expires_at is None or at < expires_at):
                    return self._made.get(row) or self._make(row, template, number[:length])
                for rate in self._versions(position, number[:length]):
                    if rate.in_force(at):
                        return rate
            position = self._parents[position]
        return None

    def _lookup_by_origin(self, number: str, at: datetime, caller: str | None) -> Rate | None:
        ours = _key(number)
        position = bisect_right(self._keys, ours) - 1
        while position >= 0:
            if _is_prefix(self._keys[position], ours):
                rate = self._best_origin(position, prefix_of(self._keys[position]), at, caller)
                if rate is not None:
                    return rate
            position = self._parents[position]
        return None

    def nearest(self, number: str, at: datetime) -> str:
        """
        Return how far into *number* the deck has anything in force: ``"88"`` of ``"8821"``, or ``""``.

        For the message of a refusal. Looks at the closest few hundred
        prefixes on each side, no further.
        """
        position = bisect_right(self._keys, _key(number)) - 1
        best = 0
        for side in (range(position, -1, -1), range(position + 1, len(self._keys))):
            for neighbour in side[:_NEAR]:
                shared = _shared_length(number, prefix_of(self._keys[neighbour]))
                if shared <= best:
                    break
                if any(rate.in_force(at) for rate in self._versions(neighbour, "")):
                    best = shared
                    break
        return number[:best]

    def rates(self) -> Iterator[Rate]:
        """Yield all rates by prefix, newest version first."""
        for position, key in enumerate(self._keys):
            yield from self._versions(position, prefix_of(key))

    def _best_origin(self, position: int, prefix: str, at: datetime, caller: str | None) -> Rate | None:
        best, best_match = None, -2
        for rate in self._versions(position, prefix):
            if not rate.in_force(at):
                continue
            origin = rate.rules.origin
            match = -1 if origin is None else origin.match(caller)
            if match is not None and match > best_match:
                best, best_match = rate, match
        return best

    def _versions(self, position: int, prefix: str) -> Iterator[Rate]:
        for row in range(self._first[position], self._first[position + 1]):
            yield self._rate(row, self._shared[self._terms[row]], prefix)

    def _make(self, row: int, template: Rate, prefix: str) -> Rate:
        """Return the rate of *row*, and remember it: most calls go to few destinations."""
        if len(self._made) >= _MADE:
            self._made.clear()
        rate = self._made[row] = self._rate(row, template, prefix)
        return rate

    def _rate(self, row: int, template: Rate, prefix: str) -> Rate:
        price_nano = self._prices[row]
        if price_nano == WHOLE:
            return template
        _, _, increment, fee, effective_at, expires_at, blocked, _, rules = template
        price = _new(Price, (price_nano, NANO, PER_MINUTE_S))
        name = self._descriptions[self._names[row]]
        return _new(Rate, (prefix, price, increment, fee, effective_at, expires_at, blocked, name, rules))


def _key(number: str) -> int:
    """Return where the leading digits of *number* would stand among the keys."""
    length = len(number)
    if length <= LONGEST_PREFIX and number.isdigit() and number.isascii():
        return int(number, 16) << _BEYOND[length] | length  # key_of without its text, in half the time
    return key_of(_leading_digits(number[:LONGEST_PREFIX]))


def _leading_digits(text: str) -> str:
    for index, character in enumerate(text):
        if not "0" <= character <= "9":
            return text[:index]
    return text


def _shared_length(number: str, prefix: str) -> int:
    for index, (ours, theirs) in enumerate(zip(number, prefix, strict=False)):
        if ours != theirs:
            return index
    return min(len(number), len(prefix))


def _index(keys: "array[int]") -> tuple["array[int]", int]:
    """
    Return where the keys of all combinations of leading digits begin, and by how much keys are shifted to it.

    It spares a search in a million keys its first steps, which are those that no cache holds.
    """
    digits = _LARGE_DIGITS if len(keys) >= _LARGE else _SMALL_DIGITS
    shift = (LONGEST_PREFIX + 1 - digits) * DIGIT_BITS
    slots = 1 << digits * DIGIT_BITS
    return array("I", (bisect_left(keys, slot << shift) for slot in range(slots + 1))), shift


def _parents(keys: "array[int]") -> "array[int]":
    """Return, for every key, the position of its longest proper prefix among them, or -1."""
    parents = array("i")
    open_positions: list[int] = []
    for position, key in enumerate(keys):
        while open_positions and not _is_prefix(keys[open_positions[-1]], key):
            open_positions.pop()
        parents.append(open_positions[-1] if open_positions else -1)
        open_positions.append(position)
    return parents


def _is_prefix(shorter: int, longer: int) -> bool:
    return not (shorter ^ longer) >> _BEYOND[shorter & LENGTH_MASK]
