"""JSON Schema of what goes in and comes out, made from the dataclasses that the functions take and return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, get_args, get_origin, get_type_hints

from provisioning.admin import Secret
from provisioning.api.bodies import without_none
from provisioning.api.writing import shown_fields

Schema = dict[str, Any]
AMOUNT = r"^-?[0-9]+(\.[0-9]+)?$"


def schema_in(
    kind: type[Any],
    *,
    partial: bool,
    fixed: tuple[str, ...],
    helps: Mapping[str, str],
    choices: Mapping[str, tuple[str, ...]],
) -> Schema:
    """Return the schema of a body with the fields of *kind*."""
    hints = get_type_hints(kind)
    known = [field for field in fields(kind) if field.name not in fixed]
    required = [
        field.name for field in known if field.default is MISSING and field.default_factory is MISSING
    ]
    schema: Schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            field.name: _described(
                _type_in(hints[field.name], choices.get(field.name)), helps.get(field.name)
            )
            for field in known
        },
    }
    if required and not partial:
        schema["required"] = required
    return schema


def schema_out(kind: Any) -> Schema:
    """Return the schema of a thing of *kind*, a dataclass or NamedTuple, as it comes back."""
    hints = get_type_hints(kind)
    shown = shown_fields(kind)
    return {
        "type": "object",
        "properties": {name: _type_out(hints[name]) for name in shown},
        "required": list(shown),
    }


def page_of(schema: Schema) -> Schema:
    """Return the schema of a page of things."""
    return {
        "type": "object",
        "properties": {
            "items": {"type": "array", "items": schema},
            "next": {
                "type": ["string", "null"],
                "description": "The `cursor` of the next page; null: this is the last.",
            },
        },
        "required": ["items", "next"],
    }


def _described(schema: Schema, text: str | None) -> Schema:
    return schema if text is None else {**schema, "description": text}


def _or_null(schema: Schema) -> Schema:
    if "enum" in schema:
        return {**schema, "type": [schema["type"], "null"], "enum": [*schema["enum"], None]}
    kind = schema.get("type")
    if kind is None:
        return schema
    return {**schema, "type": [*([kind] if isinstance(kind, str) else kind), "null"]}


def _type_in(hint: Any, choices: tuple[str, ...] | None) -> Schema:
    wanted, optional = without_none(hint)
    schema = _plain_in(wanted)
    if choices:
        if schema["type"] == "array":
            schema = {"type": "array", "items": {"type": "string", "enum": list(choices)}}
        else:
            schema = {"type": "string", "enum": list(choices)}
    return _or_null(schema) if optional else schema


def _plain_in(wanted: Any) -> Schema:
    origin = get_origin(wanted)
    if wanted is Secret:
        return {"type": "string", "writeOnly": True, "format": "password"}
    if wanted is Decimal:
        return {"type": ["string", "number"], "pattern": AMOUNT, "examples": ["12.50"]}
    if wanted is bool:
        return {"type": "boolean"}
    if wanted is int:
        return {"type": "integer"}
    if isinstance(wanted, type) and issubclass(wanted, date):
        return {
            "type": "string",
            "examples": ["2026-11-01", "2026-11-01T09:30:00Z"],
            "description": "A day, which begins where the account is, or an instant.",
        }
    if origin is tuple:
        return {"type": "array", "items": {"type": "string"}}
    if origin in (Mapping, dict):
        return {"type": "object", "additionalProperties": {"type": "string"}}
    return {"type": "string"}


def _type_out(hint: Any) -> Schema:
    wanted, optional = without_none(hint)
    schema = _plain_out(wanted)
    return _or_null(schema) if optional else schema


def _plain_out(wanted: Any) -> Schema:
    origin = get_origin(wanted)
    if wanted is bool:
        return {"type": "boolean"}
    if wanted is int:
        return {"type": "integer"}
    if wanted is str:
        return {"type": "string"}
    if wanted is Decimal:
        return {"type": "string", "pattern": AMOUNT}
    if wanted is datetime:
        return {"type": "string", "format": "date-time"}
    if isinstance(wanted, type) and issubclass(wanted, date):
        return {"type": "string"}
    if origin in (tuple, list):
        inner = get_args(wanted)[0]
        return {"type": "array", "items": _type_out(inner)}
    if origin in (Mapping, dict):
        return {"type": "object"}
    if is_dataclass(wanted):
        return schema_out(wanted)
    return {}
