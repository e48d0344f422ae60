"""When we were blind: our own gaps by day and cause, and what they did to the figures.

What we did not measure is neither up nor down. Here stands how much it was, hour by hour, and which faults of our own
the ledger tells: a vantage point without its anchors, a clock that stepped, slots that nobody ran, a service that began
anew, what was dropped from a spool, when nobody could be heard.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, render_template, request

from dashboards import charts, figures, held, months, periods, terms, words
from dashboards.frame import frame
from netops.access import guard
from netops.access.record import ledger_path
from netops.errors import NetopsError
from netops.journal import HOUR_MS
from netops.ledger_file import LedgerReader
from netops.unmeasured import by_hour
from netops.web.language import gettext as _
from netops.web.language import mark

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dashboards.desk import Desk
    from dashboards.months import Span
    from dashboards.running import Running
    from netops.ledger_file import Leaf

MINUTE_MS = 60_000
LEAST = Fraction(1, 100)  # of an hour's service time: from there on its cell is hatched
TOGETHER_MS = 5 * MINUTE_MS  # slots of one vantage point that lie no further apart are one gap
SHOWN = 60
CAUSES = {
    "monitor_health": mark("监测点失去参照点"),
    "clock_state": mark("时钟"),
    "slots_missed": mark("错过的时隙"),
    "service_state": mark("服务重启"),
    "spool_dropped": mark("缓存队列丢弃"),
    "listening_break": mark("无法受理函件"),
    "source_conflict": mark("来源冲突"),
}
STATES = {
    "blind": mark("看不见任何参照点"),
    "degraded": mark("部分参照点可见"),
    "stepped": mark("时钟跳变"),
    "unsynchronised": mark("时钟未同步"),
    "unknown": mark("时钟状态不明"),
    "started": mark("已启动"),
    "stopped": mark("已停止"),
    "failed": mark("已失败"),
}
DETAILS = {  # what a number is that a fact tells without a word
    "monitor_health": mark("可达的参照点：%(detail)s"),
    "slots_missed": mark("时隙：%(detail)s"),
    "spool_dropped": mark("丢弃的记录：%(detail)s"),
    "service_state": mark("版本：%(detail)s"),
}
WELL = frozenset({("monitor_health", "ok"), ("clock_state", "synchronised")})


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """One fault of our own: its kind, from when to when (alike where it is an instant), who, what, and its leaves."""

    kind: str
    start_ms: int
    end_ms: int
    who: str
    state: str
    detail: str
    leaf: int
    leaves: int = 1


def install(blueprint: Blueprint, desk: Desk, running: Running) -> None:
    """Add the page."""
    blueprint.add_url_rule("/blind", "blind", lambda: blind(desk, running))


def blind(desk: Desk, running: Running) -> str:
    """Show a month of our own gaps: a calendar, the days, the faults, and what they did to the figures."""
    now_ms, asked = desk.clock.now_ms(), request.args.get("month", "")
    span: Span = months.month(asked, desk.zone) or abort(404) if asked else months.month_of(now_ms, desk.zone)
    error, sums = "", dict[int, tuple[int, int]]()
    city, scope = desk.queries.city(), guard.scope()
    try:
        hours = months.hours(span)
        sums = by_hour(
            desk.settings.data.dir / "states.db",
            start_ms=hours[0],
            end_ms=hours[-1] + HOUR_MS,
            services=None if scope.whole else city.snapshot.service,
        )
    except NetopsError as wrong:
        error = str(wrong)
    found = gaps(leaves(desk, span), in_words=scope.whole)
    lines = days(span, sums, found, desk, now_ms=now_ms)
    return render_template(
        "dashboards/blind.html",
        **frame(desk, city),
        span=span,
        before=months.before(span, desk.zone).name,
        after=months.month_of(span.end_ms, desk.zone).name if span.end_ms <= now_ms else "",
        error=error,
        lines=lines,
        picture=charts.calendar(
            [(each["day"].name[5:], each["letters"], f"#day-{each['day'].name}", each["title"]) for each in lines],
            label=_("%(month)s：每天一行，每小时一格；斜纹为未测", month=span.name),
        ),
        names={"U": _("已测"), "N": _("百分之一以上的服务时间未测"), "-": _("未封存")},
        total=(sum(unknown for unknown, _whole in sums.values()), sum(whole for _unknown, whole in sums.values())),
        gaps=[_row(each) for each in found[:SHOWN]],
        gaps_more=max(len(found) - SHOWN, 0),
        by_cause=_by_cause(found),
        of_places=scope.of_places,
        effects=[] if scope.of_places else _effects(desk, running, span.name),  # a figure is of a whole contract
        ratio=lambda unknown, whole: words.percent(Fraction(unknown, whole)) if whole else "—",
    )


def leaves(desk: Desk, span: Span, kinds: Iterable[str] = tuple(CAUSES)) -> list[Leaf]:
    """Return the facts of our own faults of a span; an hour more behind it, for what is told when it is over."""
    path = ledger_path(desk.settings)
    if not path.exists():
        return []
    with LedgerReader(path) as ledger:
        found = [
            leaf for kind in kinds for leaf in ledger.find(kind, start_ms=span.start_ms, end_ms=span.end_ms + HOUR_MS)
        ]
    return [leaf for leaf in found if (leaf.fact.kind, leaf.fact.body.get("state", "")) not in WELL]


def gaps(leaves: Iterable[Leaf], *, in_words: bool = True) -> list[Gap]:
    """Return our faults in the order of time, what a vantage point told slot by slot as one.

    They concern everybody; but what one says in words may name any device, and `in_words` false leaves that out.
    """
    made: list[Gap] = []
    last: dict[tuple[str, str, str], int] = {}
    for each in sorted((_gap(leaf, in_words=in_words) for leaf in leaves), key=lambda gap: (gap.start_ms, gap.leaf)):
        at = last.get((each.kind, each.who, each.state))
        if at is not None and each.kind == "monitor_health" and each.start_ms - made[at].end_ms <= TOGETHER_MS:
            made[at] = replace(made[at], end_ms=max(made[at].end_ms, each.end_ms), leaves=made[at].leaves + 1)
            continue
        last[each.kind, each.who, each.state] = len(made)
        made.append(each)
    return made


def _gap(leaf: Leaf, *, in_words: bool) -> Gap:
    body: Mapping[str, Any] = leaf.fact.body
    start_ms = end_ms = leaf.fact.at_ms
    who, detail = str(body.get("vantage") or body.get("service") or body.get("source") or ""), ""
    match leaf.fact.kind:
        case "monitor_health":
            start_ms = body.get("start_ms", start_ms)
            detail = f"{body['reachable']} / {body['anchors']}"
        case "clock_state":
            detail = " ".join(f"{name} {body[name]}" for name in ("offset_ms", "step_ms") if name in body)
        case "slots_missed":
            start_ms, end_ms, who, detail = body["first_ms"], body["last_ms"], str(body["job"]), str(body["count"])
        case "spool_dropped":
            who, detail = str(body["spool"]), f"{body['count']} · {body['reason']}"
        case "listening_break":
            start_ms, end_ms = body["lost_ms"] or body["since_ms"], body["since_ms"]
        case "service_state":
            detail = str(body["version"])
    return Gap(
        kind=leaf.fact.kind,
        start_ms=start_ms,
        end_ms=end_ms,
        who=who,
        state=str(body.get("state", "")),
        detail=f"{detail} {body.get('detail', '') if in_words else ''}".strip(),
        leaf=leaf.index,
    )


def _row(each: Gap) -> dict[str, Any]:
    state = _(STATES[each.state]) if each.state in STATES else each.state
    detail = _(DETAILS[each.kind], detail=each.detail) if each.detail and each.kind in DETAILS else each.detail
    told = {"gap": each, "cause": _(CAUSES[each.kind]), "state": state, "detail": detail}
    return {**told, "lasted": each.end_ms - each.start_ms}


def _by_cause(found: Sequence[Gap]) -> list[tuple[str, int, int]]:
    """Return each cause with how often it was, and for how long altogether."""
    return [
        (_(word), len(mine), sum(each.end_ms - each.start_ms for each in mine))
        for kind, word in CAUSES.items()
        if (mine := [each for each in found if each.kind == kind])
    ]


def days(
    span: Span, sums: Mapping[int, tuple[int, int]], found: Sequence[Gap], desk: Desk, *, now_ms: int
) -> list[dict[str, Any]]:
    """Return the days of a month up to now: a letter an hour, what was not measured of it, and the causes told."""
    made = []
    for line in months.lines(span, (), desk.zone, now_ms=now_ms):
        hours = months.hours(line.day)
        mine = [sums[hour] for hour in hours if hour in sums]
        unknown, whole = (sum(each[at] for each in mine) for at in (0, 1))
        told = [each for each in found if each.start_ms < line.day.end_ms and each.end_ms >= line.day.start_ms]
        share = words.percent(Fraction(unknown, whole)) if whole else "—"
        made.append(
            {
                "day": line.day,
                "letters": "".join(letter(sums.get(hour)) for hour in hours),
                "unknown_ms": unknown,
                "whole_ms": whole,
                "share": share,
                "causes": sorted({_(CAUSES[each.kind]) for each in told}),
                "title": _("%(day)s：未测 %(share)s", day=line.day.name, share=share),
            }
        )
    return made


def letter(held_: tuple[int, int] | None) -> str:
    """Return the letter of an hour: not sealed, measured, or not measured in part."""
    if held_ is None:
        return charts.NONE
    unknown, whole = held_
    return charts.UNKNOWN if whole and Fraction(unknown, whole) >= LEAST else charts.UP


def _effects(desk: Desk, running: Running, month: str) -> list[dict[str, Any]]:
    """Return what was not measured in each figure of the month: its share, the bounds that follow, and the verdict."""
    contracts = desk.queries.city().index.contracts
    told = periods.read(desk.settings, contracts)
    made = []
    for contract in contracts.values():
        period = periods.named(contract, month, told, now_ms=desk.clock.now_ms())
        if period is None:
            continue
        _seen, shown, _error = held.of(desk, running, contract, period)
        made += [
            {
                "contract": contract,
                "one": each,
                "chip": held.chip(each.verdict, running=not each.item),
                "rule": _rule(each),
            }
            for each in shown
            if "unknown_shown" in each.told
        ]
    return made


def _rule(each: figures.Figure) -> str:
    """Say what the contract makes of time that was not measured."""
    if each.objective is None:
        return ""
    rules = each.objective.rules
    said = _(terms.VALUES["unknown_mode", rules.unknown_mode])
    most = words.percent(Fraction(rules.max_unknown_ratio), digits=1)
    return _("%(said)s；超过 %(most)s 则无法判定", said=said, most=most)
