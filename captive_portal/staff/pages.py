"""The staff's page of one visit: what it is, what was asked of it, and the two things that can be asked.

Both are confirmed on a page of their own, without scripts. What is asked is on record before anything is done, and the
page looks again until the portal has said what came of it (captive_portal/staff/directives.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import abort, g, redirect, render_template, request, url_for

from captive_portal import served, venues
from captive_portal.ajar import METHOD
from captive_portal.errors import OrderError
from captive_portal.model import End
from captive_portal.staff import directives
from captive_portal.staff.directives import DONE, MOST_MINUTES, MOST_WORDS, PERMISSION, REASONS, Act, Because, Outcome
from inventory.errors import SqlError
from netops.access import approvals, guard
from netops.errors import NetopsError
from netops.web.language import gettext

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Blueprint

    from captive_portal.staff.directives import Directive, Visit
    from netops.web import Context

LATE_MS = 8_000  # a portal that runs has taken it by then
SEE = "session.see"
NARROWED = frozenset(f"vouchers.{name}" for name in ("visit", *Act))  # a visit elsewhere is not found


def rules(blueprint: Blueprint, context: Context) -> Mapping[str, str]:
    """Add the pages; return which permission each needs."""
    name = blueprint.name
    blueprint.add_url_rule("/visits/<session>", "visit", lambda session: _visit(context, session))
    for act in Act:
        view = _asking(context, act)
        blueprint.add_url_rule(f"/visits/<session>/{act}", str(act), view, methods=["POST"])
    return {f"{name}.visit": SEE, **{f"{name}.{act}": PERMISSION for act in Act}}


def _asking(context: Context, act: Act) -> Any:
    return lambda session: _asked(context, act, session)


def _found(context: Context, session: str) -> Visit:
    visit = directives.seen(context.settings, session) if directives.SESSION_ID.fullmatch(session) else None
    sites = guard.visited()
    if visit is None or (sites is not None and visit.site not in sites):
        abort(404)
    return visit


def _visit(context: Context, session: str, failed: str = "", refused: Act | None = None) -> str:
    """Show the page; after a form that was `refused`, with what was typed in it."""
    visit, now_ms = _found(context, session), context.clock.now_ms()
    asked = directives.of(context.settings, session)
    open_ = [each for each in asked if each.outcome is None]
    return render_template(
        "vouchers/visit.html",
        **_about(context, visit, now_ms),
        failed=failed,
        refused=refused,
        asked=asked,
        waiting=bool(open_),
        under_way={each.act for each in open_},
        late=any(now_ms - each.asked_ms > LATE_MS for each in open_),
        said={each.id: _said(each) for each in asked},
        good={each.id: each.outcome in DONE for each in asked},
    )


def _about(context: Context, visit: Visit, now_ms: int) -> dict[str, Any]:
    place = next((each for each in served.places(context.settings) if each.place == visit.place), None)
    return {
        "visit": visit,
        "now_ms": now_ms,
        "venue": venues.names(context.settings, now_ms).get(visit.site, visit.site),
        "puts_out": place is None or place.puts_out,
        "reasons": {act: {because: _reasons()[because] for because in REASONS[act]} for act in Act},
        "why": _reasons(),
        "acts": _acts(),
        "offered": (Act.END,) if visit.method == METHOD else tuple(Act),
        "ends": _ends(),
        "most_minutes": MOST_MINUTES,
        "most_words": MOST_WORDS,
    }


def _asked(context: Context, act: Act, session: str) -> Any:
    """Show what would be done; once that is confirmed, hand it to the portal."""
    visit, now_ms = _found(context, session), context.clock.now_ms()
    if visit.ended_ms is not None:
        return _visit(context, session, gettext("这次上网已经结束，没有做任何事。")), 409
    if flaw := _flaw(act):
        return _visit(context, session, flaw, act), 422
    form = request.form
    if form.get("sure") != "yes":
        return render_template("vouchers/sure.html", **_about(context, visit, now_ms), act=act, form=form)
    try:
        wanted = directives.wanted(
            act,
            session,
            by=g.person.account,
            because=form.get("because", ""),
            words=form.get("words", ""),
            minutes=_minutes(),
            now_ms=now_ms,
        )
        given = directives.give(context.settings, wanted, context.submit)
    except OrderError:  # it ended in this moment
        return _visit(context, session, gettext("这次上网已经结束，没有做任何事。")), 409
    except (NetopsError, SqlError) as error:
        return _visit(context, session, str(error), act), 503
    if given.id != wanted.id:
        told = gettext("%(person)s 已经提出同样的要求，正在执行。", person=given.by)
        return _visit(context, session, told), 409
    return redirect(url_for(".visit", session=session), 303)


def _flaw(act: Act) -> str:
    """Return what is off in the form, in the language of the page."""
    because, words = request.form.get("because", ""), request.form.get("words", "").strip()
    if because not in REASONS[act]:
        return gettext("请选一个原因。")
    if because == Because.OTHER and not words:
        return gettext("选了“其他”，就要写明原因：它会写入账本。")
    if len(words) > MOST_WORDS or not (words or "-").isprintable():
        return gettext("说明最多 %(most)d 个字符，不能换行。", most=MOST_WORDS)
    if approvals.names_somebody(words):
        return gettext("说明里有号码或设备地址。账本不能删改，请只写案号。")
    if act is Act.EXTEND and not 0 < _minutes() <= MOST_MINUTES:
        return gettext("分钟数要填 1 到 %(most)d 的整数。", most=MOST_MINUTES)
    return ""


def _minutes() -> int:
    text = request.form.get("minutes", "").strip()
    return int(text[:6]) if text.isascii() and text.isdecimal() else 0


# ---- words
def _said(directive: Directive) -> str:
    """Return what came of it."""
    told = directive.told
    return {
        None: gettext("已记入账本，等待门户执行"),
        Outcome.ENFORCED: gettext("已断开") if directive.act is Act.END else gettext("已延长"),
        Outcome.REFUSED: gettext("网关没有照办：%(told)s", told=told),
        Outcome.SILENT: gettext("网关没有回应：%(told)s", told=told),
        Outcome.BOUND: gettext("这里的网关不能提前断开，也不能延长；到时间自动结束"),
        Outcome.OVER: gettext("执行时已经结束"),
        Outcome.NOTHING: gettext("已是本站点允许的最长时间，没有变化"),
        Outcome.VOID: gettext("十分钟内门户没有执行，已作废"),
        Outcome.UNSURE: gettext("执行时门户中断，结果不明；门户修复时会关上该关的门"),
    }[directive.outcome]


def _acts() -> Mapping[Act, str]:
    return {Act.END: gettext("结束上网"), Act.EXTEND: gettext("延长时间")}


def _reasons() -> Mapping[Because, str]:
    return {
        Because.ABUSE: gettext("妨碍他人或违反条款"),
        Because.ATTACK: gettext("设备在扫描或攻击（机主多半不知情）"),
        Because.AUTHORITY: gettext("主管机关要求"),
        Because.WISH: gettext("上网人自己要求"),
        Because.FAULT: gettext("补偿我方故障"),
        Because.TEST: gettext("测试"),
        Because.OTHER: gettext("其他（写明）"),
    }


def _ends() -> Mapping[str, str]:
    return {
        End.EXPIRED: gettext("时间用完"),
        End.LOGOUT: gettext("自己断开"),
        End.IDLE: gettext("长时间没有使用"),
        End.VOLUME: gettext("流量用完"),
        End.DISCONNECTED: gettext("工作人员结束"),
        End.LOST: gettext("网关已断开"),
        End.NO_GATEWAY: gettext("网关没有开通"),
        End.NO_RECORD: gettext("没有记录成功，未开通"),
    }
