"""The auditor's way: month → contract → figure and its deduction → interval → samples → the bytes that a device sent.

What is closed is shown from its sealed report, what runs as `netops sla judge` has it; no page reckons a figure. A
figure, the samples of an interval and the revisions of a report have rooms of their own (`reckoning.py`,
`intervals.py`, `revisions.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, render_template, request

from dashboards import blind, deductions, disputes, figures, held, intervals, periods, reckoning, revisions
from dashboards.frame import bound, frame
from dashboards.running import Running
from netops.report import closed, waterfall
from netops.web.language import gettext as _

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dashboards.desk import Desk
    from dashboards.periods import Period
    from inventory.model import Contract

MONTHS = 12  # on a page


def install(blueprint: Blueprint, desk: Desk) -> None:
    """Add the pages."""
    add, running = blueprint.add_url_rule, Running(desk.settings)
    add("/months", "months", bound(months, desk))
    add("/month/<month>", "month", lambda month: month_of(desk, running, month))
    add("/contract/<contract>/<month>", "contract_month", lambda **names: contract_month(desk, running, **names))
    for room in (reckoning, intervals, blind):
        room.install(blueprint, desk, running)
    revisions.install(blueprint, desk)


# ---- months


def months(desk: Desk) -> str:
    """Show all months, the newest first, each with its contracts."""
    city = desk.queries.city()
    contracts = city.index.contracts
    told = periods.read(desk.settings, contracts)
    found = [each for contract in contracts.values() for each in periods.of(contract, told, now_ms=desk.clock.now_ms())]
    names = sorted({each.name for each in found}, reverse=True)
    shown, page, pages = figures.page(names, request.args.get("page", 1, type=int), size=MONTHS)
    groups = [
        (name, [_row(desk, contracts[each.contract], each) for each in found if each.name == name]) for name in shown
    ]
    return render_template(
        "dashboards/months.html",
        **frame(desk, city),
        groups=groups,
        turn=held.turn("page", page, pages, len(names)),
    )


def month_of(desk: Desk, running: Running, month: str) -> str:
    """Show one month: each contract with its verdicts, what it owes, revisions, and where the dispute stands."""
    city, now_ms = desk.queries.city(), desk.clock.now_ms()
    contracts = city.index.contracts
    told = periods.read(desk.settings, contracts)
    found = [
        (contract, each)
        for contract in contracts.values()
        if (each := periods.named(contract, month, told, now_ms=now_ms)) is not None
    ]
    if not found:
        abort(404)
    rows = []
    for contract, each in found:
        seen, shown, error = held.of(desk, running, contract, each)
        answers = [(one, held.chip(one.verdict, running=each.state == periods.RUNNING)) for one in shown]
        rows.append({**_row(desk, contract, each), "figures": answers, "error": error, "held": seen})
    names = sorted({one.name for each in contracts.values() for one in periods.of(each, told, now_ms=now_ms)})
    at = names.index(month)
    return render_template(
        "dashboards/month.html",
        **frame(desk, city),
        month=month,
        rows=rows,
        before=names[at - 1] if at else "",
        after=names[at + 1] if at + 1 < len(names) else "",
    )


def _row(desk: Desk, contract: Contract, each: Period) -> dict[str, Any]:
    last = each.last
    place = closed.place(desk.settings, last.report) if last is not None else None
    return {
        "contract": contract,
        "carrier": contract.carrier,
        "period": each,
        "state": _state(each, place=place),
        "tint": {periods.ISSUED: "up" if place else "down", periods.OVER: "degraded"}.get(each.state, "none"),
        "verdicts": each.verdicts or {},
        "owed": last.amount if last else "",
        "currency": last.currency if last else "",
        "revisions": len(each.issues),
        "dispute": disputes.stage(each.case),
    }


def _state(each: Period, *, place: object) -> str:
    """Say how far a month has come to its report."""
    if each.state == periods.RUNNING:
        return _("进行中")
    if each.state == periods.OVER:
        return _("已结束，尚未出具报告")
    if place is None:
        return _("已出具，证据包缺失")
    return _("已出具")


# ---- a contract's month


def contract_month(desk: Desk, running: Running, contract: str, month: str) -> str:
    """Show a contract's month: its figures, what is owed, revisions, and the dispute."""
    known, period = held.find(desk, contract, month)
    issue = held.revision(period)
    seen, shown, error = held.of(desk, running, known, period, issue)
    report = seen.closed.report if seen.closed is not None else None
    return render_template(
        "dashboards/contract_month.html",
        **frame(desk, desk.queries.city()),
        contract=known,
        month=month,
        period=period,
        row=_row(desk, known, period),
        issue=issue,
        held=seen,
        error=error,
        command=held.command(known, period, seen),
        figures=[(each, held.chip(each.verdict, running=report is None), held.why(each)) for each in shown],
        several=len({each.version for each in shown}) > 1,
        coverage=_coverage(report),
        steps=waterfall.steps(report) if report is not None else (),
        step_words=_step_words(),
        total=deductions.total(report) if report is not None else (),
        **disputes.told(desk, known, period),
    )


def _coverage(report: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Return the promises of coverage of surface; they never stand beside a share of time."""
    if report is None:
        return []
    return [
        {"item": item, "given": given, "row": given["whole"], "said": held.chip(given["verdict"], running=False)}
        for part in report["parts"]
        for item in part["items"]
        for given in item.get("coverage", ())
    ]


def _step_words() -> dict[str, str]:
    return {"fees": _("应付费用"), "deduction": _("扣减"), "cap": _("合同上限返还"), "payable": _("扣减后应付")}
