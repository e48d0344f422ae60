"""What papers and workbook say, once in each language. Pages for both readers side by side use `both`."""

from __future__ import annotations

from typing import Literal

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")

WORDS: dict[str, tuple[str, str]] = {
    # verdicts, effects, causes: the words of report.json
    "met": ("达标", "met"),
    "missed": ("未达标", "missed"),
    "not_determinable": ("无法判定", "not determinable"),
    "in_force": ("生效", "in force"),
    "in_force_by_ruling": ("经裁定生效", "in force by ruling"),
    "late": ("通知过迟，不生效", "late: no effect"),
    "over_cap": ("超出上限，不生效", "over the cap: no effect"),
    "not_approved": ("未获批准", "not approved"),
    "no_such_class": ("合同无此类别", "no such class"),
    "empty_or_negative_window": ("时段为空", "empty window"),
    "carrier": ("运营商", "carrier"),
    "city": ("市方", "city"),
    "power_or_third_party": ("停电或第三方", "power or third party"),
    "force_majeure": ("不可抗力", "force majeure"),
    "planned": ("计划检修", "planned work"),
    "monitor": ("监测自身", "our monitoring"),
    "undetermined": ("未定", "undetermined"),
    # columns
    "summary": ("结论", "Summary"),
    "objectives": ("目标", "Objectives"),
    "services": ("服务", "Services"),
    "outages": ("中断", "Outages"),
    "exclusions": ("免责", "Exclusions"),
    "deductions": ("扣减", "Deductions"),
    "days": ("逐日", "Days"),
    "version": ("合同版本", "contract version"),
    "item": ("项目", "item"),
    "objective": ("目标", "objective"),
    "target": ("约定", "promised"),
    "value": ("实测", "measured"),
    "exact": ("精确值", "exact value"),
    "lower": ("下限", "lower bound"),
    "upper": ("上限", "upper bound"),
    "not_measured": ("未测得", "not measured"),
    "verdict": ("判定", "verdict"),
    "because": ("依据", "because"),
    "remark": ("说明", "remark"),
    "service": ("服务", "service"),
    "count": ("服务数", "services"),
    "incidents": ("中断次数", "outages"),
    "contracted": ("合同时长（分钟）", "contracted, min"),
    "up": ("正常（分钟）", "up, min"),
    "down": ("中断（分钟）", "down, min"),
    "unknown": ("未测得（分钟）", "not measured, min"),
    "excluded_up": ("免责·正常（分钟）", "excluded while up, min"),
    "excluded_down": ("免责·中断（分钟）", "excluded while down, min"),
    "excluded_unknown": ("免责·未测得（分钟）", "excluded while not measured, min"),
    "from": ("开始", "from"),
    "to": ("结束", "to"),
    "minutes": ("时长（分钟）", "minutes"),
    "cause": ("归因", "cause"),
    "censored": ("未见首尾", "beginning or end not seen"),
    "day": ("日期", "day"),
    "claim": ("申请", "claim"),
    "class": ("类别", "class"),
    "noticed": ("通知时间", "noticed"),
    "named": ("涉及服务", "services named"),
    "all": ("全部", "all"),
    "reason": ("理由", "reason"),
    "by": ("申请人", "claimed by"),
    "approver": ("审批人", "decided by"),
    "leaf": ("审批存证号", "leaf of the decision"),
    "effect": ("效力", "effect"),
    "asked": ("申请（服务·分钟）", "claimed, service min"),
    "given": ("认可（服务·分钟）", "excused, service min"),
    "given_down": ("其中中断（分钟）", "of it down, min"),
    "no_claim": ("按合同无需申请", "needs no claim by the contract"),
    "kind": ("类型", "kind"),
    "percent": ("比例 %", "percent"),
    "amount": ("金额", "amount"),
    "left": ("余额", "left to pay"),
    "fees": ("应付费用", "fees due"),
    "deduction": ("扣减", "deduction"),
    "cap": ("合同上限返还", "given back: cap of the contract"),
    "payable": ("扣减后应付", "payable after deductions"),
    "credit": ("应扣减", "to be deducted"),
    "contract": ("合同", "contract"),
    "carrier_name": ("运营商", "carrier"),
    "period": ("期间", "period"),
    "revision": ("修订", "revision"),
    "title": ("服务水平报告", "Service level report"),
    "currency": ("币种", "currency"),
    "rehearsal": (
        "演练：本报告全部内容均为模拟，不具任何效力",
        "REHEARSAL: everything in this report is simulated and has no effect",
    ),
    "digest": ("report.json 的 SHA-256", "SHA-256 of report.json"),
}


def say(word: str, language: Language) -> str:
    """Return a word in a language; KeyError for one that is not listed."""
    return WORDS[word][language == "en"]


def both(word: str) -> str:
    """Return a word in both languages, Chinese first."""
    chinese, english = WORDS[word]
    return f"{chinese} {english}"


def cause(word: str, language: Language | None = None) -> str:
    """Return a cause in a language or in both; a cause that is not listed stands for itself."""
    if word not in WORDS:
        return word
    return say(word, language) if language else both(word)
