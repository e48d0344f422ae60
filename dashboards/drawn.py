"""What a contract's page draws: from fees to what is payable, both sides of a month, and how fast budgets burn.

The first two are of the last report that was issued, read as the auditor's pages read it; the third is no verdict.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from dashboards import terms, words
from dashboards.running import Running
from netops.alerts import burning
from netops.clock import utc
from netops.dispute import codes
from netops.errors import EvidenceError, NetopsError
from netops.pictures import beside, burn, ink, waterfall
from netops.report import closed, figures
from netops.report import waterfall as steps
from netops.report.decided import UPHELD
from netops.report.words import say
from netops.sla.calendar import zone
from netops.web.language import current
from netops.web.language import gettext as _

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dashboards.desk import Desk
    from netops.config import Settings
    from netops.report.interval import Answer
    from netops.report.words import Language

AVAILABILITY = "availability"
BURNS = 6  # objectives that are drawn, by name; a contract has few
SAID = {codes.UP: ink.UP, codes.NOT_MEASURED: ink.UNKNOWN}  # what an objection asks for → how its day is drawn
BY_CODE = {"no_outage": ink.UP, "duration": ink.UP, "not_measured": ink.UNKNOWN, "not_contracted": ink.UNKNOWN}


class Burning(Running):
    """The burn rates of contracts, reckoned in a thread once for each hour that is sealed."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.rates: dict[str, burning.Burns] = {}

    def _judged(self, contract: str, end_ms: int) -> Answer | None:
        self.rates[contract] = burning.burns(self._settings, contract, now_ms=end_ms)
        return None


def of(desk: Desk, rates: Burning, contract: str) -> dict[str, Any]:
    """Return the pictures of a contract's page with their tables; a report that cannot be read is said elsewhere."""
    language: Language = "en" if current() == "en" else "zh"
    issued = [
        each
        for each in closed.issues(desk.queries.leaves("report_issued"), rehearsal=desk.settings.city.rehearsal)
        if each.contract == contract
    ]
    made: dict[str, Any] = {"of": "", **_burns(desk, rates, contract)}
    last = max(issued, key=lambda each: (each.start_ms, each.revision), default=None)
    if last is None:
        return made
    try:
        held = closed.opened(desk.settings, last)
        made |= {**_money(held.report, language), **_sides(held), "of": last.report}
    except (EvidenceError, LookupError, TypeError, ValueError, ArithmeticError):
        return made
    return made


def _money(report: Mapping[str, Any], language: Language) -> dict[str, Any]:
    found = steps.steps(report)
    most = max((each.left for each in found), default=Decimal(0)) or Decimal(1)
    rows, bars = [], []
    for each in found:
        fixed = each.kind in {"fees", "payable"}
        low, high = (Decimal(0), each.left) if fixed else sorted((each.left, each.left - each.amount))
        said = (terms.title(each.item), terms.title(each.objective), f"{each.percent} %" if each.percent else "")
        about = words.several(dict.fromkeys(filter(None, said)))
        rows.append({"label": say(each.kind, language), "about": about, "amount": figures.money(str(each.amount))})
        bars.append(
            waterfall.Bar(
                kind=each.kind,
                label=about or rows[-1]["label"],
                amount=rows[-1]["amount"],
                low=figures.millionths(low, most),
                high=figures.millionths(high, most),
            )
        )
    told = "; ".join(f"{row['label']} {row['amount']}" for row in rows[:: max(len(rows) - 1, 1)])
    currency = report["credit"]["currency"]
    return {"waterfall": waterfall.draw(bars, label=f"{told} {currency}"), "steps": rows, "currency": currency}


def _sides(held: closed.Closed) -> dict[str, Any]:
    """Return each day of the report as we measured it and as the carrier says it was, where it objected."""
    measured = _measured(held.report, held.days)
    said = _objected(held.report, held.report["timezone"])
    names = {letter: words.state(name) for name, letter in words.LETTER.items()} | {ink.NONE: "—"}
    days, rows = [], []
    for day, letter in measured.items():
        theirs, mark, reason = said.get(day, (ink.NONE, "", ""))
        days.append(beside.Day(name=str(int(day[8:])), ours=letter, theirs=theirs, mark=mark))
        if letter != ink.UP or mark:
            told = f"{names[theirs]} · {reason}" if reason else ""
            rows.append({"day": day, "ours": names[letter], "theirs": told, "mark": mark})
    label = _(
        "%(count)d 天，其中运营商对 %(objected)d 天提出异议",
        count=len(days),
        objected=sum(bool(each.mark) for each in days),
    )
    return {"sides": beside.draw(days, ours=_("我们测到"), theirs=_("运营商所说"), label=label), "days": rows}


