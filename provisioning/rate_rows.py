"""From the rows of somebody else's rate file to cells with our names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from typing import TypeVar

from provisioning.moments import instant, parse_moment, zone_named
from provisioning.rate_codes import EVERYWHERE, codes
from provisioning.rate_columns import MONEY, NOT_PER_TIME, PER_MINUTE_S, PRICES, UNKEPT, Column
from provisioning.rate_layouts import PLAIN, Layout
from provisioning.rate_prices import by_length, by_time
from provisioning.rate_rules import RULE_COLUMNS
from provisioning.rate_texts import (
    Decimals,
    Offer,
    Order,
    decimals_of,
    increments,
    moment_text,
    number,
    offer,
    order_of,
    scaled,
)
from provisioning.tables import Row, Table
from radiusd.errors import BadInput

EVERYBODY = (
    "",
    "row",
    "rest of world",
    "rest of the world",
    "all",
    "any",
    "default",
    "*",
    "other",
    "others",
)
CODES = ("prefix", "npanxx", "area_code", "country_code")
DATES = ("effective", "expires")
OFFERS = ("blocked", "closed", "operation", "status")
NUMBERS = (*MONEY, "surcharge_percent")
PASSED = tuple(str(name) for name in RULE_COLUMNS if str(name) not in (*MONEY, "surcharge_percent"))
DELETE = "3"  # CDRTool's operation; 1 inserts, 2 updates
YES = ("yes", "y", "true", "1", "x", "blocked", "closed", "forbidden", "discontinued")
NO = ("", "no", "n", "false", "0", "-")
NATIONAL_CODE = "1"  # of North America
PER_SECOND_IF_ZERO = "billingblock"  # of A2Billing, which then counts seconds
_WORD = re.compile(r"[^\W\d_]{2,}")


class CellError(ValueError):
    """A cell cannot be read; *place* is the number of its column from 1."""

    def __init__(self, column: Column | None, message: object) -> None:
        super().__init__(str(message))
        self.place = None if column is None else column.place + 1


class RowError(ValueError):
    """Some cells of a row cannot be read."""

    def __init__(self, errors: Sequence[CellError]) -> None:
        super().__init__(*errors)
        self.errors = errors


Result = TypeVar("Result")
Cells = dict[str, str]
"""A rate's cells by our names; ``offer`` is a member of :class:`Offer` by its value."""


