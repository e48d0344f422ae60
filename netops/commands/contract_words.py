"""A contract in sentences, in the two languages of the city's pages: what each of its fields will do."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from inventory import codec, times
from netops.coverage import said
from netops.metrics import lte
from netops.report import agreed, because
from netops.report.words import WORDS
from netops.sla import derived, pitfalls, streams

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from inventory.model import Contract, Credits, ExclusionClass, Objective, Rules, ServiceItem
    from netops.sla.foretold import Answer, Foretold, Owed

# (English, Chinese)
_SAID: Mapping[str, tuple[str, str]] = {
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
_NAMED: Mapping[str, str] = {
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
_CHOSEN = {
    "carriers": ("carriers", "运营商"),
    "areas": ("areas", "区域"),
    "roles": ("roles", "设备角色"),
    "tags": ("tags", "标签"),
}
_BOUND = {"at_least": "≥", "above": ">", "below": "<", "at_most": "≤"}


def _minutes(seconds: int) -> str:
    return f"{seconds // 60}:{seconds % 60:02d}" if seconds % 60 else str(seconds // 60)


def _money(amount: Decimal) -> str:
    """Return an amount as people read it: `4,800.00`; no digit is lost."""
    return f"{amount:,.2f}" if amount == round(amount, 2) else f"{amount:,}"


class Speaker:
    """Says a contract in one language, `zh_CN` or `en`."""

    def __init__(self, language: str) -> None:
        self._at = 1 if language == "zh_CN" else 0

    def say(self, name: str, /, **given: object) -> str:
        """Return one sentence."""
        return _SAID[name][self._at].format(**given)

    def contract(self, held: Contract) -> Iterator[str]:
        """Yield the contract line by line, indented by what belongs to what."""
        tz = times.zone(held.timezone)
        yield self.say("head", contract=held.id, version=held.version, title=held.title, carrier=held.carrier)
        start = times.shown(held.valid_from_ms, tz)
        line = self.say("from", start=start, zone=held.timezone, currency=held.currency)
        end = "" if held.ends_ms is None else self.say("until", end=times.shown(held.ends_ms, tz))
        yield f"  {line}{end}"
        if held.calendar:
            yield "  " + self.say("calendar", calendar=held.calendar)
        if held.credit_cap_percent:
            yield "  " + self.say("cap", cap=held.credit_cap_percent)
        if held.late_samples == "correct":
            yield "  " + self.say("correct_late")
        days = held.dispute
        yield "  " + self.say(
            "dispute", objection=days.objection_days, rebuttal=days.rebuttal_days, ruling=days.ruling_days
        )
        for item in held.items:
            yield from self._item(held, item)

    def _item(self, held: Contract, item: ServiceItem) -> Iterator[str]:
        yield self.say("item", item=item.id, kind=self._named(item.kind), fee=item.fee, currency=held.currency)
        chosen = [(name, getattr(item.select, name)) for name in ("carriers", "areas", "roles", "tags")]
        what = "; ".join(
            f"{_CHOSEN[name][self._at]} {', '.join(map(self._named, names) if name == 'roles' else names)}"
            for name, names in chosen
            if names
        )
        yield "  " + (self.say("select", what=what) if what else self.say("everything"))
        if len(item.objectives) + len(item.coverage) > 1:
            yield "  " + self.say(item.double_credit)
        for each in item.objectives:
            yield "  " + self._promise(held, each)
            yield from (f"    {line}" for line in (*self._rules(held, each.rules), *self._credits(each.credits)))
        for given in item.coverage:
            head, *rest = said.lines(codec.plain(given), chinese=bool(self._at))
            owed = () if Fraction(given.area_percent) and not given.credits.tiers else self._credits(given.credits)
            yield f"  {head}"
            yield from (f"    {line}" for line in (*rest, *owed))

    def _promise(self, held: Contract, each: Objective) -> str:
        stream = streams.stream(each)
        metric = because.indicator(each.indicator) if self._at else each.indicator
        figure = (
            self.say("availability") if stream is None else f"{metric} {because.limit(each.indicator, stream.good)}"
        )
        name = "counted" if stream is not None and stream.counted else "promise"
        figure += self.say("kept") if stream is not None and name == "promise" else ""
        if each.indicator in derived.ALL | lte.COUNTED:
            name, figure = each.indicator, ""
        sign = "≥" if each.comparison == "at_least" else "≤"
        named = {"objective": each.id, "figure": figure, "threshold": each.threshold}
        return self.say(name, **named, sign=sign, target=each.target, zone=held.timezone)

    def _rules(self, held: Contract, rules: Rules) -> Iterator[str]:
        if rules.hours:
            yield self.say("hours", zone=held.timezone, hours="; ".join(self._hours(rules)))
        else:
            yield self.say("always")
        for name in (
            "exclusion_mode",
            "unknown_mode",
            "degraded_mode",
            "undetermined_mode",
            "empty_history",
            "outage_edge",
            "parent_failure",
            "aggregation",
        ):
            yield self._does(name, rules)
            if name == "aggregation" and rules.aggregation == "weighted":
                yield self._does("weight", rules)
            if name == "exclusion_mode":
                yield from (self._excluded(each) for each in rules.exclusions)
            if name == "unknown_mode":
                yield self.say("unknown_limit", limit=pitfalls.plain(Fraction(rules.max_unknown_ratio) * 100))
        if rules.repair_from == derived.REPORT:
            yield self._does("repair_from", rules)
        if rules.min_outage_s:
            yield self.say("short", seconds=rules.min_outage_s)
        if rules.window_intervals:
            yield self.say("window", n=rules.window_intervals, p=rules.consecutive_high_loss)
        yield self.say("samples", every=rules.check_every_s, slice=rules.slice_s, least=rules.min_samples_per_slice)

    def _does(self, name: str, rules: Rules) -> str:
        """Return what a word of the rules does, as the reports say it."""
        return agreed.DOES[name, getattr(rules, name)][1 - self._at]

    def _hours(self, rules: Rules) -> Iterator[str]:
        for each in rules.hours:
            named = self._days(each.days)
            days = ",".join(named + [agreed.KINDS[kind][1 - self._at] for kind in each.kinds])
            times_ = (each.start_minute, (each.end_minute - 1) % 1440 + 1)
            start, end = (f"{at // 60:02d}:{at % 60:02d}" for at in times_)
            yield f"{days} {start}-{end}"

    def _days(self, days: Sequence[int]) -> list[str]:
        """Return days of the week (1: Monday) by name, three and more in a row as a span."""
        rows: list[list[int]] = []
        for day in days:
            if rows and rows[-1][-1] + 1 == day:
                rows[-1].append(day)
            else:
                rows.append([day])
        made = []
        for row in rows:
            names = [agreed.DAYS[day - 1][1 - self._at] for day in row]
            made += [(f"{names[0]}-{names[-1]}", f"{names[0]}至{names[-1]}")[self._at]] if len(row) > 2 else names
        return made

    def _named(self, token: str) -> str:
        """Return a word of the contract file; in Chinese as the reports say it, with the word beside it."""
        word = _NAMED.get(token) or WORDS.get(token, ("",))[0]
        return f"{word}（{token}）" if self._at and word else token

    def _excluded(self, each: ExclusionClass) -> str:
        cap = self.say("capped_s", cap=_minutes(each.cap_s)) if each.cap_s else self.say("uncapped")
        how = self.say("claimed", notice=each.notice_h, approver=self._named(each.approver), cap=cap)
        how = how if each.approver else self.say("no_claim")
        name = f"{each.title}（{each.id}）" if self._at and each.title != each.id else each.id
        return self.say("excluded", name=name, cause=self._named(each.cause), how=how)

    def _credits(self, held: Credits) -> Iterator[str]:
        if not held.tiers:
            yield self.say("no_tier")
            return
        for each in held.tiers:
            bounds = [f"{sign} {getattr(each, name)} %" for name, sign in _BOUND.items() if getattr(each, name)]
            yield self.say("tier", tier=", ".join(bounds), percent=each.percent)
        if held.per == "object":
            yield self.say("per_object")
        for name in ("object_cap", "period_cap"):
            if cap := getattr(held, f"{name}_percent"):
                yield self.say(name, cap=cap)
        if held.escalate_after:
            yield self.say("escalates", count=held.escalate_after, factor=held.escalate_factor)

    def foretold(self, held: Contract, found: Foretold, *, services: int, before: int) -> Iterator[str]:
        """Yield what would be owed."""
        yield self.say("foretold", services=services, before=before)
        for each in found.answers:
            yield "  " + self._answer(each)
        for item in found.items:
            yield "  " + self._owed(held, item)
        amount = self._range(_money(found.least), _money(found.most))
        total = self.say(
            "total", amount=amount, currency=held.currency, fees=_money(Decimal(pitfalls.plain(found.fees)))
        )
        yield "  " + total + (self.say("total_capped") if found.capped else "")

    def _answer(self, each: Answer) -> str:
        name = "met" if each.met else "missed" if each.tier else "untiered"
        line = self.say(
            name,
            name=f"{each.item}/{each.objective}",
            value=pitfalls.plain(each.value),
            tier=each.tier,
            percent=pitfalls.plain(each.percent),
        )
        return line + (self.say("escalated") if each.escalated else "")

    def _owed(self, held: Contract, each: Owed) -> str:
        return self.say(
            "owed",
            item=each.item,
            percent=self._range(pitfalls.plain(each.least), pitfalls.plain(each.most)),
            fee=_money(Decimal(pitfalls.plain(each.fee))),
            amount=self._range(_money(each.least_amount), _money(each.most_amount)),
            currency=held.currency,
        )

    def _range(self, least: str, most: str) -> str:
        return least if least == most else self.say("to", least=least, most=most)
