"""Straight in: the login of who pressed the one button, answered before the pages' machinery.

A third of such a login's processor time was context, language, form and hooks, for a redirect that says nothing. A form
of which the method reads nothing (`Method.plain`) is judged here by the pieces that the pages judge with, and whoever
is let in by it is sent home. Everything else the pages answer: what is not plainly such a form, before anything was
done; and what the desk said, if that is no visit that is online. They find its word in the environment and do not ask
it a second time.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from captive_portal import asker, forms
from captive_portal.desk import Attempt
from captive_portal.errors import GatewayError
from captive_portal.model import Session
from netops.web import headers
from netops.web.forms import elsewhere
from netops.web.language import known

if TYPE_CHECKING:
    from collections.abc import Callable

    from captive_portal.asker import Portal
    from captive_portal.desk import Outcome
    from netops.web.health import Counters

PATH = "/login"
ENDPOINT = "portal.login"  # as the pages count it
FORM = "application/x-www-form-urlencoded"
LONGEST = 1024  # octets of such a form: a token and the method's name
LANGUAGE = "lang="
_SAID = "netops.portal.said"  # no header of a request gets a name without HTTP_


@dataclass(frozen=True, slots=True)
class _Word:
    """What the desk said to a login: an outcome, or what it raised."""

    outcome: Outcome | None = None
    error: Exception | None = None


def said(environ: dict[str, Any]) -> Outcome | None:
    """Return, or raise, what the desk has said to this request already; None where it was not asked."""
    word: _Word | None = environ.pop(_SAID, None)
    if word is None:
        return None
    if word.error is not None:
        raise word.error
    return word.outcome


class Straight:
    """Lets in by a plain form itself, and hands everything else on (WSGI)."""

    def __init__(self, app: Callable[..., Any], portal: Portal, own: frozenset[str], counters: Counters) -> None:
        self._app = app
        self._portal = portal
        self._own = own
        self._counters = counters
        self._headers = [("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", "no-store")]
        self._headers += [*headers.security().items(), *([headers.REHEARSAL] if portal.rehearsal else [])]

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """Let in and send home, or let the pages answer."""
        if environ.get("PATH_INFO") != PATH or environ.get("REQUEST_METHOD") != "POST":
            return self._app(environ, start_response)
        began = self._portal.desk.clock.monotonic()
        home = self._home(environ)
        attempt = self._attempt(environ) if home else None
        if attempt is None:
            return self._app(environ, start_response)
        try:
            outcome = self._portal.desk.login(attempt)
        except Exception as error:  # noqa: BLE001  (the pages raise it, and say what it means)
            environ[_SAID] = _Word(error=error)
            return self._app(environ, start_response)
        if not isinstance(outcome, Session):
            environ[_SAID] = _Word(outcome)
            return self._app(environ, start_response)
        self._counters.add(ENDPOINT, 303, self._portal.desk.clock.monotonic() - began)
        return self._sent(home, environ, start_response)

    def _sent(self, home: str, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        body = f'<!doctype html>\n<title>WiFi</title>\n<p><a href="{home}">WiFi</a>\n'.encode()
        secure = [headers.HSTS] if environ.get("wsgi.url_scheme") == "https" else []
        told = [("Location", home), ("Content-Length", str(len(body)))]
        start_response("303 SEE OTHER", [*told, *self._headers, *secure])
        return [body]

    def _home(self, environ: dict[str, Any]) -> str:
        """Return our first page in the language that was asked for; empty where the query says anything else."""
        query: str = environ.get("QUERY_STRING", "")
        if environ.get("SCRIPT_NAME"):
            return ""
        if not query:
            return "/"
        return f"/?{query}" if query.startswith(LANGUAGE) and known(query.removeprefix(LANGUAGE)) else ""

    def _attempt(self, environ: dict[str, Any]) -> Attempt | None:
        """Return the login that a request asks for; None for one that the pages have to look at."""
        host = environ.get("HTTP_HOST", "")
        if host.lower() not in self._own:
            return None
        if elsewhere(environ.get("HTTP_SEC_FETCH_SITE"), environ.get("HTTP_ORIGIN"), host):
            return None
        desk, fields = self._portal.desk, _fields(environ)
        name, token = fields.get("method", ""), fields.get(forms.FIELD, "")
        method = desk.methods.get(name)
        if method is None or not method.plain:
            return None
        try:
            visitor = desk.gateway.identify(environ.get("REMOTE_ADDR", ""))
        except GatewayError:
            return None
        if visitor is None or name not in desk.policy(visitor).methods:
            return None
        if not forms.genuine(self._portal.form_key, visitor, token, desk.clock.now_ms()):
            return None
        consent = asker.shown(self._portal, token)
        return None if consent is None else Attempt(client=visitor, method=name, fields={}, consent=consent)


def _fields(environ: dict[str, Any]) -> dict[str, str]:
    """Return the first of each field of a short form in plain letters, else none; the body stays to be read again."""
    length: str = environ.get("CONTENT_LENGTH", "")
    kind = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    if kind != FORM or not length.isdecimal() or not 0 < int(length[:5]) <= LONGEST:
        return {}
    body = environ["wsgi.input"].read(int(length))
    environ["wsgi.input"] = io.BytesIO(body)
    try:
        given = parse_qsl(body.decode("ascii"), keep_blank_values=True)
    except ValueError:
        return {}
    return dict(reversed(given))
