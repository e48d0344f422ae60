"""The pages that a visitor sees: server HTML that works without JavaScript and without cookies.

Who the visitor is says the gateway, asked with the address of the connection; no query, header or form field is ever
believed about that (S11). A login is a plain POST: record, firewall, then 303 to the success page on the same host;
with a page that fetches in the background iOS would keep "Cancel" on the screen and leave the network.

Anything that arrives under a foreign host name was captured on TCP/80 and is answered with a redirect, never with an
error: a phone that gets 4xx or 511 shows no login page.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask_babel import format_time
from markupsafe import Markup

from captive_portal import agreement, capport, forms
from captive_portal.desk import Attempt, Outcome
from captive_portal.errors import PortalError, SessionError
from captive_portal.gateways import Onward
from captive_portal.limits import Limit, Rate, Rates
from captive_portal.store import Consent
from captive_portal.verdict import Ask, Leave, Refusal, Why
from inventory.errors import SqlError
from netops.clock import utc
from netops.errors import SpoolError
from netops.web.health import near
from netops.web.language import current, gettext

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from werkzeug.wrappers import Response as Answer

    from captive_portal.desk import Desk
    from captive_portal.model import Client, Session
    from captive_portal.probes import Probes
    from captive_portal.uplink import Word
    from netops.config import Settings

STYLE = (Path(__file__).parent / "templates" / "portal" / "style.css").read_text(encoding="utf-8")
TRANSLATIONS = Path(__file__).parent / "translations"
CHANNEL = "portal"
REPORTS = Rates(
    client=Rate(burst=4, every_ms=120_000),
    site=Rate(burst=40, every_ms=2_000),
    city=Rate(burst=400, every_ms=100),  # each report is an fsync and a leaf
)
TOO_OFTEN = frozenset({Why.TOO_OFTEN, Why.USED_TODAY})
FAULTS = ("slow", "no_internet", "drops", "other")
LONGEST_FIELD = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Portal:
    """What the pages stand on."""

    desk: Desk
    settings: Settings
    probes: Probes
    uplink: Callable[[], Word]
    venues: Callable[[str], str]  # site id → its name, or the empty string
    form_key: bytes
    base_url: str
    reports: Limit

    @property
    def api_url(self) -> str:
        """Where the RFC 8908 API is announced to be."""
        return self.settings.portal.api_url or f"{self.base_url}/capport/api"


def limit() -> Limit:
    """Return the limit of fault reports."""
    return Limit(REPORTS)


def base_url(settings: Settings) -> str:
    """Return where visitors find the portal, without a slash at the end."""
    at = settings.portal.listen
    host = f"[{at.host}]" if ":" in at.host else at.host
    return (settings.portal.public_url or f"http://{host}:{at.port}").rstrip("/")


def blueprint(portal: Portal) -> Blueprint:
    """Return the visitors' pages."""
    pages = Blueprint("portal", __name__, template_folder="templates")
    own = _own_hosts(portal)
    simulated = portal.desk.gateway.simulated

    @pages.before_app_request
    def _captured() -> Answer | None:
        host = request.host.lower()
        if host in own or (near(request.remote_addr) and _loopback(host)):  # the operator's own look, or a rehearsal
            return None
        portal.probes.count(host, request.path)
        visitor = _visitor(portal)
        if visitor is not None and portal.desk.returning(visitor) is None:
            portal.desk.telling.seen(portal.desk.identity(visitor), portal.desk.clock.now_ms())
        return _to_portal(portal)

    @pages.app_context_processor
    def _always() -> dict[str, object]:
        return {"portal_style": Markup(STYLE), "simulated": simulated}  # noqa: S704  (our own file; its digest is in the CSP)

    pages.add_url_rule("/", "home", lambda: _home(portal))
    pages.add_url_rule("/login", "login", lambda: _login(portal), methods=["POST"])
    pages.add_url_rule("/login", "login_again", lambda: redirect(_home_url(), 303))
    pages.add_url_rule("/return/<method>", "returned", lambda method: _returned(portal, method))
    pages.add_url_rule("/logout", "logout", lambda: _logout(portal), methods=["POST"])
    pages.add_url_rule("/report", "report", lambda: _report(portal))
    pages.add_url_rule("/report", "reported", lambda: _reported(portal), methods=["POST"])
    pages.add_url_rule("/capport/api", "capport", lambda: _capport(portal))
    return pages


