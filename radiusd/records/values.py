"""Read the values in the columns of call records: numbers of people and of seconds, causes, addresses."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, ip_address
from itertools import repeat
from urllib.parse import unquote

from radiusd.records.record import RecordError, excerpt

LONGEST_CALL_S = 400 * 86400
LONGEST_TEXT = 512
LONGEST_WHOLE = 18
LONGEST_ADDRESS = 128
_URI_USER = re.compile(r"(?:sips?|tel):([^@;>?\s\"]*)", re.IGNORECASE)
_CLOCK = re.compile(r"(?:(?:(\d{1,3})\.)?(\d{1,5}):)?(\d{1,5}):(\d{1,2})(?:[.,](\d{1,9}))?", re.ASCII)
_DECIMAL = re.compile(r"(\d{1,12})(?:\.(\d{0,9})|,(\d\d?))?", re.ASCII)  # 1,500 may be thousands
_SEPARATORS = str.maketrans("", "", "-.() ")  # RFC 3966, 3: visual separators
_WHOLE = re.compile(rf"-?\d{{1,{LONGEST_WHOLE}}}", re.ASCII)
_V4_AND_PORT = re.compile(r"(\d+\.\d+\.\d+\.\d+)(?::\d+)?", re.ASCII)
_V6_AND_PORT = re.compile(r"\[([0-9a-fA-F:.]+)\](?::\d+)?", re.ASCII)


def text(value: str) -> str | None:
    """Return *value* without blanks around it, None when nothing is left. Raises RecordError."""
    value = value.strip()
    if len(value) > LONGEST_TEXT:
        raise RecordError(f"a value of {len(value)} characters is none: {excerpt(value[:40])}")
    return value or None


def number(value: str) -> str | None:
    """Return a telephone number: digits without ``+``, or what the switch writes in their place."""
    found = text(value)
    return found.removeprefix("+") or None if found else None


def station(value: str) -> str | None:
    """Return the number in a SIP or tel URI, with or without name and brackets, or in plain digits."""
    if ":" not in value:
        return number(value)
    found = _URI_USER.search(value, max(0, value.rfind("<")))  # a name is whatever the caller likes
    if found is None:
        return number(value)
    user = number(unquote(found[1].partition(":")[0]))
    if user is None or user.isdecimal():
        return user
    bare = user.translate(_SEPARATORS)
    return bare if bare.isdecimal() and bare.isascii() else user


def whole(value: str, field: str) -> int | None:
    """Return a whole number, None when *value* is empty. Raises RecordError."""
    value = value.strip()
    if not value:
        return None
    if value.isascii() and value.isdigit() and len(value) <= LONGEST_WHOLE:
        return int(value)
    if _WHOLE.fullmatch(value) is None:
        raise RecordError(f"{excerpt(value)} is not a whole number", field)
    return int(value)


def duration_ms(value: str, field: str) -> int | None:
    """
    Return milliseconds of seconds with or without a fraction, or of ``h:mm:ss`` or ``d.h:mm:ss``; None of
    nothing.

    Raises:
        RecordError: It is neither, or longer than a call may be.
    """
    value = value.strip()
    if not value:
        return None
    if value.isascii() and value.isdigit() and len(value) < 9:
        return bounded_ms(int(value) * 1000, field)
    match = _DECIMAL.fullmatch(value)
    if match is not None:
        return bounded_ms(int(match[1]) * 1000 + _fraction_ms(match[2] or match[3]), field)
    match = _CLOCK.fullmatch(value)
    if match is None or int(match[4]) > 59 or (match[2] is not None and int(match[3]) > 59):
        raise RecordError(f"{excerpt(value)} is not a duration in seconds or h:mm:ss", field)
    days, hours, minutes, seconds, fraction = match.groups()
    total_s = int(days or 0) * 86400 + int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds)
    return bounded_ms(total_s * 1000 + _fraction_ms(fraction), field)


def bounded_ms(duration: int, field: str) -> int:
    """Return *duration* in milliseconds when a call may be so long. Raises RecordError."""
    if not 0 <= duration <= LONGEST_CALL_S * 1000:
        raise RecordError(f"no call lasts {duration // 1000} seconds", field)
    return duration


def _fraction_ms(fraction: str | None) -> int:
    return int(fraction[:3].ljust(3, "0")) if fraction else 0


def address(value: str) -> str | None:
    """Return an IP address without its port, None when *value* is none."""
    return _address(value.strip()) if len(value) <= LONGEST_ADDRESS else None


@lru_cache(maxsize=4096)  # of a switch's calls many come from one place
def _address(value: str) -> str | None:
    match = _V4_AND_PORT.fullmatch(value) or _V6_AND_PORT.fullmatch(value)
    try:
        return str(ip_address(match[1] if match else value))
    except ValueError:
        return None


def reversed_address(value: str, field: str) -> str | None:
    """Return the IPv4 address that a signed integer holds with its octets reversed, as CUCM writes it."""
    octets = whole(value, field)
    if not octets:
        return None
    try:
        return str(IPv4Address((octets & 0xFFFFFFFF).to_bytes(4, "little")))
    except (AddressValueError, OverflowError) as error:
        raise RecordError(f"{excerpt(value)} is no address", field) from error


def own_key(fields: Mapping[str, str], columns: Sequence[str]) -> str:
    """Return the values of those *columns* that name a record, one behind the other."""
    return ";".join(map(fields.get, columns, repeat("")))


def setting_columns(settings: Mapping[str, str], name: str, usual: tuple[str, ...]) -> tuple[str, ...]:
    """Return the column names that the setting *name* lists, separated by commas, else *usual*."""
    written = settings.get(name, "")
    return tuple(column.strip() for column in written.split(",")) if written.strip() else usual
