"""The pages that a visitor sees: server HTML that works without JavaScript and without cookies.

Who the visitor is says the gateway, asked with the address of the connection; no query, header or form field is ever
believed about that (S11). A login is a plain POST: record, firewall, then 303 to the success page on the same host;
with a page that fetches in the background iOS would keep "Cancel" on the screen and leave the network.

Anything that arrives under a foreign host name was captured on TCP/80 and is answered with a redirect, never with an
error: a phone that gets 4xx or 511 shows no login page.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from flask import Blueprint, Response, g, redirect, render_template, request, url_for
from flask_babel import format_time
from markupsafe import Markup

from captive_portal import announce, asker, capport, captured, fault_form, forms, look, own_records, shut, straight
from captive_portal.ajar import METHOD
from captive_portal.desk import HERE, Attempt, Outcome
from captive_portal.enforcing import Onward
from captive_portal.errors import BusyError, GatewayError, PortalError, SessionError
from captive_portal.policy import open_at
from captive_portal.sentences import in_words, sentences
from captive_portal.verdict import Ask, Leave, Refusal, Why
from inventory.errors import SqlError
from netops.clock import utc
from netops.web import headers
from netops.web.health import near
from netops.web.language import LANGUAGES, TAGS, current, gettext, known

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from werkzeug.wrappers import Response as Answer

    from captive_portal.agreement import Terms
    from captive_portal.asker import Portal
    from captive_portal.model import Client, Consent, Session

STYLE = look.STYLE
TRANSLATIONS = Path(__file__).parent / "translations"
TOO_OFTEN = frozenset({Why.TOO_OFTEN, Why.USED_TODAY})
LONGEST_FIELD = 200
LOG = logging.getLogger("netops.portal")
LONGEST_BROUGHT = 4096  # what comes back from somebody else's page: a code may be a whole token


def blueprint(portal: Portal) -> Blueprint:
    """Return the visitors' pages."""
    pages = Blueprint("portal", __name__, template_folder="templates")
    own = own_hosts(portal)
    simulated = portal.desk.gateway.simulated

    @pages.before_app_request
    def _captured() -> Answer | None:
        host = request.host.lower()
        if host in own or (
            near(request.remote_addr) and captured.loopback(host)
        ):  # the operator's own look, or a rehearsal
            return None
        portal.probes.count(host, request.path)
        with suppress(GatewayError, BusyError):  # a phone that gets an error shows no login page
            visitor = asker.visitor(portal)
            if visitor is not None and portal.desk.returning(visitor) is None:
                portal.desk.telling.seen(portal.desk.identity(visitor), portal.desk.clock.now_ms())
        return captured.to_portal(portal.base_url)

    @pages.app_errorhandler(GatewayError)
    def _away(error: GatewayError) -> Any:
        LOG.warning("gateway away endpoint=%s error=%s", request.endpoint, error)
        sentence = gettext("系统暂时无法登记，没有为您开通。请过一会儿再试。")
        return render_template("portal/error.html", code=503, message=sentence), 503, {"Retry-After": "5"}

    @pages.app_errorhandler(BusyError)
    def _busy(_error: BusyError) -> Any:
        return shut.wait(asker.home_url()), 503, {"Retry-After": "3"}

    @pages.app_context_processor
    def _always() -> dict[str, object]:
        brand = asker.policy(portal).brand
        style, logo = Markup(look.style(brand.colour)), Markup(brand.logo)  # noqa: S704  (our own, and a checked drawing)
        return {"portal_style": style, "logo": logo, "brand": brand, "simulated": simulated}

    @pages.after_app_request
    def _coloured(response: Response) -> Response:
        colour = asker.policy(portal).brand.colour
        if colour and response.mimetype == "text/html":
            response.headers["Content-Security-Policy"] = headers.policy([look.style(colour)])
        return response

    pages.add_url_rule("/", "home", lambda: _home(portal))
    pages.add_url_rule("/", "heard", lambda: _heard(portal), methods=["POST"])
    pages.add_url_rule("/login", "login", lambda: _login(portal), methods=["POST"])
    pages.add_url_rule("/login", "login_again", lambda: redirect(asker.home_url(), 303))
    pages.add_url_rule("/return/<method>", "returned", lambda method: _returned(portal, method))
    pages.add_url_rule("/logout", "logout", lambda: _logout(portal), methods=["POST"])
    pages.add_url_rule("/report", "report", lambda: fault_form.form(portal))
    pages.add_url_rule("/report", "reported", lambda: fault_form.taken(portal), methods=["POST"])
    pages.add_url_rule("/records", "own_records", lambda: own_records.page(portal))
    pages.add_url_rule("/records/proof", "own_records_ask", lambda: own_records.asked(portal), methods=["POST"])
    pages.add_url_rule("/records/file", "own_records_file", lambda: own_records.taken(portal), methods=["POST"])
    pages.add_url_rule("/records/erase", "own_records_erase", lambda: own_records.erased(portal), methods=["POST"])
    asked = api(portal)
    pages.add_url_rule(capport.PATH, "capport", lambda: _capport(asked))
    return pages


