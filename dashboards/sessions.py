"""The sessions that go on: one's own, to be looked over and ended; an administrator's view of anybody's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, abort, g, redirect, render_template, request, url_for

from dashboards import audit, words
from dashboards.frame import bound, frame
from dashboards.staff import unkept
from netops.access import sessions as kept
from netops.errors import UsageError
from netops.web.language import gettext as _

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

    from dashboards.desk import Desk
    from netops.access.sessions import Live
    from netops.access.staff import Account

ENDED = "session ended"


def install(blueprint: Blueprint, desk: Desk) -> None:
    """Add the pages."""
    add = blueprint.add_url_rule
    add("/sessions", "sessions", bound(own, desk))
    add("/sessions", "session_end", bound(end_own, desk), methods=["POST"])
    add("/accounts/<name>/sessions", "sessions_of", bound(of_account, desk))
    add("/accounts/<name>/sessions", "session_end_of", bound(end_of_account, desk), methods=["POST"])


def own(desk: Desk, error: str = "", code: int = 200) -> AnyResponse:
    """Show one's own sessions, this one first."""
    here = kept.mark(g.person.secret)
    live = sorted(_live(desk, g.person.account), key=lambda each: each.id != here)
    more = {"words": words, "zone": desk.zone, "say": say}
    page = render_template("dashboards/sessions.html", account=None, here=here, live=live, error=error, **more)
    return unkept(page, code)


def end_own(desk: Desk) -> AnyResponse:
    """End one of one's own sessions, or all but this one."""
    if not _end(desk, g.person.account, but=g.person.secret):
        return own(desk, _("没有这个会话，或已经结束。"), 404)
    return redirect(url_for("dashboards.sessions"), code=303)


def of_account(desk: Desk, name: str, error: str = "", code: int = 200) -> AnyResponse:
    """Show the sessions of an account."""
    account = _account(desk, name)
    page = render_template(
        "dashboards/sessions.html",
        **frame(desk, desk.queries.city()),
        account=account,
        here=kept.mark(g.person.secret),
        live=_live(desk, account.name),
        error=error,
        say=say,
    )
    return unkept(page, code)


def end_of_account(desk: Desk, name: str) -> AnyResponse:
    """End one session of an account, or all of them but the one that says so."""
    if not _end(desk, _account(desk, name).name, but=g.person.secret):
        return of_account(desk, name, _("没有这个会话，或已经结束。"), 404)
    return redirect(url_for("dashboards.sessions_of", name=name), code=303)


def say(live: Live) -> str:
    """Say a browser in plain words."""
    browser = {"WeChat": _("微信"), "WeCom": _("企业微信"), "DingTalk": _("钉钉")}.get(live.browser, live.browser)
    if browser and live.system:
        return _("%(system)s 上的 %(browser)s", system=live.system, browser=browser)
    return browser or live.system or _("不认识的浏览器")


def _live(desk: Desk, account: str) -> list[Live]:
    return desk.sessions.live(account, now_ms=desk.clock.now_ms())


def _end(desk: Desk, account: str, *, but: str) -> bool:
    """End what the form names and state each; False when there is no such session."""
    person, now_ms, origin = g.person.account, desk.clock.now_ms(), request.remote_addr or ""
    try:
        if request.form.get("which") == "others":
            ended = desk.sessions.end_all(account, but=but, by=person, now_ms=now_ms, origin=origin)
        else:
            named = request.form.get("session", "")[: kept.MARK]
            ended = desk.sessions.end_one(account, named, by=person, now_ms=now_ms, origin=origin)
    except UsageError:
        return False
    for each in ended:
        audit.told(desk, ENDED, account, each.id)
    return True


def _account(desk: Desk, name: str) -> Account:
    return desk.staff.account(name) or abort(404)
