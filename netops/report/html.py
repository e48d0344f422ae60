"""The report for people: one self-contained page, to be read on screen or printed. No script, nothing fetched.

It says what `report.json` and `days.json` say and nothing else; every value is escaped. Both languages stand side by
side, as a court needs one document.
"""

from __future__ import annotations

from datetime import timedelta
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netops.clock import iso, utc
from netops.metrics import portal
from netops.report import agreed, because, counts, drawn, foot, paper, surfaces
from netops.report.named import named, norm
from netops.report.words import LANGUAGES, both, worded
from netops.sla import derived

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from zoneinfo import ZoneInfo

    from netops.report.drawn import Cell
    from netops.report.parties import Parties

STYLE = Path(__file__).with_name("report.css").read_text(encoding="utf-8")
REHEARSAL = (
    "演练 REHEARSAL — 本报告全部内容均为模拟，不具任何效力 · everything in this report is simulated and has no effect"
)
VERDICTS = {"met": "达标 met ✓", "missed": "未达标 missed ✗", "not_determinable": "无法判定 not determinable ?"}
REMARKS = {"missed": "即使按上限亦未达标 missed at either bound", "met": "即使按下限亦达标 met at either bound"}
COLUMNS = {
    "service": "服务 service",
    "contracted_ms": "合同时长 contracted",
    "up_ms": "正常 up",
    "down_ms": "中断 down",
    "unknown_ms": "未测得 unknown",
    "excluded_up_ms": "免责·正常 excluded, up",
    "excluded_down_ms": "免责·中断 excluded, down",
    "excluded_unknown_ms": "免责·未测得 excluded, unknown",
    "value": "精确值 exact",
    "shown": "% ↓",
    "lower": "下限 lower",
    "upper": "上限 upper",
    "verdict": "判定 verdict",
    "start_ms": "开始 from",
    "end_ms": "结束 to",
    "cause": "归因 cause",
    "because": "依据 because",
    "censored": "未见首尾 censored (≥)",
    "incidents": "次数 incidents",
    "services": "服务数 services",
}
TALLY = tuple(name for name in COLUMNS if name.endswith(("up_ms", "down_ms", "unknown_ms")))
OUTAGES = ("down_ms",)
EXACT = ("value", "lower", "upper")
AT = frozenset({"start_ms", "end_ms"})
FIRST = ("service", "verdict")  # of a table's columns: in view on a small screen
DAY_MS = 86_400_000
SHORT = 10  # the name of a month or a day stays on one line


def page(
    report: Mapping[str, Any], days: Mapping[str, Any], tz: ZoneInfo, *, parties: Parties, no_paper: str = ""
) -> str:
    """Return the page of a report's content and its days; `no_paper` says why the bundle has no PDF."""
    zh, en = (paper.content(report, days, tz, language, parties=parties) for language in LANGUAGES)
    banner = f'<p class="rehearsal">{REHEARSAL}</p>' if report["rehearsal"] else ""
    title = f"{report['title']} · {report['period']['name']}"
    body = [
        banner,
        drawn.HATCH,
        _head(report, tz, parties),
        _first(zh, en),
        _summary(report),
        drawn.section(zh["coverage"], en["coverage"]),
        drawn.listed(surfaces.rules(report)),
        _waterfall(zh, en),
        _days(zh, en),
    ]
    body += [drawn.section(zh[name], en[name]) for name in ("changes", "objections", "corrections", "late_samples")]
    excused = _Excused(days)
    body += [_part(part, excused, tz) for part in report["parts"]]
    body += [foot.seen(report), foot.witnessed(report, tz), foot.digests(report, parties, no_paper), banner]
    return (
        f'<!DOCTYPE html>\n<html lang="zh-CN"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width">'
        f"<style>{STYLE}</style></head><body>\n{''.join(body)}\n</body></html>\n"
    )


def _head(report: Mapping[str, Any], tz: ZoneInfo, parties: Parties) -> str:
    period = report["period"]
    span, universal = _span(period["start_ms"], period["end_ms"], tz)
    whole = ' class="whole"' if len(period["name"]) <= SHORT else ""
    name = f"<span{whole}>{escape(period['name'])}</span>"
    replaces = f" · 取代 replaces <code>{escape(report['replaces'])}</code>" if report["replaces"] else ""
    return (
        f"<h1>{escape(report['title'])}<br>服务水平报告 Service level report {name}</h1>"
        f"<p>合同 contract <b>{escape(report['contract'])}</b> · 运营商 carrier <b>{escape(parties.named())}</b> · "
        f"修订 revision <b>{report['revision']}</b>{replaces}<br>"
        f'期间 period <span title="{universal}">{span}</span> ({escape(report["timezone"])}, tzdata '
        f"{escape(report['tzdata'])})<br>时间均为该时区；指向时显示 UTC · times are of this zone, UTC on hover</p>"
    )


