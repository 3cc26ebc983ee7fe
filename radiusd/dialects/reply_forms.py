"""The forms in which a client may want a call's time and a refusal's reason, by the words of its settings."""

from __future__ import annotations

import re
from collections.abc import Mapping

from radiusd.errors import Refusal

SESSION_TIMEOUT = "Session-Timeout"
CREDIT_TIME = "h323-credit-time"
SIP_AVP = "SIP-AVP"
ROUTING = "Routing"
DURATION = "DURATION"
TIMES = (SESSION_TIMEOUT, CREDIT_TIME, SIP_AVP, ROUTING, DURATION)
"""
How a time may be written: the attributes of these names, for ``SIP-AVP`` as ``Session-Timeout#60``; or in a
Cisco-AVPair ``h323-ivr-in=Routing:HOST;credit-time=60`` or ``h323-ivr-in=DURATION:60``.
"""

_HOST = re.compile(r"([A-Za-z0-9.-]{1,200}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?", re.ASCII)
_LARGEST_CODE = 255
_WORDS = {refusal.word: refusal for refusal in Refusal}


def read_host(value: str) -> str:
    """Return ``host`` or ``host:port``. Raises ValueError."""
    if not _HOST.fullmatch(value):
        raise ValueError(f"{value!r} is not a host or host:port, as 192.0.2.9:5060 is")
    return value


def read_codes(value: str) -> Mapping[Refusal, int]:
    """Return the h323-return-codes in ``no_balance=12 trunk_full=3``. Raises ValueError."""
    return _read_codes(value, 1, _LARGEST_CODE, "a code is a number from 1 to 255; 0 means yes")


def read_sip_codes(value: str) -> Mapping[Refusal, int]:
    """Return the SIP codes in ``trunk_full=486 outside_hours=403``. Raises ValueError."""
    return _read_codes(value, 400, 699, "a SIP code that refuses is a number from 400 to 699")


def _read_codes(value: str, least: int, most: int, what: str) -> Mapping[Refusal, int]:
    codes: dict[Refusal, int] = {}
    for written in value.replace(",", " ").split():
        word, sign, number = written.partition("=")
        if not sign or word not in _WORDS:
            raise ValueError(f"{written!r} is not WORD=NUMBER with a reason word, as no_balance=12 is")
        if not (number.isascii() and number.isdecimal() and least <= int(number) <= most):
            raise ValueError(f"{written!r}: {what}")
        codes[_WORDS[word]] = int(number)
    if not codes:
        raise ValueError("name at least one, as no_balance=12")
    return codes