def _own_hosts(portal: Portal) -> frozenset[str]:
    at = portal.settings.portal.listen
    return frozenset({_host(portal.base_url), _host(portal.api_url), f"{at.host}:{at.port}"})


def _host(url: str) -> str:
    """Return the `Host` that a browser sends for a URL: without the port that its scheme implies."""
    parts = urlsplit(url)
    return parts.netloc.lower().removesuffix({"http": ":80", "https": ":443"}.get(parts.scheme, ""))


def _loopback(host: str) -> bool:
    name = host.rpartition(":")[0] or host
    return near(name.strip("[]")) or name == "localhost"


def _to_portal(portal: Portal) -> Response:
    """Redirect a captured request, with a body of more than 4 octets: some devices take less for "online".

    It comes without a length: the server then closes the connection, so that the next question of this device meets the
    firewall anew.
    """
    target = f"{portal.base_url}/"
    answer = Response(iter([f'<html><body><a href="{target}">WiFi login</a></body></html>\n'.encode()]), status=302)
    answer.headers["Location"] = target
    answer.headers["Cache-Control"] = "no-store"
    answer.mimetype = "text/html"
    return answer


def _visitor(portal: Portal) -> Client | None:
    return portal.desk.gateway.identify(request.remote_addr or "")


# ---- pages
def _home(portal: Portal) -> Any:
    visitor = _visitor(portal)
    if visitor is None:
        return _stranger()
    session = portal.desk.returning(visitor)
    if portal.uplink() == "down":
        return render_template("portal/down.html", venue=_venue(portal, visitor))
    if session is not None:
        return _online(portal, visitor, session)
    portal.desk.telling.seen(portal.desk.identity(visitor), portal.desk.clock.now_ms())
    known = portal.desk.welcome(visitor, _consent(portal, visitor))
    if known is not None:
        return _shown(portal, visitor, known)
    left_open = portal.desk.resumed(visitor) if request.args.get("begin") is None else None
    if left_open is not None:
        return _asked(portal, visitor, *left_open)
    return _form(portal, visitor)


def _form(portal: Portal, visitor: Client, *, failed: str = "", wrong_code: str = "", tried: str = "") -> str:
    policy = portal.desk.policy(visitor)
    return render_template(
        "portal/login.html",
        methods=[portal.desk.methods[name] for name in policy.methods],
        brand=policy.brand,
        bounds=policy.bounds,
        terms=agreement.terms(_language(), policy.terms),
        token=forms.token(portal.form_key, visitor, portal.desk.clock.now_ms()),
        venue=_venue(portal, visitor),
        failed=failed,
        wrong_code=wrong_code,
        tried=tried,
        typed_code=request.form.get("code", "")[:40] if wrong_code else "",
    )


def _asked(portal: Portal, visitor: Client, method: str, asked: Ask) -> Any:
    """Show the next form of a method; what was wrong with the last answer stands at its field."""
    page = render_template(
        "portal/asked.html",
        method=method,
        template=asked.template,
        values=asked.values,
        wrong=sentences()[asked.wrong] if asked.wrong else "",
        token=forms.token(portal.form_key, visitor, portal.desk.clock.now_ms()),
        venue=_venue(portal, visitor),
    )
    return (page, 422) if asked.wrong else page


def _shown(portal: Portal, visitor: Client, outcome: Outcome, method: str = "") -> Any:
    """Show what a login came to."""
    if isinstance(outcome, Refusal):
        return _refused(portal, visitor, outcome, method)
    if isinstance(outcome, Ask):
        return _asked(portal, visitor, method, outcome)
    if isinstance(outcome, Leave | Onward):
        return redirect(outcome.url, 303)
    return redirect(_home_url(), 303)