class Reading:
    """How one file is read: its columns, and what its first rows have told."""

    def __init__(
        self, layout: Layout, table: Table, columns: Sequence[Column], width: int, header_line: int
    ) -> None:
        self.table = table
        self.layout = layout
        self.columns = {column.field: column for column in columns if column.field not in ("", UNKEPT)}
        self.names: list[Column] = []
        self.take_names([column for column in columns if column.field == "description"])
        self.unkept = [column for column in columns if column.field == UNKEPT]
        self._ignored = [column for column in columns if not column.field and column.title]
        self._titles = [column.title for column in columns]
        self.width = width
        self.header_line = header_line
        self.currency = ""  # that prices must be in
        self._errors: list[CellError] = []
        self._code_places = self._places(CODES)
        self._price_places = self._places(PRICES)
        self._last_rest: list[str] | None = None
        self._last: Cells = {}
        self._decimals = Decimals(layout.decimal) if layout.decimal else None
        self._order = Order(layout.dates) if layout.dates else None
        self.number = lru_cache(maxsize=8192)(self._number)
        self.moment = lru_cache(maxsize=4096)(self._moment)
        self.increments = lru_cache(maxsize=1024)(increments)
        self.amount = lru_cache(maxsize=8192)(self._amount)
        self.per_minute = lru_cache(maxsize=8192)(self._per_minute)
        self._says_offer = not self.columns.keys().isdisjoint(OFFERS)

    def _places(self, names: Sequence[str]) -> frozenset[int]:
        return frozenset(self.columns[name].place for name in names if name in self.columns)

    def take_codes(self, column: Column) -> None:
        """Take a column of names for that of codes."""
        self.take_names([name for name in self.names if name is not column])
        self.columns["prefix"] = replace(column, field="prefix")
        self._code_places = self._places(CODES)

    def take_names(self, columns: Sequence[Column]) -> None:
        """Take the first of *columns* for the names of destinations; the others do not count."""
        self.names = list(columns)
        self.columns.pop("description", None)
        if columns:
            self.columns["description"] = columns[0]

    @property
    def ignored(self) -> list[str]:
        """The titles of columns that do not count, in their order."""
        unused = [*self._ignored, *self.names[1:]]
        return [column.title for column in sorted(unused, key=lambda column: column.place)]

    @property
    def has_increments(self) -> bool:
        """Whether the file says how time is counted."""
        return "initial" in self.columns or "increment" in self.columns or bool(self.layout.increments)

    def places(self) -> dict[str, int]:
        """Return the number of the column of each field, from 1; codes in any column are the prefix."""
        code = self._code_column()
        places = {name: column.place + 1 for name, column in self.columns.items()}
        return places if code is None else {"prefix": code.place + 1, **places}

    def learn(self, rows: Sequence[Row]) -> None:
        """Find the sign before decimals and the order of dates in the first rows; raises ValueError."""
        if self._decimals is None:
            self._decimals = decimals_of(self._texts(rows, NUMBERS))
        if self._order is None:
            self._order = order_of(self._texts(rows, DATES))

    def _texts(self, rows: Sequence[Row], names: Sequence[str]) -> Iterator[str]:
        for name in names:
            column = self.columns.get(name)
            if column is not None:
                yield from (cells[column.place] for _, cells in rows if column.place < len(cells))

    def rates(self, cells: list[str]) -> Iterator[Cells]:
        """
        Yield the rates of a row, one for each code; none when it is a remark.

        Raises:
            RowError: Cells cannot be read.
        """
        if len(cells) < self.width:
            cells = cells + [""] * (self.width - len(cells))
        if self._is_remark(cells) or self._text(cells, "app") not in ("", "audio"):
            return
        self._errors = []
        found = self._attempt(self._codes, cells) or []
        # The codes of one destination have their rows one after the other, alike but for the code.
        rest = [cell for place, cell in enumerate(cells) if place not in self._code_places]
        if rest != self._last_rest or self._errors:
            self._attempt(self._refuse_unkept, cells)
            self._attempt(self._refuse_other_currency, cells)
            self._last = self._common(cells)
            self._last_rest = None if self._errors else rest
        if self._errors:
            raise RowError(self._errors)
        common = self._last
        for code in found:
            yield {"prefix": code, **common}

    def _attempt(self, work: Callable[..., Result], *args: object) -> Result | None:
        """Return what *work* returns; None when a cell cannot be read, which is told with the others."""
        try:
            return work(*args)
        except CellError as error:
            self._errors.append(error)
            return None

    def _is_remark(self, cells: list[str]) -> bool:
        """Tell whether a row is no rate: a title, a footer, the titles once more on the next page."""
        coded = any(map(cells.__getitem__, self._code_places))
        priced = any(map(cells.__getitem__, self._price_places))
        if coded and priced:
            return cells == self._titles
        if not coded and not priced:
            return True
        told = [cell for cell in cells if cell]
        words = len(_WORD.findall(told[0]))  # of a price two may be its currency and unit
        return len(told) == 1 and words > (2 if priced else 0) and told[0].lower() not in EVERYWHERE

    def _refuse_other_currency(self, cells: list[str]) -> None:
        currency = self._text(cells, "currency").upper()
        if currency and self.currency and currency != self.currency:
            message = f"currency: {currency[:40]}, and the deck is in {self.currency}"
            raise CellError(self.columns["currency"], message)

    def _text(self, cells: list[str], name: str) -> str:
        column = self.columns.get(name)
        return "" if column is None else cells[column.place]

    def _codes(self, cells: list[str]) -> list[str]:
        country, area = self._text(cells, "country_code"), self._text(cells, "area_code")
        own, national = self._text(cells, "prefix"), self._text(cells, "npanxx")
        if not (country or area or own or national):
            if "npanxx" in self.columns:
                return [NATIONAL_CODE]  # what no other row names
            raise CellError(self._code_column(), "prefix: it is empty")
        try:
            if "npanxx" in self.columns:
                return [_north_american(code) for code in codes(national or own, national=True)]
            if not country:
                return codes(own or area)
            head, *more = codes(country)
            if more:
                raise ValueError(f"{country[:40]!r} are several countries; give each a row of its own")
            if not (area or own):
                return [head]
            return [head + code for code in codes(area or own, area=True)]
        except ValueError as error:
            raise CellError(self._code_column(), f"prefix: {error}") from None

    def _code_column(self) -> Column | None:
        return next((self.columns[name] for name in CODES if name in self.columns), None)

    def _refuse_unkept(self, cells: list[str]) -> None:
        for column in self.unkept:
            if cells[column.place].strip("0.,- ") and not (
                column.title.lower() == "endtime" and cells[column.place] == "10079"  # the whole week
            ):
                raise CellError(
                    column,
                    f"{column.title}: prices of this kind cannot be kept; --ignore it, or mend the file",
                )

    def _common(self, cells: list[str]) -> Cells:
        """Return what all codes of a row share."""
        state = self._attempt(self._offer, cells) or Offer.OPEN
        common = {"offer": state.value, "description": self._description(cells)}
        self._attempt(self._count_time, cells, common)
        for name, read in (*((name, self.moment) for name in DATES), ("surcharge_percent", self._percent)):
            column = self.columns.get(name)
            if column is not None and cells[column.place]:
                common[name] = self._attempt(self._read, column, read, cells[column.place]) or ""
        for name in NOT_PER_TIME:
            column = self.columns.get(name)
            if column is not None and cells[column.place]:
                common[name] = (
                    self._attempt(self._read, column, self.amount, cells[column.place], column) or ""
                )
        self._attempt(self._price, cells, common, state)
        for name in PASSED:
            if name in self.columns and cells[self.columns[name].place] not in ("", "0"):
                common[name] = cells[self.columns[name].place]
        origin = self._text(cells, "origin")
        if origin.lower() not in EVERYBODY:
            common["origin"] = origin
        return common

    def _description(self, cells: list[str]) -> str:
        country = _on_one_line(self._text(cells, "country"))
        text = _on_one_line(self._text(cells, "description"))
        if country and text and country.lower() not in text.lower():
            return f"{country} - {text}"
        return text or country

    def _offer(self, cells: list[str]) -> Offer:
        found = Offer.OPEN
        if not self._says_offer:
            return found
        for name, meaning in (("blocked", Offer.BLOCKED), ("closed", Offer.CLOSED)):
            text = self._text(cells, name).lower()
            if text in YES or (offer(text) is meaning and text):
                found = meaning
            elif text not in NO:
                raise CellError(self.columns[name], f"{name}: {text[:40]!r} is neither yes nor no")
        if self._text(cells, "operation") == DELETE:
            return Offer.CLOSED
        status = self._text(cells, "status")
        said = offer(status)
        if said is None and not any(digit in status for digit in "0123456789"):  # an amount is no status
            raise CellError(
                self.columns["status"],
                f"status: {status[:40]!r} is no word that we know; --ignore the column, if it does not count",
            )
        return said if said is not None and said is not Offer.OPEN else found

    def _count_time(self, cells: list[str], common: Cells) -> None:
        initial, following = self.layout.increments, ""
        if initial:
            initial, following = self.increments(initial)
        for name in ("initial", "increment"):
            column = self.columns.get(name)
            text = "" if column is None else cells[column.place]
            if not text:
                continue
            assert column is not None
            try:
                first, next_ = self.increments(text)
            except ValueError as error:
                raise CellError(column, f"{name}: {error}") from None
            both = first != next_ or "/" in text or "+" in text
            if name == "initial":
                initial, following = first, next_ if both or not following else following
                following = "" if following == "0" else following
            elif both:
                initial, following = first, next_
            else:
                following = next_
                initial = initial if self._text(cells, "initial") or self.layout.increments else next_
            if following == "0" and column.title.lower() == PER_SECOND_IF_ZERO:
                following = "1"
        if initial == "0":
            initial = following  # there is no first increment but the one that all others are like
        common["initial"], common["increment"] = initial or "1", following or "1"

    def _price(self, cells: list[str], common: Cells, state: Offer) -> None:
        prices = {}
        for name in PRICES:
            column = self.columns.get(name)
            text = "" if column is None else cells[column.place]
            if not text or column is None:
                continue
            said = offer(text) if text[0].isalpha() else None
            if said in (Offer.BLOCKED, Offer.CLOSED):
                common["offer"], state = said.value, said
                continue
            prices[name] = self._read(column, self.per_minute, text, column, common.get("increment", "1"))
        if state is not Offer.OPEN:
            prices = {}
        base = prices.pop("rate", "")
        for name in ("interstate", "intrastate", "indeterminate"):
            if name in prices:
                common[name] = prices[name]
        if not base:
            base = common.get("indeterminate") or max(
                (common[name] for name in ("interstate", "intrastate") if name in common),
                key=Fraction,
                default="",
            )
        try:
            base = by_time(prices, base, self.layout.peak, common)
        except ValueError as error:
            raise CellError(self.columns["peak"], f"peak: {error}") from None
        common["rate"] = by_length(prices, base, common)

    def _read(self, column: Column, read: Callable[..., str], *args: object) -> str:
        try:
            return read(*args)
        except (ValueError, BadInput) as error:
            message = str(error).removeprefix(f"{column.field}: ")
            raise CellError(column, f"{column.field}: {message}") from None

    def _number(self, text: str) -> str:
        return number(text, self._decimals, self.currency)

    def _percent(self, text: str) -> str:
        return str(self.number(text.rstrip("% ")))

    def _amount(self, text: str, column: Column) -> str:
        return scaled(self.number(text), column.factor / self.layout.divisor)

    def _per_minute(self, text: str, column: Column, increment: str) -> str:
        if column.factor == 1 and self.layout is PLAIN:
            return str(self.number(text))
        per_s = int(increment) if self.layout.per == "increment" else int(self.layout.per)
        return scaled(self.number(text), column.factor * PER_MINUTE_S / per_s / self.layout.divisor)

    def _moment(self, text: str) -> str:
        iso = moment_text(text, self._order)
        if not iso:
            return ""
        return instant("date", parse_moment("date", iso), zone_named("zone", self.layout.zone)).isoformat()


def _on_one_line(text: str) -> str:
    return text if text.isprintable() else " ".join(text.split())


def _north_american(code: str) -> str:
    return NATIONAL_CODE if code == "*" else code if code.startswith(NATIONAL_CODE) else NATIONAL_CODE + code
