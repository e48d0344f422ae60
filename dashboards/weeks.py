"""Seven days or a month of a device, a service or a site, hour by hour, from the sums that the core sealed.

An hour of several services is down where one of them was. It may also be one that nobody measured, one in which we were
blind, by a fault of our own that the ledger names, or a gap: an hour of which nothing is sealed. None of these three is
up or down.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any

from flask import abort, request

from dashboards import blind, charts, months, terms, words
from netops.clock import utc
from netops.errors import NetopsError
from netops.journal import HOUR_MS
from netops.web.language import gettext as _

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from dashboards.blind import Gap
    from dashboards.desk import Desk
    from dashboards.months import Line, Span

DAYS = 7
WEEK, MONTH = "week", "month"
TO_COME = " "
BLINDING = ("monitor_health", "slots_missed", "spool_dropped")  # by which nobody can have seen an hour as a whole
SHOWN = "UDXN" + charts.BLIND + charts.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A week or a month that the address asks for; a week has the name of its last day."""

    kind: str
    span: Span


def asked(desk: Desk, *, with_month: bool = True) -> Asked | None:
    """Return the week or month of the address, None when it asks for neither; what is none, or to come, is not found.

    A page whose `month` means something else asks without it.
    """
    name, month = request.args.get(WEEK, ""), request.args.get(MONTH, "") if with_month else ""
    if not name and not month:
        return None
    span = week(name, desk) if name else months.month(month, desk.zone)
    if span is None or span.start_ms > desk.clock.now_ms():
        abort(404)
    return Asked(kind=WEEK if name else MONTH, span=span)


def newest(desk: Desk) -> Asked:
    """Return the week that ends today."""
    span = week(today(desk), desk)
    assert span is not None
    return Asked(kind=WEEK, span=span)


def week(name: str, desk: Desk) -> Span | None:
    """Return the seven days that end with a day of the city's time; None when there is no such day."""
    last = months.day(name, desk.zone)
    if last is None:
        return None
    first = months.day(_moved(name, 1 - DAYS), desk.zone)
    return None if first is None else months.Span(name=name, start_ms=first.start_ms, end_ms=last.end_ms)


def today(desk: Desk) -> str:
    """Return the name of this day: the last one of the newest week."""
    return f"{utc(desk.clock.now_ms()).astimezone(desk.zone).date():%Y-%m-%d}"


def chosen(desk: Desk, wish: Asked | None, services: Collection[str], *, day: str = "") -> dict[str, Any]:
    """Return what a page shows of a week or a month of its services, and where its choice of day, week, month leads.

    `day`: the day that it shows, or empty. Without a wish it shows a day as it always did.
    """
    ends = wish.span.name if wish is not None and wish.kind == WEEK else day or today(desk)
    leads = {"week": ends, "month": wish.span.name if wish is not None and wish.kind == MONTH else ends[:7]}
    if wish is None:
        return {"hours": None, "span_kind": "day", "leads": leads}
    return {"hours": _told(desk, wish, services), "span_kind": wish.kind, "leads": leads}


def overlaid(line: Line, faults: Sequence[Gap], *, now_ms: int) -> str:
    """Return a day's letters: where nothing better is known, what our own faults say; a space is to come. Pure."""
    made = []
    for at, letter in zip(months.hours(line.day), line.letters, strict=True):
        ours = any(each.start_ms < at + HOUR_MS and each.end_ms >= at for each in faults)
        is_unseen = letter in {charts.UNKNOWN, charts.NONE}
        is_to_come = letter == charts.NONE and at + HOUR_MS > now_ms
        made.append(TO_COME if is_to_come else charts.BLIND if is_unseen and ours else letter)
    return "".join(made)


def _told(desk: Desk, wish: Asked, services: Collection[str]) -> dict[str, Any]:
    now_ms, span, error = desk.clock.now_ms(), wish.span, ""
    sealed, faults = [], list["Gap"]()
    try:
        wanted, (*one,) = months.hours(span), services
        sealed = desk.queries.hours(one[0], wanted) if len(one) == 1 else desk.queries.together(one, wanted)
        faults = blinding(blind.gaps(blind.leaves(desk, span, BLINDING)))
    except NetopsError as wrong:
        error = str(wrong)
    lines = months.lines(span, sealed, desk.zone, now_ms=now_ms)
    rows = [_row(each, faults, now_ms=now_ms) for each in lines]
    sums = {name: sum(getattr(each, f"{name}_ms") for each in lines) for name in ("up", "degraded", "down", "unknown")}
    return {
        "kind": wish.kind,
        "name": span.name,
        "title": _title(wish, lines),
        "error": error,
        "rows": rows,
        "shown": SHOWN,
        "names": names(),
        "share": words.percent(months.available(sums["up"] + sums["degraded"], sums["down"])),
        "sums": [(name, ms) for name, ms in sums.items() if ms],
        "services": len(services),
        **_beside(wish, desk, now_ms=now_ms),
    }


def blinding(gaps: Iterable[Gap]) -> list[Gap]:
    """Return the faults of our own in which nobody of ours could see; with some anchors in sight we could. Pure."""
    return [each for each in gaps if each.kind in BLINDING and (each.kind != BLINDING[0] or each.state == "blind")]


def _row(line: Line, faults: Sequence[Gap], *, now_ms: int) -> dict[str, Any]:
    letters = overlaid(line, faults, now_ms=now_ms)
    mine = [each for each in faults if each.start_ms < line.day.end_ms and each.end_ms >= line.day.start_ms]
    said = counted(letters)
    return {
        "day": line.day,
        "name": f"{_(terms.DAYS[utc(line.day.start_ms + HOUR_MS * 12).weekday()])} {line.day.name[8:]}",
        "picture": charts.hours(letters, label=f"{line.day.name}: {said}"),
        "said": said,
        "share": words.percent(line.share),
        "sums": (line.down_ms, line.degraded_ms, line.unknown_ms),
        "causes": sorted({_(blind.CAUSES[each.kind]) for each in mine}) if charts.BLIND in letters else [],
    }


def counted(letters: str) -> str:
    """Say how many hours were what: the picture in words."""
    called = names()
    found = [(letter, sum(1 for _one in run)) for letter, run in groupby(sorted(letters, key=(SHOWN + " ").index))]
    return words.several(f"{called[letter]} {count}" for letter, count in found if letter != TO_COME) or "—"


def names() -> dict[str, str]:
    """Return what each letter of an hour is called."""
    states = {letter: words.state(name) for name, letter in words.LETTER.items()}
    return {**states, charts.BLIND: _("我们失明（账本所记）"), charts.NONE: _("缺口：没有封存")}


def _title(wish: Asked, lines: Sequence[Line]) -> str:
    if wish.kind == MONTH:
        return wish.span.name
    return f"{lines[0].day.name} – {wish.span.name[5:]}" if lines else wish.span.name


def _beside(wish: Asked, desk: Desk, *, now_ms: int) -> dict[str, str]:
    """Return the names of the span before and of the one after, which is empty when it lies ahead."""
    is_last = wish.span.end_ms > now_ms
    if wish.kind == MONTH:
        after = "" if is_last else months.month_of(wish.span.end_ms, desk.zone).name
        return {"before": months.before(wish.span, desk.zone).name, "after": after}
    after = "" if is_last else min(_moved(wish.span.name, DAYS), today(desk))
    return {"before": _moved(wish.span.name, -DAYS), "after": after}


def _moved(name: str, days: int) -> str:
    """Return the name of the day so many days later."""
    return f"{date.fromisoformat(name) + timedelta(days=days):%Y-%m-%d}"
