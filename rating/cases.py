"""
Run rating cases: tariffs and calls with what they must cost, written as JSON (``rating-case/1``).

A file is ``{"format": "rating-case/1", "cases": [...]}``. Each case is run
through the same engine that rates live calls; what comes out otherwise than
expected is told line by line.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from rating.case_calls import TARIFF_FIELDS, rate_calls
from rating.case_limits import (
    COMMON_END_FIELDS,
    GRANT_FIELDS,
    RESERVATION_FIELDS,
    common_end,
    plan_seconds,
    reserve_calls,
)
from rating.fields import FieldError, Fields
from rating.money import parse_exact

FORMAT = "rating-case/1"

_KINDS: dict[str, Callable[[Fields], dict[str, Any]]] = {
    "rating": rate_calls,
    "grant": plan_seconds,
    "reservation": reserve_calls,
    "common_end": common_end,
}

#: What a case may say. *origin* tells where it comes from.
_CASE_FIELDS = dict.fromkeys(
    (
        *("kind", "expect", "origin", "grant", "common_end"),
        *(*TARIFF_FIELDS, *GRANT_FIELDS, *RESERVATION_FIELDS, *COMMON_END_FIELDS),
    )
)

#: Exact amounts, compared by value. Totals are rounded, and compared with their zeros.
_EXACT = frozenset(
    {
        *("price", "amount", "connect_fee", "dip_fees", "payphone_surcharge"),
        *("reserved_money", "unreserved_money"),
    }
)

#: Tables in which a name that is not expected is wrong: a bucket that paid.
_COMPLETE = frozenset({"bucket_use", "reserved_seconds"})


class CaseError(ValueError):
    """A file or a case cannot be read; the message names the file, the case and the field."""


def load(path: Path) -> list[Any]:
    """
    Return the cases of a file, as they stand in it.

    Raises:
        CaseError: It is not a file of rating cases.
    """
    try:
        document = json.loads(path.read_bytes(), parse_float=Decimal)
    except (OSError, ValueError, RecursionError) as error:
        raise CaseError(f"{path}: not readable as JSON: {error}") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise CaseError(f'{path}: expected {{"format": "{FORMAT}", "cases": [...]}}')
    cases = document.get("cases")
    if not isinstance(cases, list):
        raise CaseError(f"{path}: cases: expected a list of tables")
    return cases


def run(case: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return what the engine makes of *case*, in the form of its ``expect``.

    Raises:
        CaseError: A field is missing or wrong; the message names the case and the field.
    """
    try:
        fields = Fields(case)
        fields.slips(*_CASE_FIELDS)
        kind = fields.text("kind", "rating")
        if kind not in _KINDS:
            raise fields.error("kind", f"expected one of {', '.join(_KINDS)}, not {kind!r}")
        return _KINDS[kind](fields)
    except FieldError as error:
        raise CaseError(f"case {_name_of(case, '?')}: {error}") from None


def _name_of(case: object, otherwise: str) -> str:
    return str(case.get("id", otherwise)) if isinstance(case, Mapping) else otherwise


class Checked(NamedTuple):
    """
    What came of one case: *found* tells every difference, and is empty when it passed.

    *ignored* are fields of the case that mean nothing to us; they decide nothing.
    """

    case: str
    title: str
    found: list[str]
    ignored: list[str]


def check(cases: list[Any]) -> Iterator[Checked]:
    """
    Run *cases* and yield what came of each.

    A case that cannot be read has failed, and so has one that expects nothing: it would always pass.
    """
    for number, case in enumerate(cases, 1):
        title = str(case.get("title", "")) if isinstance(case, Mapping) else ""
        yield Checked(_name_of(case, f"number {number}"), title, _found(case), _ignored(case))


def _found(case: Any) -> list[str]:
    """Return what is wrong with a case or its outcome."""
    try:
        outcome = run(case)
    except CaseError as error:
        return [str(error).removeprefix(f"case {_name_of(case, '?')}: ")]
    if not case.get("expect"):
        return [f"expect: is missing; what comes out is {json.dumps(outcome)}"]
    return list(differences(case["expect"], outcome))


def _ignored(case: Any) -> list[str]:
    try:
        return Fields(case).slips(*_CASE_FIELDS)
    except FieldError:
        return []  # it has been told already


def check_file(path: Path) -> Iterator[str]:
    """
    Yield a line for everything in a file that does not come out as expected.

    A case that cannot be read gives a line too, and the others are still run.

    Raises:
        CaseError: The file as a whole cannot be read.
    """
    for checked in check(load(path)):
        for difference in checked.found:
            yield f"{path}: case {checked.case}: {difference}"


def differences(expected: Any, actual: Any, place: str = "expect") -> Iterator[str]:
    """
    Yield how *actual* is not as *expected*.

    Fields that are not expected are not looked at: a case names what it is about.
    """
    if isinstance(expected, dict) and isinstance(actual, dict):
        for name, value in expected.items():
            if name in actual:
                yield from differences(value, actual[name], f"{place}.{name}")
            else:
                yield f"{place}.{name}: expected {value!r}, but there is none"
        if _last_name(place) in _COMPLETE:
            for name in sorted(actual.keys() - expected.keys()):
                yield f"{place}.{name}: expected none, but it is {actual[name]!r}"
    elif isinstance(expected, list) and isinstance(actual, list):
        if len(expected) != len(actual):
            yield f"{place}: expected {len(expected)} of them, but there are {len(actual)}: {actual!r}"
        for index, (left, right) in enumerate(zip(expected, actual, strict=False)):
            yield from differences(left, right, f"{place}[{index}]")
    elif expected != actual and not (_last_name(place) in _EXACT and _same_amount(expected, actual)):
        yield f"{place}: expected {expected!r}, but it is {actual!r}"


def _last_name(place: str) -> str:
    return place.rpartition(".")[2]


def _same_amount(expected: Any, actual: Any) -> bool:
    """Say whether two texts are the same exact amount: ``"0.060"`` and ``"0.06"``."""
    try:
        return parse_exact(str(expected)) == parse_exact(str(actual))
    except ValueError:
        return False
