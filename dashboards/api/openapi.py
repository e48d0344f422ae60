"""The OpenAPI 3.1 document, made of the operations and the shapes of their answers. Pure."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from dashboards.api import parameters, schema
from dashboards.api.catalogue import OPERATIONS
from dashboards.api.operation import Bytes, Many, One
from dashboards.api.shapes import Problem
from netops.web import problem

if TYPE_CHECKING:
    from dashboards.api.operation import Operation
    from dashboards.api.parameters import Parameter

VERSION = "1"
DIALECT = "https://spec.openapis.org/oas/3.1/dialect/base"
SAID = (
    "What the pages of NetOps show, for programs. Times are RFC 3339 in UTC. What was not measured is null, and a field"
    " beside it says why. Lists come in parts: go on with `cursor` set to `next`. Every answer has a strong ETag."
    " Errors are problem details (RFC 9457) in the language that Accept-Language asks for."
)
REFUSALS = {
    "400": "A parameter is ill-formed or unknown.",
    "401": "Nobody is logged in.",
    "403": "The account may not see this.",
    "404": "There is no such thing.",
    "422": "The parameters are well-formed and mean nothing together.",
    "429": "Too many wrong tokens were tried from this address; ask again later.",
    "503": "A source cannot be read now.",
}
HEADERS = {"ETag": {"description": "Strong, over the bytes.", "schema": {"type": "string"}}}


def parameters_of(operation: Operation) -> tuple[Parameter, ...]:
    """Return what an operation may be asked with, its paging included."""
    paging = (parameters.LIMIT, parameters.AFTER) if isinstance(operation, Many) else ()
    return (*operation.parameters, *paging)


@cache
def document() -> dict[str, Any]:
    """Return the document."""
    shapes = [each.answer for each in OPERATIONS if isinstance(each, (One, Many))]
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": DIALECT,
        "info": {"title": "NetOps", "version": VERSION, "description": SAID, "license": {"name": "Apache-2.0"}},
        "servers": [{"url": problem.PREFIX}],
        "security": [{"session": []}, {"token": []}],
        "paths": {each.path: {"get": _operation(each)} for each in OPERATIONS},
        "components": {
            "schemas": schema.components([*shapes, Problem]),
            "responses": {code: _refusal(said) for code, said in REFUSALS.items()},
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": "netops_staff"},
                "token": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _operation(each: Operation) -> dict[str, Any]:
    return {
        "operationId": each.name,
        "summary": each.said,
        "x-permission": each.permission,
        "parameters": [*map(_of_path, each.names), *map(_of_query, parameters_of(each))],
        "responses": {
            "200": {"description": "The answer.", "headers": HEADERS, "content": _content(each)},
            "304": {"description": "What the ETag names is still so."},
            **{code: {"$ref": f"#/components/responses/{code}"} for code in REFUSALS},
        },
    }


def _content(each: Operation) -> dict[str, Any]:
    if isinstance(each, Bytes):
        return {each.media: {}}
    assert isinstance(each, (One, Many))
    made = schema.of(each.answer)
    if isinstance(each, Many):
        made = {
            "type": "object",
            "properties": {
                "items": {"type": "array", "items": made},
                "next": {
                    "type": ["string", "null"],
                    "description": "The cursor of the next part; null: this is the last.",
                },
            },
            "required": ["items", "next"],
            "additionalProperties": False,
        }
    return {"application/json": {"schema": made}}


def _of_path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _of_query(each: Parameter) -> dict[str, Any]:
    required = {"required": True} if each.required else {}
    return {"name": each.name, "in": "query", "description": each.said, **required, "schema": dict(each.schema)}


def _refusal(said: str) -> dict[str, Any]:
    return {"description": said, "content": {problem.MEDIA: {"schema": schema.of(Problem)}}}
