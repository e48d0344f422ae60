"""What the tokens of `report.json` say to people: why a time counts as it does, why there is no verdict, which matter.

The tokens are those of the polls (`netops/model.py`), of the rules (`netops/sla`) and of the catalogue of metrics; they
stay as they are in `report.json` and in the ledger. What has no word stands for itself. Pure.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from netops.metrics import METRICS, probe
from netops.report.words import LANGUAGES
from netops.sla import derived, numbers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netops.report.words import Language

# (Chinese, English)
TOKENS: Final[Mapping[str, tuple[str, str]]] = {
    # what a poll came to
    "no_answer": ("无应答", "no answer"),
    "refused": ("拒绝连接", "connection refused"),
    "answered_undecodably": ("应答无法解码", "answered undecodably"),
    "authentication_failed": ("认证失败", "authentication failed"),
    "no_such_object": ("设备无此对象", "the device has no such object"),
    "no_such_instance": ("设备无此实例", "the device has no such instance"),
    "row_missing": ("设备表中无此行", "missing from the device's table"),
    "torn": ("读取不完整", "a table that does not fit together"),
    "unreadable_value": ("数值无法解读", "unreadable value"),
    "protocol_fault": ("协议错误", "protocol fault"),
    "error_status": ("返回错误", "an error for an answer"),
    "answered_too_slowly": ("应答过慢", "answered too slowly"),
    "device_busy": ("设备自报繁忙", "the device said that it was busy"),
    "no_address": ("未登记地址", "no address in the register"),
    "no_credential": ("未配置凭据", "no credential"),
    "no_profile": ("无设备模板", "no profile"),
    "collector_not_running": ("采集器未运行", "the collector did not run"),
    "missed_slot": ("错过时隙", "missed slot"),
    "poller_late": ("采集器滞后", "the collector was late"),
    "deadline": ("采集超时", "our time for the device ran out"),
    "budget": ("超出查询预算", "beyond the budget of queries"),
    "halted": ("值班人员已停止查询", "halted by the operator"),
    "socket_drops": ("本机丢包", "packets dropped on our machine"),
    "disk_full": ("本机磁盘满", "our disk was full"),
    "anchors_lost": ("监测点自身失联", "the vantage point itself was blind"),
    "clock": ("时钟误差过大", "clocks too far off"),
    "host_key": ("主机密钥不符", "another host key than the register's"),
    "sentinel": ("设备报告“无值”", "the device said: no value"),
    "out_of_range": ("超出物理范围", "physically impossible"),
    "stale": ("数据过旧", "stale"),
    # what the rules made of it
    "hidden_reboot": ("隐瞒的重启", "hidden reboot"),
    "no quorum": ("监测点意见未达约定数目", "no quorum"),
    "missing slot": ("时隙缺失", "missing slot"),
    "clock step": ("时钟跳变", "clock step"),
    "too few samples in the slice": ("时段内样本过少", "too few samples in the slice"),
    "shorter than the minimum countable outage": ("短于最短计入时长", "shorter than the minimum countable outage"),
    "asked outside its slot": ("询问不在其时隙内", "asked outside its slot"),
    "contradicting samples": ("样本互相矛盾", "contradicting samples"),
    "an empty history counts as up": ("没有任何记录，计为正常", "an empty history counts as up"),
    "high loss interval in available time": ("可用时间内的高丢失时隙", "high loss interval in available time"),
    "good checks in unavailable time": ("不可用时间内的正常检测", "good checks in unavailable time"),
    "a gap leaves the window open": ("缺失使窗口无法判断", "a gap leaves the window open"),
    # what is promised one by one
    "failed": ("失败", "failed"),
    "lost": ("未获应答", "lost"),
    "another target was not measured": ("同一监测点另有目标未测得", "another target was not measured"),
    "late": ("超过约定时间", "late"),
    "unserved": ("未获服务", "not served"),
    "unconfirmed": ("无人证实", "unconfirmed"),
    "ours": ("我方原因", "ours"),
    "unproved": ("未经证实", "unproved"),
    "unheard": ("无回音", "unheard of"),
    "busy": ("被占用", "in use"),
    "waited": ("等待的秒数", "seconds waited"),
    "not summed": ("门户未累计时长", "the portal did not add up times"),
    "began anew": ("计数器重新开始", "the counter began anew"),
    "not read before": ("此前未读到计数", "no count before it"),
    "more than places in the slot": ("超出时隙容量", "more than places in the slot"),
    "repaired late": ("修复超时", "repaired late"),
    "again": ("重复障碍", "again"),
    "not active": ("未在网", "not active"),
    "below the contracted rate": ("低于签约速率", "below the contracted rate"),
    "not seen to its end": ("未见结束", "not seen to its end"),
    # why there is no verdict, or no difference
    "nothing was left to judge": ("没有可考核的时间", "nothing was left to judge"),
    "a contract version that ruled then is not among the texts of this report": (
        "当时生效的合同版本不在本报告所附文本之中",
        "a contract version that ruled then is not among the texts of this report",
    ),
    # matters of a revision
    "late hours": ("迟到的存证小时", "late hours"),
    "the rest": ("其余", "the rest"),
    "contract_version": ("合同版本", "contract version"),
    "exclusion_claim": ("免责申请", "claim"),
    "approval_request": ("审批申请", "request for approval"),
    "approval_decision": ("审批决定", "decision"),
    "fact_refused": ("被拒绝的陈述", "refused statement"),
    "note_received": ("收到的运营商函件", "carrier's note that came in"),
    "note_refused": ("未受理的运营商函件", "carrier's note that was not taken"),
    "listening_break": ("未能受理的时段", "break of our listening"),
    "party_key": ("运营商密钥", "carrier's key"),
    "objection": ("异议", "objection"),
    "rebuttal": ("答复", "answer to an objection"),
    "ruling": ("裁定", "ruling"),
    "correction": ("更正", "correction"),
    "late_samples": ("迟到样本", "samples that came late"),
    "ticket_step": ("工单", "ticket"),
    "correction_refused": ("未能执行的更正", "correction that was refused"),
    "verdict": ("以往各月的判定", "verdicts of months before"),
    "report_issued": ("报告签发", "report issued"),
    "report_accepted": ("报告认可", "report accepted"),
    "report_final": ("报告定稿", "report final"),
    "report_settled": ("报告结算", "report settled"),
    "slots_missed": ("错过的时隙", "missed slots"),
    "spool_dropped": ("暂存丢弃", "dropped from a spool"),
    "source_conflict": ("来源冲突", "conflict of a source"),
    "clock_state": ("时钟状态", "state of the clock"),
    "monitor_health": ("监测自身状态", "state of the monitoring"),
    # states of our own clocks and vantage points
    "synchronised": ("已同步", "synchronised"),
    "unsynchronised": ("未同步", "not synchronised"),
    "stepped": ("发生跳变", "stepped"),
    "unknown": ("未知", "unknown"),
    "ok": ("正常", "ok"),
    "degraded": ("降级", "degraded"),
    "blind": ("失明", "blind"),
}
_DERIVED: Final = {"fault.repair": "障碍修复", "fault.repeat": "重复障碍", "asset.active": "在网资产"}  # no metrics
_PARENT = re.compile(r"parent:(.+)")
_RULING = re.compile(r"ruling:(.+)")
_STATE = re.compile(r"([a-z0-9_.]+)=(.+)")
_NOT = re.compile(r"not ([a-z0-9_.]+) ([<>]= .+)")
_LIMIT = re.compile(r"unknown time exceeds the contract's limit of ([0-9]{1,30}(?:/[1-9][0-9]{0,30})?)")
_REMARK = re.compile(r"the target of (.+) % is (missed|met) even at the (upper|lower) bound, (.+) %")
_MATTER = re.compile(r"(claim|objection|correction) (.+)")
_MATTERS: Final = {
    "claim": "exclusion_claim",
    "ticket": "ticket_step",
    "objection": "objection",
    "correction": "correction",
}
_STATES: Final = {each.name: each.zh for each in METRICS["pon.onu.down_cause"].states}  # said without the metric


def said(token: str, language: Language) -> str:
    """Return what a token says in a language; one that nobody knows stands for itself."""
    if token in TOKENS:
        return TOKENS[token][language == "en"]
    return _chinese(token) if language == "zh" else _english(token)


def both(token: str) -> str:
    """Return it in both languages, once where they are alike."""
    return " · ".join(dict.fromkeys(said(token, language) for language in LANGUAGES))


def class_title(objective: Mapping[str, Any], name: str) -> str:
    """Return what the contract calls a class of exclusions; of one that it does not have, the name that was claimed."""
    titles = {each["id"]: each["title"] for each in objective["rules"]["exclusions"]}
    return str(titles.get(name) or name)


def indicator(name: str) -> str:
    """Return an indicator for a Chinese reader: its word in the catalogue, with its name there."""
    word = METRICS[name].zh if name in METRICS else _DERIVED.get(name, "")
    return f"{word}（{name}）" if word else name


def limit(name: str, good: str) -> str:
    """Return what makes an indicator good as people read it, with its unit: `<= 30` of a round trip is `≤ 30 ms`.

    Of packets, which are answered or not, how many a slot has.
    """
    if name in probe.COUNTED:
        return f"{good.rpartition(' ')[2]} 包 packets"  # that a slot is to have
    unit = METRICS[name].unit if name in METRICS else derived.UNITS.get(name, "")
    said = good.replace("<=", "≤").replace(">=", "≥")
    return f"{said} {unit}" if unit not in {"", "1"} else said


def _english(token: str) -> str:
    if match := _PARENT.fullmatch(token):
        return f"{match[1]}, which it hangs on, was down"
    if match := _RULING.fullmatch(token):
        return f"ruling on objection {match[1]}"
    if match := _LIMIT.fullmatch(token):
        return f"more was not measured than the contract's limit of {_percent(match[1])}"
    return token


def _chinese(token: str) -> str:
    if token in _STATES:
        return _STATES[token]
    if match := _PARENT.fullmatch(token):
        return f"上级设备 {match[1]} 中断"
    if match := _RULING.fullmatch(token):
        return f"对异议 {match[1]} 的裁定"
    if match := _NOT.fullmatch(token):
        return f"{indicator(match[1])}不满足 {match[2]}"
    if match := _LIMIT.fullmatch(token):
        return f"未测得的时间超过合同限度 {_percent(match[1])}"
    if match := _REMARK.fullmatch(token):
        side, word = "上限" if match[3] == "upper" else "下限", "未达到" if match[2] == "missed" else "已达到"
        return f"即使取{side} {match[4]} %，也{word}约定的 {match[1]} %"
    if match := _MATTER.fullmatch(token):
        return f"{TOKENS[_MATTERS[match[1]]][0]} {match[2]}"
    if (match := _STATE.fullmatch(token)) and match[1] in METRICS:
        held = METRICS[match[1]]
        state = next((each.zh for each in held.states if each.name == match[2]), match[2])
        return f"{held.zh}：{'未知' if state == '?' else state}"
    return token


def _percent(ratio: str) -> str:
    shown = numbers.shown(numbers.percent(Fraction(ratio)))
    return f"{shown.rstrip('0').rstrip('.')} %"
