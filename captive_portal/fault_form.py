"""A fault, one tap away: the visitors' pages for it. What is reported is a fact that names a site and no person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import render_template, request

from captive_portal import asker, fault_reports, forms
from captive_portal.fault_book import DAY_MS, Report, Seen, Taken
from inventory.errors import SqlError
from netops.errors import SpoolError
from netops.web.language import gettext

if TYPE_CHECKING:
    from captive_portal.asker import Portal
    from captive_portal.model import Client


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
    desk, now_ms = portal.desk, portal.desk.clock.now_ms()
    report = Report(site=desk.site(visitor), what=what, uplink=portal.uplink(), seen=_seen(portal, visitor, now_ms))
    try:
        came = portal.reports.take(desk.telling, report, desk.identity(visitor), now_ms)
    except SpoolError:
        return _faults(portal, visitor, gettext("暂时无法记录，请稍后再试。")), 503
    if came is Taken.AGAIN:
        return _faults(portal, visitor, gettext("您刚才已经报告过，我们收到了。")), 429
    if came is Taken.TOO_MANY:
        return _faults(portal, visitor, gettext("此刻这里的报告太多，您的这条没有记下。请过一分钟再按一次。")), 503
    thanks = gettext("已记录，谢谢。管理 WiFi 的工作人员会看到这条报告。")
    if came is Taken.COUNTED:
        thanks = gettext("谢谢。这里此刻报告很多，您的这条和同一分钟的其他报告一起计数。")
    return render_template("portal/message.html", title=gettext("已收到"), text=thanks, tone="good")


def _seen(portal: Portal, visitor: Client, now_ms: int) -> Seen | None:
    """Return whether the device was online: a MAC that was made up for a report never was. None: the record is away."""
    desk = portal.desk
    if desk.current(visitor) is not None:
        return Seen.ONLINE
    try:
        return Seen.LATELY if desk.store.was_online(desk.identity(visitor), now_ms - DAY_MS) else Seen.NEVER
    except SqlError:  # what is broken may be reported all the more
        return None
