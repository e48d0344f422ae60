"""One figure of a contract's month: how it was reckoned, and the intervals that count, are excused, were not measured.

A figure leads to its deduction, an interval to its samples (`intervals.py`), a sample to the bytes of the reply.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, render_template, request

from dashboards import deductions, disputes, figures, held, terms, words
from dashboards.frame import frame
from netops.access import record
from netops.report import because, counts
from netops.report.words import say
from netops.web.language import gettext as _

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dashboards.desk import Desk
    from dashboards.figures import Figure
    from dashboards.held import Held
    from dashboards.periods import Period
    from dashboards.running import Running

IN_FORCE = frozenset({"in_force", "in_force_by_ruling"})


def install(blueprint: Blueprint, desk: Desk, running: Running) -> None:
    """Add the page."""
    blueprint.add_url_rule(
        "/contract/<contract>/<month>/<item>/<objective>",
        "figure",
        lambda item, objective, **names: figure(desk, running, (item, objective), **names),
    )


def figure(desk: Desk, running: Running, name: tuple[str, str], contract: str, month: str) -> str:
    """Show one figure: how it was reckoned, and the intervals that count, are excused, or were not measured."""
    known, period = held.find(desk, contract, month)
    issue = held.revision(period)
    seen, shown, error = held.of(desk, running, known, period, issue)
    version = request.args.get("version", "")
    mine = [each for each in shown if (each.item_id, each.objective_id) == name]
    one = next((each for each in mine if each.version == version), mine[0] if mine and not version else None)
    if one is None and not error and not seen.reckoning:
        abort(404)
    return render_template(
        "dashboards/figure.html",
        **frame(desk, desk.queries.city()),
        contract=known,
        month=month,
        period=period,
        issue=issue,
        held=seen,
        error=error,
        one=one,
        item_id=name[0],
        objective_id=name[1],
        others=[each for each in mine if each is not one],
        command=held.command(known, period, seen),
        of_dispute=disputes.word,
        **(_shown(desk, one, period, seen) if one is not None else {}),
    )


def _shown(desk: Desk, one: Figure, period: Period, seen: Held) -> dict[str, Any]:
    """Return what stands on the page of a figure."""
    report = seen.closed.report if seen.closed is not None else None
    service = request.args.get("service", "")
    return {
        "said": held.chip(one.verdict, running=report is None),
        "why": held.why(one),
        "steps": deductions.steps(one, report) if report is not None else (),
        "tiers": [deductions.tier(each) for each in one.objective.credits.tiers] if one.objective else [],
        "rules": terms.rules(one.objective.rules) if one.objective else [],
        "hours": terms.hours(one.objective.rules) if one.objective else "",
        "classes": terms.exclusions(one.objective.rules) if one.objective else [],
        "tally": _tally(one),
        "service": service,
        **_outages(desk, one, period, service),
        **_claims(desk, one, seen, service),
        **_unmeasured(one, seen),
        **_services(one, service),
    }


def _tally(one: Figure) -> list[tuple[str, str]]:
    """Return where the judged time went, or the counts."""
    names = {
        "up_ms": _("正常"),
        "down_ms": _("中断"),
        "unknown_ms": _("未测"),
        "excluded_up_ms": _("排除（正常）"),
        "excluded_down_ms": _("排除（中断）"),
        "excluded_unknown_ms": _("排除（未测）"),
    }
    sums = one.told.get("tally", {})
    return [(names[name], lasted(one, value)) for name, value in sums.items() if value or name in {"up_ms", "down_ms"}]


def lasted(one: Figure, value: int) -> str:
    """Say service time, or a count where the objective counts."""
    return f"{value:,}{counts.unit(one.told)}" if one.counted else words.exact(value)


def _outages(desk: Desk, one: Figure, period: Period, service: str) -> dict[str, Any]:
    found = figures.rows(one.told["incidents"]) if "incidents" in one.told else []
    count = len(found)
    if service:
        found = [each for each in found if each["service"] == service]
    found.sort(key=lambda each: (each["start_ms"] - each["end_ms"], each["start_ms"], each["service"]))
    return held.table(
        "outages",
        found,
        of=count,
        made=lambda each: {
            **each,
            "lasted": _length(one, each["end_ms"] - each["start_ms"]),
            "because": reason(desk, each["because"]),
            "excused": _excusing(one, each),
            "claims": disputes.beside(period.case, each["service"], each["start_ms"], each["end_ms"]),
        },
    )


def _length(one: Figure, value: int) -> str:
    """Say how long an outage lasted, or how many things failed where those are counted one by one."""
    return lasted(one, value) if one.told["indicator"] in counts.OUTAGES else words.exact(value)


def reason(desk: Desk, because_: str) -> str:
    """Say why an interval counts as it does: by what was seen, or by what the rules made of it."""
    seen = words.because(because_, desk.queries.city().snapshot)
    return because.said(because_, held.language()) if seen == because_ else seen


def _excusing(one: Figure, each: Mapping[str, Any]) -> list[str]:
    """Return the claims in force that cover an outage, or a part of it."""
    return [
        str(claim["claim"])
        for claim in one.told.get("exclusions", ())
        if claim["effect"] in IN_FORCE
        and (not claim["services"] or each["service"] in claim["services"])
        and claim["start_ms"] < each["end_ms"]
        and each["start_ms"] < claim["end_ms"]
    ]


def _claims(desk: Desk, one: Figure, seen: Held, service: str) -> dict[str, Any]:
    """Return the claims to be excused, each with who decided, and what time it excused."""
    days = seen.closed.days if seen.closed is not None else {}
    decisions = days["decisions"] if days else _decisions(desk)
    sums = _excused(one, days)
    found = [
        each
        for each in one.told.get("exclusions", ())
        if not service or not each["services"] or service in each["services"]
    ]
    classes = one.objective.rules.exclusions if one.objective is not None else ()
    titles = {each.id: terms.title(each.title) or each.id for each in classes}

    def made(each: Mapping[str, Any]) -> dict[str, Any]:
        asked, *given = sums.get(each["claim"], [0, 0, 0, 0])
        return {
            **each,
            "title": titles.get(each["class"], each["class"]),
            "effect_said": say(each["effect"], held.language()),
            "counts": each["effect"] in IN_FORCE,
            "decided": decisions.get(each["claim"]),
            "asked": lasted(one, asked) if asked else "",
            "given": lasted(one, sum(given)) if sums else "",
        }

    return held.table("claims", found, made=made)


def _decisions(desk: Desk) -> dict[str, dict[str, Any]]:
    """Return who decided on each claim of a month that runs, as two persons stated it."""
    told = record.read(desk.settings)
    return {
        name: {"by": each.decision.by, "role": each.decision.role, "state": each.state}
        for name, each in told.items()
        if each.decision is not None
    }


def _excused(one: Figure, days: Mapping[str, Any]) -> dict[str, list[int]]:
    for objective in _of_days(one, days):
        return {row[0]: row[2:] for row in objective["excused"]["rows"] if row[0]}
    return {}


def _of_days(one: Figure, days: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [
        each
        for part in days.get("parts", ())
        if part["version"] == one.version
        for item in part["items"]
        if item["item"] == one.item_id
        for each in item["objectives"]
        if each["objective"] == one.objective_id
    ]


def _unmeasured(one: Figure, seen: Held) -> dict[str, Any]:
    """Return the days on which something was not measured, of a closed month."""
    days = seen.closed.days if seen.closed is not None else {}
    found = [
        {**row, "shown": lasted(one, row["unknown_ms"])}
        for each in _of_days(one, days)
        for row in figures.rows(each["days"])
        if row["unknown_ms"]
    ]
    return {"unmeasured": found, "unmeasured_known": bool(days)}


def _services(one: Figure, service: str) -> dict[str, Any]:
    found = figures.rows(one.told["services"]) if "services" in one.told else []
    count = len(found)
    if service:
        found = [each for each in found if each["service"] == service]
    found.sort(key=lambda each: (-each["down_ms"], -each["unknown_ms"], each["service"]))
    running = not one.item

    def made(each: Mapping[str, Any]) -> dict[str, Any]:
        return {
            **each,
            "said": held.chip(each["verdict"], running=running),
            "up": lasted(one, each["up_ms"]),
            "down": lasted(one, each["down_ms"]),
            "unknown": lasted(one, each["unknown_ms"]),
        }

    return held.table("services", found, of=count, made=made)
