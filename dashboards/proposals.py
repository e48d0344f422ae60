"""What searches found and nobody has accepted: each with why it was taken for what, to be edited in or dismissed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, g, redirect, render_template, request, url_for

from dashboards.frame import bound, frame
from netops import proposals
from netops.access import guard
from netops.access.approvals import names_somebody
from netops.access.record import stated
from netops.errors import NetopsError, UsageError
from netops.facts import Fact
from netops.web.language import gettext as _
from netops.web.language import mark

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from dashboards.city import City
    from dashboards.desk import Desk
    from netops.proposals import Proposal

ACTION = "proposal.dismissed"
SHOWN = 200
STANDINGS = {
    "new": mark("登记册中没有"),
    "changed": mark("与登记不符：设备换了"),
    "moved": mark("序列号已登记在另一地址"),
    "known": mark("已登记"),
}


def install(blueprint: Blueprint, desk: Desk) -> None:
    """Add the pages."""
    blueprint.add_url_rule("/proposals", "proposals", bound(index, desk))
    blueprint.add_url_rule("/proposals", "dismiss", bound(dismiss, desk), methods=["POST"])


def index(desk: Desk, error: str = "") -> str:
    """Show what waits, then what was dismissed, by whom and why."""
    city = desk.queries.city()
    dismissed = {str(fact.body["subject"]): fact for fact in _dismissals(desk)}
    try:
        every = [each for each in findings(desk) if each.standing != "known"]
    except NetopsError as wrong:
        every, error = [], str(wrong)
    every = [each for each in every if not _is_registered(city, each)]
    waiting = [each for each in every if each.finding not in dismissed]
    return render_template(
        "dashboards/proposals.html",
        **frame(desk, city),
        rows=[(each, _(STANDINGS.get(each.standing, each.standing)), link(city, each)) for each in waiting[:SHOWN]],
        more=max(len(waiting) - SHOWN, 0),
        over=[(each, dismissed[each.finding]) for each in every if each.finding in dismissed][:SHOWN],
        error=error,
    )


def findings(desk: Desk) -> list[Proposal]:
    """Return what waits; to whoever has a scope what was found of its devices: a new one lies nowhere yet."""
    found = proposals.waiting(desk.settings)
    if guard.scope().whole:
        return found
    seen = desk.queries.city().index
    return [each for each in found if each.device in seen.snapshot.device and each.device not in seen.shared]


def _dismissals(desk: Desk) -> list[Fact]:
    return [
        fact for fact, _sealed in stated(desk.settings, frozenset({"staff_action"})) if fact.body["action"] == ACTION
    ]


def _is_registered(city: City, each: Proposal) -> bool:
    """Whether the register has caught up with a finding since: the same address, family and serial number."""
    for device in city.snapshot.devices:
        if device.address == each.address and each.standing in {"changed", "moved"}:
            return device.profile == each.profile and (not each.serial or device.serial == each.serial)
        if device.address == each.address and each.standing == "new" and not each.informs:
            return True
    return False


def link(city: City, each: Proposal) -> str:
    """Return the form into which a finding is accepted, filled in: of a device that is there, or of a new one."""
    told = {
        "address": "" if each.informs else each.address,
        "port": "" if each.port in {0, 161} else str(each.port),
        "profile": each.profile,
        "credential": each.credential,
        "serial": each.serial,
    }
    said: dict[str, Any] = {name: value for name, value in told.items() if value}
    if each.device in city.snapshot.device:
        return url_for("dashboards.record_edit", noun="device", name=each.device, **said)
    name = "".join(sign if sign.isprintable() else " " for sign in each.name)[:200]
    return url_for("dashboards.record_new", noun="device", name=name, **said)


def dismiss(desk: Desk) -> Response | tuple[str, int]:
    """State that a finding is none of ours, and why."""
    finding, reason = request.form.get("finding", ""), request.form.get("reason", "").strip()
    try:
        found = next((each for each in findings(desk) if each.finding == finding), None)
        if found is None:
            raise UsageError(_("没有这条发现，或它已经变了。"))
        if not 0 < len(reason) <= 2_000 or names_somebody(reason):
            raise UsageError(_("请写明理由（最多 2000 字，不要写手机号、证件号或 MAC）。"))
    except NetopsError as error:
        return index(desk, error=str(error)), 400
    body = {"action": ACTION, "subject": finding, "by": g.person.account, "detail": reason}
    body |= {"device": found.device} if found.device else {}
    desk.submit([Fact(kind="staff_action", at_ms=desk.clock.now_ms(), body=body)])
    return redirect(url_for("dashboards.proposals"), code=303)
