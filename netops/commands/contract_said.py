"""The sentences by which `netops contract check` says a contract, in the two languages of the city's pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# (English, Chinese)
SAID: Mapping[str, tuple[str, str]] = {
    "head": (
        "{contract} version {version}: {title}, carrier {carrier}",
        "{contract} 版本 {version}：{title}，运营商 {carrier}",
    ),
    "from": (
        "in force from {start}, times in {zone}, money in {currency}",
        "自 {start} 起生效，时间按 {zone}，金额为 {currency}",
    ),
    "until": (", until {end}", "，至 {end} 止"),
    "calendar": (
        "kinds of days by calendar {calendar}: holidays, and weekend days worked for them, as published each year",
        "日期类别按日历 {calendar}：法定节假日及调休工作日，以每年公布的安排为准",
    ),
    "cap": ("all credits of a month together: at most {cap} % of its fees", "每月全部扣减合计不超过当月费用的 {cap} %"),
    "changes": (
        (
            "a month's report takes {bound} changes of state: of {services} services an item, {room} of each under "
            "each promise on average"
        ),
        "一份月报至多容纳 {bound} 次状态变化：每个服务项 {services} 个服务时，平均每个服务在每个目标下 {room} 次",
    ),
    "item": (
        "item {item} ({kind}): {fee} {currency} per service and month",
        "服务项 {item}（{kind}）：每个服务每月 {fee} {currency}",
    ),
    "everything": ("sells every service of its kind", "包含该类全部服务"),
    "select": ("sells the services with {what}", "包含符合以下条件的服务：{what}"),
    "promise": (
        "{objective}: {figure} {sign} {target} % of the time, judged per calendar month of {zone}",
        "{objective}：{figure}的时间占比 {sign} {target} %，按 {zone} 的自然月判定",
    ),
    "counted": (
        "{objective}: {sign} {target} % of all counted keep {figure}, judged per calendar month of {zone}",
        "{objective}：逐次计数，符合 {figure} 的占比 {sign} {target} %，按 {zone} 的自然月判定",
    ),
    "fault.repair": (
        "{objective}: {sign} {target} % of faults are over within {threshold} h, judged per calendar month of {zone}",
        "{objective}：障碍修复时限 {threshold} 小时，按时修复的障碍占比 {sign} {target} %，按 {zone} 的自然月判定",
    ),
    "fault.repeat": (
        "{objective}: {sign} {target} % of faults have none of their service {threshold} d before, by month of {zone}",
        "{objective}：此前 {threshold} 天内同一服务无障碍的障碍占比 {sign} {target} %，按 {zone} 的自然月判定",
    ),
    "asset.active": (
        "{objective}: {sign} {target} % of services are up for {threshold} h or all of a month, by month of {zone}",
        "{objective}：在网资产占比 {sign} {target} %（当月正常满 {threshold} 小时或全程正常），按 {zone} 的自然月判定",
    ),
    "probe.throughput.mean": (
        (
            "{objective}: mean rate, none above the contracted {threshold} bit/s, {sign} {target} % of it, "
            "judged per calendar month of {zone}"
        ),
        (
            "{objective}：平均接入速率 {sign} 签约速率 {threshold} bit/s 的 {target} %，"
            "单次实测不高于签约速率，按 {zone} 的自然月判定"
        ),
    ),
    "portal.login.mean": (
        (
            "{objective}: mean wait until online of at most {mean} s, sum over sum, by month of {zone}; each login "
            "counts at most 100 s, one that never came online 100 s ({sign} {target} % of 100 s not waited)"
        ),
        (
            "{objective}：平均上网等待时长至多 {mean} 秒（总时长除以次数），按 {zone} 的自然月判定；每次至多计 100 秒，"
            "未能上网计 100 秒（100 秒中未等待的占比 {sign} {target} %）"
        ),
    ),
    "portal.authentication.mean": (
        (
            "{objective}: mean response of the login of at most {mean} s, sum over sum, by month of {zone}; each login "
            "counts at most 100 s, one that was not let in 100 s ({sign} {target} % of 100 s not waited)"
        ),
        (
            "{objective}：平均认证响应时间至多 {mean} 秒（总时长除以次数），按 {zone} 的自然月判定；每次至多计 100 秒，"
            "未获放行计 100 秒（100 秒中未等待的占比 {sign} {target} %）"
        ),
    ),
    "lte.cell.rrc.success": (
        "{objective}: {sign} {target} % of RRC connection attempts succeed, sum over sum, by month of {zone}",
        "{objective}：RRC 连接建立成功率 {sign} {target} %（成功数之和除以请求数之和），按 {zone} 的自然月判定",
    ),
    "lte.cell.erab.success": (
        "{objective}: {sign} {target} % of E-RAB set-ups succeed, sum over sum, by month of {zone}",
        "{objective}：E-RAB 建立成功率 {sign} {target} %（成功数之和除以请求数之和），按 {zone} 的自然月判定",
    ),
    "lte.cell.prb_dl.free": (
        "{objective}: {sign} {target} % of downlink resource blocks stay free, sum over sum, by month of {zone}",
        "{objective}：下行 PRB 空闲率 {sign} {target} %（利用率为其余部分，总和之比），按 {zone} 的自然月判定",
    ),
    "lte.cell.prb_ul.free": (
        "{objective}: {sign} {target} % of uplink resource blocks stay free, sum over sum, by month of {zone}",
        "{objective}：上行 PRB 空闲率 {sign} {target} %（利用率为其余部分，总和之比），按 {zone} 的自然月判定",
    ),
    "probe.packets.answered": (
        (
            "{objective}: {sign} {target} % of the packets that probes send are answered, sum over sum, by month of "
            "{zone}; a slot of {slot} s has {threshold} packets, and what it lacks is not measured"
        ),
        (
            "{objective}：探测包应答率 {sign} {target} %（应答包数之和除以发包数之和），按 {zone} 的自然月判定；"
            "每 {slot} 秒的时隙应有 {threshold} 包，不足部分计为未测得"
        ),
    ),
    "availability": ("service is up", "服务正常"),
    "kept": (",", " "),
    "always": ("service hours: always", "服务时间：全天候"),
    "hours": ("service hours (wall clock of {zone}): {hours}", "服务时间（{zone} 当地时间）：{hours}"),
    "excluded": ("exclusion {name}: cause {cause}; {how}", "免责类别 {name}：原因 {cause}；{how}"),
    "claimed": (
        "claimed at least {notice} h before, approved by {approver}, {cap}; late or over it has no effect until ruled",
        "须至少提前 {notice} 小时申报，由 {approver} 批准，{cap}；逾期或超出上限的，裁定前无效",
    ),
    "no_claim": ("needs no claim: our own measurement of the cause is enough", "无需申报：以我方对原因的测量为准"),
    "capped_s": ("at most {cap} min a month", "每月不超过 {cap} 分钟"),
    "uncapped": ("without a cap", "不设上限"),
    "unknown_limit": (
        "above {limit} % of time not measured there is no verdict, and nothing is owed",
        "未测得的时间超过 {limit} % 时不作判定，也不扣减",
    ),
    "samples": (
        "checked every {every} s; a slice of {slice} s with fewer than {least} samples is not measured",
        "每 {every} 秒检测一次；{slice} 秒的时段内样本少于 {least} 个的视为未测得",
    ),
    "short": ("outages shorter than {seconds} s do not count", "短于 {seconds} 秒的中断不计"),
    "window": (
        (
            "unavailable from {n} bad checks in a row on, until {n} good ones in a row (MEF 10.3); fewer than "
            "{n} bad ones lower nothing and are counted as high loss intervals (HLI), {p} in a row as one CHLI"
        ),
        (
            "连续 {n} 次异常起为不可用，其后连续 {n} 次正常起恢复可用（MEF 10.3）；不足 {n} 次的异常不影响数值，"
            "计为高丢失时隙（HLI），连续 {p} 次计为一次 CHLI"
        ),
    ),
    "tier": ("{tier}: {percent} % of the fee", "{tier}：扣减费用的 {percent} %"),
    "no_tier": ("a miss owes nothing: no tiers", "未达标不扣减：未列扣减档"),
    "per_object": (
        "tiers apply to each service's own value and its own fee",
        "扣减档按每个服务各自的数值与费用适用",
    ),
    "object_cap": ("at most {cap} % of one service's fee", "单个服务不超过其费用的 {cap} %"),
    "period_cap": ("at most {cap} % of the item's fee a month", "每月不超过该项费用的 {cap} %"),
    "escalates": (
        "after {count} breached months in a row the percentage is multiplied by {factor}",
        "连续 {count} 个月未达标后，比例乘以 {factor}",
    ),
    "dearest": (
        "of several objectives missed in a month the dearest alone is owed for",
        "同月多项未达标时，只按扣减最高的一项",
    ),
    "by_minute": (
        "several objectives missed owe each for its own minutes; no minute is paid twice",
        "多项未达标时按各自的分钟扣减，同一分钟不重复",
    ),
    "correct_late": (
        "an hour whose samples came late is stated again before a report",
        "样本迟到的小时，须重新认定后方可出具报告",
    ),
    "dispute": (
        "dispute, in working days: objection {objection}, answer {rebuttal}, ruling {ruling}",
        "争议期限（工作日）：异议 {objection}，答复 {rebuttal}，裁定 {ruling}",
    ),
    "foretold": (
        "What would be owed (services of each item: {services}, all month; breached months before: {before})",
        "应扣金额（每项服务数：{services}，整月有效；此前连续未达标月数：{before}）",
    ),
    "met": ("{name} at {value} %: met, owes nothing", "{name} 为 {value} %：达标，不扣减"),
    "missed": (
        "{name} at {value} %: missed, tier {tier}, owes {percent} %",
        "{name} 为 {value} %：未达标，第 {tier} 档，扣减 {percent} %",
    ),
    "untiered": (
        "{name} at {value} %: missed, in no tier, owes nothing",
        "{name} 为 {value} %：未达标，不在任何档内，不扣减",
    ),
    "by_areas": (
        "{name} at {value} %: missed, owes {percent} % for the areas below their minimum",
        "{name} 为 {value} %：因有区域低于最低要求而未达标，扣减 {percent} %",
    ),
    "area_kept": (
        "area {area} at {value} %: its minimum of {minimum} % is kept, owes nothing by itself",
        "区域 {area} 为 {value} %：达到最低要求 {minimum} %，不因其扣减",
    ),
    "area_missed": (
        "area {area} at {value} %: below its minimum of {minimum} %, {percent} % of the fee (area_percent)",
        "区域 {area} 为 {value} %：低于最低要求 {minimum} %，扣减费用的 {percent} %（area_percent）",
    ),
    "escalated": (" (escalated, caps applied)", "（已加重，已计上限）"),
    "owed": (
        "{item}: {percent} % of {fee} = {amount} {currency}",
        "{item}：{fee} 的 {percent} % = {amount} {currency}",
    ),
    "total": ("in sum {amount} {currency} of {fees} {currency}", "合计 {amount} {currency}，费用 {fees} {currency}"),
    "total_capped": (" (lowered to the contract's cap)", "（已降至合同上限）"),
    "to": ("{least} to {most}", "{least} 至 {most}"),
    "sound": ("nothing found wrong", "未发现问题"),
}
# Words of the register, for a Chinese reader.
NAMED: Mapping[str, str] = {
    "wifi": "公共 WiFi",
    "lte": "TD-LTE 小基站",
    "fiber": "光纤到户",
    "wlan_controller": "无线控制器",
    "ap": "无线接入点",
    "olt": "光线路终端",
    "ont": "光网络终端",
    "small_cell": "小基站",
    "lte_gateway": "LTE 网关",
    "gateway": "网关",
    "switch": "交换机",
    "router": "路由器",
    "probe": "探针",
    "anchor": "参照点",
    "portal": "认证门户",
}
CHOSEN = {
    "carriers": ("carriers", "运营商"),
    "areas": ("areas", "区域"),
    "roles": ("roles", "设备角色"),
    "tags": ("tags", "标签"),
}
BOUND = {"at_least": "≥", "above": ">", "below": "<", "at_most": "≤"}
