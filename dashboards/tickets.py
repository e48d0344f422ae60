"""Tickets (工单): what was reported to the carriers, how long each repair's clock has run, what it waits for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, g, redirect, render_template, request, url_for

from dashboards import inside, words
from dashboards.frame import bound, frame
from netops import tickets
from netops.access import guard
from netops.errors import UsageError
from netops.sla.tickets import ANSWERED, CLOSED, PAUSED, REPAIRED, REPORTED, RESUMED, WITHDRAWN
from netops.web.language import gettext as _
from netops.web.language import mark

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from werkzeug.wrappers import Response

    from dashboards.city import City
    from dashboards.desk import Desk
    from netops.alerts.incident import Incident
    from netops.tickets import Standing

SHOWN, SERVICES = 100, 200
STATES = {"running": mark("计时中"), "waiting": mark("等待我方"), "over": mark("已关闭")}
TINT = {"running": "down", "waiting": "unknown", "over": "up"}
STEPS = {
    REPORTED: mark("报障"),
    ANSWERED: mark("运营商受理"),
    PAUSED: mark("等待我方，停止计时"),
    RESUMED: mark("恢复计时"),
    CLOSED: mark("关闭"),
}
OUTCOMES = {REPAIRED: mark("已修复"), WITHDRAWN: mark("误报，撤回")}


def install(blueprint: Blueprint, desk: Desk) -> None:
    """Add the pages."""
    add = blueprint.add_url_rule
    add("/tickets", "tickets", bound(index, desk))
    add("/tickets/<name>", "ticket", bound(ticket, desk))
    add("/tickets/<name>", "ticket_step", bound(step, desk), methods=["POST"])


def index(desk: Desk) -> str:
    """Show the tickets that are not closed, the oldest first; below them those that are, the newest first."""
    city, now = desk.queries.city(), desk.clock.now_ms()
    held = in_sight(city, tickets.standing(desk.settings).values())
    open_ = [each for each in held if each.state != "over"]
    over = sorted((each for each in held if each.state == "over"), key=lambda each: -each.clock.closed_ms)
    return render_template(
        "dashboards/tickets.html",
        **frame(desk, city),
        open=[row(city, each, now) for each in open_[:SHOWN]],
        more=max(0, len(open_) - SHOWN),
        over=[row(city, each, now) for each in over[:SHOWN]],
    )


def ticket(desk: Desk, name: str, error: str = "") -> str:
    """Show one with every step, and what may be said next."""
    city = desk.queries.city()
    held, is_whole = _known(desk, name)
    services = [city.snapshot.service[each] for each in held.clock.services if each in city.snapshot.service]
    return render_template(
        "dashboards/ticket.html",
        **frame(desk, city),
        row=row(city, held, desk.clock.now_ms()),
        held=held,
        steps=[(each, _(STEPS[each.step])) for each in held.words],
        services=services[:SERVICES],
        more=max(0, len(held.clock.services) - len(services[:SERVICES])),
        next=tickets.FITS[held.state] if is_whole else (),
        outcomes=[(name, _(label)) for name, label in OUTCOMES.items()],
        form=request.form,
        remark=inside.remark,
        error=error,
    )


def step(desk: Desk, name: str) -> Response | tuple[str, int]:
    """State one more step."""
    held, is_whole = _known(desk, name)
    if not is_whole:
        abort(403)  # the step would be of what lies beyond the scope as well
    try:
        said = tickets.step(
            held,
            request.form.get("step", ""),
            by=g.person.account,
            now_ms=desk.clock.now_ms(),
            number=request.form.get("number", ""),
            outcome=request.form.get("outcome", ""),
            remark=request.form.get("remark", ""),
        )
    except UsageError:
        return ticket(desk, name, error=_("这一步现在不能做，或缺少编号、原因、结果。")), 400
    desk.submit([said])
    return redirect(url_for("dashboards.ticket", name=name), code=303)


def reportable(city: City, one: Incident, told: Collection[Standing]) -> dict[str, list[str]]:
    """Return by contract what is down of an incident and in none of these tickets that is open."""
    down = [each.removeprefix("service:") for each in one.bad if each.startswith("service:")]
    already = {each for held in tickets.open_of(told, down) for each in held.clock.services}
    return tickets.contracts((each for each in down if each not in already), city.snapshot)


def of_incident(city: City, incident: str, told: Collection[Standing], now_ms: int) -> list[dict[str, Any]]:
    """Return of these tickets those that an incident was reported by, for its page."""
    return [row(city, each, now_ms) for each in in_sight(city, told) if each.incident == incident]


def in_sight(city: City, ones: Iterable[Standing]) -> list[Standing]:
    """Return tickets as somebody with a scope sees them: on contracts and services that lie in it."""
    if guard.scope().whole:
        return list(ones)
    made = []
    for each in ones:
        mine = tuple(name for name in each.clock.services if name in city.snapshot.service)
        if mine and each.contract in city.snapshot.contract:
            made.append(replace(each, clock=replace(each.clock, services=mine)))
    return made


def row(city: City, held: Standing, now_ms: int) -> dict[str, Any]:
    """Return one ticket as a table shows it."""
    contract = city.snapshot.contract.get(held.contract)
    carrier = city.snapshot.carrier.get(contract.carrier) if contract else None
    state = held.state
    return {
        "id": held.id,
        "contract": held.contract,
        "title": (contract.title if contract else "") or held.contract,
        "carrier": words.carrier(carrier) if carrier else "",
        "state": _(OUTCOMES[held.clock.outcome]) if held.clock.outcome in OUTCOMES else _(STATES[state]),
        "tint": TINT[state],
        "since_ms": held.clock.reported_ms,
        "ran_ms": held.ran_ms(now_ms),
        "services": len(held.clock.services),
        "number": held.number,
        "incident": held.incident,
    }


def _known(desk: Desk, name: str) -> tuple[Standing, bool]:
    """Return a ticket as far as it lies in sight, and whether that is all of it."""
    held = tickets.standing(desk.settings).get(name) or abort(404)
    (one,) = in_sight(desk.queries.city(), [held]) or abort(404)
    return one, one == held
