"""What `netops sla` says to people, in the two languages of the city's pages. JSON has the same words in both."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

COLUMNS = 17  # the widest verdict

EN = {
    "rehearsal": "REHEARSAL: everything here is simulated",
    "met": "met",
    "missed": "missed",
    "not_determinable": "not determinable",
    "keeps": "keeps so far",
    "below": "below so far",
    "target": "target",
    "unknown": "unknown",
    "brackets": "in brackets: the figure if all that is unknown had been down, and if all of it had been up",
    "surface": "of the surface",
    "minimum": "minimum",
    "surface_brackets": "coverage is of surface, not of time: in brackets the statistical bounds, which alone decide",
    "missing": "{count} of {of} hours are not sealed: unknown, never up",
    "cut": "{at} cuts the slot {low} … {high}: its state counts up to there; where in it a change fell is not sealed",
    "no_money": "nothing is owed for an interval: money is of calendar months, `netops report build`",
    "until": "this month until {at}",
    "no_hours": "no hour of this month is sealed yet; the core seals them as they pass",
    "no_ledger": "nothing has been measured yet",
    "no_contract": "no contract is in force; `netops inventory show contracts`",
    "left": "keeps its target with up to {time} (h:mm:ss) more outage of one service this month; more misses it",
    "left_unknown": "what it takes to miss cannot be said of counts, or where nothing was judged",
    "lost": "below its target this month even without any further outage",
    "burn": "error budget burns at (rate/warns from)",
    "warns": "EARLY WARNING: burns {rate} times faster than allowed over {long}, and still in the last {short}",
    "early": "burn rates warn early and judge nothing: a verdict is of a calendar month, `netops report build`",
}

ZH = {
    "rehearsal": "演练：以下内容均为模拟",
    "met": "达标",
    "missed": "未达标",
    "not_determinable": "无法判定",
    "keeps": "目前达标",
    "below": "目前低于目标",
    "target": "目标",
    "unknown": "未知",
    "brackets": "方括号内：未知部分全按中断、全按正常计算时的数值",
    "surface": "（按面积）",
    "minimum": "最低要求",
    "surface_brackets": "覆盖率按面积计，不按时间：方括号内为统计上下限，判定只依据上下限",
    "missing": "{of} 个小时中有 {count} 个未封存：按未知处理，绝不算作正常",
    "cut": "{at} 落在时段 {low} … {high} 之内：其状态计到此刻为止；变化发生在时段内何时未封存",
    "no_money": "任意区间不产生应付金额：金额按自然月计算，见 `netops report build`",
    "until": "本月截至 {at}",
    "no_hours": "本月尚无已封存的小时；核心进程会逐时封存",
    "no_ledger": "尚未测量任何数据",
    "no_contract": "没有生效的合同；见 `netops inventory show contracts`",
    "left": "本月单个服务再中断不超过 {time}（时:分:秒）仍可达标；超过即不达标",
    "left_unknown": "按次数计的指标或尚无可判定时间时，无法说明距不达标还有多远",
    "lost": "即使本月不再中断也已低于目标",
    "burn": "误差预算消耗速度（当前/告警线）",
    "warns": "预警：过去 {long} 的消耗速度为允许值的 {rate} 倍，且最近 {short} 仍在继续",
    "early": "消耗速度只作预警，不作判定：判定以自然月为准，见 `netops report build`",
}

WORDS: Mapping[str, Mapping[str, str]] = {"en": EN, "zh_CN": ZH}