def own_hosts(portal: Portal) -> frozenset[str]:
    """Return the names under which the portal itself is asked; every other one was captured."""
    return captured.own_hosts(portal.settings, portal.base_url, portal.api_url)


def languages(portal: Portal) -> Callable[[], tuple[str, ...]]:
    """Return what tells the languages of the visitor's site, in the order of the page; any, where nobody knows it."""

    def offered() -> tuple[str, ...]:
        policy = asker.policy(portal)
        return tuple(LANGUAGES) if g.get("visitor") is None else policy.languages

    return offered


# ---- pages
def _heard(portal: Portal) -> Any:
    """Answer a gateway that asks whom to let in; anybody else has nothing to post here."""
    said = portal.desk.gateway.heard(request.remote_addr or "", request.form)
    return (said, 200, {"Content-Type": "text/plain"}) if said is not None else redirect(asker.home_url(), 303)


def _home(portal: Portal) -> Any:
    if portal.desk.gateway.carried(request.remote_addr or "", request.args):
        return redirect(asker.home_url(), 303)
    visitor = asker.visitor(portal)
    if visitor is None:
        portal.desk.gateway.puzzled(request.remote_addr or "", request.args)
        return asker.stranger()
    session = portal.desk.returning(visitor)
    if portal.uplink() == "down":
        return shut.down(asker.venue(portal, visitor), portal.hotspot(portal.desk.site(visitor)))
    if session is not None:
        return _online(portal, visitor, session)
    if portal.desk.waits(visitor):
        return shut.wait(asker.home_url())
    portal.desk.telling.seen(portal.desk.identity(visitor), portal.desk.clock.now_ms())
    if not open_at(portal.desk.policy(visitor).hours, portal.desk.clock.now_ms(), portal.desk.zone):
        return _closed(portal, visitor)
    try:
        returned = portal.desk.welcome(visitor)
    except (SessionError, BusyError):
        raise
    except (PortalError, SqlError):
        returned = None  # who cannot be let in without a tap is asked, and told why if that fails too
    if returned is not None:
        return _shown(portal, visitor, returned)
    left_open = portal.desk.resumed(visitor) if request.args.get("begin") is None else None
    if left_open is not None:
        return _asked(portal, visitor, *left_open)
    return _form(portal, visitor)


