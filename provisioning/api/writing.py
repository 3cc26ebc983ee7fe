"""Write what the API answers: the same JSON as ``--json`` of the command line, and the tag of a thing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, cast, get_type_hints

from provisioning.admin import Secret
from provisioning.api.bodies import without_none


def plain(value: Any) -> Any:
    """Return *value* as JSON has it: amounts and moments as text, things as objects without their secrets."""
    match value:
        case None | bool() | int() | str():
            return value
        case Decimal():
            return format(value, "f")
        case datetime():
            utc = value.astimezone(UTC)
            precision = "milliseconds" if utc.microsecond else "seconds"
            return utc.isoformat(timespec=precision).replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case Enum():
            return value.value
        case Mapping():
            return {str(name): plain(inner) for name, inner in value.items()}
        case tuple() if hasattr(value, "_fields"):  # a NamedTuple
            return {name: plain(inner) for name, inner in zip(value._fields, value, strict=True)}
        case list() | tuple() | set() | frozenset():
            return [plain(inner) for inner in value]
    if is_dataclass(value):
        return {name: plain(getattr(value, name)) for name in shown_fields(cast(Hashable, type(value)))}
    return str(value)


@cache
def shown_fields(kind: Any) -> tuple[str, ...]:
    """Return the names of the fields of *kind*, a dataclass or NamedTuple, but for its secrets."""
    hints = get_type_hints(kind)
    names = [field.name for field in fields(kind)] if is_dataclass(kind) else list(kind._fields)
    return tuple(name for name in names if without_none(hints[name])[0] is not Secret)


def to_json(value: Any) -> bytes:
    """Return *value* as JSON."""
    return json.dumps(plain(value), separators=(",", ":")).encode()


def tag_of(value: Any) -> str:
    """Return the ETag of a thing: equal for equal things, whoever asks (RFC 9110, 8.8.3)."""
    octets = json.dumps(plain(value), sort_keys=True).encode()
    return f'"{hashlib.blake2b(octets, digest_size=12).hexdigest()}"'
