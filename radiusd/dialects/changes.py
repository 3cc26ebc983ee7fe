"""Read the attributes that a client wants in a CoA-Request which ends a call (RFC 5176, 2.2)."""

from __future__ import annotations

from collections.abc import Mapping

from radiusd.dialects.dictionary import Definition
from radiusd.radius.assigned import MAX_VALUE_OCTETS, MAX_VENDOR_VALUE_OCTETS
from radiusd.radius.reply import ReplyAttribute, integer, text, vendor_text

_INTEGERS = frozenset({"integer", "signed", "date"})
_TEXTS = frozenset({"string", "octets", "text"})


def read_attributes(value: str, known: Mapping[str, Definition]) -> tuple[ReplyAttribute, ...]:
    """
    Return the attributes in ``Cisco-AVPair=subscriber:command=account-logoff Session-Timeout=1``.

    Raises:
        ValueError: There are none, *known* does not have a name, or a value does not fit its attribute.
    """
    found = tuple(_attribute(written, known) for written in value.split())
    if not found:
        raise ValueError("name at least one attribute, as Session-Timeout=1")
    return found


def _attribute(written: str, known: Mapping[str, Definition]) -> ReplyAttribute:
    name, sign, value = written.partition("=")
    definition = known.get(name.lower())
    if not sign or not value or definition is None:
        raise ValueError(f"{written!r} is not NAME=VALUE with a name of this dialect, as Session-Timeout=1")
    if definition.datatype in _TEXTS:
        most = MAX_VENDOR_VALUE_OCTETS if definition.vendor else MAX_VALUE_OCTETS
        if len(value.encode()) > most:
            raise ValueError(f"{name}: at most {most} octets fit")
        if definition.vendor:
            return vendor_text(definition.vendor, definition.type, value)
        return text(definition.type, value)
    if definition.datatype not in _INTEGERS or definition.vendor:
        raise ValueError(f"{name} holds neither text nor a plain number; name another attribute")
    if not (value.isascii() and value.isdecimal()):
        raise ValueError(f"{written!r}: {name} is a number, as Session-Timeout=1")
    return integer(definition.type, int(value))
