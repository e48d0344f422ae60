"""Errors of the API as problem details (RFC 9457): one shape for whatever goes wrong below `/api/v1`."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from flask import Response

from netops.errors import UsageError

PREFIX = "/api/v1"
MEDIA = "application/problem+json"
CHALLENGE = 'Bearer realm="netops"'  # RFC 9110 11.6.1: who answers 401 says how one may come in


class UnfitError(UsageError):
    """Each word of a request is well-formed, but they mean nothing together or here (422)."""


def concerns(path: str) -> bool:
    """Whether an address is the API's, known or not."""
    return path == PREFIX or path.startswith(PREFIX + "/")


def details(status: int, detail: str) -> dict[str, Any]:
    """Return the members of a problem that its status and one sentence tell; its type is the status alone."""
    return {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}


def answer(status: int, detail: str) -> Response:
    """Return a problem as an answer."""
    text = json.dumps(details(status, detail), ensure_ascii=False)
    made = Response(text, status=status, mimetype=MEDIA)
    if status == HTTPStatus.UNAUTHORIZED:
        made.headers["WWW-Authenticate"] = CHALLENGE
    return made