def _first(zh: Mapping[str, Any], en: Mapping[str, Any]) -> str:
    """Return what a reader in a hurry takes away."""
    said = "".join(f"<p>{escape(each['verdict'][name])}</p>" for name in ("promises", "owed") for each in (zh, en))
    answer = "<br>".join(escape(each["verdict"]["object"]) for each in (zh, en))
    return f'<div class="first {escape(zh["verdict"]["kind"])}">{said}</div><p>{answer}</p>'


def _waterfall(zh: Mapping[str, Any], en: Mapping[str, Any]) -> str:
    told = zh["waterfall"]
    rows = [
        {**one, "label": f"{one['label']} {other['label']}"}
        for one, other in zip(told["rows"], en["waterfall"]["rows"], strict=True)
    ]
    title = f"{told['title']} {en['waterfall']['title']} ({told['currency']})"
    return f"<h2>{escape(title)}</h2>{drawn.bars({'rows': rows})}"


def _days(zh: Mapping[str, Any], en: Mapping[str, Any]) -> str:
    told, other = zh["calendars"], en["calendars"]
    if not told["all"]:
        return ""
    legend = [
        (kind, f"{word} {beside}") for (kind, word), (_, beside) in zip(told["legend"], other["legend"], strict=True)
    ]
    weekdays = [f"{one} {two}" for one, two in zip(told["weekdays"], other["weekdays"], strict=True)]
    head = f"<h2>{escape(told['title'])} {escape(other['title'])}</h2>{drawn.legend({'legend': legend})}"
    note = f"<p>{escape(told['note'])}<br>{escape(other['note'])}</p>"
    made = [f"<h4>{escape(each['name'])}</h4>{drawn.calendar(each['months'], weekdays)}" for each in told["all"]]
    rest = f"<p>{escape(told['rest'])} {escape(other['rest'])}</p>" if told["rest"] else ""
    return f'{head}{note}<div class="months">{"".join(f"<div>{each}</div>" for each in made)}</div>{rest}'


def _summary(report: Mapping[str, Any]) -> str:
    rows = [
        [
            f"{named(item, each)}{_good(each)}",
            VERDICTS[each["verdict"]],
            f"{'≥' if each['comparison'] == 'at_least' else '≤'} {each['target']} %",
            counts.figure(each),
            f"{each['lower_shown']} – {each['upper_shown']} %",
            f"{each['unknown_shown']} %",
            item["credit"]["amount"] if item["credit"]["objective"] == each["objective"] else "",
            part["version"],
        ]
        for part in report["parts"]
        for item in part["items"]
        for each in item["objectives"]
    ]
    head = [
        "目标 objective",
        "判定 verdict",
        "约定 target",
        "结果 value ↓",
        "界限 bounds",
        "未测得 unknown",
        "扣减 credit",
        "版本 version",
    ]
    credit = report["credit"]
    capped = f"（合同上限 cap {escape(credit['cap_percent'])} %）" if credit["capped"] else ""
    return (
        f"<h2>结论 Summary</h2>{drawn.table(head, rows) if rows else ''}"
        f"<p>应付 fees {escape(credit['fees_shown'])} {escape(credit['currency'])} · "
        f"<b>应扣减 credit due {escape(credit['total'])} {escape(credit['currency'])}</b> {capped}</p>"
    )


def _good(each: Mapping[str, Any]) -> str:
    """Return what makes a slot good where the objective rests on a metric."""
    if each["indicator"] in portal.MEANS:
        return f": {because.indicator(each['indicator'])} {counts.CAPPED}"
    return (
        f": {because.indicator(each['indicator'])} {because.limit(each['indicator'], each['good'])}"
        if "good" in each
        else ""
    )


def _when(at_ms: int, tz: ZoneInfo) -> str:
    return f"{utc(at_ms).astimezone(tz):%Y-%m-%d %H:%M:%S}"


def _span(start_ms: int, end_ms: int, tz: ZoneInfo) -> tuple[str, str]:
    """Return two instants by the contract's clock, and in UTC behind them."""
    return f"{_when(start_ms, tz)} – {_when(end_ms, tz)}", f"{iso(start_ms)} – {iso(end_ms)}"


