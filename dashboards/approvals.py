"""The approvals page: ask, decide, withdraw. Who approved what is read from the facts, never from a table of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, g, has_request_context, redirect, render_template, request, url_for

from dashboards import opened, register
from dashboards.frame import bound, frame
from inventory import times
from netops import amending, fail_open
from netops.access import approvals, guard, offered, record, resets
from netops.access.part import within
from netops.access.staff import COMMAND_LINE
from netops.errors import AccessError, UsageError
from netops.web.language import gettext as _

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from dashboards.city import City
    from dashboards.desk import Desk
    from netops.access.approvals import Approval

SHOWN = 50


def install(blueprint: Blueprint, desk: Desk) -> None:
    """Add the pages."""
    add = blueprint.add_url_rule
    add("/approvals", "approvals", bound(index, desk))
    add("/approvals/new", "ask", bound(ask, desk))
    add("/approvals/new", "request_", bound(request_, desk), methods=["POST"])
    add("/approvals/<name>/decide", "decide", bound(decide, desk), methods=["POST"])
    add("/approvals/<name>/withdraw", "withdraw", bound(withdraw, desk), methods=["POST"])


def index(desk: Desk, error: str = "") -> str:
    """Show what waits, then what was decided."""
    city = desk.queries.city()
    known = [each for each in record.read(desk.settings).values() if in_sight(desk, each)]
    waiting = sorted((each for each in known if each.state == approvals.PENDING), key=lambda each: each.request.at_ms)
    decided = sorted(
        (each for each in known if each.decision is not None),
        key=lambda each: each.decision.at_ms if each.decision else 0,
    )[::-1]
    return render_template(
        "dashboards/approvals.html",
        **frame(desk, city),
        titles={("class", name): title for name, title in _classes(city)}
        | {("contract", each.id): each.title for each in city.snapshot.contracts if each.title},
        waiting=waiting,
        decided=decided[:SHOWN],
        may_decide=_may_decide,
        may_recall=_may_recall,
        said=said(),
        named=lambda site: opened.named(city, site),
        periods=opened.periods(desk, city),
        shortly=register.shortly,
        error=error,
    )


def in_sight(desk: Desk, approval: Approval) -> bool:
    """Whether whoever asks may see a request: it is about what lies in the scope, and about nothing else."""
    if approval.request.action == amending.ACTION:
        return register.in_sight(desk, approval)
    return within(approval.request.terms, desk.queries.city().index, guard.scope())


def said() -> dict[str, str]:
    """Return the words for states and actions."""
    return {
        approvals.PENDING: _("待批"),
        approvals.APPROVED: _("已批准"),
        approvals.REFUSED: _("已驳回"),
        approvals.WITHDRAWN: _("已撤回"),
        "exclusion": _("维护窗口（排除）"),
        "fail_open": _("应急放行"),
        "portal_silent": _("登录服务无响应"),
        "methods_away": _("登录方式都不可用"),
        "disclosure": _("查询上网人身份"),
        "inspection": _("日志检查导出"),
        "register_change": _("登记更改"),
        "factor_reset": _("重置第二重验证"),
    }


def ask(desk: Desk, error: str = "") -> str:
    """Show the form of a request; after an error with what was typed."""
    city = desk.queries.city()
    own = [name for name in offered.OFFERED if not approvals.ACTIONS[name].page]
    actions = [name for name in own if g.person.role in approvals.ACTIONS[name].asks]
    return render_template(
        "dashboards/ask.html",
        **frame(desk, city),
        contracts=city.snapshot.contracts,
        classes=_classes(city),
        actions=actions,
        form=request.values,
        said=said(),
        error=error,
    )


def _classes(city: City) -> list[tuple[str, str]]:
    """Return the classes of exclusions that any contract knows, with their titles."""
    return sorted(
        {
            each.id: each.title
            for contract in city.snapshot.contracts
            for rules in [contract.rules, *(o.rules for item in contract.items for o in item.objectives)]
            for each in rules.exclusions
        }.items()
    )


def request_(desk: Desk) -> Response | tuple[str, int]:
    """State a request."""
    try:
        offered.check(request.form.get("action", ""))
        made = approvals.ask(
            request.form.get("action", ""),
            terms=_terms(desk),
            by=g.person.account,
            role=g.person.role,
            reason=request.form.get("reason", ""),
            now_ms=desk.clock.now_ms(),
        )
    except AccessError as error:
        return ask(desk, error=str(error)), 403
    except UsageError as error:
        return ask(desk, error=str(error)), 400
    desk.submit(made)
    return redirect(url_for("dashboards.approvals"), code=303)


def decide(desk: Desk, name: str) -> Response | tuple[str, int]:
    """State a decision on what another person asked for."""
    return _decide(desk, name, request.form.get("decision", ""))


def withdraw(desk: Desk, name: str) -> Response | tuple[str, int]:
    """Take one's own request back."""
    return _decide(desk, name, approvals.WITHDRAWN)