def _consent(portal: Portal, visitor: Client) -> Consent:
    terms = agreement.terms(_language(), portal.desk.policy(visitor).terms)
    return Consent(terms=terms.version, language=terms.language, digest=terms.digest, channel=CHANNEL)


def _returned(portal: Portal, method: str) -> Any:
    """Take up a visitor who comes back from a page of somebody else's: what it says is in the query."""
    visitor = _visitor(portal)
    if visitor is None:
        return _stranger()
    return _attempt(portal, visitor, method, request.args)


def _attempt(portal: Portal, visitor: Client, method: str, given: Mapping[str, str]) -> Any:
    if method not in portal.desk.policy(visitor).methods:
        return _form(portal, visitor, failed=gettext("没有这种登录方式，请从下面选择。")), 422
    fields = {name: value[:LONGEST_FIELD] for name, value in given.items()}
    attempt = Attempt(client=visitor, method=method, fields=fields, consent=_consent(portal, visitor))
    try:
        outcome = portal.desk.login(attempt)
    except SessionError:
        raise
    except (PortalError, SqlError):
        return _form(portal, visitor, failed=gettext("系统暂时无法登记，没有为您开通。请过一会儿再试。")), 503
    return _shown(portal, visitor, outcome, method)


def _online(portal: Portal, visitor: Client, session: Session) -> str:
    assert session.grant
    now_ms = portal.desk.clock.now_ms()
    return render_template(
        "portal/online.html",
        left=_left(session.seconds_left(now_ms)),
        until=format_time(utc(session.grant.until_ms), "HH:mm"),
        venue=_venue(portal, visitor),
        token=forms.token(portal.form_key, visitor, now_ms),
    )


def _login(portal: Portal) -> Any:
    visitor = _visitor(portal)
    if visitor is None:
        return _stranger()
    if not _genuine(portal, visitor):
        return _form(portal, visitor, failed=gettext("页面已过期，请再按一次。")), 422
    return _attempt(portal, visitor, request.form.get("method", ""), request.form)


def _refused(portal: Portal, visitor: Client, refusal: Refusal, method: str) -> Any:
    """Show the form again: what was typed wrong stands at its method's field, everything else above them all."""
    sentence = sentences()[refusal.why]
    code = 429 if refusal.why in TOO_OFTEN else 422
    at_field = {"wrong_code": sentence, "tried": method} if code == 422 else {"failed": sentence + _again(refusal)}
    page = Response(_form(portal, visitor, **at_field), status=code)
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
    return " " + gettext("%(time)s后可以再试。", time=_left(seconds))


def sentences() -> Mapping[Why, str]:
    """Return what the page says for each refusal."""
    return {
        Why.MISTYPED: gettext("号码有误，请对照上网券检查一遍。"),
        Why.UNKNOWN: gettext("没有这个号码，或它已被收回。请向发券处询问。"),
        Why.EXPIRED: gettext("这张上网券的时间已用完。"),
        Why.TOO_LATE: gettext("这张上网券已过了启用期限。"),
        Why.USED_UP: gettext("这张上网券只能用一次，已经用过。"),
        Why.TOO_MANY_DEVICES: gettext("这张上网券可用的设备数已满。"),
        Why.TOO_OFTEN: gettext("尝试太频繁，请稍等一会儿再试。"),
        Why.CLOSED: gettext("这里现在不开放上网服务，请在开放时间再来。"),
        Why.NOT_HERE: gettext("没有这种登录方式，请从下面选择。"),
        Why.UNSENT: gettext("短信暂时发不出去，请换一种方式，或过一会儿再试。"),
        Why.BAD_NUMBER: gettext("手机号码不对，请检查一遍。"),
        Why.ABROAD: gettext("这里不能给这个国家或地区的号码发短信。请选别的登录方式，或到服务台领取上网券。"),
        Why.USED_TODAY: gettext("今天发给这个号码或这台设备的验证码已经够多了。"),
        Why.WRONG_CODE: gettext("验证码不对。"),
        Why.CODE_OVER: gettext("这个验证码已经失效，请重新获取。"),
        Why.AWAY: gettext("对方的登录服务暂时没有回应，请换一种方式，或过一会儿再试。"),
        Why.LAPSED: gettext("这次登录已过期，或是在另一台设备上开始的。请再按一次登录。"),
        Why.DECLINED: gettext("对方的登录页没有完成登录，没有为您开通。"),
        Why.UNPROVEN: gettext("没有收到可信的登录证明，没有为您开通。请再试一次，或换一种方式。"),
        Why.NOT_YOURS: gettext("您的账号不能在这里登录，请换一种方式。"),
    }