class _Excused:
    """Excused time by claim, and who decided on it."""

    def __init__(self, days: Mapping[str, Any]) -> None:
        self._rows = {
            (part["version"], item["item"], each["objective"]): each["excused"]["rows"]
            for part in days["parts"]
            for item in part["items"]
            for each in item["objectives"]
        }
        self._decisions = days["decisions"]

    def rows(self, version: str, item: str, objective: str) -> dict[tuple[str, str], list[int]]:
        """Return `(claim, cause) → asked, up, down, unknown` in ms, or in counts."""
        return {(row[0], row[1]): row[2:] for row in self._rows[version, item, objective]}

    def decided(self, claim: str) -> str:
        """Return who decided on a claim, with the leaf that says so."""
        found = self._decisions.get(claim)
        return f"{found['by']} ({worded(found['role'])}), 存证 leaf {found['leaf']}" if found else "—"


def _part(part: Mapping[str, Any], excused: _Excused, tz: ZoneInfo) -> str:
    span, universal = _span(part["start_ms"], part["end_ms"], tz)
    head = f'<h2 title="{universal}">合同版本 Contract version {escape(part["version"])} · {span}</h2>'
    if part["unassigned"]:
        head += f"<p>未归入任何项目 under no item: {escape(', '.join(part['unassigned']))}</p>"
    return head + "".join(
        _objective(item, each, excused.rows(part["version"], item["item"], each["objective"]), excused, tz)
        for item in part["items"]
        for each in item["objectives"]
    )


def _objective(
    item: Mapping[str, Any],
    each: Mapping[str, Any],
    times: dict[tuple[str, str], list[int]],
    excused: _Excused,
    tz: ZoneInfo,
) -> str:
    name = escape(named(item, each))
    why = f" — {escape(because.both(each['because']))}" if each["because"] else ""
    remark = ""
    if each["remark"]:
        word = REMARKS["missed" if " is missed " in each["remark"] else "met"]
        remark = f"<p><b>{word}</b>: {escape(because.both(each['remark']))}</p>"
    counted = each["indicator"] in counts.INDICATORS
    exact = f"精确值 exact <code>{escape(each['value'] or '—')}</code>"
    return "".join(
        [
            f"<h3>{name}: ",
            f'<span class="{escape(each["verdict"])}">{VERDICTS[each["verdict"]]}</span>{why}</h3>',
            remark,
            f"<p>标准名称 name in the standard: {escape(known)}</p>" if (known := norm(each["indicator"])) else "",
            f"<p>{exact}, 下限 lower <code>{escape(each['lower'])}</code>, ",
            f"上限 upper <code>{escape(each['upper'])}</code> · 服务 services {item['services']}</p>",
            _slots(each),
            _rules(each),
            _exclusions(each, times, excused, tz),
            _section(
                f"{name}: 归因汇总 By cause",
                each["causes"],
                tz,
                numbers=OUTAGES if each["indicator"] in counts.OUTAGES else (),
            ),
            "" if each["indicator"] in counts.OUTAGES else _repair(each["repair"]),
            _high_loss(each),
            _section(f"{name}: 中断 Incidents", each["incidents"], tz),
            _section(f"{name}: 降级 Degraded (hidden_reboot: 隐瞒的重启)", each["degraded"], tz),
            _section(f"{name}: 各服务 Services", each["services"], tz, numbers=TALLY if counted else (), without=EXACT),
        ]
    )


def _slots(each: Mapping[str, Any]) -> str:
    if "good" not in each:
        return ""
    limit = because.limit(each["indicator"], each["good"])
    said = f"{escape(because.indicator(each['indicator']))} <code>{escape(limit)}</code>"
    if each["indicator"] in portal.MEANS:
        mean = f"<b>{counts.mean(each) or '—'}</b>, n {counts.number(each)}, {counts.CAPPED}"
        return f"<p>{escape(because.indicator(each['indicator']))}：{mean}</p>"
    if each["indicator"] in counts.INDICATORS:
        sums = ", ".join(f"{COLUMNS[name]} {count}" for name, count in each["tally"].items() if count)
        return f"<p>{counts.how(each)} {said}<br>{escape(sums) or '—'}</p>"
    if each["indicator"] == derived.RATE:
        rate = f"<code>{escape(each['good'].partition(' ')[2])}</code> bit/s"
        return f"<p>实测速率（不高于签约速率）与签约速率之比 rates, each at most the contracted one, of {rate}</p>"
    return f"<p>合格时隙 a slot is good while {said}; 结果为合格时间之比 the value is the share of good time</p>"


