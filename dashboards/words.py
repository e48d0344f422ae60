"""How values are said: times, spans, shares, states and causes, in the language of the page. Display rounds down."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from dashboards import charts
from netops.clock import utc
from netops.metrics import METRICS
from netops.web.language import current, mark
from netops.web.language import gettext as _

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import tzinfo
    from fractions import Fraction

    from dashboards.charts import Span
    from inventory.model import Area, Carrier
    from inventory.snapshot import Snapshot
    from netops.metrics.metric import Metric, State

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
LETTER = {"up": charts.UP, "degraded": charts.DEGRADED, "down": charts.DOWN, "unknown": charts.UNKNOWN}
DIGITS = 3
BROKEN = re.compile(r"not (\S+) (<=|>=) (\S+)")
# marked for the catalogues here, translated one by one where they are said
STATES = {
    "up": mark("正常"),
    "degraded": mark("降级"),
    "down": mark("中断"),
    "unknown": mark("未测"),
    "": mark("无服务"),
}
KINDS = {"wifi": mark("公共WiFi"), "lte": mark("TD-LTE 小基站"), "fiber": mark("光纤到户")}
CAUSES = {
    "carrier": mark("运营商"),
    "city": mark("市方原因"),
    "power_or_third_party": mark("停电或第三方"),
    "force_majeure": mark("不可抗力"),
    "planned": mark("计划维护"),
    "monitor": mark("监测系统自身"),
    "undetermined": mark("原因未定"),
    "": mark("原因未定"),
}
OUTCOMES = {
    "answered": mark("已应答"),
    "no_answer": mark("无应答"),
    "refused": mark("拒绝连接"),
    "answered_undecodably": mark("应答无法解码"),
    "authentication_failed": mark("认证失败"),
    "no_such_object": mark("设备无此对象"),
    "no_such_instance": mark("设备无此实例"),
    "row_missing": mark("设备表中无此行"),
    "torn": mark("读取不完整"),
    "unreadable_value": mark("数值无法解读"),
    "protocol_fault": mark("协议错误"),
    "error_status": mark("设备返回错误"),
    "answered_too_slowly": mark("应答过慢"),
    "device_busy": mark("设备自报繁忙"),
    "no_address": mark("未登记地址"),
    "no_credential": mark("未配置凭据"),
    "no_profile": mark("无设备模板"),
    "collector_not_running": mark("采集器未运行"),
    "missed_slot": mark("错过时隙"),
    "poller_late": mark("采集器滞后"),
    "deadline": mark("采集超时"),
    "budget": mark("超出查询预算"),
    "halted": mark("值班人员已停止查询"),
    "socket_drops": mark("本机丢包"),
    "disk_full": mark("本机磁盘满"),
    "anchors_lost": mark("监测点自身失联"),
    "host_key": mark("主机密钥不符"),
    "clock": mark("时钟误差过大"),
    "sentinel": mark("设备报告“无值”"),
    "out_of_range": mark("超出物理范围"),
    "stale": mark("数据过旧"),
    "ok": mark("可信"),
    "never asked": mark("从未查询过"),
    "not asked lately": mark("最近没有查询"),
}
ROLES = {
    "wlan_controller": mark("无线控制器"),
    "ap": mark("无线接入点"),
    "olt": "OLT",
    "ont": "ONT",
    "small_cell": mark("小基站"),
    "lte_gateway": mark("LTE 网关"),
    "gateway": mark("网关"),
    "switch": mark("交换机"),
    "router": mark("路由器"),
    "probe": mark("探针"),
    "anchor": mark("参照点"),
    "portal": mark("认证门户"),
}
WAYS_IN = {  # the captive portal's methods
    "click_through": mark("一键上网"),
    "voucher": mark("上网券"),
    "sms": mark("短信验证码"),
    "oidc": mark("机构账号"),
    "returning": mark("回访设备"),
}

ROWS = {
    "device": mark("设备本身"),
    "ap": mark("无线接入点"),
    "radio": mark("射频"),
    "vap": mark("虚拟接入点"),
    "ssid": "SSID",
    "link": mark("无线链路"),
    "entity": mark("机框"),
    "sensor": mark("传感器"),
    "onu": "ONU",
    "pon_port": mark("PON 口"),
    "optics": mark("光模块"),
    "card": mark("板卡"),
    "board": mark("单板"),
    "cell": mark("小区"),
    "modem": mark("调制解调器"),
    "path": mark("路径"),
}

# what a CPE's inform tells (TR-069 table 8), by collectors/cwmp/events.py; families name events of their own
EVENTS = {
    "bootstrap": mark("首次接入"),
    "boot": mark("启动"),
    "value_change": mark("参数变化"),
    "transfer_complete": mark("传输完成"),
    "diagnostics_complete": mark("诊断完成"),
    "request_download": mark("请求下载"),
    "software_changed": mark("软件变更"),
    "wakeup": mark("唤醒"),
    "heartbeat": mark("心跳"),
    "reboot_by_manager": mark("管理系统要求重启"),
    "scheduled_by_manager": mark("管理系统预约的上报"),
    "download_by_manager": mark("管理系统要求下载"),
    "upload_by_manager": mark("管理系统要求上传"),
    "unmapped": mark("未收录的事件"),
}
SEVERITIES = {
    "info": mark("信息"),
    "warning": mark("警告"),
    "minor": mark("次要"),
    "major": mark("重要"),
    "critical": mark("紧急"),
}
PROBES = {"stamp": "STAMP", "icmp": "ICMP", "tcp": "TCP", "dns": "DNS", "http": "HTTP", "dhcp": "DHCP"}

DOORS = {"ssh": "SSH", "cwmp": "TR-069", "probe": mark("探测")}

# English for what the catalogue defines in a sentence or as a standard abbreviates it (ITU-T G.984.3)
SHORT = {
    "wlan.ap.state": "access point",
    "pon.onu.state": "ONU",
    "lte.cell.oper": "cell",
    "lte.cell.rf": "radio transmitter",
    "lte.cell.s1": "link to the core network (S1)",
    "probe.reached": "reached",
    "probe.rtt.p95": "round trip p95",
    "probe.loss": "loss",
    "probe.packets.answered": "packets answered",
    "portal.login.success": "login success",
    "portal.login.time": "time to come online",
    "portal.login.mean": "mean time to come online",
    "portal.authentication.time": "authentication response",
    "portal.authentication.mean": "mean authentication response",
    "portal.controller.time": "time of the controller",
    "portal.radius.time": "RADIUS response",
    "portal.sms.time": "time to the message's delivery",
}
YES_OR_NO: tuple[float | None, float | None] = (0, 1)  # a metric with these bounds is so, or is not
SPELT = {
    "los": "loss of signal",
    "losi": "loss of signal of the ONU",
    "lofi": "loss of frame of the ONU",
    "sfi": "signal fail of the ONU",
    "loai": "loss of acknowledgement",
    "loami": "loss of management messages",
    "loki": "loss of key synchronisation",
    "dying_gasp": "power lost (dying gasp)",
}
# what the core counts since it started: its name, what it means, and whether it is a fault when it is not zero
COUNTS = {
    "polls": (mark("入库的轮询"), mark("核心服务启动以来存入遥测库的设备轮询。"), False),
    "facts": (mark("封存的事实"), mark("启动以来由各服务申报并写入账本的事实，例如审批。"), False),
    "isolated": (
        mark("隔离的记录"),
        mark("无法解读或不被允许的记录：连同原因单独保存，未计入任何结果，需要查看。"),
        True,
    ),
    "repeated": (
        mark("重复送达"),
        mark("同一次轮询送达了两次：只计一次。采集服务在一个间隔内重启后会有，其他时候不应发生。"),
        True,
    ),
    "waiting": (mark("等待处理"), mark("暂时不能处理、仍留在缓存队列中的内容；没有丢失，会自动重试。"), True),
}


def moment(at_ms: int, zone: tzinfo, *, year: bool = False) -> str:
    """Say an instant in the city's time: `10月26日 14:05`, `26 Oct 14:05`."""
    at = utc(at_ms).astimezone(zone)
    if current() == "en":
        return f"{at.day} {MONTHS[at.month - 1]}{f' {at.year}' if year else ''} {at:%H:%M}"
    return f"{f'{at.year}年' if year else ''}{at.month}月{at.day}日 {at:%H:%M}"


