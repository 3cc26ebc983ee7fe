"""United States: in which state a number is, and whether a call crosses a state line."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

#: NPAs that are nowhere (47 CFR 52.101: toll free service access codes).
TOLL_FREE: Final = frozenset({"800", "833", "844", "855", "866", "877", "888"})

#: ANI II digits of payphones: 27 coin, 29 prison, 70 private payphone.
PAYPHONE_II: Final = frozenset({"27", "29", "70"})

NATIONAL_DIGITS: Final = 10


class Jurisdiction(StrEnum):
    """Which law, and so which price, a call within North America falls under."""

    INTERSTATE = "interstate"
    INTRASTATE = "intrastate"
    INDETERMINATE = "indeterminate"


def _national(number: str) -> str | None:
    """Return the ten digits of a number in country code 1, or None."""
    digits = number.removeprefix("+")
    if len(digits) != NATIONAL_DIGITS + 1 or not digits.startswith("1"):
        return None
    return digits[1:] if digits.isascii() and digits.isdigit() else None


def is_toll_free(number: str) -> bool:
    """Say whether the called party pays for calls to *number* (1-8XX)."""
    national = _national(number)
    return national is not None and national[:3] in TOLL_FREE


def is_payphone(ii_digits: str | None, called: str) -> bool:
    """Say whether an answered call owes the payphone's owner compensation."""
    return ii_digits in PAYPHONE_II and is_toll_free(called)


def with_country_code(lrn: str) -> str:
    """Return a location routing number with its country code, without ``+``: ten digits lack the 1."""
    digits = lrn.removeprefix("+")
    return "1" + digits if len(digits) == NATIONAL_DIGITS and digits.isdigit() else digits


def state_of(number: str, states: Mapping[str, str], lrn: str | None = None) -> str | None:
    """
    Return the state of *number* by its NPA-NXX, else its NPA; None when it is in none that we know.

    A location routing number replaces it: the number was ported. An LRN is
    always North American, so it may come without the 1.
    """
    national = _national(with_country_code(lrn) if lrn else number)
    if national is None or national[:3] in TOLL_FREE:
        return None
    return states.get(national[:6]) or states.get(national[:3])


def classify(calling_state: str | None, called_state: str | None) -> Jurisdiction:
    """Return the jurisdiction of a call between two states; None is a state nobody knows."""
    if calling_state is None or called_state is None:
        return Jurisdiction.INDETERMINATE
    return Jurisdiction.INTRASTATE if calling_state == called_state else Jurisdiction.INTERSTATE