def _rules(each: Mapping[str, Any]) -> str:
    rows = "".join(f"<li>{escape(said)} <small>{escape(field)}</small></li>" for said, field in agreed.rules(each))
    return f"<h4>合同规则 Rules of the contract</h4><ul>{rows}</ul>"


def _exclusions(
    each: Mapping[str, Any], times: dict[tuple[str, str], list[int]], excused: _Excused, tz: ZoneInfo
) -> str:
    head = [
        "申请 claim",
        "类别 class",
        "时段 window",
        "通知 noticed",
        "服务 services",
        "理由 reason",
        "申请人 by",
        "申请时长 claimed",
        "审批人 decided by",
        "认定时长 granted",
        "效力 effect",
    ]
    left = dict(times)
    rows: list[list[Cell]] = []
    for claim in each["exclusions"]:
        asked, *given = left.pop((claim["claim"], ""), [0, 0, 0, 0])
        rows.append(
            [
                claim["claim"],
                because.class_title(each, claim["class"]),
                _span(claim["start_ms"], claim["end_ms"], tz),
                (_when(claim["noticed_ms"], tz), iso(claim["noticed_ms"])),
                ", ".join(claim["services"]) or "全部 all",
                claim["reason"],
                claim["by"],
                _length(each, asked),
                excused.decided(claim["claim"]),
                _length(each, sum(given)),
                both(claim["effect"]),
            ]
        )
    for (_, why), (_, *given) in left.items():
        rows.append(["—", worded(why), *("",) * 6, both("no_claim"), _length(each, sum(given)), ""])
    title = f"<h4>免责时间 Excused time ({len(rows)})</h4>"
    return title + (drawn.table(head, rows) if rows else "<p>—</p>")


def _length(each: Mapping[str, Any], given_ms: int) -> str:
    """Return service time, or a count where the objective counts."""
    return f"{given_ms}{counts.unit(each)}" if each["indicator"] in counts.INDICATORS else lasted(given_ms)


def lasted(length_ms: int) -> str:
    """Return a length of time in days and hours, as readers of both languages write it: `22 d 8:00:00`."""
    days, left_ms = divmod(length_ms, DAY_MS)
    return (f"{days} d " if days else "") + str(timedelta(milliseconds=left_ms))


def _repair(repair: Mapping[str, Any]) -> str:
    mark = "≥ " if repair["censored"] else ""
    return (
        f"<p>中断 incidents {repair['incidents']}, 未见首尾 censored {repair['censored']} · "
        f"MTTR {mark}{_duration(repair['mttr_ms'])} · MTBF {_duration(repair['mtbf_ms'])}</p>"
    )


def _high_loss(each: Mapping[str, Any]) -> str:
    """Tell the bad checks of available time, where a sliding window says what is an outage."""
    if "high_loss" not in each:
        return ""
    told = each["high_loss"]
    rows = [[service, str(hli), str(chli)] for service, hli, chli in told["rows"]]
    head = (
        f"<p>可用时间内的高丢失时隙 high loss intervals in available time (MEF 10.3) HLI {told['hli']}, "
        f"连续 consecutive CHLI {told['chli']}</p>"
    )
    return head + (drawn.table(["服务 service", "HLI", "CHLI"], rows) if rows else "")


def _duration(exact: str) -> str:
    if not exact:
        return "—"
    top, _, bottom = exact.partition("/")
    return lasted(int(top) // int(bottom) // 1000 * 1000)


def _section(
    title: str, table: Mapping[str, Any], tz: ZoneInfo, *, numbers: Sequence[str] = (), without: Sequence[str] = ()
) -> str:
    """Return a table of an objective; the columns `numbers` hold counts where their names say milliseconds."""
    rows = table["rows"]
    if not rows:
        return f"<h4>{title} (0)</h4>"
    kept = [i for i, name in enumerate(table["columns"]) if name not in without]
    kept.sort(key=lambda i: table["columns"][i] not in FIRST)
    head = [COLUMNS[table["columns"][i]] for i in kept]
    shown = (
        [str(row[i]) if table["columns"][i] in numbers else _cell(table["columns"][i], row[i], tz) for i in kept]
        for row in rows
    )
    return f"<h4>{title} ({len(rows)})</h4>{drawn.table(head, shown)}"


def _cell(column: str, value: Any, tz: ZoneInfo) -> Cell:
    if column in AT:
        return _when(value, tz), iso(value)
    if column.endswith("_ms"):
        return lasted(value)
    if column == "verdict":
        return VERDICTS[value]
    if column == "cause":
        return worded(value)
    if column == "because":
        return because.both(str(value))
    if column == "censored":
        return "≥" if value else ""
    return str(value)
