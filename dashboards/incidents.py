"""Incidents: what is wrong, since when, who was told, who has taken it on. A message's link is `taking.py`."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, g, redirect, render_template, request, url_for

from dashboards import tickets, words
from dashboards.frame import bound, frame
from netops.access import guard
from netops.access.beyond import About
from netops.alerts import book, people, telling, wording
from netops.alerts.eyes import names
from netops.alerts.policy import SEVERITIES
from netops.errors import NetopsError, UsageError
from netops.tickets import MOST_NUMBER, portions, reported, standing
from netops.web.language import current, mark
from netops.web.language import gettext as _

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from werkzeug.wrappers import Response

    from dashboards.city import City
    from dashboards.desk import Desk
    from netops.alerts.incident import Incident
    from netops.report.words import Language

CLOSED_MS = 7 * 86_400_000
SHOWN, MEMBERS = 100, 200
SEVERITY = {"critical": mark("紧急"), "major": mark("重要"), "minor": mark("一般")}
TINT = {"critical": "down", "major": "degraded", "minor": "unknown"}
MUTES = ((1, mark("1 小时")), (4, mark("4 小时")), (24, mark("24 小时")), (168, mark("7 天")))
HOUR_MS = 3_600_000


def install(blueprint: Blueprint, desk: Desk) -> None:
    """Add the pages."""
    add = blueprint.add_url_rule
    add("/incidents", "incidents", bound(index, desk))
    add("/incidents/<name>", "incident", bound(incident, desk))
    add("/incidents/<name>/take", "take_on", bound(take_on, desk), methods=["POST"])
    add("/incidents/<name>/mute", "mute", bound(mute, desk), methods=["POST"])
    add("/incidents/<name>/report", "report_fault", bound(report, desk), methods=["POST"])


def index(desk: Desk) -> str:
    """Show what is open, the worst and oldest first; below it what is over."""
    city, now = desk.queries.city(), desk.clock.now_ms()
    error, living, closed = "", list["Incident"](), list["Incident"]()
    try:
        with book.Reader(book.path(desk.settings)) as held:
            living = in_sight(city, (each for each in held.living() if each.opened_ms is not None))
            closed = in_sight(city, held.closed(since_ms=now - CLOSED_MS, most=SHOWN))
    except NetopsError as wrong:
        error = str(wrong)
    living.sort(key=lambda each: (SEVERITIES.index(each.severity), each.since_ms, each.id))
    return render_template(
        "dashboards/incidents.html",
        **frame(desk, city),
        open=rows(city, living[:SHOWN]),
        more=max(0, len(living) - SHOWN),
        over=rows(city, closed),
        error=error,
    )


def incident(desk: Desk, name: str, error: str = "") -> str:
    """Show one: what belongs to it, and who was told when."""
    city = desk.queries.city()
    with book.Reader(book.path(desk.settings)) as held:
        (one,) = in_sight(city, filter(None, [held.get(name)])) or abort(404)
        notices = held.notices(name) if guard.scope().whole else []
    bad_first = sorted(one.members.items(), key=lambda each: (each[1].well_ms is not None, each[1].area, each[0]))
    members = [
        {
            "subject": subject,
            "service": subject.removeprefix("service:") if subject.startswith("service:") else "",
            "area": _area(city, each.area),
            "since_ms": each.since_ms,
            "well_ms": each.well_ms,
            "because": words.because(each.because, city.snapshot),
        }
        for subject, each in bad_first[:MEMBERS]
    ]
    (row,) = rows(city, [one])
    told = standing(desk.settings).values()
    kind, _colon, root = one.root.partition(":")
    return render_template(
        "dashboards/incident.html",
        **frame(desk, city),
        one=one,
        row=row,
        members=members,
        more=max(0, len(bad_first) - MEMBERS),
        notices=[_told(each) for each in notices],
        device=root if kind == "device" and root in city.snapshot.device else "",
        service=root if kind == "service" and root in city.snapshot.service else "",
        mutes=[(hours, _(label)) for hours, label in MUTES],
        tickets=tickets.of_incident(city, name, told, desk.clock.now_ms()),
        reportable=sum(map(len, tickets.reportable(city, one, told).values())) if one.living else 0,
        error=error,
    )


def take_on(desk: Desk, name: str) -> Response:
    """Take it on in one's own name."""
    one = _living(desk, name)
    if desk.queries.beyond(About(name=name, root=one.root)):
        abort(403)
    said = people.taken(
        name,
        by=g.person.account,
        way=people.PAGE,
        now_ms=desk.clock.now_ms(),
        remark=request.form.get("remark", "").strip(),
    )
    desk.submit([said])
    return redirect(url_for("dashboards.incident", name=name), code=303)


