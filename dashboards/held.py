"""What a contract's month is shown from: its sealed report, or the judge's answer up to an instant; and its words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import abort, request

from dashboards import figures, periods
from netops.clock import utc
from netops.errors import EvidenceError
from netops.report import because, closed
from netops.sla import calendar
from netops.web.language import current
from netops.web.language import gettext as _

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from zoneinfo import ZoneInfo

    from dashboards.desk import Desk
    from dashboards.figures import Figure
    from dashboards.periods import Period
    from dashboards.running import Running
    from inventory.model import Contract
    from netops.report.closed import Closed, Issue
    from netops.report.words import Language

ROWS = 25  # of each table of a figure


@dataclass(frozen=True, kw_only=True)
class Held:
    """What a contract's month is shown from: the sealed report, or the judge's answer up to an instant."""

    closed: Closed | None = None
    until_ms: int = 0
    reckoning: bool = False
    hours: int = 0
    missing: int = 0


def of(
    desk: Desk, running: Running, contract: Contract, period: Period, issue: Issue | None = None
) -> tuple[Held, list[Figure], str]:
    """Return what the figures of a month rest on, the figures, and why there are none if so."""
    issue = issue or period.last
    if issue is not None:
        try:
            found = closed.opened(desk.settings, issue)
        except EvidenceError as error:
            return Held(), [], str(error)
        seen = found.report["seen"]
        held = Held(closed=found, until_ms=issue.end_ms, hours=seen["hours"], missing=seen["hours_missing"])
        return held, figures.of_report(found), ""
    if period.state != periods.RUNNING:
        return Held(), [], ""
    standing = running.of(contract.id, now_ms=desk.clock.now_ms())
    answer = standing.answer
    if answer is None or answer.start_ms != period.start_ms:
        return Held(reckoning=standing.reckoning), [], standing.error
    held = Held(until_ms=answer.end_ms, reckoning=standing.reckoning, hours=answer.hours, missing=answer.missing)
    return held, figures.of_answer(answer, standing.told), ""


def find(desk: Desk, contract: str, month: str) -> tuple[Contract, Period]:
    """Return a contract and one of its months; one that it has not is not found."""
    known: Contract = desk.queries.city().index.contracts.get(contract) or abort(404)
    told = periods.read(desk.settings, desk.queries.city().index.contracts)
    found: Period = periods.named(known, month, told, now_ms=desk.clock.now_ms()) or abort(404)
    return known, found


def revision(period: Period) -> Issue | None:
    """Return the revision that the address asks for, else the newest; one that there is not is not found."""
    asked = request.args.get("revision", type=int)
    if asked is None:
        return period.last
    found: Issue = next((each for each in period.issues if each.revision == asked), None) or abort(404)
    return found


def command(contract: Contract, period: Period, held: Held) -> str:
    """Return the command that judges the same interval, for anybody to repeat."""
    if not held.until_ms:
        return ""
    tz = calendar.zone(contract.timezone)
    start, end = (_instant(at, tz) for at in (period.start_ms, held.until_ms))
    return f"netops sla judge --contract {contract.id} --from {start} --to {end} --json"


def _instant(at_ms: int, tz: ZoneInfo) -> str:
    return f"{utc(at_ms).astimezone(tz):%Y-%m-%dT%H:%M}"


def why(each: Figure) -> str:
    """Say why there is no verdict, or what the judge remarks, in the language of the page."""
    told = [each.told.get("because", ""), each.told.get("remark", "")]
    return " · ".join(because.said(text, language()) for text in told if text)


def language() -> Language:
    """Return the language of the page as reports name it."""
    return "en" if current() == "en" else "zh"


def chip(verdict: str, *, running: bool) -> tuple[str, str, str]:
    """Return a verdict as a chip: its tint, its sign, its word; of a month that runs it is none yet."""
    word = {
        "met": _("目前达标") if running else _("达标"),
        "missed": _("目前低于目标") if running else _("未达标"),
        "not_determinable": _("无法判定"),
    }[verdict]
    return {"met": "up", "missed": "down"}.get(verdict, "unknown"), {"met": "✓", "missed": "✕"}.get(verdict, "?"), word


def table(
    name: str,
    found: Sequence[Mapping[str, Any]],
    *,
    made: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    of: int | None = None,
) -> dict[str, Any]:
    """Return a page of a table's rows under its name, how many there are, and how it is turned."""
    shown, at, pages = figures.page(found, request.args.get(name, 1, type=int), size=ROWS)
    return {
        name: [made(each) for each in shown],
        f"{name}_count": len(found),
        f"{name}_of": len(found) if of is None else of,
        f"{name}_turn": turn(name, at, pages, len(found)),
    }


def turn(name: str, page: int, pages: int, count: int) -> dict[str, Any]:
    """Return where a page stands among the others of its table, for the line that turns it."""
    args = {**(request.view_args or {}), **request.args.to_dict()}
    return {"name": name, "page": page, "pages": pages, "count": count, "args": args}
