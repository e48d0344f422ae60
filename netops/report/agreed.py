"""What a contract's rules do, in sentences for the page, each with the name of its field. Pure.

The figures are the rules' own; a word that has no sentence here is shown as the contract has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netops.report.words import worded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

BETWEEN = " · "
DOES: Mapping[tuple[str, str], tuple[str, str]] = {
    ("exclusion_mode", "count_as_up"): ("免责时间计为正常", "excused time counts as up"),
    ("exclusion_mode", "remove_from_denominator"): (
        "免责时间不计入考核，从分子和分母中一并扣除",
        "excused time is not judged: it leaves the reckoning, above and below the line",
    ),
    ("exclusion_mode", "not_excluded"): ("不作任何免责", "nothing is excused"),
    ("unknown_mode", "as_up"): ("未测得的时间计为正常", "time not measured counts as up"),
    ("unknown_mode", "removed"): ("未测得的时间不计入", "time not measured is left out"),
    ("unknown_mode", "as_down"): ("未测得的时间计为中断", "time not measured counts as down"),
    ("degraded_mode", "as_up"): ("降级计为正常", "degraded counts as up"),
    ("degraded_mode", "as_down"): ("降级计为中断", "degraded counts as down"),
    ("undetermined_mode", "unknown"): (
        "设备应答但未给出的服务状态视为未测得",
        "what an answering device does not tell of a service is not measured",
    ),
    ("undetermined_mode", "as_down"): (
        "设备应答但未给出的服务状态视为中断",
        "what an answering device does not tell of a service is down",
    ),
    ("outage_edge", "last_good"): ("中断自最后一次正常检测起算", "an outage begins at the last good check"),
    ("outage_edge", "first_bad"): ("中断自第一次异常检测起算", "an outage begins at the first bad check"),
    ("outage_edge", "midpoint"): ("中断自两次检测的中点起算", "an outage begins midway between two checks"),
    ("parent_failure", "children_down"): (
        "控制器或 OLT 中断时，其下服务视为中断",
        "while a controller or OLT is down, so is what hangs on it",
    ),
    ("parent_failure", "independent"): ("各服务独立判断", "each service is judged by itself"),
    ("aggregation", "object_time_mean"): ("各服务的时间相加", "the times of all services are added up"),
    ("aggregation", "any_down"): ("任一服务中断即为中断", "one service down is all down"),
    ("aggregation", "all_down"): ("全部服务中断才算中断", "down only while all services are down"),
    ("aggregation", "weighted"): ("各服务加权相加", "services are added up by weight"),
    ("empty_history", "not_determinable"): ("没有任何记录时不作判定", "without any record there is no verdict"),
    ("repair_from", "outage"): ("修复时限自中断起算", "the time to repair counts from the outage"),
    ("repair_from", "report"): (
        "修复时限自工单登记报障起算，等待我方的时间不计；未报障的中断不计入",
        "the time to repair counts from a fault's ticket, without what waited for us; without a ticket it is none",
    ),
    ("percentile", "nearest_rank"): ("百分位数取最近秩", "percentiles are by nearest rank"),
    ("percentile", "linear"): ("百分位数按线性插值", "percentiles are interpolated"),
    ("weight", "none"): ("不加权", "without weights"),
    ("weight", "population"): ("按人口加权", "weighted by population"),
    ("weight", "area"): ("按面积加权", "weighted by area"),
    ("weight", "traffic"): ("按流量加权", "weighted by traffic"),
    ("per", "item"): ("扣减档按服务项的数值与费用适用", "tiers apply to the item's figure and fee"),
    ("per", "object"): ("扣减档按每个服务各自的数值与费用适用", "tiers apply to each service's own figure and fee"),
    ("empty_history", "as_up"): ("没有任何记录时计为正常", "without any record a service counts as up"),
}
"""What a word of the rules does: (Chinese, English). `netops contract check` says the same (`contract_words.py`)."""
DAYS = (
    ("周一", "Mon"),
    ("周二", "Tue"),
    ("周三", "Wed"),
    ("周四", "Thu"),
    ("周五", "Fri"),
    ("周六", "Sat"),
    ("周日", "Sun"),
)
KINDS = {"workday": ("工作日", "workday"), "holiday": ("法定节假日", "public holiday"), "weekend": ("周末", "weekend")}
_SAID: Mapping[str, tuple[str, str]] = {
    "always": ("全天候考核", "judged around the clock"),
    "hours": ("考核时间：{0}", "judged on: {0}"),
    "max_clock_error_ratio": (
        "时钟误差超过阈值的 {0} 倍时不作判断",
        "nothing is judged where the clock's error is above {0} of the threshold",
    ),
    "quorum": ("{0} 个监测点一致才算中断", "down only where {0} vantage points agree"),
    "vantages": ("共 {0} 个监测点", "{0} vantage points look"),
    "max_unknown_ratio": (
        "未测得的时间占比超过 {0} 时不作判定",
        "where more than a share of {0} was not measured, there is no verdict",
    ),
    "min_outage_s": ("短于 {0} 秒的中断不计", "outages shorter than {0} s do not count"),
    "no_min_outage_s": ("再短的中断也计入", "every outage counts, however short"),
    "window_intervals": (
        "连续 {0} 次异常起为不可用，其后连续 {0} 次正常起恢复可用（MEF 10.3 滑动窗口）",
        "unavailable from {0} bad checks in a row on, until {0} good ones in a row (sliding window of MEF 10.3)",
    ),
    "consecutive_high_loss": (
        "可用时间内连续 {0} 次异常记为一次连续高丢失（CHLI）",
        "{0} bad checks in a row in available time are one consecutive high loss interval (CHLI)",
    ),
    "check_every_s": ("每 {0} 秒检测一次", "checked every {0} s"),
    "min_samples_per_slice": (
        "每 {1} 秒内检测少于 {0} 次的视为未测得",
        "a slice of {1} s with fewer than {0} checks is not measured",
    ),
    "claimed": (
        "至少提前 {notice} 小时申请，由{approver_zh}批准，{cap_zh}",
        "claimed {notice} h before or earlier, approved by the {approver_en}, {cap_en}",
    ),
    "no_claim": ("无需申请，以实测原因为准", "needs no claim: the measured cause is enough"),
    "tier": ("实测 {0} 时扣减费用的 {1} %", "at {0} it costs {1} % of the fee"),
    "object_cap_percent": ("单个服务至多扣减其费用的 {0} %", "at most {0} % of one service's fee"),
    "period_cap_percent": ("每期至多扣减该项费用的 {0} %", "at most {0} % of the item's fee a period"),
    "escalate_after": ("连续 {0} 个周期未达标后，比例乘以 {1}", "after {0} missed periods in a row, times {1}"),
    "breaches_before": ("此前连续未达标 {0} 个周期", "missed in {0} periods in a row before"),
    "credit_percent": (  # an item owes for its dearest promise, or by the minute: the deductions tell what is owed
        "仅就此项承诺，本期为费用的 {0} %；同一服务项有多项未达标时，以“从应付费用到扣减后应付”所列为准",
        "by this promise alone, {0} % of the fee this time; where an item missed several, see what is payable",
    ),
}
_BOUNDS = (("at_least", "≥"), ("above", ">"), ("below", "<"), ("at_most", "≤"))
_TOLD = frozenset({"exclusions", "slice_s"})  # told in more than one line, or in the line of another
_UNUSED = {"weight": "none", "vantages": 1, "quorum": 1}  # these say nothing at such a value


def rules(objective: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield `(sentence in both languages, field)` for each rule of an objective of `report.json`."""
    held = objective["rules"]
    for name, value in sorted(held.items()):
        if name not in _TOLD and _UNUSED.get(name) != value:
            yield _rule(name, value, held), name
    for each in held["exclusions"]:
        yield _excused(each), f"exclusions.{each['id']}"
    yield from owed(objective["credits"], objective)


