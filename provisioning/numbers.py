"""Telephone numbers, prefixes and extensions, as admins write them and as calls carry them."""

from __future__ import annotations

import re

from radiusd.errors import BadInput
from rating.deck_builder import LONGEST_PREFIX

DECORATION = str.maketrans("", "", " \t\u00a0-.()/")
MAX_DIGITS = 15  # ITU-T E.164, 6.1
MIN_DIGITS = 2
DIGITS = re.compile(r"[0-9]*", re.ASCII)
EXTENSION = re.compile(r"[0-9A-Za-z*#+._-]{1,32}", re.ASCII)


def e164(field: str, text: str) -> str:
    """
    Return a number as digits only: ``+1 (512) 555-0100`` and ``0015125550100`` are 15125550100.

    Raises:
        BadInput: It is no international number.
    """
    digits = _without_access_code(text)
    if not DIGITS.fullmatch(digits) or not MIN_DIGITS <= len(digits) <= MAX_DIGITS:
        raise BadInput(
            f"{field}: {text[:40]!r} is not an international number of {MIN_DIGITS} to {MAX_DIGITS} digits; "
            "write it with its country code, like +15125550100"
        )
    return digits


def prefix(field: str, text: str) -> str:
    """
    Return a destination prefix as digits; ``*`` means every destination and is the empty prefix.

    Raises:
        BadInput: It is empty or has other characters.
    """
    digits = _without_access_code(text)
    if digits == "*":
        return ""
    if not digits or not DIGITS.fullmatch(digits):
        raise BadInput(f"{field}: {text[:40]!r} is not a prefix of digits; write * for every destination")
    if len(digits) > LONGEST_PREFIX:
        raise BadInput(f"{field}: {text[:40]!r} has more than {LONGEST_PREFIX} digits")
    return digits


def extension(field: str, text: str) -> str:
    """
    Return an extension as a PBX dials it: digits, or letters, ``* # + . _ -``.

    Raises:
        BadInput: It is empty, too long, or has other characters.
    """
    if not EXTENSION.fullmatch(text):
        raise BadInput(f"{field}: {text[:40]!r} is not an extension; use up to 32 of 0-9 A-Z a-z * # + . _ -")
    return text


def _without_access_code(text: str) -> str:
    """Return *text* without decoration and without the ``+`` or ``00`` that say "international"."""
    bare = text.translate(DECORATION).removeprefix("'")
    return bare[1:] if bare.startswith("+") else bare.removeprefix("00")
