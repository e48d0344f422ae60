"""How a deduction was reckoned, step by step in words and numbers: fee, value, tier, escalation, caps, amount. Pure.

Each number is of the report. What a step makes of the one before is said by the rule that made it; a test holds the
last of each against the report's own.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from netops.report import counts
from netops.report import figures as amounts
from netops.sla import credit, numbers
from netops.web.language import gettext as _

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dashboards.figures import Figure
    from inventory.model import Credits, Tier

HOUR_MS = 3_600_000
BOUNDS = (("at_least", "≥"), ("above", ">"), ("below", "<"), ("at_most", "≤"))

Step = tuple[str, str]  # what it is, and what it says


def steps(figure: Figure, report: Mapping[str, Any]) -> list[Step]:
    """Return the steps from the fee to what the item owes for one objective of a closed month."""
    made = [*_fee(figure.item, report), (_("结果"), _value(figure.told))]
    if figure.objective is None:
        return [*made, (_("扣减"), _("此合同版本的文本不在证据包中；见报告。"))]
    made += list(_tiers(figure, figure.objective.credits))
    return [*made, *_item(figure, report)]


def total(report: Mapping[str, Any]) -> list[Step]:
    """Return the steps from what the items owe to what is deducted in the month."""
    held, currency = report["credit"], report["credit"]["currency"]
    items = [item for part in report["parts"] for item in part["items"]]
    owed = [each["credit"]["amount"] for each in items if Fraction(each["credit"]["amount"])]
    made = [(_("应付费用"), f"{amounts.money(held['fees_shown'])} {currency}")]
    if len(owed) > 1:
        joined = " + ".join(amounts.money(each) for each in owed)
        made.append((_("各项扣减之和"), f"{joined} = {amounts.money(str(sum(map(Decimal, owed))))}"))
    if held["cap_percent"]:
        most = _("费用的 %(percent)s %%", percent=held["cap_percent"])
        reached = _("已触及") if held["capped"] else _("未触及")
        made.append((_("合同上限"), f"{most} · {reached}"))
    return [*made, (_("本月应扣减"), f"{amounts.money(held['total'])} {currency}")]


def exactly(text: str, *, places: int = 2) -> str:
    """Return an exact number as people write it; one that has more places is cut, and says so by `…`."""
    value = Fraction(text)
    scaled = value * 10**places
    if scaled.denominator == 1:
        shown = numbers.shown(value, places)
        return shown.rstrip("0").rstrip(".") if "." in shown else shown
    return f"{numbers.shown(value, 6)}…"


def tier(each: Tier) -> str:
    """Say a tier: `≥ 99.0 %, < 99.9 %: 10 %`."""
    bounds = ", ".join(f"{sign} {getattr(each, name)} %" for name, sign in BOUNDS if getattr(each, name))
    return _("%(bounds)s：费用的 %(percent)s %%", bounds=bounds, percent=each.percent)


def _fee(item: Mapping[str, Any], report: Mapping[str, Any]) -> Iterator[Step]:
    period_ms = report["period"]["end_ms"] - report["period"]["start_ms"]
    currency = report["credit"]["currency"]
    due = Fraction(item["fee_due"])
    yield (
        _("费用"),
        _(
            "%(services)d 项服务，每项每月 %(fee)s %(currency)s × 合同时长 %(contracted)s h ÷ 本期 %(period)s h = "
            "%(due)s %(currency)s",
            services=item["services"],
            fee=item["fee"],
            currency=currency,
            contracted=exactly(str(Fraction(item["contracted_ms"], HOUR_MS))),
            period=exactly(str(Fraction(period_ms, HOUR_MS))),
            due=exactly(str(due)),
        ),
    )


def _value(told: Mapping[str, Any]) -> str:
    sign = "≥" if told["comparison"] == "at_least" else "≤"
    verdict = {"met": _("达标"), "missed": _("未达标"), "not_determinable": _("无法判定")}[told["verdict"]]
    if not told["value"]:
        return verdict
    return _(
        "精确值 %(exact)s = %(shown)s；约定 %(sign)s %(target)s %%：%(verdict)s",
        exact=told["value"],
        shown=counts.figure(told),
        sign=sign,
        target=told["target"],
        verdict=verdict,
    )


def _tiers(figure: Figure, schedule: Credits) -> Iterator[Step]:
    told, word = figure.told, _("扣减档")
    if not schedule.tiers:
        yield word, _("合同没有为此目标约定扣减。")
        return
    if told["verdict"] == "not_determinable":
        yield word, _("无法判定时不扣减。")
        return
    if schedule.per == "object":
        owing = told.get("objects", {}).get("rows", ())
        yield (
            word,
            _(
                "按每项服务各自的结果和费用：%(count)d 项未达标的服务应扣减，合计为本项费用的 %(percent)s %%",
                count=len(owing),
                percent=exactly(told["credit_percent"]),
            ),
        )
        return
    if told["verdict"] == "met":
        yield word, _("已达标，不扣减。")
        return
    reached = chain(Fraction(told["value"]) * 100, schedule, breaches_before=told["breaches_before"])
    if not reached:
        yield word, _("结果不在任何一档之内，不扣减。")
    for kind, percent in reached:
        yield _limit(kind, percent, told, schedule)
    yield _("就此目标"), _("费用的 %(percent)s %%", percent=exactly(told["credit_percent"]))


def chain(value: Fraction, schedule: Credits, *, breaches_before: int) -> list[tuple[str, Fraction]]:
    """Return what each rule made of the percentage owed for a value (percent): the tier, then what moved it.

    The last is what `netops.sla.credit.owed_percent` owes; empty where no tier holds the value.
    """
    found = next((each for each in schedule.tiers if credit.holds(each, value)), None)
    if found is None:
        return []
    made = [("tier", Fraction(found.percent))]
    if made[0][1] and schedule.escalate_after and breaches_before >= schedule.escalate_after:
        made.append(("escalated", made[-1][1] * Fraction(schedule.escalate_factor)))
    for kind, cap in (("object_cap", schedule.object_cap_percent), ("period_cap", schedule.period_cap_percent)):
        if cap and made[-1][1] > Fraction(cap):
            made.append((kind, Fraction(cap)))
    return made


def _limit(kind: str, percent: Fraction, told: Mapping[str, Any], schedule: Credits) -> Step:
    shown = exactly(str(percent))
    match kind:
        case "tier":
            value = Fraction(told["value"]) * 100
            return _("扣减档"), tier(next(each for each in schedule.tiers if credit.holds(each, value)))
        case "escalated":
            return _("加重"), _(
                "此前已连续 %(before)d 个月未达标（约定 %(after)d 个起）：× %(factor)s = %(percent)s %%",
                before=told["breaches_before"],
                after=schedule.escalate_after,
                factor=schedule.escalate_factor,
                percent=shown,
            )
        case "object_cap":
            return _("单项上限"), _("至多费用的 %(percent)s %%", percent=shown)
        case _:
            return _("本期上限"), _("至多费用的 %(percent)s %%", percent=shown)


def _item(figure: Figure, report: Mapping[str, Any]) -> Iterator[Step]:
    item, currency = figure.item, report["credit"]["currency"]
    given = item["credit"]
    for each in given.get("by_minute", ()):
        whole = each["against_ms"]
        part = f"{exactly(str(Fraction(each['fresh_ms'], HOUR_MS)))} / {exactly(str(Fraction(whole, HOUR_MS)))} h"
        said = _("%(percent)s %%（未被更高扣减占用的时间 %(part)s）", percent=exactly(each["percent"]), part=part)
        yield _("按分钟：%(objective)s", objective=each["objective"]), said
    if not figure.owes and given["objective"]:
        yield _("本项"), _("同一服务项按扣减最高的目标计一次：%(objective)s", objective=given["objective"])
    if Fraction(given["amount"]):
        said = _(
            "%(due)s × %(percent)s %% = %(amount)s %(currency)s（四舍五入到分）",
            due=exactly(item["fee_due"]),
            percent=exactly(given["percent"]),
            amount=amounts.money(given["amount"]),
            currency=currency,
        )
        yield _("本项扣减"), said
    else:
        yield _("本项扣减"), f"{amounts.money('0')} {currency}"
