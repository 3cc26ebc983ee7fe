"""The OpenAPI 3.1 document of the API, made from the table of endpoints."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from provisioning.api.endpoints import Endpoint, Parameter
from provisioning.api.problems import MEDIA
from provisioning.api.schemas import Schema, page_of, schema_in, schema_out

KINDS: dict[type, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    datetime: {"type": "string", "examples": ["2026-11-01", "2026-11-01T09:30:00Z"]},
}
PROBLEM: Schema = {
    "type": "object",
    "description": "What went wrong (RFC 9457), in the words of the command line.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "The word that the command line has for it."},
        "detail": {"type": "string"},
        "field": {"type": "string", "description": "The first field or parameter that is wrong."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": ["string", "null"]}, "message": {"type": "string"}},
                "required": ["field", "message"],
            },
        },
    },
    "required": ["type", "title", "status", "code", "detail"],
}
IF_MATCH: Schema = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "The ETag of the thing as it was seen; 412 when it has changed since.",
}
IDEMPOTENCY_KEY: Schema = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[ -~]+$"},
    "description": "The same key and request within a day get the same answer, and nothing is done twice.",
}


def document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """Return the document."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tollwire",
            "version": version("tollwire"),
            "description": "Everything that is provisioned, and everything that calls have written.",
        },
        "servers": [{"url": "/api/v1"}],
        "security": [{"token": []}],
        "tags": [{"name": name} for name in sorted({endpoint.tag for endpoint in endpoints})],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Problem": PROBLEM},
            "responses": {
                "Problem": {
                    "description": "It was not done.",
                    "content": {MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}}},
                }
            },
        },
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "tags": [endpoint.tag],
        "operationId": operation_id(endpoint),
        "summary": endpoint.summary,
        "responses": {
            str(endpoint.status): _response(endpoint),
            "default": {"$ref": "#/components/responses/Problem"},
        },
    }
    if endpoint.right is not None:
        operation["description"] = f"Asks for the scope `{endpoint.right}`."
    parameters = [_parameter(parameter) for parameter in endpoint.parameters]
    if endpoint.writes and endpoint.tagged and endpoint.method != "POST":
        parameters.append(IF_MATCH)
    if endpoint.writes and endpoint.repeatable and endpoint.method == "POST":
        parameters.append(IDEMPOTENCY_KEY)
    if parameters:
        operation["parameters"] = parameters
    if endpoint.body is not None:
        schema = schema_in(
            endpoint.body,
            partial=endpoint.partial,
            fixed=endpoint.fixed,
            helps=endpoint.helps,
            choices=endpoint.choices,
        )
        needed = bool(schema.get("required")) or not endpoint.partial
        operation["requestBody"] = {"required": needed, "content": {"application/json": {"schema": schema}}}
    elif endpoint.media is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {endpoint.media: {"schema": {"type": "string"}}},
        }
    return operation


def operation_id(endpoint: Endpoint) -> str:
    """Return a name for clients that are made from the document."""
    words = endpoint.path.replace("{", "by_").replace("}", "").strip("/").replace("/", "_")
    return f"{endpoint.method.lower()}_{words}".replace("-", "_")


def _parameter(parameter: Parameter) -> Schema:
    schema = dict(KINDS[parameter.kind])
    if parameter.choices:
        schema["enum"] = list(parameter.choices)
    if parameter.least is not None:
        schema["minimum"] = parameter.least
    if parameter.most is not None:
        schema["maximum"] = parameter.most
    if parameter.in_path:
        schema["minLength"] = 1
    return {
        "name": parameter.name,
        "in": "path" if parameter.in_path else "query",
        "required": parameter.required or parameter.in_path,
        "description": parameter.what,
        "schema": schema,
    }


def _response(endpoint: Endpoint) -> Schema:
    response: Schema = {"description": HTTPStatus(endpoint.status).phrase}
    if endpoint.status == HTTPStatus.NO_CONTENT:
        return response
    if endpoint.streams:
        response["content"] = {"text/event-stream": {"schema": {"type": "string"}}}
        return response
    if endpoint.produces:
        response["content"] = {media: {"schema": {"type": "string"}} for media in endpoint.produces}
        return response
    schema: Schema = {"type": "object"} if endpoint.result is None else schema_out(endpoint.result)
    response["content"] = {"application/json": {"schema": page_of(schema) if endpoint.many else schema}}
    if endpoint.tagged:
        response["headers"] = {"ETag": {"schema": {"type": "string"}}}
    return response