def mute(desk: Desk, name: str) -> Response | tuple[str, int]:
    """Have nobody told of its root for a while."""
    one, now = _living(desk, name), desk.clock.now_ms()
    is_part = one.members != _whole(desk, name).members
    if is_part or desk.queries.beyond(About(name=name, root=one.root, entire=True)):
        abort(403)  # the mute would be of what lies beyond the scope as well, now or when the root takes it down
    try:
        hours = next((n for n, _label in MUTES if str(n) == request.form.get("hours", "")), 0)
        said = people.muted(
            one.root,
            until_ms=now + hours * HOUR_MS,
            by=g.person.account,
            reason=request.form.get("reason", ""),
            now_ms=now,
        )
    except UsageError:
        return incident(desk, name, error=_("静默需要写明原因。")), 400
    desk.submit([said])
    return redirect(url_for("dashboards.incident", name=name), code=303)


def report(desk: Desk, name: str) -> Response:
    """Report what is down of an incident: one ticket for each contract that sells it, and none where one is open."""
    one, city = _living(desk, name), desk.queries.city()
    sold = tickets.reportable(city, one, standing(desk.settings).values()) or abort(409)
    said = [
        reported(
            portion,
            contract=contract,
            by=g.person.account,
            now_ms=desk.clock.now_ms(),
            token=secrets.token_hex(3),
            incident=one.id,
            number=request.form.get("number", "")[:MOST_NUMBER],
            remark=request.form.get("remark", ""),
        )
        for contract, services in sold.items()
        for portion in portions(services)
    ]
    desk.submit(said)
    where = (
        url_for("dashboards.ticket", name=said[0].body["ticket"]) if len(said) == 1 else url_for("dashboards.tickets")
    )
    return redirect(where, code=303)


def in_sight(city: City, ones: Iterable[Incident]) -> list[Incident]:
    """Return incidents as somebody with a scope sees them: those of services that lie in it, and of these alone."""
    if guard.scope().whole:
        return list(ones)
    known = city.snapshot.service
    made = []
    for each in ones:
        mine = {name: member for name, member in each.members.items() if name.removeprefix("service:") in known}
        if mine:
            made.append(replace(each, members=mine))
    return made


def _living(desk: Desk, name: str) -> Incident:
    (one,) = in_sight(desk.queries.city(), [_whole(desk, name)]) or abort(404)
    return one if one.living else abort(409)


def _whole(desk: Desk, name: str) -> Incident:
    if not book.path(desk.settings).exists():
        abort(404)
    with book.Reader(book.path(desk.settings)) as held:
        return held.get(name) or abort(404)


def rows(city: City, ones: Sequence[Incident]) -> list[dict[str, Any]]:
    """Return incidents as a table shows them: each in one sentence, how bad, where."""
    called, language = names(city.snapshot), _language()
    return [
        {
            "one": each,
            "what": wording.what(each, called, language),
            "severity": _(SEVERITY[each.severity]),
            "tint": TINT[each.severity],
            "bad": len(each.bad),
            "areas": sorted({_area(city, member.area) for member in each.members.values() if member.area}),
        }
        for each in ones
    ]


def _told(notice: dict[str, Any]) -> dict[str, Any]:
    _incident, what, step, _person = notice["key"].split("/", 3)
    return {**notice, "what": what, "step": int(step) + 1, "over": what == telling.OVER}


def _area(city: City, name: str) -> str:
    found = city.snapshot.area.get(name)
    return words.area(found) if found else name


def _language() -> Language:
    return "en" if current() == "en" else "zh"
