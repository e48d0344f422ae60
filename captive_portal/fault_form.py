"""A fault, one tap away: the visitors' pages for it. What is reported is a fact that names a site and no person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import render_template, request

from captive_portal import asker, fault_reports, forms
from captive_portal.limits import Limit, Rate, Rates
from netops.errors import SpoolError
from netops.web.language import gettext

if TYPE_CHECKING:
    from captive_portal.asker import Portal
    from captive_portal.model import Client

REPORTS = Rates(
    client=Rate(burst=4, every_ms=120_000),
    site=Rate(burst=40, every_ms=2_000),
    city=Rate(burst=400, every_ms=100),  # each report is an fsync and a leaf
)


def limit() -> Limit:
    """Return a new limit of fault reports."""
    return Limit(REPORTS)


def form(portal: Portal) -> Any:
    """Answer who wants to report a fault."""
    visitor = asker.visitor(portal)
    return asker.stranger() if visitor is None else _faults(portal, visitor)


def choices() -> list[tuple[str, str]]:
    """Return the kinds of trouble and what each is called, in the order of the page."""
    labels = fault_reports.labels()
    return [(what, labels[what]) for what in fault_reports.KINDS]


def _faults(portal: Portal, visitor: Client, failed: str = "") -> str:
    return render_template(
        "portal/report.html",
        faults=choices(),
        token=forms.token(portal.form_key, visitor, portal.desk.clock.now_ms()),
        failed=failed,
    )


def taken(portal: Portal) -> Any:
    """Take a report, or say why not."""
    visitor = asker.visitor(portal)
    if visitor is None:
        return asker.stranger()
    what = request.form.get("what", "")
    if not asker.genuine(portal, visitor) or what not in fault_reports.KINDS:
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