def owed(held: Mapping[str, Any], objective: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the same of a schedule of credits, and of what an objective or a promise of coverage owes by it."""
    for each in held["tiers"]:
        bounds = ", ".join(f"{sign} {each[name]} %" for name, sign in _BOUNDS if each[name])
        yield _both("tier", bounds, each["percent"]), "credits.tiers"
    yield from _credits(held)
    yield _both("breaches_before", objective["breaches_before"]), "breaches_before"
    percent = objective["credit_percent"]
    yield _both("credit_percent", percent.removesuffix("/1")), "credit_percent"


def _credits(held: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in sorted(held.items()):
        if name in {"tiers", "escalate_factor"} or value in ("", 0):
            continue
        said = _both(name, value, held["escalate_factor"]) if name in _SAID else _word(name, value)
        yield said, f"credits.{name}"


def _rule(name: str, value: Any, held: Mapping[str, Any]) -> str:
    if name == "hours":
        return _hours(value) if value else _both("always")
    if name == "min_outage_s" and not value:
        return _both("no_min_outage_s")
    if name in _SAID:
        return _both(name, value, held["slice_s"])
    return _word(name, value)


def _word(name: str, value: Any) -> str:
    said = DOES.get((name, value)) if isinstance(value, str) else None
    return BETWEEN.join(said) if said else plain(value)


def _hours(windows: Sequence[Mapping[str, Any]]) -> str:
    said = ["; ".join(_window(each, at) for each in windows) for at in (0, 1)]
    return BETWEEN.join(each.format(told) for each, told in zip(_SAID["hours"], said, strict=True))


def _window(each: Mapping[str, Any], at: int) -> str:
    """Return a window of the wall clock by its weekdays (ISO 8601 counts them from Monday, 1) or its kinds of days."""
    days = [DAYS[day - 1][at] for day in each["days"]] + [KINDS[kind][at] for kind in each.get("kinds", ())]
    start, end = (f"{minute // 60 % 24:02}:{minute % 60:02}" for minute in (each["start_minute"], each["end_minute"]))
    return f"{', '.join(days)} {start}–{end}"


def _excused(each: Mapping[str, Any]) -> str:
    head = f"{each['title']}：{worded(each['cause'])}"
    if not each["approver"]:
        return f"{head}; {_both('no_claim')}"
    minutes = each["cap_s"] // 60
    said = {
        "notice": each["notice_h"],
        "approver_zh": worded(each["approver"], "zh"),
        "approver_en": worded(each["approver"], "en"),
        "cap_zh": f"每期至多 {minutes} 分钟" if minutes else "不设上限",
        "cap_en": f"at most {minutes} min a period" if minutes else "without a cap",
    }
    return f"{head}; {_both('claimed', **said)}"


def _both(name: str, *given: Any, **named: Any) -> str:
    return BETWEEN.join(each.format(*given, **named) for each in _SAID[name])


def plain(value: Any) -> str:
    """Return a value of the report as text: lists by semicolons, fields by their names, a dash for nothing."""
    if isinstance(value, list):
        return "; ".join(map(plain, value)) or "—"
    if isinstance(value, dict):
        return ", ".join(f"{name} {plain(each)}" for name, each in value.items() if each not in ("", []))
    return str(value)