def _measured(report: Mapping[str, Any], days: Mapping[str, Any]) -> dict[str, str]:
    """Return by day the worst of the promises of availability: an outage that counts, mostly not measured, or up."""
    asked = {
        (part["version"], item["item"], each["objective"])
        for part in report["parts"]
        for item in part["items"]
        for each in item["objectives"]
        if each["indicator"] == AVAILABILITY
    }
    made: dict[str, str] = {}
    for part in days["parts"]:
        for item in part["items"]:
            for each in item["objectives"]:
                if (part["version"], item["item"], each["objective"]) in asked:
                    columns = each["days"]["columns"]
                    for row in each["days"]["rows"]:
                        told = dict(zip(columns, row, strict=True))
                        made[told["day"]] = max(made.get(told["day"], ink.NONE), _letter(told), key=_RANK.index)
    return dict(sorted(made.items()))


_RANK = (ink.NONE, ink.UP, ink.UNKNOWN, ink.DOWN)


def _letter(told: Mapping[str, int]) -> str:
    whole = sum(value for name, value in told.items() if name != "day")
    if told["down_ms"]:
        return ink.DOWN
    if whole and told["unknown_ms"] * 2 >= whole:
        return ink.UNKNOWN
    return ink.UP if whole else ink.NONE


def _objected(report: Mapping[str, Any], timezone: str) -> dict[str, tuple[str, str, str]]:
    """Return by day how the carrier says it was, what became of it, and its reason; the last word on a day counts."""
    made = {}
    for each in report.get("objections", ()):
        ruling = each.get("ruling")
        mark = "?" if ruling is None else "✓" if ruling["outcome"] in UPHELD else "✗"
        letter = SAID.get(each.get("asks", ""), BY_CODE.get(each["code"], ink.DOWN))
        for day in _days(each, timezone):
            made[day] = (letter, mark, str(each["reason"]))
    return made


def _days(each: Mapping[str, Any], timezone: str) -> Iterator[str]:
    """Yield the days that an objection touches: of its span, or of its target where that names an instant."""
    start_ms, end_ms = each.get("start_ms", 0), each.get("end_ms", 0)
    if not start_ms:
        try:
            target = codes.target(str(each["target"]))
        except (NetopsError, LookupError):
            return
        start_ms, end_ms = target.start_ms, target.end_ms
    if start_ms:
        tz = zone(timezone)
        first, last = (utc(at).astimezone(tz).date() for at in (start_ms, max(end_ms - 1, start_ms)))
        for at in range(first.toordinal(), min(last.toordinal(), first.toordinal() + 366) + 1):
            yield date.fromordinal(at).isoformat()


def _burns(desk: Desk, rates: Burning, contract: str) -> dict[str, Any]:
    standing = rates.of(contract, now_ms=desk.clock.now_ms())
    found = rates.rates.get(contract, {})
    said = standing.error or (_("正在计算，稍后刷新本页。") if standing.reckoning and not found else "")
    rows = [_burn(name.partition("/")[2], each) for name, (_end, each) in sorted(found.items())[:BURNS]]
    return {"burning": said, "burns": rows}


def _burn(name: str, found: Sequence[Any]) -> dict[str, Any]:
    windows = [
        burn.Window(
            named=f"{words.span(each.alert.long_ms)} / {words.span(each.alert.short_ms)}",
            factor=each.alert.factor,
            long=each.long,
            short=each.short,
            warns=each.warns,
        )
        for each in found
    ]
    warns = sum(each.warns for each in windows)
    label = _("%(name)s 的误差预算：%(warns)d 个窗口告警", name=name, warns=warns)
    rows = [
        {
            "named": each.named,
            "long": burn.rate(each.long),
            "short": burn.rate(each.short),
            "factor": burn.rate(each.factor),
        }
        for each in windows
    ]
    return {"name": name, "picture": burn.draw(windows, label=label), "rows": rows}
