"""Logging out: here always and at once, then at the provider of the account where it has a place for that.

OpenID Connect RP-Initiated Logout 1.0: the browser goes to the provider's `end_session_endpoint` with the ID token of
the login, and comes back to `/return/logout`. A page leads there by itself: browsers hold a form to the policy of its
page (`form-action`) through every redirect, so that a redirect after the form would lead nowhere.
"""

from __future__ import annotations

import base64
import logging
from typing import TYPE_CHECKING

from flask import Blueprint, g, redirect, render_template, request, url_for

from dashboards.frame import bound
from dashboards.staff import login, unkept
from netops.access import guard
from netops.errors import AccessError
from netops.oidc.line import AwayError, SaidNoError, StrangeError
from netops.web.language import current
from netops.web.language import gettext as _

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

    from dashboards.desk import Desk
    from netops.access.sessions import Whence

LOG = logging.getLogger("netops.web")
PURPOSE = "logout at a provider"
KEPT = "ID token"  # what it is sealed for
LONGEST = 16_384  # signs of an ID token that is kept


def install(blueprint: Blueprint, desk: Desk) -> None:
    """Add the pages."""
    blueprint.add_url_rule("/logout", "logout", bound(logout, desk), methods=["POST"])
    blueprint.add_url_rule("/return/logout", "ended", bound(ended, desk))


def logout(desk: Desk) -> AnyResponse:
    """End the session on the server and in the browser, then lead to the provider that one came by."""
    begun = desk.sessions.whence(g.person.secret)
    desk.sessions.end(g.person.secret)
    answer: AnyResponse = redirect(url_for("dashboards.login"), code=303)
    if away := _away(desk, begun, g.person.account):
        answer = unkept(render_template("dashboards/leaving.html", url=away, language=current()), 200)
    guard.forget(answer)
    return answer


def ended(desk: Desk) -> AnyResponse:
    """Say what came of it to whoever comes back from the provider; it changes nothing."""
    name, _mark, ticket = request.args.get("state", "")[:200].partition(".")
    try:
        octets = base64.urlsafe_b64decode(ticket)
    except ValueError:
        octets = b""
    ours = name in desk.providers and desk.factors.seal.genuine(PURPOSE, name, octets, now_ms=desk.clock.now_ms())
    return login(desk, told=_("您已退出本系统和账号系统。") if ours else "")


def kept(desk: Desk, account: str, id_token: str) -> str:
    """Return the ID token of a login, sealed for the session that begins with it."""
    return desk.factors.seal.close(KEPT, account, id_token) if 0 < len(id_token) <= LONGEST else ""


def _away(desk: Desk, begun: Whence, account: str) -> str:
    """Return where the provider logs this person out; empty where there is none, or it does not answer."""
    provider = desk.providers.get(begun.provider)
    if provider is None:
        return ""
    now_ms = desk.clock.now_ms()
    ticket = desk.factors.seal.ticket(PURPOSE, begun.provider, now_ms=now_ms)
    state = f"{begun.provider}.{base64.urlsafe_b64encode(ticket).decode()}"
    try:
        id_token = desk.factors.seal.open(KEPT, account, begun.id_token) if begun.id_token else ""
        return provider.farewell(id_token, state=state, back=f"{desk.origin}/return/logout", now_ms=now_ms)
    except (AccessError, AwayError, SaidNoError, StrangeError) as error:
        LOG.warning("logged out here alone provider=%s error=%s", begun.provider, error)
        return ""
