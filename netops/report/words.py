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
    "out_by_ruling": ("经裁定撤销", "taken out by ruling"),
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
    # who decides and asks: the roles of the staff
    "operator": ("运维员", "operator"),
    "contract_manager": ("合同经理", "contract manager"),
    "privacy_officer": ("隐私专员", "privacy officer"),
    "admin": ("管理员", "administrator"),
    # what a report rests on, by digest
    "of_calendar": ("节假日历", "calendar of holidays"),
    "of_catalogue": ("指标目录", "catalogue of metrics"),
    "of_code": ("程序", "program"),
    "of_inputs": ("所依据的存证", "leaves that it rests on"),
    "passed_over": ("争议程序不允许、故不计的异议与裁决（叶序号）", "objections and rulings of no effect (leaves)"),
    "of_register": ("台账", "register"),
    "of_timezone": ("时区规则", "rules of the time zone"),
    "key": ("账本公钥的名称与编号", "name and id of the ledger's key"),
    # how well we could see
    "clock_state": ("时钟状态", "state of the clock"),
    "monitor_health": ("监测自身状态", "state of the monitoring"),
    "hours": ("存证小时", "hours sealed"),
    "hours_missing": ("缺失小时", "hours missing"),
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
    "hli": ("可用时间内的高丢失时隙（HLI）", "high loss intervals of available time (HLI)"),
    "chli": ("连续高丢失（CHLI）", "consecutive high loss intervals (CHLI)"),
    "norm": ("标准中的名称", "name in the standard"),
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
    "up": ("正常（分钟或次数）", "up, min or number"),
    "down": ("中断（分钟或次数）", "down, min or number"),
    "unknown": ("未测得（分钟或次数）", "not measured, min or number"),
    "excluded_up": ("免责·正常（分钟或次数）", "excluded while up, min or number"),
    "excluded_down": ("免责·中断（分钟或次数）", "excluded while down, min or number"),
    "excluded_unknown": ("免责·未测得（分钟或次数）", "excluded while not measured, min or number"),
    "own_percent": ("自身扣减 %", "owed in % of its own fee"),
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
    # the paper
    "says_missed": ("{all} 项承诺中 {n} 项未达标", "{n} of {all} promises missed"),
    "says_not_determinable": ("{all} 项承诺中 {n} 项无法判定", "{n} of {all} promises cannot be determined"),
    "says_missed_and_more": (
        "{all} 项承诺中 {n} 项未达标，{more} 项无法判定",
        "{n} of {all} promises missed, {more} cannot be determined",
    ),
    "says_kept": ("{all} 项承诺全部达标", "All {all} promises were kept"),
    "says_owed": (
        "应付费用 {fees} {currency}，应扣减 {total} {currency}",
        "{total} {currency} is to be deducted from fees of {fees} {currency}",
    ),
    "says_nothing_owed": (
        "应付费用 {fees} {currency}，无扣减",
        "nothing is to be deducted from fees of {fees} {currency}",
    ),
    "says_object": (
        (
            "运营商如有异议，可在本修订存证次日起 {days} 个工作日内提出：netops dispute object；"
            "截止时间见 netops dispute status。"
        ),
        (
            "The carrier may object within {days} working days, counted from the day after this revision was sealed: "
            "netops dispute object. netops dispute status says until when."
        ),
    ),
    "promises": ("承诺与实测", "What was promised, what was measured"),
    "bounds": ("界限", "bounds"),
    "bounds_note": (
        "界限：未测得的时间全部算作中断或全部算作正常时的结果。数值向下舍入；判定按未舍入的精确值。",
        "Bounds: the result had all unmeasured time been down, or up. Figures are rounded down, verdicts exact.",
    ),
    "waterfall": ("从应付费用到扣减后应付", "From the fees to what is payable"),
    "calendar": ("逐日可用性", "Day by day"),
    "calendar_note": (
        "数字：当日实测部分的可用率（%），向下舍入。色条仅表示各状态占比，不表示先后。斜纹为未测得：既非正常，亦非中断。",
        (
            "Figure: % up of what was measured, rounded down. Bar: shares of the day, not its course. "
            "Hatched: not measured, neither up nor down."
        ),
    ),
    "day_up": ("正常", "up"),
    "day_down": ("中断", "down"),
    "day_unknown": ("未测得", "not measured"),
    "day_excluded": ("免责", "excused"),
    "weekdays": ("一 二 三 四 五 六 日", "Mo Tu We Th Fr Sa Su"),
    "times": ("合同时间的去向", "Where the contracted time went"),
    "times_note": (
        "无单位的为数目：障碍、服务、登录或数据包等，逐一计数。",
        "Without a unit: a number of faults, services, logins or packets, counted one by one.",
    ),
    "judged": ("考核时间", "judged"),
    "claims": ("申请免责与认定结果", "Claims to be excused, beside what was granted"),
    "claims_note": (
        "时间为各服务之和；# 为审批的存证号。未生效的申请保留在案。",
        "Times are summed over services; # is the ledger's leaf of the decision. Claims without effect stay on record.",
    ),
    "window": ("时段", "window"),
    "asked_short": ("申请时长", "claimed"),
    "given_short": ("认定时长", "granted"),
    "causes": ("中断归因", "Outages by cause"),
    "none": ("无", "none"),
    "rest": ("另有 {n} 行，见 report.xlsx", "{n} more in report.xlsx"),
    "changes": ("本修订改动了什么", "What this revision changed"),
    "changes_said": (
        "取代修订 {n}（#{leaf}）：应扣减由 {before} 变为 {after} {currency}，差额 {change}。",
        "Revision {n} (#{leaf}) is replaced: {before} {currency} was owed, now {after}, a change of {change}.",
    ),
    "changes_unread": (
        "取代修订 {n}（#{leaf}）；差异无法列出：{because}",
        "Revision {n} (#{leaf}) is replaced; the difference cannot be listed: {because}",
    ),
    "corrections": ("更正", "Corrections"),
    "corrections_said": (
        "{n} 项。原记录保留在账本中；以最后一次更正后的记录为准，其内容由系统依所存样本重新推算，非人工填写。",
        "{n} in all. First statements stay in the ledger; the last of each hour counts, derived from samples.",
    ),
    "objections": ("异议与裁定", "Objections and rulings"),
    "objections_said": (
        "{n} 项。“变动”是本报告与假设没有该裁定的同一报告之差；多项裁定互相影响时，各项之和不等于修订的差额。",
        "{n} in all. Moved: this report against the same one without that ruling. Several need not add up to a change.",
    ),
    "objection": ("异议", "objection"),
    "about": ("所指", "about"),
    "objector": ("异议人与理由", "by, and why"),
    "ruled_on": ("状态与裁定", "state and ruling"),
    "moved": ("变动", "moved"),
    "owed_by_it": ("应扣减", "credit due"),
    "moved_nothing": ("无变动", "nothing"),
    "follows_not_contracted": (
        "裁定本身不改动数值：须以合同变更或服务台账写明约定期间，再出具新版报告",
        "nothing by itself: an amendment, or the register, must say what was contracted when; then a new revision",
    ),
    "follows_calculation": (
        "裁定本身不改动数值：须以合同变更更正文本，或改用计算正确的软件版本，再出具新版报告",
        "nothing by itself: an amendment must correct the text, or a release the reckoning; then a new revision",
    ),
    "follows_fact": (
        "裁定本身不改动数值：须重新陈述该小时（netops sla correct）或该事实，再出具新版报告",
        "nothing by itself: the hour (netops sla correct), or the fact, must be stated again; then a new revision",
    ),
    "follows_not_approved": (
        "免责申请未经批准，裁定不改动数值：须先由两人批准（netops approve），再出具新版报告",
        "nothing: the claim was not approved; two persons must approve it (netops approve), then a new revision",
    ),
    "follows_no_such_class": (
        "合同没有该申请所指的免责类别，裁定不改动数值：须以合同变更补充该类别，或按已有类别另行申请，再出具新版报告",
        "nothing: the contract has no class that the claim names; an amendment, or a claim of one that it has, must",
    ),
    "follows_empty_claim": (
        "申请的时段为空，裁定不改动数值：须另行申请所指时段，再出具新版报告",
        "nothing: the claim's window is empty; a claim of the time that is meant must be made, then a new revision",
    ),
    "follows_undecided": (
        "异议与裁定均未写明后果，不改动数值：须以更正、免责申请或合同变更落实，再出具新版报告",
        "nothing: neither objection nor ruling says what follows; a correction, a claim or an amendment must",
    ),
    "by_silence": ("逾期未答复，视为支持", "by silence until the deadline"),
    "state": ("状态", "state"),
    "objection_leaf": ("异议存证号", "leaf of the objection"),
    "code": ("事由", "code"),
    "asked_for": ("请求认定", "asks for"),
    "decided": ("裁定内容", "decided"),
    "ruled_by": ("裁定人", "ruled by"),
    "ruled_because": ("裁定理由", "reason of the ruling"),
    "ruled_at": ("裁定时间", "ruled at"),
    "ruling_leaf": ("裁定存证号", "leaf of the ruling"),
    "moved_minutes": ("变动分钟", "minutes moved"),
    "values_moved": ("结果变动", "values moved"),
    "money_before": ("无该裁定时应扣减", "credit without it"),
    "money_after": ("现应扣减", "credit with it"),
    "state_open": ("待裁定", "open"),
    "state_passed_over": ("程序不允许，不计", "of no effect"),
    "state_late": ("逾期提出，不计", "late: of no effect"),
    "state_upheld": ("支持", "upheld"),
    "state_partly_upheld": ("部分支持", "upheld in part"),
    "state_dismissed": ("驳回", "dismissed"),
    "decides_up": ("当时正常", "was up"),
    "decides_not_measured": ("未测得", "not measured"),
    "decides_taken_out": ("剔除样本", "samples taken out"),
    "code_claim_refused": ("应准免责", "a claim should excuse"),
    "code_claim_granted": ("不应免责", "a claim should not excuse"),
    "code_cause": ("归因", "cause of an outage"),
    "code_no_outage": ("没有中断", "there was no outage"),
    "code_duration": ("中断时长", "length of an outage"),
    "code_fact": ("存证内容", "what a leaf states"),
    "code_not_measured": ("未测得", "not measured"),
    "code_not_contracted": ("不在合同内", "not contracted"),
    "code_calculation": ("计算", "calculation"),
    "code_survey_datum": ("测量坐标基准", "datum of a survey"),
    "code_survey_instrument": ("测量仪表", "instrument of a survey"),
    "code_survey_place": ("测量地点", "place of a survey"),
    "late_samples": ("迟到样本", "Samples that came late"),
    "late_said": (
        "{n} 个小时的样本在存证之后才到达，未经更正，未计入本报告。",
        "Samples of {n} hours came after the hour was sealed. No correction has taken them in: they do not count here.",
    ),
    "late_correct": (
        "合同要求此类小时须先更正；所列各项无法重新认定。",
        " The contract asks that such hours are corrected first; those listed could not be.",
    ),
    "late_leaf": ("存证号", "leaf"),
    "samples": ("样本数", "samples"),
    "services_late": ("涉及服务", "services"),
    "seen_from": ("观测点", "seen from"),
    "not_corrected": ("未更正", "not corrected"),
    "correction_of": ("更正情况", "corrected"),
    "hour": ("小时", "hour"),
    "said_by": ("提出人", "said by"),
    "recorded": ("记录时间", "recorded"),
    "correction": ("更正存证号", "correction"),
    "refused": ("未能执行", "refused"),
    "stated": ("重新认定存证号", "stated again in"),
    "not_yet": ("尚未完成", "not yet"),
    "matter": ("依据", "by"),
    "leaves": ("存证号", "leaves"),
    "before": ("此前", "before"),
    "after": ("此后", "after"),
    "change": ("差额", "change"),
    "not_judged": ("不计入", "not judged"),
    "proof": ("监测自身与验证", "How well we could see, and how to verify"),
    "sight": (
        "存证小时 {hours} 个，缺失 {missing} 个。缺失的小时记为未测得，不计为运营商的责任。",
        "Hours sealed: {hours}; missing: {missing}. A missing hour is not measured, and never charged to the carrier.",
    ),
    "proof_note": (
        "本文件附有 report.json 与 contract.json；全部明细见同包的 report.xlsx。以 report.json 为准。脱机验证：",
        "report.json, which counts, and contract.json are attached; all details are in report.xlsx. To verify offline:",
    ),
    "witnessing": ("联署", "Co-signatures"),
    "witnessing_asks": (
        "本报告所在的账本检查点，须由下列 {all} 个见证方中的至少 {n} 个联署；规则自 {since} 起（#{leaf}）：{names}。",
        "Of these {all} witnesses at least {n} co-sign this report's checkpoint, since {since} (#{leaf}): {names}.",
    ),
    "witnessing_asks_none": (
        "不要求联署：账本只由市方签署；规则自 {since} 起（#{leaf}）；所列见证方 {all} 个：{names}。",
        "No co-signature is asked for since {since} (#{leaf}): the city alone signs. Witnesses named: {all} ({names}).",
    ),
    "witnessing_never": (
        "未指定见证方：账本只由市方签署。",
        "No witness was ever named: the city alone signs the ledger.",
    ),
    "witnessing_earlier": ("此前：{rows}。", "Before: {rows}."),
    "witnessing_row": ("自 {since} 起 {all} 取 {n}（#{leaf}）", "{n} of {all} since {since} (#{leaf})"),
    "witnessing_signed": (
        "实际联署者见包内 checkpoint，由脱机验证列出。",
        "Who signed stands in the bundle's checkpoint; verifying offline names them.",
    ),
    "key_of_the_log": (
        "日志公钥，请向其所有者索取 ·",
        "the log's public key, from its owner, not from the bundle",
    ),
    "keys_of_all": (
        "日志与见证方的公钥，请分别向其所有者索取 ·",
        "the public keys of the log and of its witnesses, each from its owner, not from the bundle",
    ),
    # coverage: of surface, never of time
    "coverage_title": (
        "面积覆盖（按面积计，不是时间、人口或业务量）",
        "Coverage (of surface; not of time, people or traffic)",
    ),
    "coverage_note": (
        "判定按统计上下限，不按点估计；同一网格同一小时的样本只计一次；金额按上限取档。",
        "The bounds decide, never the point; all samples of a cell and hour count once; money is by the upper bound.",
    ),
    "coverage_ground": (
        (
            "截至 {at}：完整测量文件 {count} 份（不完整 {incomplete}），样本 {samples}（区域外 {outside}），"
            "网格小时 {cell_hours}；H3 {grid}，区域 {areas}。"
        ),
        (
            "At {at}: {count} whole surveys ({incomplete} torn), {samples} samples ({outside} in no area), "
            "{cell_hours} hours of cells; H3 {grid}, areas {areas}."
        ),
    ),
    "coverage": ("面积覆盖", "coverage of surface"),
    "level": ("合格电平", "level"),
    "area": ("区域", "area"),
    "minimum": ("面积最低要求", "least share of surface"),
    "area_share": ("面积占比 %", "share of surface %"),
    "area_bounds": ("面积占比上下限", "bounds of the share of surface"),
    "area_lower": ("面积占比下限 %", "lower bound, surface %"),
    "area_upper": ("面积占比上限 %", "upper bound, surface %"),
    "area_unknown": ("未知面积 %", "surface unknown %"),
    "effective_n": ("有效样本数", "effective n"),
    "weak_below": ("弱覆盖电平", "weak where"),
    "cell_hours": ("网格小时样本", "samples (cell and hour)"),
    "weak_hours": ("其中弱覆盖", "of them weak"),
    "weak_shown": ("弱覆盖比例 %", "weak coverage %"),
    "cells": ("网格", "cells"),
    "weak_cells": ("其中弱覆盖网格", "of them weak cells"),
    "weak_cells_shown": ("弱覆盖网格比例 %", "weak cells %"),
    "surface": ("面积 km²", "surface km²"),
    "known_surface": ("已知面积 km²", "known surface km²"),
    "known": ("已知网格", "cells known"),
    "never_measured": ("从未测量的网格", "cells never measured"),
    "too_few_hours": ("小时数不足的网格", "cells of too few hours"),
    "too_old": ("数据过旧的网格", "cells too old"),
    "newest": ("最新样本", "newest samples"),
    "because_lower_bound_reaches_target": ("下限达到目标", "the lower bound reaches the target"),
    "because_upper_bound_below_target": ("上限低于目标", "the upper bound lies below the target"),
    "because_bounds_hold_the_target": ("目标在上下限之间", "the target lies between the bounds"),
    "because_too_much_unknown": ("未知面积过大", "too much of the surface is unknown"),
    "because_nothing_known": ("没有任何已知网格", "no cell is known"),
    "because_minimum_missed": ("低于最低要求的区域", "areas below their minimum"),
    "because_minimum_not_determinable": ("最低要求无法判定的区域", "areas whose minimum cannot be determined"),
    "font": ("字体（SHA-256）", "font (SHA-256)"),
    "attached": ("报告的机器可读正文", "the report as data"),
    "attached_contract": ("合同版本", "the contract's versions"),
    "digest": ("report.json 的 SHA-256", "SHA-256 of report.json"),
}


def say(word: str, language: Language) -> str:
    """Return a word in a language; KeyError for one that is not listed."""
    return WORDS[word][language == "en"]


def both(word: str) -> str:
    """Return a word in both languages, Chinese first."""
    chinese, english = WORDS[word]
    return f"{chinese} {english}"


def worded(name: str, language: Language | None = None) -> str:
    """Return a cause, a role or a digest's name in a language or in both; one that is not listed stands for itself."""
    if name not in WORDS:
        return name.removeprefix("of_")
    return say(name, language) if language else both(name)
