"""Pack the rows of a rate deck into columns."""

from array import array
from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import Final, Self

from rating.increments import Increment
from rating.money import MICRO
from rating.prices import Price
from rating.rates import Rate

#: E.164 numbers have 15 digits at most. A key holds them and their number in 16 nibbles of a 64-bit integer.
LONGEST_PREFIX: Final = 15

DIGIT_BITS: Final = 4

#: The lowest nibble of a key is the number of its digits, so that "44" comes before "440".
LENGTH_MASK: Final = (1 << DIGIT_BITS) - 1

#: In the price column: the row is a whole rate, with rules, among the shared ones.
WHOLE: Final = -1

_HIGHEST_PRICE_NANO: Final = 2**63 - 1

_NO_PRICE: Final = Price(0, 1, 60)

#: prefix, description, price_nano (for 60 s), connect_fee_micros, initial_s, increment_s,
#: effective_at, expires_at, blocked
Row = tuple[str, str, int, int, int, int, datetime, datetime | None, bool]


def key_of(prefix: str) -> int:
    """Return the sort key of at most 15 digits: a nibble for each, padded, then their number."""
    return int(prefix.ljust(LONGEST_PREFIX, "0"), 16) << DIGIT_BITS | len(prefix)


def prefix_of(key: int) -> str:
    """Return the digits that :func:`key_of` was given."""
    return f"{key >> DIGIT_BITS:015x}"[: key & LENGTH_MASK]


class Columns:
    """
    The columns of a deck while it is filled, and after.

    When :meth:`finished`, *keys* are the distinct prefixes in order; the rows
    of ``keys[i]`` are ``first[i]`` up to ``first[i + 1]``, newest first.
    """

    def __init__(self) -> None:
        self.keys = array("Q")
        self.first = array("I", [0])
        self.prices = array("q")
        self.terms = array("I")  # per row: which of the shared rates it is like
        self.names = array("I")  # per row: which of the descriptions
        self.shared: list[Rate] = []
        self.descriptions: list[str] = []
        self._term_ids: dict[tuple[object, ...], int] = {}
        self._name_ids: dict[str, int] = {}
        self._in_order = True

    def add_row(self, row: Row) -> None:
        """Add a row of :meth:`Deck.build`; raises ValueError naming the row and what is wrong with it."""
        prefix, description, price_nano = row[:3]
        terms = row[3:]
        try:
            if not 0 <= price_nano <= _HIGHEST_PRICE_NANO:
                raise ValueError(f"price_nano must be between 0 and {_HIGHEST_PRICE_NANO}, not {price_nano}")
            term_id = self._term_ids.get(terms)
            if term_id is None:
                term_id = self._term_ids[terms] = self._share(_template(*terms))
            self._append(prefix, price_nano, term_id, description)
        except (ValueError, TypeError) as error:
            raise ValueError(f"row {len(self.prices) + 1}, prefix {str(prefix)[:40]!r}: {error}") from error

    def add_rate(self, rate: Rate) -> None:
        """Add a whole rate; raises ValueError naming it when its prefix is none."""
        try:
            _require_aware(rate.effective_at, rate.expires_at)
            self._append(rate.prefix, WHOLE, self._share(rate), rate.description)
        except ValueError as error:
            raise ValueError(f"rate {len(self.prices) + 1}, prefix {rate.prefix[:40]!r}: {error}") from error

    def _append(self, prefix: str, price: int, term_id: int, description: str) -> None:
        if prefix and not (len(prefix) <= LONGEST_PREFIX and prefix.isascii() and prefix.isdigit()):
            raise ValueError(f"a prefix has at most {LONGEST_PREFIX} characters, all of them digits")
        name_id = self._name_ids.get(description)
        if name_id is None:
            name_id = self._name_ids[description] = len(self.descriptions)
            self.descriptions.append(description)
        key = key_of(prefix)
        if self.keys and key < self.keys[-1]:
            self._in_order = False
        self.keys.append(key)
        self.prices.append(price)
        self.terms.append(term_id)
        self.names.append(name_id)

    def _share(self, rate: Rate) -> int:
        self.shared.append(rate)
        return len(self.shared) - 1

    def finished(self) -> Self:
        """Sort, group the versions of each prefix, and drop what only filling needed."""
        if not self._in_order:
            self._reorder(sorted(range(len(self.keys)), key=self.keys.__getitem__))
        rows, self.keys = self.keys, array("Q")
        for row, key in enumerate(rows):
            if not self.keys or key != self.keys[-1]:
                self._close_group(row)
                self.keys.append(key)
        self._close_group(len(rows))
        self._term_ids, self._name_ids = {}, {}
        return self

    def _close_group(self, end: int) -> None:
        """Put the rows since the last group's end in the order of look-up: newest first."""
        if not self.keys:
            return
        start = self.first[-1]
        self.first.append(end)
        if end - start > 1:
            newest_first = sorted(
                range(start, end), key=lambda row: self.shared[self.terms[row]].effective_at, reverse=True
            )
            for column in (self.prices, self.terms, self.names):
                column[start:end] = array(column.typecode, [column[row] for row in newest_first])

    def _reorder(self, order: Sequence[int]) -> None:
        for name in ("keys", "prices", "terms", "names"):
            column = getattr(self, name)
            setattr(self, name, array(column.typecode, (column[row] for row in order)))


def _template(
    connect_fee_micros: int,
    initial_s: int,
    increment_s: int,
    effective_at: datetime,
    expires_at: datetime | None,
    blocked: bool,
) -> Rate:
    """Return what rows with these terms share: a rate that lacks prefix, price and description."""
    if connect_fee_micros < 0:
        raise ValueError(f"connect_fee_micros cannot be negative: {connect_fee_micros}")
    _require_aware(effective_at, expires_at)
    fee = Fraction(connect_fee_micros, MICRO)
    effective_at = effective_at.astimezone(UTC)
    expires_at = expires_at and expires_at.astimezone(UTC)
    return Rate("", _NO_PRICE, Increment(initial_s, increment_s), fee, effective_at, expires_at, blocked)


def _require_aware(effective_at: datetime, expires_at: datetime | None) -> None:
    for name, moment in (("effective_at", effective_at), ("expires_at", expires_at)):
        if moment is not None and moment.tzinfo is None:
            raise ValueError(f"{name} must carry a zone: {moment}")
