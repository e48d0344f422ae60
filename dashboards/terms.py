"""A contract's words in the language of the page: titles, periods, indicators, rules and what they are set to.

The contract's own word always stands beside the translation: it is what was signed, and what each report prints.
"""

from __future__ import annotations

from dataclasses import fields
from fractions import Fraction
from typing import TYPE_CHECKING

from dashboards import words
from netops.clock import to_ms, utc
from netops.metrics import METRICS
from netops.report.named import in_language
from netops.sla import derived, streams
from netops.web.language import current, mark
from netops.web.language import gettext as _

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo

    from inventory.model import Contract, Objective, Rules

INDICATORS = {
    "availability": mark("可用率"),
    "fault.repair": mark("按时修复的障碍"),
    "fault.repeat": mark("非重复障碍"),
    "asset.active": mark("在网资产"),
}
PERIODS = {
    "day": mark("按日"),
    "week": mark("按周"),
    "month": mark("按月"),
    "quarter": mark("按季"),
    "year": mark("按年"),
}
RULES = {
    "exclusion_mode": mark("排除方式"),
    "unknown_mode": mark("未测时间"),
    "degraded_mode": mark("降级时间"),
    "undetermined_mode": mark("看不清的状态"),
    "max_unknown_ratio": mark("未测上限"),
    "outage_edge": mark("中断边界"),
    "min_outage_s": mark("最短计入中断（秒）"),
    "slice_s": mark("切片（秒）"),
    "min_samples_per_slice": mark("每切片最少样本"),
    "check_every_s": mark("检测间隔（秒）"),
    "parent_failure": mark("上级故障"),
    "aggregation": mark("汇总方式"),
    "weight": mark("权重"),
    "empty_history": mark("无记录时"),
    "percentile": mark("百分位算法"),
    "quorum": mark("判定中断所需监测点"),
    "vantages": mark("监测点数"),
    "max_clock_error_ratio": mark("时钟误差上限"),
    "window_intervals": mark("滑动窗口（次）"),
    "consecutive_high_loss": mark("连续高丢失（次）"),
    "repair_from": mark("修复时限起算"),
}
VALUES = {
    ("exclusion_mode", "count_as_up"): mark("排除的时间计为正常"),
    ("exclusion_mode", "remove_from_denominator"): mark("排除的时间从总时间中扣除"),
    ("exclusion_mode", "not_excluded"): mark("不作排除"),
    ("unknown_mode", "as_up"): mark("计为正常"),
    ("unknown_mode", "removed"): mark("从总时间中扣除"),
    ("unknown_mode", "as_down"): mark("计为中断"),
    ("degraded_mode", "as_up"): mark("计为正常"),
    ("degraded_mode", "as_down"): mark("计为中断"),
    ("undetermined_mode", "unknown"): mark("计为未测"),
    ("undetermined_mode", "as_down"): mark("计为中断"),
    ("outage_edge", "last_good"): mark("从最后一次正常起算"),
    ("outage_edge", "first_bad"): mark("从第一次异常起算"),
    ("outage_edge", "midpoint"): mark("从两次检测的中点起算"),
    ("parent_failure", "children_down"): mark("其下的服务计为中断"),
    ("parent_failure", "independent"): mark("其下的服务各自判断"),
    ("aggregation", "object_time_mean"): mark("各服务时间的平均"),
    ("aggregation", "any_down"): mark("任一中断即为中断"),
    ("aggregation", "all_down"): mark("全部中断才算中断"),
    ("aggregation", "weighted"): mark("加权平均"),
    ("weight", "none"): mark("不加权"),
    ("weight", "population"): mark("按人口"),
    ("weight", "area"): mark("按面积"),
    ("weight", "traffic"): mark("按流量"),
    ("empty_history", "not_determinable"): mark("无法判定"),
    ("empty_history", "as_up"): mark("计为正常"),
    ("repair_from", "outage"): mark("自中断起"),
    ("repair_from", "report"): mark("自报障起"),
    ("percentile", "nearest_rank"): mark("最近秩"),
    ("percentile", "linear"): mark("线性插值"),
}
DAYS = (mark("周一"), mark("周二"), mark("周三"), mark("周四"), mark("周五"), mark("周六"), mark("周日"))
KINDS = {"workday": mark("工作日"), "holiday": mark("法定节假日"), "weekend": mark("周末")}
RATIOS = frozenset({"max_unknown_ratio", "max_clock_error_ratio"})
# what a request for two persons states
STATED = {
    "contract": mark("合同"),
    "class": mark("类别"),
    "services": mark("涉及的服务"),
    "start_ms": mark("起"),
    "end_ms": mark("止"),
    "sites": mark("开放的站点"),
    "gateway": mark("网关"),
    "session": mark("会话"),
    "authority": mark("机关"),
    "basis": mark("依据"),
    "changes": mark("登记更改"),
    "from_ms": mark("自何时起"),
    "account": mark("账号名"),
}


def title(text: str) -> str:
    """Return of a title in two languages, `中文 / English`, the one of the page; any other as it is."""
    return in_language(text, english=current() == "en")


def both(item: str, objective: str) -> str:
    """Say an item and its objective by their titles, each once: an objective's often says the item's over again."""
    whole, own = title(item), title(objective)
    return own if own.startswith(whole) else whole if not own else f"{whole} / {own}"


