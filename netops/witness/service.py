"""A witness over HTTP: `POST /add-checkpoint` as C2SP tlog-witness has it. A WSGI application, nothing more."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from netops.errors import EvidenceError
from netops.evidence import note
from netops.witness.protocol import CONFLICT, LARGEST, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from netops.clock import Clock
    from netops.witness.desk import Desk

log = logging.getLogger(__name__)
PATH = "/add-checkpoint"
SIZE_TYPE = "text/x.tlog.size"


class Application:
    """What a web server calls."""

    def __init__(self, desk: Desk, *, name: str, clock: Clock) -> None:
        self._desk = desk
        self._names = (name, *([desk.sm2.name] if desk.sm2 else []))
        self._clock = clock

    def __call__(self, environ: Mapping[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        status, kind, body = self._answer(environ)
        headers = [("Content-Type", kind), ("Content-Length", str(len(body))), ("X-Content-Type-Options", "nosniff")]
        start(f"{status} {HTTPStatus(status).phrase}", headers)
        return [body]

    def _answer(self, environ: Mapping[str, Any]) -> tuple[int, str, bytes]:
        if environ.get("PATH_INFO") != PATH:
            return _said(HTTPStatus.NOT_FOUND, f"expected POST {PATH}")
        if environ.get("REQUEST_METHOD") != "POST":
            return _said(HTTPStatus.METHOD_NOT_ALLOWED, f"expected POST {PATH}")
        request = environ["wsgi.input"].read(LARGEST + 1)
        now_s = self._clock.now_ms() // 1000
        try:
            signed = self._desk.add(request, now_s=now_s)
        except RefusedError as error:
            log.warning("not signed", extra={"status": error.status, "why": str(error)})
            if error.status == CONFLICT and error.size is not None:
                return CONFLICT, SIZE_TYPE, f"{error.size}\n".encode()
            return _said(error.status, str(error))
        except EvidenceError as error:
            log.error("cannot sign", extra={"why": str(error)})  # noqa: TRY400  (said on purpose, not a crash)
            return _said(HTTPStatus.INTERNAL_SERVER_ERROR, "this witness cannot sign now; its owner sees why")
        last = {line.name: line for line in note.parse(signed).signatures}  # those of others stand before our own
        mine = [last[name] for name in self._names if name in last]
        log.info("signed", extra={"time_s": now_s})
        return HTTPStatus.OK, "text/plain; charset=utf-8", "".join(f"{line}\n" for line in mine).encode()


def _said(status: int, what: str) -> tuple[int, str, bytes]:
    return int(status), "text/plain; charset=utf-8", f"{what}\n".encode()