def lately(at_ms: int, now_ms: int, zone: tzinfo) -> str:
    """Say an instant of the last day: the time of today to the second, with its date when that is another one."""
    said, today = clock(at_ms, zone), clock(now_ms, zone)
    return said[11:] if said[:10] == today[:10] else moment(at_ms, zone)


def offset(at_ms: int, zone: tzinfo) -> str:
    """Say which time a page tells: `UTC+8`, `UTC+5:30`."""
    minutes = int((utc(at_ms).astimezone(zone).utcoffset() or timedelta()).total_seconds()) // 60
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours}{f':{rest:02}' if rest else ''}"


def clock(at_ms: int, zone: tzinfo) -> str:
    """Say an instant to the second, for evidence: `2026-10-26 14:05:33`."""
    return f"{utc(at_ms).astimezone(zone):%Y-%m-%d %H:%M:%S}"


def span(milliseconds: int) -> str:
    """Say how long: `3 小时 12 分`, `3 h 12 min`; never rounded up."""
    minutes, seconds = divmod(max(milliseconds, 0) // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return _("%(days)d 天 %(hours)d 小时", days=days, hours=hours)
    if hours:
        return _("%(hours)d 小时 %(minutes)d 分", hours=hours, minutes=minutes)
    if minutes:
        return _("%(minutes)d 分钟", minutes=minutes)
    return _("%(seconds)d 秒", seconds=seconds)


def exact(milliseconds: int) -> str:
    """Say how long to the second, for evidence: `22 天 8:00:00`, `22 d 8:00:00`; never rounded up."""
    days, seconds = divmod(milliseconds // 1000, 86_400)
    clock_time = str(timedelta(seconds=seconds))
    return _("%(days)d 天 %(time)s", days=days, time=clock_time) if days else clock_time


def percent(ratio: Fraction | None, *, digits: int = DIGITS) -> str:
    """Say a share in percent, rounded down; `—` when there is none."""
    if ratio is None:
        return "—"
    scaled = ratio.numerator * 10 ** (digits + 2) // ratio.denominator
    whole, rest = divmod(scaled, 10**digits)
    return f"{whole}.{rest:0{digits}d}%" if digits else f"{whole}%"


def state(name: str) -> str:
    """Say a state."""
    return _(STATES[name]) if name in STATES else name


def kind(name: str) -> str:
    """Say a kind of network."""
    return _(KINDS[name]) if name in KINDS else name


def why(span: Span, snapshot: Snapshot) -> str:
    """Say why a span was not up: that it was approved maintenance first, then what was seen of it."""
    seen = because(span.because, snapshot)
    if not span.planned:
        return seen
    planned = _(CAUSES["planned"])
    return f"{planned} · {seen}" if seen else planned


def named(metric: Metric) -> str:
    """Say a metric in the language of the page."""
    return SHORT.get(metric.name, metric.en) if current() == "en" else metric.zh


def missed(text: str) -> str:
    """Say which limit a metric did not keep, of what netops/sla/measured.py noted: `not probe.rtt.p95 <= 20`."""
    found = BROKEN.fullmatch(text)
    metric = METRICS.get(found[1]) if found else None
    if found is None or metric is None:
        return ""
    if metric.bounds == YES_OR_NO:
        return _("未做到：%(metric)s", metric=named(metric))
    limit = f"{found[3]}{'' if metric.unit == '1' else f' {metric.unit}'}"
    if found[2] == "<=":
        return _("%(metric)s超过 %(limit)s", metric=named(metric), limit=limit)
    return _("%(metric)s不到 %(limit)s", metric=named(metric), limit=limit)


def because(text: str, snapshot: Snapshot) -> str:
    """Say why a service is not up: netops/sla/state.py names the reason in a few fixed words."""
    kind, mark, name = text.partition(":")
    if mark and kind == "parent":
        device = snapshot.device.get(name)
        return _("上级设备 %(name)s 无应答", name=(device.name or name) if device else name)
    if text == "hidden_reboot":
        return _("两次轮询之间重启过，中断时长不明")
    if text == "no quorum":
        return _("监测点之间不一致")
    if (gasp := next((each for each in METRICS["pon.onu.down_cause"].states if each.name == text), None)) is not None:
        return code(gasp)
    if broken := missed(text):
        return broken
    metric, mark, value = text.partition("=")
    known = METRICS.get(metric)
    if mark and known is not None:
        state = next((each for each in known.states if each.name == value), None)
        told = value if state is None else code(state)
        return f"{named(known)}{': ' if current() == 'en' else '：'}{told}"
    return outcome(text)


def collector(told: Mapping[str, str]) -> list[tuple[str, str, str, bool]]:
    """Say what the core counts: name, value, meaning, whether it is a fault; a fault that is not there is left out."""
    said = []
    for name, value in told.items():
        title, meaning, is_fault = COUNTS.get(name, (name, "", False))
        if not is_fault or value not in {"0", ""}:
            number = f"{int(value):,}" if value.isdecimal() else value
            said.append((_(title), number, _(meaning) if meaning else "", is_fault))
    return said


def several(each: Iterable[str]) -> str:
    """Say several things in a row, with the comma of the language."""
    return (", " if current() == "en" else "，").join(each)


def mac(digits: str) -> str:
    """Say a MAC address in the usual way; anything else as it is."""
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2)) if len(digits) == 12 else digits


