"""The door of the staff pages: who sends this request, and may they do it.

Deny by default: an endpoint without a declared permission is closed to everybody. A first login reaches nothing but the
page for one's own password, one whose second factor is missing nothing but the page for that. Whatever changes
something carries the form token of the session.

A program sends a token in place of a cookie (`Authorization: Bearer`). It reads, within its token's bounds; it sends no
form, and no cookie beside it counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from flask import abort, current_app, g, has_request_context, redirect, request, url_for
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import TooManyRequests, Unauthorized

from netops.access.attempts import ThrottledError
from netops.access.permissions import NARROWED, OF_CONTRACTS, PUBLIC, SELF
from netops.access.scope import EVERYTHING
from netops.access.steps import Step
from netops.errors import AccessError, PartError
from netops.web import forms, problem
from netops.web.health import near

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask import Flask
    from werkzeug.wrappers import Response as AnyResponse

    from netops.access.scope import Scope
    from netops.access.sessions import Person, Sessions
    from netops.access.tokens import Tokens
    from netops.clock import Clock

LOGIN, PASSWORD = "dashboards.login", "dashboards.password"
FACTOR, FACTORS, LOGOUT = "dashboards.factor", "dashboards.factors", "dashboards.logout"
WITH_ONE_TIME = frozenset({PASSWORD, "dashboards.change", LOGOUT})
# what a login that still needs something reaches, and where it is led
STEPS = {
    Step.PROVE: (FACTOR, frozenset({FACTOR, "dashboards.prove", LOGOUT})),
    Step.SET_UP: (FACTORS, frozenset({FACTORS, "dashboards.arrange", LOGOUT})),
}
VISITED = "netops.visited"  # of the application: how it knows whose visitors a scope holds
COOKIE, SECURE_COOKIE = "netops_staff", "__Host-netops_staff"


class Guard:
    """Installs the checks on an application; call it with the application."""

    def __init__(
        self,
        sessions: Sessions,
        permissions: Mapping[str, str],
        clock: Clock,
        *,
        rehearsal: bool,
        tokens: Tokens | None = None,
        narrowed: frozenset[str] = frozenset(),
        visited: Callable[[], frozenset[str]] = frozenset,
    ) -> None:
        """Without `tokens` programs are let in as nobody.

        `narrowed` are the packages' own pages that show whoever has a scope no more than it; `visited` gives the sites
        whose visitors lie in the scope of whoever asks.
        """
        self.sessions = sessions
        self.tokens = tokens
        self.permissions = permissions
        self.clock = clock
        self.rehearsal = rehearsal
        self.narrowed = narrowed
        self.visited = visited

    def __call__(self, app: Flask) -> None:
        """Check every request of the application before its view."""
        app.before_request(self._admit)
        app.context_processor(self._names)
        app.extensions[VISITED] = self.visited

    def allowed(self, endpoint: str, person: Person | None) -> bool:
        """Whether the person may open the page; an undeclared page is closed to everybody."""
        permission = self.permissions.get(endpoint)
        if permission is None:
            return False
        if permission == PUBLIC or person is None:
            return permission == PUBLIC
        return person.may(permission) and self._narrows(person, endpoint, permission)

    def _narrows(self, person: Person, endpoint: str, permission: str) -> bool:
        """Whether the page shows this person no more than the scope: to whoever has one, all others are closed."""
        if person.scope.whole or permission == SELF or endpoint in NARROWED or endpoint in self.narrowed:
            return True
        return endpoint in OF_CONTRACTS and not person.scope.of_places

    def _admit(self) -> AnyResponse | None:
        g.person = None
        if not (self.rehearsal or request.is_secure or near(request.remote_addr)):
            abort(403)  # a password must not cross a network in clear
        endpoint = request.endpoint
        if endpoint is None:
            return None  # the router answers: no such page, or not by this method
        permission = self.permissions.get(endpoint)
        if permission != PUBLIC or endpoint == LOGIN:
            g.person = self._person()
        if permission == PUBLIC:
            return None
        person: Person | None = g.person
        if person is None:
            if request.method != "GET" or problem.concerns(request.path):
                abort(401)
            return redirect(f"{url_for(LOGIN)}?{urlencode({'next': request.full_path.rstrip('?')})}", code=303)
        if permission is None or not person.may(permission):
            abort(403)
        if not self._narrows(person, endpoint, permission):
            raise PartError(f"'{person.account}' sees a part of the city, and this page cannot show a part")
        if (elsewhere := first(person, endpoint)) is not None:
            if problem.concerns(request.path):
                abort(403)
            return redirect(url_for(elsewhere), code=303)
        if request.method not in forms.SAFE and not forms.genuine(person.secret, request.form.get(forms.FIELD, "")):
            abort(403)
        return None

    def _person(self) -> Person | None:
        given = request.headers.get("Authorization", "")
        if self.tokens is not None and given[:7].lower() == "bearer ":
            return self._by_token(self.tokens, given[7:].strip())
        secret = request.cookies.get(cookie(), "")
        idle = (
            request.headers.get("X-Poll") == "1" or request.args.get("auto") == "1"
        )  # poll.js, or the refresh without it
        if not secret:
            return None
        now_ms, address = self.clock.now_ms(), request.remote_addr or ""
        return self.sessions.person(secret, now_ms=now_ms, idle=idle, address=address)

    def _by_token(self, tokens: Tokens, secret: str) -> Person:
        if request.method not in {"GET", "HEAD"}:
            abort(403)
        try:
            return tokens.person(secret, address=request.remote_addr or "", now_ms=self.clock.now_ms())
        except ThrottledError as error:
            raise TooManyRequests(retry_after=error.wait_s) from None
        except AccessError:
            raise Unauthorized(www_authenticate=WWWAuthenticate("bearer", {"error": "invalid_token"})) from None

    def _names(self) -> dict[str, object]:
        person: Person | None = g.get("person")
        token = forms.token(person.secret) if person is not None else ""
        return {
            "person": person,
            "form_token": token,
            "allowed": lambda endpoint: self.allowed(endpoint, person),
            "can": lambda permission: person is not None and person.may(permission),
        }


def first(person: Person, endpoint: str) -> str | None:
    """Return where somebody is led who may not be at this endpoint yet: a proof, then a password, then a set-up."""
    if person.step is Step.PROVE or (person.step is Step.SET_UP and not person.must_change):
        page, reached = STEPS[person.step]
        return page if endpoint not in reached else None
    return PASSWORD if person.must_change and endpoint not in WITH_ONE_TIME else None


def scope() -> Scope:
    """Return the part of the city that the person of this request may look at; outside of a request all of it."""
    person: Person | None = g.get("person") if has_request_context() else None
    return person.scope if person is not None else EVERYTHING


def visited() -> frozenset[str] | None:
    """Return the sites whose visitors the person of this request may look at; None: those of all."""
    if scope().whole:
        return None
    sites: frozenset[str] = current_app.extensions[VISITED]()
    return sites


def remember(response: AnyResponse, secret: str) -> None:
    """Give the browser its session; over TLS under a name that no other host or path can set."""
    response.set_cookie(cookie(), secret, httponly=True, samesite="Strict", secure=request.is_secure, path="/")


def forget(response: AnyResponse) -> None:
    """Take the session back from the browser."""
    response.delete_cookie(cookie(), path="/", httponly=True, samesite="Strict", secure=request.is_secure)


def inside(target: str) -> str:
    """Return `target` when it is a path of ours, else the home page: a login must not lead elsewhere."""
    parts = urlsplit(target)
    ours = target.startswith("/") and not target.startswith("//") and not parts.scheme and not parts.netloc
    return target if ours and "\\" not in target and target.isprintable() else "/"


def cookie() -> str:
    """Return the session cookie's name: over TLS one that no other host or path can set."""
    return SECURE_COOKIE if request.is_secure else COOKIE
