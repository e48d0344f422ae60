"""The portal's pages for staff: voucher batches and who is online, shown on the staff listener (`netops.pages`).

Codes are shown once, in the answer to the order, as a sheet to print and cut or as a table; they are stored nowhere.
Who is online is shown without a MAC or an address: what a person did is looked up by two persons, not here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, g, redirect, render_template, request, url_for
from flask_babel import format_datetime

from captive_portal import fault_reports, keys, sheet, tables, venues, vouchers
from captive_portal.broken import checks as broken
from captive_portal.model import Allowance
from captive_portal.staff import pages as staff
from inventory.errors import SqlError
from inventory.times import zone
from netops.access import guard
from netops.clock import utc
from netops.errors import NetopsError, UsageError
from netops.facts import Fact
from netops.web import Link, Pages
from netops.web.language import gettext, mark

if TYPE_CHECKING:
    from netops.web import Context

NAME = "vouchers"
SHEET_STYLE = (Path(__file__).parent / "templates" / "vouchers" / "sheet.css").read_text(encoding="utf-8")
SHOWN_ONCE = {"Cache-Control": "no-store"}
PERMISSIONS = {
    f"{NAME}.index": "voucher.see",
    f"{NAME}.create": "voucher.issue",
    f"{NAME}.withdraw": "voucher.issue",
    f"{NAME}.visits": "session.see",
    f"{NAME}.faults": "network.see",
    f"{NAME}.sheet_style": "voucher.issue",
}
NARROWED = frozenset({f"{NAME}.visits", f"{NAME}.faults"})  # to the sites whose visitors lie in a scope
OF_THE_CITY = "a voucher lets somebody in at every site of the city"
UNNARROWED = {f"{NAME}.{name}": OF_THE_CITY for name in ("index", "create", "withdraw", "sheet_style")}
MENU = (
    Link(endpoint=f"{NAME}.index", label=mark("上网券"), group="visitors", order=60),
    Link(
        endpoint=f"{NAME}.visits",
        label=mark("在线用户"),
        group="visitors",
        order=61,
        under=frozenset({f"{NAME}.visit"}),
    ),
    Link(endpoint=f"{NAME}.faults", label=mark("故障报告"), group="visitors", order=62),
)
FAULT_DAYS = (1, 14, 90)  # today; two weeks; a quarter
NUMBERS = {"count": vouchers.MOST, "minutes": vouchers.LONGEST_MINUTES, "devices": vouchers.MOST_DEVICES, "days": 366}


def pages(context: Context) -> Pages:
    """Return the blueprint with who may see what."""
    blueprint = Blueprint(NAME, __name__, template_folder="templates")
    blueprint.add_url_rule("/vouchers", "index", lambda: _index(context))
    blueprint.add_url_rule("/vouchers", "create", lambda: _create(context), methods=["POST"])
    blueprint.add_url_rule(
        "/vouchers/<batch>/withdraw", "withdraw", lambda batch: _withdraw(context, batch), methods=["POST"]
    )
    blueprint.add_url_rule("/visits", "visits", lambda: _visits(context))
    blueprint.add_url_rule("/faults", "faults", lambda: _faults(context))
    blueprint.add_url_rule("/vouchers/sheet.css", "sheet_style", lambda: Response(SHEET_STYLE, mimetype="text/css"))
    blueprint.add_app_template_filter(_time, "portal_time")
    return Pages(
        blueprint=blueprint,
        permissions={**PERMISSIONS, **staff.rules(blueprint, context)},
        menu=MENU,
        narrowed=NARROWED | staff.NARROWED,
        unnarrowed=UNNARROWED,
        closed=lambda sites: broken.closed(context.settings, sites),
    )


def _index(context: Context, failed: str = "") -> str:
    url = tables.url(context.settings)
    batches = vouchers.batches(url) if vouchers.exists(url) else []
    return render_template("vouchers/index.html", batches=batches, failed=failed, now_ms=context.clock.now_ms())


def _create(context: Context) -> Any:
    now_ms, url = context.clock.now_ms(), tables.url(context.settings)
    try:
        order = _order(now_ms)
        if request.form.get("as") == "pdf":
            sheet.ready()
        batch, codes = vouchers.create(url, keys.voucher_key(context.settings), order, now_ms)
    except (NetopsError, SqlError) as error:
        return _index(context, str(error)), 422
    detail = f"{order.count} x {order.allowance.seconds // 60} min, {order.allowance.devices} devices"
    try:
        _state(context, "vouchers.make", batch, detail, now_ms)
    except NetopsError:
        vouchers.withdraw(url, batch, now_ms)  # what is on no record must not work either
        raise
    try:
        return _shown_once(context, batch, codes, order)
    except NetopsError as error:
        vouchers.withdraw(url, batch, now_ms)  # nobody has seen these codes
        _state(context, "vouchers.withdraw", batch, "", now_ms)
        return _index(context, str(error)), 500


def _shown_once(context: Context, batch: str, codes: list[str], order: vouchers.Order) -> Any:
    """Return the codes as a page to print, a PDF or a table."""
    city, wanted = context.settings.city, request.form.get("as", "")
    named = {**SHOWN_ONCE, "Content-Disposition": f'attachment; filename="vouchers-{batch}.{wanted}"'}
    if wanted == "csv":
        return Response(sheet.csv(city, codes, order), mimetype="text/csv", headers=named)
    if wanted == "pdf":
        made = sheet.pdf(city, batch, codes, order, context.clock.now_ms())
        return Response(made, mimetype="application/pdf", headers=named)
    page = render_template("vouchers/sheet.html", batch=batch, codes=codes, order=order)
    return Response(page, headers=SHOWN_ONCE)


def _withdraw(context: Context, batch: str) -> Any:
    now_ms = context.clock.now_ms()
    if vouchers.withdraw(tables.url(context.settings), batch, now_ms):
        _state(context, "vouchers.withdraw", batch, "", now_ms)
    return redirect(url_for(f"{NAME}.index"), 303)


def _visits(context: Context) -> str:
    url = tables.url(context.settings)
    total, visits = vouchers.visits(url, sites=guard.visited()) if vouchers.exists(url) else (0, [])
    now_ms = context.clock.now_ms()
    named = venues.names(context.settings, now_ms) if visits else {}
    return render_template("vouchers/visits.html", total=total, visits=visits, venues=named, now_ms=now_ms)


def _faults(context: Context) -> str:
    now_ms, wanted = context.clock.now_ms(), request.args.get("days", "")
    days = next((each for each in FAULT_DAYS if str(each) == wanted), FAULT_DAYS[1])
    rows, more = fault_reports.since(
        context.settings, days, now_ms, zone(context.settings.city.timezone), guard.visited()
    )
    return render_template(
        "vouchers/faults.html",
        rows=rows,
        more=more,
        most=fault_reports.MOST,
        days=days,
        choices=FAULT_DAYS,
        kinds=fault_reports.KINDS,
        labels=fault_reports.labels(),
        venues=venues.names(context.settings, now_ms) if rows else {},
    )


def _state(context: Context, action: str, batch: str, detail: str, now_ms: int) -> None:
    body = {"action": action, "subject": batch, "by": g.person.account, "detail": detail}
    context.submit([Fact(kind="staff_action", at_ms=now_ms, body=body)])


def _order(now_ms: int) -> vouchers.Order:
    return vouchers.Order(
        label=request.form.get("label", "").strip()[:200],
        count=_number("count"),
        allowance=Allowance(
            seconds=_number("minutes") * 60,
            devices=_number("devices"),
            single_use=request.form.get("single_use") == "yes",
        ),
        start_by_ms=now_ms + _number("days") * vouchers.DAY_MS,
        made_by=g.person.account,
    )


def _number(name: str) -> int:
    text = request.form.get(name, "").strip()
    if not text.isascii() or not text.isdecimal() or not 0 < int(text[:10]) <= NUMBERS[name]:
        raise UsageError(gettext("“%(field)s”要填 1 到 %(most)d 的整数。", field=_labels()[name], most=NUMBERS[name]))
    return int(text[:10])


def _time(at_ms: int) -> str:
    """Return an instant in the city's time."""
    return str(format_datetime(utc(at_ms), "yyyy-MM-dd HH:mm"))


def _labels() -> dict[str, str]:
    return {
        "count": gettext("张数"),
        "minutes": gettext("每张分钟数"),
        "devices": gettext("每张设备数"),
        "days": gettext("启用期限（天）"),
    }