def _logout(portal: Portal) -> Any:
    visitor = _visitor(portal)
    if visitor is None:
        return _stranger()
    if not _genuine(portal, visitor):
        return redirect(_home_url(), 303)
    portal.desk.logout(visitor)
    return redirect(_home_url(), 303)


def _report(portal: Portal) -> Any:
    visitor = _visitor(portal)
    return _stranger() if visitor is None else _faults(portal, visitor)


def _faults(portal: Portal, visitor: Client, failed: str = "") -> str:
    labels = {
        "slow": gettext("太慢"),
        "no_internet": gettext("连上了但打不开网页"),
        "drops": gettext("经常断线"),
        "other": gettext("其他问题"),
    }
    return render_template(
        "portal/report.html",
        faults=[(what, labels[what]) for what in FAULTS],
        token=forms.token(portal.form_key, visitor, portal.desk.clock.now_ms()),
        failed=failed,
    )


def _reported(portal: Portal) -> Any:
    visitor = _visitor(portal)
    if visitor is None:
        return _stranger()
    what = request.form.get("what", "")
    if not _genuine(portal, visitor) or what not in FAULTS:
        return _faults(portal, visitor, gettext("页面已过期，请再按一次。")), 422
    now_ms = portal.desk.clock.now_ms()
    site = portal.desk.site(visitor)
    if portal.reports.take(portal.desk.identity(visitor), site, now_ms):
        return _faults(portal, visitor, gettext("您刚才已经报告过，我们收到了。")), 429
    try:
        portal.desk.telling.report(site, what, portal.uplink(), now_ms)
    except SpoolError:
        return _faults(portal, visitor, gettext("暂时无法记录，请稍后再试。")), 503
    thanks = gettext("已记录，谢谢。这条报告会出现在运营商的考核材料里。")
    return render_template("portal/message.html", title=gettext("已收到"), text=thanks, tone="good")


def _capport(portal: Portal) -> Response:
    visitor = _visitor(portal)
    session = portal.desk.returning(visitor) if visitor is not None else None
    body = capport.answer(
        session,
        portal_url=f"{portal.base_url}/",
        venue_url=portal.settings.portal.venue_info_url,
        now_ms=portal.desk.clock.now_ms(),
    )
    return Response(body, mimetype=capport.MEDIA_TYPE, headers={"Cache-Control": "private"})


def _stranger() -> tuple[str, int]:
    text = gettext("本页只为已连上本地 WiFi 的设备服务。请先连接 WiFi，再打开本页。")
    return render_template("portal/message.html", title=gettext("请先连接 WiFi"), text=text, tone=""), 403


# ---- small words
def _genuine(portal: Portal, visitor: Client) -> bool:
    return forms.genuine(portal.form_key, visitor, request.form.get(forms.FIELD, ""), portal.desk.clock.now_ms())


def _venue(portal: Portal, visitor: Client) -> str:
    return portal.venues(portal.desk.site(visitor))


def _home_url() -> str:
    wanted = request.args.get("lang", "")
    return url_for("portal.home", lang=wanted) if wanted in {"zh-CN", "zh_CN", "en"} else url_for("portal.home")


def _language() -> str:
    return "en" if current().startswith("en") else "zh_CN"


def _left(seconds: int) -> str:
    hours, minutes = divmod(-(-seconds // 60), 60)
    if not hours:
        return gettext("%(minutes)d 分钟", minutes=minutes)
    return gettext("%(hours)d 小时 %(minutes)d 分钟", hours=hours, minutes=minutes)
