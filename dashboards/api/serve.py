"""Answering: the words of a request are read, the operation is asked, its answer becomes JSON with an ETag."""

from __future__ import annotations

import hashlib
import json
from itertools import islice
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from dashboards.api import cursor, openapi, parameters
from dashboards.api.catalogue import OPERATIONS
from dashboards.api.operation import Bytes, Many, One
from dashboards.api.schema import plain
from netops.web import problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dashboards.api.operation import Operation
    from dashboards.desk import Desk

NAME = "api"
DOCUMENT = "openapi"


def permissions(above: str) -> dict[str, str]:
    """Return endpoint → permission of every operation, for a blueprint of this name."""
    return {f"{above}.{NAME}.{each.name}": each.permission for each in OPERATIONS}


def install(blueprint: Blueprint, desk: Desk) -> None:
    """Add the operations, and the document that describes them."""
    api = Blueprint(NAME, __name__, url_prefix=problem.PREFIX)
    for each in OPERATIONS:
        api.add_url_rule(each.rule, each.name, _view(desk, each))
    api.add_url_rule("/openapi.json", DOCUMENT, lambda: respond(openapi.document()))
    blueprint.register_blueprint(api)


def _view(desk: Desk, operation: Operation) -> Callable[..., Response]:
    def view(**names: str) -> Response:
        told = parameters.read(openapi.parameters_of(operation), request.args)
        return answer(desk, operation, {**told, **names})

    return view


def answer(desk: Desk, operation: Operation, asked: Mapping[str, Any]) -> Response:
    """Return what an operation gives for what was asked."""
    if isinstance(operation, Bytes):
        return operation.give(desk, asked)
    if isinstance(operation, One):
        return respond(plain(operation.give(desk, asked)))
    assert isinstance(operation, Many)
    return respond(part(desk, operation, asked))


def part(desk: Desk, operation: Many, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return one part of a list and the cursor of the next, None after the last."""
    after = cursor.read(operation.name, asked["cursor"], operation.keys) if asked["cursor"] else None
    rows = operation.rows(desk, {**asked, "after": after})
    if not operation.ordered:
        rows = sorted(rows, key=operation.key)
    later = (each for each in rows if after is None or operation.key(each) > after)
    found = list(islice(later, asked["limit"] + 1))
    shown = found[: asked["limit"]]
    more = cursor.write(operation.name, operation.key(shown[-1])) if len(found) > len(shown) else None
    return {"items": [plain(operation.show(desk, each)) for each in shown], "next": more}


def respond(body: Any) -> Response:
    """Return JSON with a strong ETag over its bytes; 304 to who holds the same."""
    octets = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8", "replace")
    made = Response(octets, mimetype="application/json")
    made.set_etag(hashlib.sha256(octets).hexdigest()[:32])
    made.make_conditional(request)
    return made
