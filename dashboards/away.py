"""Logging in with an account of an institution (OpenID Connect): there, back, and out again.

What one takes along is a ticket in a cookie of its own, which comes back from another site as the session's cookie does
not; state, nonce and PKCE verifier are made of it and the staff's key, so that the cookie alone is worth nothing.
"""

from __future__ import annotations

import base64
import hmac
import logging
from typing import TYPE_CHECKING

from flask import Blueprint, redirect, render_template, request

from dashboards.frame import bound
from dashboards.leaving import kept
from dashboards.staff import begin, here, login, next_step, unkept
from netops.access import guard
from netops.access.sealed import LIFE_MS, spend
from netops.access.sessions import Whence
from netops.access.steps import Step
from netops.errors import AccessError
from netops.oidc.line import AwayError, SaidNoError, StrangeError
from netops.oidc.token import UntrustedError
from netops.oidc.under_way import UnderWay
from netops.web.language import current
from netops.web.language import gettext as _

if TYPE_CHECKING:
    from typing import Any

    from werkzeug.wrappers import Response as AnyResponse

    from dashboards.desk import Desk
    from netops.entering import StaffAccounts

LOG = logging.getLogger("netops.web")
PURPOSE = "account of a provider"
COOKIE, SECURE_COOKIE = "netops_away", "__Host-netops_away"
PARTS = 3
LONGEST = 1000  # of where one goes on: a browser drops a cookie above 4 KiB


class Groups:
    """The rule by which claims are asked for: the role stands in a claim that the token may lack."""

    domains: frozenset[str] = frozenset()
    groups = frozenset({"any"})


def install(blueprint: Blueprint, desk: Desk) -> None:
    """Add the pages."""
    blueprint.add_url_rule("/login/account", "leave", bound(leave, desk))
    blueprint.add_url_rule("/return/oidc", "back", bound(back, desk))


def leave(desk: Desk) -> AnyResponse:
    """Go to the provider's login page; nothing is kept here of who leaves."""
    name, now_ms = request.args.get("provider", "")[:64], desk.clock.now_ms()
    provider = desk.providers.get(name)
    if provider is None:
        return login(desk, _("没有这个登录途径。"), 404)
    ticket = desk.factors.seal.ticket(PURPOSE, name, now_ms=now_ms)
    going = _going(desk, name, ticket)
    try:
        provider.learn(now_ms)
        answer = redirect(provider.address(going, state=going.state, back=_back(desk)), code=303)
    except (AwayError, SaidNoError, StrangeError, UntrustedError) as error:
        LOG.warning("provider of staff's accounts is of no use provider=%s error=%s", name, error)
        return login(desk, _("账号系统没有应答，请稍后再试。"), 503)
    target = guard.inside(request.args.get("next", "/"))
    target = _written((target if len(target) <= LONGEST else "/").encode())
    kept = f"{_written(ticket)}.{name}.{target}"
    secure, most = request.is_secure, LIFE_MS // 1000
    answer.set_cookie(_cookie(), kept, max_age=most, httponly=True, samesite="Lax", secure=secure, path="/")
    answer.headers["Cache-Control"] = "no-store"
    return answer


def back(desk: Desk) -> AnyResponse:
    """Take what the provider sent along, once, and begin a session when it proves who it is."""
    now_ms = desk.clock.now_ms()
    try:
        name, ticket, target = _brought(desk, now_ms)
        claims, id_token = _proof(desk, name, ticket, now_ms)
        settings: StaffAccounts = desk.settings.access.oidc[name]
        address, ask = request.remote_addr or "", settings.second_factor
        account = desk.identities.account(claims, settings, address=address, whole=not ask, now_ms=now_ms)
    except AwayError:
        return login(desk, _("账号系统没有应答，请稍后再试。"), 503)
    except (AccessError, SaidNoError, StrangeError, UntrustedError) as error:
        LOG.warning("login by a provider refused error=%s", error)
        return login(desk, _("登录没有完成：账号系统没有证明您的身份，或您的账号在这里没有角色。"), 403)
    step = next_step(desk, account) if ask else Step.NOTHING
    whence = here(Whence(provider=name, id_token=kept(desk, account.name, id_token)))
    begun = begin(desk, account, step, target=target, now_ms=now_ms, whence=whence)
    # a redirect would come from the other site still, and the session's cookie not along with it
    page = unkept(render_template("dashboards/onward.html", url=begun.headers["Location"], language=current()), 200)
    for each in begun.headers.getlist("Set-Cookie"):
        page.headers.add("Set-Cookie", each)
    page.delete_cookie(_cookie(), path="/", httponly=True, samesite="Lax", secure=request.is_secure)
    return page


def _brought(desk: Desk, now_ms: int) -> tuple[str, bytes, str]:
    """Return provider, ticket and where to go; AccessError unless this browser left with them a short time ago."""
    parts = request.cookies.get(_cookie(), "").split(".")
    if len(parts) != PARTS or parts[1] not in desk.providers:
        raise AccessError("this browser did not leave for a provider")
    try:
        ticket, target = _read(parts[0]), _read(parts[2]).decode()
    except ValueError:
        raise AccessError("what this browser took along is not ours") from None
    if not desk.factors.seal.genuine(PURPOSE, parts[1], ticket, now_ms=now_ms):
        raise AccessError("this browser left too long ago, or with what is not ours")
    state = _going(desk, parts[1], ticket).state
    if not hmac.compare_digest(request.args.get("state", "").encode(errors="replace"), state.encode()):
        raise AccessError("the state is another")
    if not spend(desk.factors.database, ticket, now_ms=now_ms):
        raise AccessError("the answer was used before")
    return parts[1], ticket, guard.inside(target)


def _proof(desk: Desk, name: str, ticket: bytes, now_ms: int) -> tuple[dict[str, Any], str]:
    provider, said = desk.providers[name], request.args
    named = said.get("iss", "")  # RFC 9207
    if (named or provider.learn(now_ms).names_itself) and named != provider.settings.issuer:
        raise UntrustedError("the answer names another issuer, or none")
    if said.get("error") or not said.get("code"):
        raise UntrustedError("no code was brought back")
    going = _going(desk, name, ticket)
    return provider.proof(going, said["code"], Groups(), back=_back(desk), now_ms=now_ms)


def _going(desk: Desk, name: str, ticket: bytes) -> UnderWay:
    return UnderWay(name, desk.factors.seal.derived("seed of a login", name, ticket.hex()))


def _back(desk: Desk) -> str:
    return f"{desk.origin}/return/oidc"


def _cookie() -> str:
    return SECURE_COOKIE if request.is_secure else COOKIE


def _written(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _read(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