def objective(contract: Contract | None, name: str) -> str:
    """Say an objective by its title; `name` is as a verdict has it, `item/objective` or `objective`."""
    item, _slash, own = name.rpartition("/")
    for sold in contract.items if contract is not None else ():
        for each in sold.objectives:
            if each.id == own and item in {"", sold.id}:
                return f"{title(sold.title or sold.id)} · {indicator(each)}"
        for given in sold.coverage:
            if given.id == own and item in {"", sold.id}:
                return f"{title(sold.title or sold.id)} · {title(given.title or given.id)}"
    return name


def indicator(each: Objective) -> str:
    """Say what an objective measures; of a metric, what makes a slot good."""
    stream = streams.stream(each)
    if each.indicator in derived.OF_STATE:
        sign = {"<=": "≤", ">=": "≥"}.get(derived.OF_STATE[each.indicator], ">")
        name, unit = _(INDICATORS[each.indicator]), derived.UNITS[each.indicator]
        return f"{name} ({sign} {each.threshold} {unit})"
    if stream is None:
        return _(INDICATORS[each.indicator]) if each.indicator in INDICATORS else each.indicator
    metric = METRICS[stream.metric]
    unit = "" if metric.unit == "1" else f" {metric.unit}"
    name = words.named(metric)
    if stream.rated:
        limit = f"{stream.threshold}{unit}"
        return _("%(metric)s，签约 %(limit)s", metric=name, limit=limit)
    if stream.counted and metric.bounds == words.YES_OR_NO:
        return name
    if stream.counted:
        limit = f"{stream.threshold}{unit}"
        return _("%(metric)s ≤ %(limit)s 的占比", metric=name, limit=limit)
    if metric.bounds == words.YES_OR_NO:
        return _("%(metric)s的时间", metric=name)
    sign, limit = {"<=": "≤", ">=": "≥"}[stream.sign], f"{stream.threshold}{unit}"
    return _("%(metric)s %(sign)s %(limit)s 的时间", metric=name, sign=sign, limit=limit)


def promise(each: Objective) -> str:
    """Say an objective in one line: `可用率 ≥ 99.5%，按月`."""
    sign = "≥" if each.comparison == "at_least" else "≤"
    measured = streams.stream(each) is not None
    unit, colon = "%" if measured or each.indicator in INDICATORS else "", ":" if measured else ""
    parts = [f"{indicator(each)}{colon} {sign} {each.target}{unit}"]
    parts.append(_(PERIODS[each.period]) if each.period in PERIODS else each.period)
    return words.several(filter(None, parts))


def rules(held: Rules) -> list[tuple[str, str, str, str]]:
    """Return every rule that has one value: its name in words, in the contract, and its value in both ways."""
    said = []
    for name in (each.name for each in fields(held) if each.name in RULES):
        value = getattr(held, name)
        if name in RATIOS:
            in_words = words.percent(Fraction(value), digits=1)
        else:
            in_words = _(VALUES[name, value]) if (name, value) in VALUES else ""
        said.append((_(RULES[name]), name, in_words, str(value)))
    return said


def hours(held: Rules) -> str:
    """Say the weekly hours that count, in the contract's zone; all of them when the contract names none."""
    said = []
    for each in held.hours:
        named = [*(DAYS[day - 1] for day in each.days), *(KINDS[kind] for kind in each.kinds)]
        days = (", " if current() == "en" else "、").join(map(_, named))
        minutes = (each.start_minute, (each.end_minute - 1) % 1440 + 1)
        from_, to = (f"{minute // 60:02d}:{minute % 60:02d}" for minute in minutes)
        said.append(f"{days} {from_}–{to}")
    return "; ".join(said) or _("全天")


def exclusions(held: Rules) -> list[tuple[str, str, int, int, str]]:
    """Return the classes of exclusions: title, cause, notice in hours, cap in ms a period (0 = none), approver."""
    return [
        (title(each.title) or each.id, words.cause(each.cause), each.notice_h, each.cap_s * 1000, each.approver)
        for each in held.exclusions
    ]


def period(start_ms: int, end_ms: int, zone: tzinfo) -> str:
    """Say a period: a whole calendar month by its name, else from when to when."""
    start = utc(start_ms).astimezone(zone)
    first = start.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    year, month = (start.year + 1, 1) if start.month == 12 else (start.year, start.month + 1)
    if start == first and end_ms == to_ms(first.replace(year=year, month=month)):
        return (
            f"{words.MONTHS[start.month - 1]} {start.year}" if current() == "en" else f"{start.year}年{start.month}月"
        )
    return f"{words.moment(start_ms, zone, year=True)} – {words.moment(end_ms, zone, year=True)}"


def ordered(held: Mapping[str, object]) -> list[tuple[str, object]]:
    """Return what a request states as people say it, not by the keys as the ledger keeps it."""
    places = {name: place for place, name in enumerate(STATED)}
    return sorted(held.items(), key=lambda each: (places.get(each[0], len(places)), each[0]))


def stated(name: str) -> str:
    """Say what a field of a request is."""
    return _(STATED[name]) if name in STATED else name