def _form(portal: Portal, visitor: Client, *, failed: str = "", wrong_code: str = "", tried: str = "") -> str:
    policy = portal.desk.policy(visitor)
    terms = _terms(portal, visitor)
    return render_template(
        "portal/login.html",
        methods=[portal.desk.methods[name] for name in policy.methods],
        policy=policy,
        brand=policy.brand,
        bounds=policy.bounds,
        terms=terms,
        token=_token(portal, visitor, terms.version, terms.language),
        venue=asker.venue(portal, visitor),
        failed=failed,
        relief_s=_relief_s(portal, visitor),
        put_out=portal.desk.was_put_out(visitor),
        left="left" in request.args,
        wrong_code=wrong_code,
        tried=tried,
        typed=portal.desk.methods[tried].typed(request.form) if tried in portal.desk.methods else {},
    )


def _relief_s(portal: Portal, visitor: Client) -> int:
    """Return for how long the visitor may be let in without a login, because no way in works; 0: not."""
    if portal.desk.was_put_out(visitor):
        return 0
    return portal.desk.relief.seconds(portal.desk.site(visitor))


def _asked(portal: Portal, visitor: Client, method: str, asked: Ask) -> Any:
    """Show the next form of a method; what was wrong with the last answer stands at its field."""
    agreed = _agreed_before(portal, visitor)
    page = render_template(
        "portal/asked.html",
        method=method,
        template=asked.template,
        values=asked.values,
        wrong=sentences()[asked.wrong] if asked.wrong else "",
        token=_token(portal, visitor, agreed.terms, agreed.language),
        venue=asker.venue(portal, visitor),
    )
    return (page, 422) if asked.wrong else page


def _shown(portal: Portal, visitor: Client, outcome: Outcome, method: str = "") -> Any:
    """Show what a login came to."""
    if isinstance(outcome, Refusal):
        return _refused(portal, visitor, outcome, method)
    if isinstance(outcome, Ask):
        return _asked(portal, visitor, method, outcome)
    if isinstance(outcome, Leave | Onward) and outcome.url != HERE:
        return render_template("portal/onward.html", url=outcome.url)
    return redirect(asker.home_url(), 303)


def _closed(portal: Portal, visitor: Client) -> str:
    now_ms, hours = portal.desk.clock.now_ms(), portal.desk.policy(visitor).hours
    return shut.closed(asker.venue(portal, visitor), hours, now_ms, portal.desk.zone)


def _terms(portal: Portal, visitor: Client) -> Terms:
    """Return what the visitor's site shows, in the language of the page."""
    return portal.desk.policies.library.terms(current(), portal.desk.policy(visitor).terms)


def _token(portal: Portal, visitor: Client, version: str, language: str) -> str:
    """Return the token of a form that ends in a login: it says which terms the visitor has before their eyes."""
    return forms.token(portal.form_key, visitor, portal.desk.clock.now_ms(), terms=f"{version}.{language}")


def _agreed_before(portal: Portal, visitor: Client) -> Consent:
    """Return what was agreed to on the first form of a login that is not done yet."""
    held = portal.agreed.of(portal.desk.identity(visitor), portal.desk.clock.now_ms())
    return held or asker.consent(_terms(portal, visitor))


def _returned(portal: Portal, method: str) -> Any:
    """Take up a visitor who comes back from a page of somebody else's: what it says is in the query."""
    visitor = asker.visitor(portal)
    if visitor is None:
        return asker.stranger()
    known_way = portal.desk.methods.get(method)
    if known_way is None or not known_way.leaves:  # a link is no agreement to the terms
        return redirect(asker.home_url(), 303)
    language = known_way.language(request.args)
    if "lang" not in request.args and known(language):
        again = urlencode({**request.args.to_dict(), "lang": language})
        return redirect(f"{url_for('portal.returned', method=method)}?{again}", 303)
    own = own_records.returned(portal, visitor)
    if own is not None:
        return own
    return _attempt(portal, visitor, method, request.args, _agreed_before(portal, visitor), longest=LONGEST_BROUGHT)