def role(name: str) -> str:
    """Say what a device is."""
    return _(ROLES[name]) if name in ROLES else name


def of_staff() -> dict[str, str]:
    """Return the words for the roles of people."""
    return {
        "viewer": _("查看"),
        "operator": _("运维"),
        "contract_manager": _("合同管理"),
        "auditor": _("审计"),
        "privacy_officer": _("隐私专员"),
        "admin": _("管理员"),
        "carrier": _("运营商"),
    }


def row(kind: str) -> str:
    """Say what a row of readings is about."""
    return _(ROWS[kind]) if kind in ROWS else kind


def code(each: State) -> str:
    """Say a code of a state metric."""
    return SPELT.get(each.name, each.name.replace("_", " ")) if current() == "en" else each.zh


def event(name: str) -> str:
    """Say what a device told by itself; a family's own events by their names, in words."""
    return _(EVENTS[name]) if name in EVENTS else name.replace("_", " ")


def severity(name: str) -> str:
    """Say how bad the device or its family calls an event."""
    return _(SEVERITIES[name]) if name in SEVERITIES else name


def probe(kind: str) -> str:
    """Say how a target is looked at."""
    return PROBES.get(kind, kind)


def door(kind: str) -> str:
    """Say by which door a poll came; SNMP has no name of its own in a poll's."""
    return _(DOORS[kind]) if kind in DOORS else kind or "SNMP"


