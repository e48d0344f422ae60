"""The sentences of `pitfalls.py`, in the two languages of the city's pages: what is wrong, and the remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

SAID: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "no_period": {
        "en": ("period '{period}' is not reported on", "write 'month'"),
        "zh_CN": ("周期“{period}”不出报告", "请写 'month'（自然月）"),
    },
    "never_pays": {
        "en": (
            "tier {tier} ({bounds}) holds no value that misses the target {target}: it never pays",
            "remove it, or correct its bounds or the target",
        ),
        "zh_CN": (
            "第 {tier} 档（{bounds}）不含任何未达标（目标 {target}）的数值：永不扣减",
            "请删去该档，或更正其界限或目标",
        ),
    },
    "beyond": {
        "en": (
            "tier {tier} reaches beyond the target {target}: what meets it owes nothing, whatever the tier says",
            "write `{bounds}`, or correct the target",
        ),
        "zh_CN": (
            "第 {tier} 档越过目标 {target}：已达标的数值无论档内如何规定都不扣减",
            "请写 `{bounds}`，或更正目标",
        ),
    },
    "gap": {
        "en": (
            "a value of `{bounds}` misses the target {target} and owes nothing: no tier holds it",
            "add a tier for it; `{{{bounds}, percent: 0}}` if nothing is to be owed",
        ),
        "zh_CN": (
            "`{bounds}` 的数值未达到目标 {target}，却不扣减：没有任何档包含它",
            "请为其增加一档；若不应扣减，请写 `{{{bounds}, percent: 0}}`",
        ),
    },
    "cheaper": {
        "en": (
            "tier {tier} ({bounds}) costs {percent} %, the better values of tier {better} cost {more} %",
            "let worse values cost at least as much",
        ),
        "zh_CN": (
            "第 {tier} 档（{bounds}）扣减 {percent} %，而数值更好的第 {better} 档扣减 {more} %",
            "更差的数值应至少扣减同样多",
        ),
    },
    "ratio": {
        "en": ("target {target} is in percent, so hardly anything could miss it", "did you mean {meant}?"),
        "zh_CN": ("目标 {target} 以百分数计，几乎不可能不达标", "是否想写 {meant}？"),
    },
    "at_most_state": {
        "en": (
            "comparison 'at_most': availability is the share of time that is up, so less of it would be better",
            "write 'at_least', or leave it out",
        ),
        "zh_CN": (
            "比较方式 'at_most'：可用率是正常时间的占比，这样写则越低越好",
            "请写 'at_least'，或不写",
        ),
    },
    "at_most_share": {
        "en": (
            "comparison 'at_most': the figure is the share that is good, so less of it would be better",
            "write 'at_least', or leave it out",
        ),
        "zh_CN": ("比较方式 'at_most'：该数值是合格的占比，这样写则越低越好", "请写 'at_least'，或不写"),
    },
    "percentile": {
        "en": (
            "percentile '{percentile}' has no use: availability has no percentile",
            "leave it out; it is for objectives on a metric",
        ),
        "zh_CN": ("百分位算法 '{percentile}' 没有用处：可用率没有百分位数", "请删去；它只用于以指标约定的目标"),
    },
    "no_tiers": {
        "en": ("credits state '{name}' and no tiers: nothing is ever owed", "add `tiers`, or leave the credits out"),
        "zh_CN": ("扣减条款写了 '{name}' 却没有档：永不扣减", "请增加 `tiers`，或删去扣减条款"),
    },
    "cap_of_0": {
        "en": ("'{name}' is 0: its tiers never pay", "leave the cap out, or the tiers"),
        "zh_CN": ("'{name}' 为 0：各档永不扣减", "请删去该上限，或删去各档"),
    },
    "factor_of_1": {
        "en": (
            "'escalate_factor' is 1: a repeated breach costs no more",
            "write more than 1, or leave both fields out",
        ),
        "zh_CN": ("'escalate_factor' 为 1：连续未达标并不加重", "请写大于 1 的数，或两项都不写"),
    },
    "no_fee": {
        "en": (
            "its tiers are percent of a fee, and item '{item}' states none: nothing is ever owed",
            "state `fee`",
        ),
        "zh_CN": ("各档是费用的百分比，而服务项“{item}”未写费用：永不扣减", "请写明 `fee`（费用）"),
    },
    "no_fee_of_area": {
        "en": ("'area_percent' is of a fee, and item '{item}' states none: nothing is ever owed", "state `fee`"),
        "zh_CN": ("'area_percent' 是费用的百分比，而服务项“{item}”未写费用：永不扣减", "请写明 `fee`（费用）"),
    },
    "no_minimum": {
        "en": (
            "'area_percent' is owed for areas below their minimum, and none has one",
            "state `minimum` or `minima`",
        ),
        "zh_CN": ("'area_percent' 针对低于最低要求的区域，而没有任何区域有最低要求", "请写明 `minimum` 或 `minima`"),
    },
    "ratio_of_area": {
        "en": ("minimum {minimum} is in percent, so hardly any area could miss it", "did you mean {meant}?"),
        "zh_CN": ("最低要求 {minimum} 以百分数计，几乎没有区域会达不到", "是否想写 {meant}？"),
    },
    "pieces_pass": {
        "en": (
            (
                "a month of what is counted or measured slot by slot comes to {pieces} pieces of time; a report takes "
                "at most {bound}, so that no month could be closed"
            ),
            "sell the services by {factor} contracts, or make those slots longer (check_every_s: at most 3600)",
        ),
        "zh_CN": (
            "逐时隙计数或测量的内容每月达 {pieces} 段；一份报告至多容纳 {bound} 段，因而任何月份都无法出具报告",
            "请将服务分列于 {factor} 份合同，或延长这些时隙（check_every_s：至多 3600）",
        ),
    },
    "pieces_few": {
        "en": (
            (
                "its services may change their state {most} times in a month, added over all promises; a report takes "
                "at most {bound}, which is {room} changes of each service under each promise"
            ),
            "sell the services by several contracts, promise longer slots (check_every_s), or promise less of them",
        ),
        "zh_CN": (
            "服务状态变化按所有目标累计，每月可达 {most} 次；一份报告至多 {bound} 次，即每个服务每个目标 {room} 次",
            "请将服务分列于多份合同，或约定更长的时隙（check_every_s），或减少目标",
        ),
    },
}
"""Name → language → what is wrong, and the remedy; fields in braces."""


def said(name: str, language: str, /, **given: object) -> tuple[str, str]:
    """Return what is wrong and the remedy, in `zh_CN`, else in English."""
    what, remedy = SAID[name]["zh_CN" if language == "zh_CN" else "en"]
    return what.format(**given), remedy.format(**given)