def _attempt(
    portal: Portal,
    visitor: Client,
    method: str,
    given: Mapping[str, str],
    consent: Consent,
    *,
    longest: int = LONGEST_FIELD,
) -> Any:
    if method not in portal.desk.policy(visitor).methods and not (method == METHOD and _relief_s(portal, visitor)):
        return _form(portal, visitor, failed=gettext("没有这种登录方式，请从下面选择。")), 422
    fields = {**{name: value[:longest] for name, value in given.items()}, "lang": TAGS[current()]}
    attempt = Attempt(client=visitor, method=method, fields=fields, consent=consent)
    try:
        outcome = straight.said(request.environ) or portal.desk.login(attempt)
    except (SessionError, BusyError):
        raise
    except (PortalError, SqlError):
        return _form(portal, visitor, failed=gettext("系统暂时无法登记，没有为您开通。请过一会儿再试。")), 503
    if isinstance(outcome, Ask | Leave):
        portal.agreed.note(portal.desk.identity(visitor), consent, portal.desk.clock.now_ms())
    return _shown(portal, visitor, outcome, method)


def _online(portal: Portal, visitor: Client, session: Session) -> str:
    assert session.grant
    now_ms = portal.desk.clock.now_ms()
    return render_template(
        "portal/online.html",
        left=in_words(session.seconds_left(now_ms)),
        until=format_time(utc(session.grant.until_ms), "HH:mm"),
        venue=asker.venue(portal, visitor),
        faults=fault_form.choices(),
        bound=portal.desk.bound(visitor),
        let_in=session.grant.method == METHOD,
        token=forms.token(portal.form_key, visitor, now_ms),
    )


def _login(portal: Portal) -> Any:
    visitor = asker.visitor(portal)
    if visitor is None:
        return asker.stranger()
    genuine = asker.genuine(portal, visitor)
    consent = asker.shown(portal, request.form.get(forms.FIELD, "")) if genuine else None
    if consent is None:
        return _form(portal, visitor, failed=gettext("页面已过期，请再按一次。")), 422
    return _attempt(portal, visitor, request.form.get("method", ""), request.form, consent)


def _refused(portal: Portal, visitor: Client, refusal: Refusal, method: str) -> Any:
    """Show the form again: what was typed wrong stands at its method's field, everything else above them all."""
    if refusal.why is Why.CLOSED:
        return _closed(portal, visitor), 422, {"Retry-After": str(-(-refusal.wait_ms // 1000))}
    sentence = sentences()[refusal.why] + _again(refusal)
    code = 429 if refusal.why in TOO_OFTEN else 422
    where = {"wrong_code": sentence} if code == 422 else {"failed": sentence}
    page = Response(_form(portal, visitor, tried=method, **where), status=code)
    if refusal.wait_ms:
        page.headers["Retry-After"] = str(-(-refusal.wait_ms // 1000))
    return page


def _again(refusal: Refusal) -> str:
    """Say when another try makes sense, in whole minutes from a minute and a half on."""
    seconds = -(-refusal.wait_ms // 1000)
    if not seconds:
        return ""
    if seconds < 90:
        return " " + gettext("%(seconds)d 秒后可以再试。", seconds=seconds)
    return " " + gettext("%(time)s后可以再试。", time=in_words(seconds))


def _logout(portal: Portal) -> Any:
    visitor = asker.visitor(portal)
    if visitor is None:
        return asker.stranger()
    if not asker.genuine(portal, visitor):
        return redirect(asker.home_url(), 303)
    portal.desk.logout(visitor)
    return redirect(asker.home_url(left=""), 303)


def api(portal: Portal) -> capport.Api:
    """Return what answers RFC 8908."""
    ours = portal.settings.portal
    where = announce.page(portal.base_url, portal.api_url, secure=ours.secure.tls_certificate is not None)
    return capport.Api(portal.desk, portal_url=where, venue_url=ours.venue_info_url)


def _capport(asked: capport.Api) -> Response:
    body = asked.tell(request.remote_addr or "")
    return Response(body, mimetype=capport.MEDIA_TYPE, headers={"Cache-Control": "private"})