def cause(name: str) -> str:
    """Say a cause of sla.md."""
    return _(CAUSES[name]) if name in CAUSES else name


def way_in(name: str) -> str:
    """Say by what a visitor logged in."""
    return _(WAYS_IN[name]) if name in WAYS_IN else name


def outcome(name: str) -> str:
    """Say how a poll went: answered, or the reason why not."""
    return _(OUTCOMES[name]) if name in OUTCOMES else name


def area(each: Area) -> str:
    """Say a subdistrict's name."""
    return each.name_en if current() == "en" and each.name_en else each.short


def carrier(each: Carrier) -> str:
    """Say a carrier's name."""
    return each.name_en if current() == "en" and each.name_en else each.name


def hours(start_ms: int, end_ms: int, zone: tzinfo, *, step_h: int) -> list[tuple[int, str]]:
    """Return the ticks of a time axis: every `step_h` wall-clock hours within `[start, end]`."""
    at = utc(start_ms).astimezone(zone).replace(minute=0, second=0, microsecond=0)
    ticks = []
    while (when := int(at.timestamp() * 1000)) <= end_ms:
        if when >= start_ms and at.hour % step_h == 0:
            ticks.append((when, f"{at:%H:%M}"))
        at = (at.astimezone(utc(0).tzinfo) + timedelta(hours=1)).astimezone(zone)
    return ticks