def _decide(desk: Desk, name: str, decision: str) -> Response | tuple[str, int]:
    approval: Approval = record.read(desk.settings).get(name) or abort(404)
    if not in_sight(desk, approval):
        abort(404)
    try:
        fact = approvals.decide(
            approval,
            decision,
            by=g.person.account,
            role=g.person.role,
            reason=request.form.get("reason", ""),
            now_ms=desk.clock.now_ms(),
        )
    except AccessError as error:
        return index(desk, error=str(error)), 403
    except UsageError as error:
        return index(desk, error=str(error)), 400
    desk.submit([fact])
    carry_out_resets(desk)
    if approval.request.action == amending.ACTION:
        return redirect(url_for("dashboards.record_request", name=name), code=303)
    return redirect(url_for("dashboards.approvals"), code=303)


def carry_out_resets(desk: Desk) -> None:
    """Forget the second factors that two persons decided to, and state it."""
    known, now_ms = record.read(desk.settings).values(), desk.clock.now_ms()
    origin = (request.remote_addr or "") if has_request_context() else COMMAND_LINE
    if made := resets.step(known, desk.factors, now_ms=now_ms, origin=origin):
        desk.submit(made)


def _terms(desk: Desk) -> dict[str, Any]:
    if request.form.get("action") == resets.ACTION:
        account = request.form.get("account", "").strip().lower()[:64]
        resets.check(desk.factors, account)
        return {"account": account}
    window = {"start_ms": _instant(desk, "from"), "end_ms": _instant(desk, "to")}
    form = request.form
    if form.get("action") == fail_open.ACTION:
        return {"sites": _sites(desk), **window}
    services = sorted({word for word in form.get("services", "").replace(",", " ").split() if word})
    city = desk.queries.city()
    contract = form.get("contract", "")
    if contract not in city.snapshot.contract:
        raise UsageError(_("没有这个合同：%(name)s", name=contract))
    if unknown := [each for each in services if each not in city.snapshot.service]:
        raise UsageError(_("没有这些服务：%(names)s", names=", ".join(unknown[:5])))
    terms = {"contract": contract, "class": form.get("class", "").strip(), "services": services, **window}
    if not within(terms, city.index, guard.scope()):
        raise UsageError(_("您只看得到部分区域：请逐一写明服务。"))
    return terms


def _sites(desk: Desk) -> list[str]:
    sites = sorted({word for word in request.form.get("sites", "").replace(",", " ").split() if word})
    known = desk.queries.city().index.visited
    if unknown := [each for each in sites if each not in known]:
        raise UsageError(_("没有这些站点：%(names)s", names=", ".join(unknown[:5])))
    return sites


def _instant(desk: Desk, name: str) -> int:
    try:
        return times.instant(request.form.get(name, ""), times.zone(desk.settings.city.timezone))
    except ValueError as error:
        raise UsageError(str(error)) from None


def _may_recall(approval: Approval) -> bool:
    """Whether the person may take back what was allowed."""
    known, person = approvals.ACTIONS.get(approval.request.action), g.person
    if known is None or not known.recalled or approval.state != approvals.APPROVED:
        return False
    return person.role in known.decides or person.account == approval.request.by


def _may_decide(approval: Approval) -> bool:
    known = approvals.ACTIONS.get(approval.request.action)
    person = g.person
    if known is None or approvals.own(approval.request.action, approval.request.terms, person.account):
        return False
    return person.role in known.decides and person.account != approval.request.by
