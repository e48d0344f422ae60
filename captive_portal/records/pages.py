"""Looking up who was behind a session: find the session, ask, and, when another person has approved, look once more.

The page shows a number only in the answer to the look itself, never to be stored; the approval is given on the page of
approvals, by somebody else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, g, redirect, render_template, request, url_for

from captive_portal import tables, venues, vouchers
from captive_portal.model import address
from captive_portal.records import disclosure
from inventory import times
from inventory.errors import InventoryError, SqlError
from inventory.show import counted
from netops.access import approvals
from netops.access.permissions import may
from netops.errors import AccessError, NetopsError, UsageError
from netops.facts import Fact
from netops.web import Link, Pages
from netops.web.language import gettext, mark

if TYPE_CHECKING:
    from captive_portal.records.disclosure import Visit
    from netops.web import Context

NAME = "persons"
SHOWN_ONCE = {"Cache-Control": "no-store"}
PERMISSIONS = {
    f"{NAME}.index": "session.see",
    f"{NAME}.ask": "approval.request",
    f"{NAME}.look": "person.disclose",
}
UNNARROWED = dict.fromkeys(
    PERMISSIONS, "whose number it is decides who answers for the whole city; a request names a session, and no site"
)
MENU = (Link(endpoint=f"{NAME}.index", label=mark("查询身份"), group="visitors", order=63),)
DAYS = 7
SHOWN = 30
NAMED = 20  # sessions in the fact of a look-up
LOOKED_UP = "records.looked_up"


def pages(context: Context) -> Pages:
    """Return the blueprint with who may see what."""
    blueprint = Blueprint(NAME, __name__, template_folder="../templates")
    blueprint.add_url_rule("/persons", "index", lambda: _index(context))
    blueprint.add_url_rule("/persons", "ask", lambda: _ask(context), methods=["POST"])
    blueprint.add_url_rule("/persons/<name>/look", "look", lambda name: _look(context, name), methods=["POST"])
    return Pages(blueprint=blueprint, permissions=PERMISSIONS, menu=MENU, unnarrowed=UNNARROWED)


def _index(context: Context, failed: str = "", shown: disclosure.Disclosed | None = None) -> str:
    found: list[Visit] = []
    asked = bool(request.args.get("session") or request.args.get("address"))
    if asked and not failed:
        try:
            found = _looked_up(context)
        except (UsageError, SqlError, NetopsError, ValueError) as error:
            failed = str(error)
    now_ms = context.clock.now_ms()
    known = disclosure.requests(context.settings)[:SHOWN]
    return render_template(
        "persons/index.html",
        found=found,
        asked=asked and not failed,
        failed=failed,
        shown=shown,
        requests=known,
        states=_states(),
        now_ms=now_ms,
        may_look=lambda each: _may_look(each, now_ms),
        venues=venues.names(context.settings, now_ms) if found else {},
        days=DAYS,
    )


def _looked_up(context: Context) -> list[Visit]:
    """Return what was asked for; that it was is a fact first, which names sessions by their ids and no address."""
    found = _visits(context)
    by = "session" if request.args.get("session") else "address"
    named = ", ".join(each.id for each in found[:NAMED]) or "none"
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    body = {
        "action": LOOKED_UP,
        "subject": by,
        "by": g.person.account,
        "detail": f"{counted(len(found), 'session')}: {named}{more}",
    }
    context.submit([Fact(kind="staff_action", at_ms=context.clock.now_ms(), body=body)])
    return found


def _visits(context: Context) -> list[Visit]:
    if not vouchers.exists(tables.url(context.settings)):
        return []
    if wanted := request.args.get("session", "").strip().lower():
        return disclosure.visits(context.settings, session=_session(wanted))
    where = address(request.args.get("address", "").strip())
    if where is None:
        raise UsageError(gettext("这不是 IP 地址。"))
    at_ms = times.instant(request.args.get("at", ""), times.zone(context.settings.city.timezone))
    return disclosure.visits(context.settings, address=where, at_ms=at_ms)


def _session(written: str) -> str:
    if not disclosure.SESSION_ID.fullmatch(written):
        raise UsageError(gettext("会话号由 24 个十六进制数字组成。"))
    return written


def _ask(context: Context) -> Any:
    now_ms = context.clock.now_ms()
    try:
        made = approvals.ask(
            "disclosure",
            terms={
                "session": _session(request.form.get("session", "")),
                "basis": request.form.get("basis", "").strip(),
                "start_ms": now_ms,
                "end_ms": now_ms + DAYS * 86_400_000,
            },
            by=g.person.account,
            role=g.person.role,
            reason=request.form.get("reason", ""),
            now_ms=now_ms,
        )
    except UsageError as error:
        return _index(context, str(error)), 400
    except AccessError as error:
        return _index(context, str(error)), 403
    context.submit(made)
    return redirect(url_for(f"{NAME}.index"), 303)


def _look(context: Context, name: str) -> Any:
    try:
        found = disclosure.look(
            context.settings,
            name,
            by=g.person.account,
            role=g.person.role,
            now_ms=context.clock.now_ms(),
            submit=context.submit,
        )
    except AccessError as error:
        return _index(context, str(error)), 403
    except UsageError as error:
        return _index(context, str(error)), 404
    except (NetopsError, InventoryError):  # where services have users of their own this one may not read a number
        command = f"netops portal disclose {name} --as {g.person.account}"
        return _index(context, gettext("本页的进程不能读取身份库，请在服务器上运行：%(command)s", command=command)), 503
    return Response(_index(context, shown=found), headers=SHOWN_ONCE)


def _may_look(each: approvals.Approval, now_ms: int) -> bool:
    decision, terms = each.decision, each.request.terms
    if each.request.action != "disclosure" or each.state != approvals.APPROVED or decision is None:
        return False
    own = g.person.account in {each.request.by, decision.by} and may(g.person.role, disclosure.PERMISSION)
    return own and int(str(terms["start_ms"])) <= now_ms < int(str(terms["end_ms"]))


def _states() -> dict[str, str]:
    return {
        approvals.PENDING: gettext("等待另一人批准"),
        approvals.APPROVED: gettext("已批准"),
        approvals.REFUSED: gettext("已驳回"),
        approvals.WITHDRAWN: gettext("已撤回"),
        "disclosure": gettext("查询身份"),
        "inspection": gettext("检查导出"),
    }
