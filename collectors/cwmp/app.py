"""The ACS behind the web door: a WSGI application (PEP 3333). Bounds on connections and bodies are the door's."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from collectors.cwmp.session import Asking, Reply, cookie_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from collectors.cwmp.acs import Acs
    from netops.clock import Clock

log = logging.getLogger(__name__)
BODY = 1 << 20


class App:
    """Makes a request into an `Asking` and a `Reply` into an answer."""

    def __init__(self, acs: Acs, clock: Clock) -> None:
        self._acs = acs
        self._clock = clock

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        try:
            reply = self._reply(environ)
        except Exception:
            log.exception("request failed")
            reply = Reply(HTTPStatus.INTERNAL_SERVER_ERROR)
        status = HTTPStatus(reply.status)
        headers = [*reply.headers, ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")]
        if status is not HTTPStatus.NO_CONTENT:
            headers.append(("Content-Length", str(len(reply.body))))
        start_response(f"{status.value} {status.phrase}", headers)
        return [reply.body] if reply.body else []

    def _reply(self, environ: dict[str, Any]) -> Reply:
        if environ.get("REQUEST_METHOD") != "POST":
            return Reply(HTTPStatus.METHOD_NOT_ALLOWED, (("Allow", "POST"),))
        if environ.get("HTTP_CONTENT_ENCODING", "identity") != "identity":
            return Reply(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        asking = Asking(
            address=str(environ.get("REMOTE_ADDR", "")),
            path=str(environ.get("PATH_INFO", "")),
            header=_utf8(environ.get("HTTP_AUTHORIZATION", "")),
            cookie=cookie_in(str(environ.get("HTTP_COOKIE", ""))),
            body=_body(environ),
            secure=environ.get("wsgi.url_scheme") == "https",
        )
        return self._acs.take(asking, now_ms=self._clock.now_ms(), now=self._clock.monotonic())


def _body(environ: dict[str, Any]) -> bytes:
    """Return the body, which the web door has read whole and taken out of its chunks."""
    length = str(environ.get("CONTENT_LENGTH") or "0")
    if not length.isascii() or not length.isdigit() or len(length) > 9:
        return b""
    body: bytes = environ["wsgi.input"].read(min(int(length), BODY))
    return body


def _utf8(header: str) -> str:
    """Return a header as the text that it was: WSGI hands over its octets as Latin-1."""
    return header.encode("latin-1", "replace").decode("utf-8", "surrogateescape")
