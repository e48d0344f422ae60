"""The month on one page, for who signs: what we buy, what we got, what we withhold, the worst streets, the year. Pure.

Every figure is of closed reports; nothing is judged anew. The page of the dashboards and the paper say the same texts.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from netops.pictures import ink, trend, waterfall
from netops.report import figures
from netops.report.words import say
from netops.summary.closed import Street

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from netops.report.words import Language
    from netops.summary.closed import Closed, Promise

MONTHS = 12
WORST, MOST_CONTRACTS, MOST_DEDUCTIONS = 3, 8, 6
HOUR_MS = 3_600_000
WORDS: dict[str, tuple[str, str]] = {
    "title": ("网络服务一页纸", "Network services on one page"),
    "buy": ("我们买了什么", "What we buy"),
    "got": ("我们得到了什么", "What we got"),
    "withheld": ("我们扣了多少", "What we withhold"),
    "streets": ("最差的三个街道", "The worst three streets"),
    "trend": ("十二个月趋势", "Twelve months"),
    "services": ("项服务", "services"),
    "contracts": ("份合同", "contracts"),
    "fees": ("费用", "fees"),
    "payable": ("应付", "payable"),
    "rest": ("其他合同", "other contracts"),
    "all_kept": ("{all} 项承诺全部兑现", "all {all} promises kept"),
    "some_kept": ("{all} 项承诺中 {n} 项未兑现", "{n} of {all} promises missed"),
    "undecided": ("{n} 项无法判定", "{n} cannot be judged"),
    "nothing": ("没有可判定的承诺", "no promise to judge"),
    "of_fees": ("{share}% 的费用", "{share}% of the fees"),
    "outage": ("{hours} 小时 · {n} 项服务", "{hours} h · services: {n}"),
    "no_outage": ("没有计入的中断。", "No outage that counts."),
    "outage_said": (
        "各街道计入运营商的中断时长之和（服务小时），按可用率承诺。",
        "Hours of outage that count against carriers, summed over services, by the promises of availability.",
    ),
    "trend_said": (
        "每月一柱：绿为兑现，斜纹为无法判定，叉框为未兑现；“–”为该月尚无已关闭的报告。",
        "A column a month: solid kept, hatched not judged, crossed missed; “–”: no report was closed.",
    ),
    "sources": ("数字取自这些已封存的报告", "Every figure is of these sealed reports"),
    "missing": ("本月尚无报告的合同", "No report of this month yet"),
    "unread": ("读不出的报告", "Reports that cannot be read"),
    "month": ("月份", "month"),
    "kept": ("兑现", "kept"),
    "missed": ("未兑现", "missed"),
    "not_judged": ("无法判定", "not judged"),
    "contract": ("合同", "contract"),
    "street": ("街道", "street"),
    "worst": ("最差的一项", "the worst of it"),
    "no_data": ("这一年还没有已关闭的月报告。", "No monthly report was closed in this year."),
}
KINDS = {"wifi": ("公共WiFi", "WiFi"), "lte": ("LTE小站", "LTE"), "fiber": ("光纤", "fiber")}
VERDICTS = ("missed", "not_determinable", "met")
_Bar = tuple[str, str, str, int, int]  # kind, label, amount, and where it lies in millionths


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a page is made of: the month, the closed reports of its year, contracts without one, reports not read."""

    month: str
    closed: Sequence[Closed]
    missing: Sequence[str] = ()
    unread: Mapping[str, str] = field(default_factory=dict)

    @property
    def now(self) -> list[Closed]:
        """The reports of the month itself, by contract."""
        return sorted((each for each in self.closed if each.month == self.month), key=lambda each: each.contract)


def year(month: str) -> list[str]:
    """Return the twelve months that end with one, the oldest first."""
    last = int(month[:4]) * 12 + int(month[5:]) - 1
    return [f"{at // 12:04d}-{at % 12 + 1:02d}" for at in range(last - MONTHS + 1, last + 1)]


def content(given: Given, language: Language) -> dict[str, Any]:
    """Return ready texts, tables and the pictures' input, in one language."""

    def word(name: str) -> str:
        return WORDS[name][language == "en"]

    now = given.now
    counts = {name: sum(each.count(name) for each in now) for name in VERDICTS}
    return {
        "lang": language,
        "title": f"{word('title')} {given.month}",
        "month": given.month,
        "rehearsal": say("rehearsal", language) if any(each.rehearsal for each in given.closed) else "",
        "empty": "" if now else word("no_data") if not given.closed else word("missing"),
        "buy": {"title": word("buy"), "rows": _bought(now, language)},
        "got": {
            "title": word("got"),
            "said": _got(counts, language),
            "kind": next((name for name in VERDICTS if counts[name]), "not_determinable"),
            "head": [word("contract"), word("kept"), word("worst")],
            "rows": [_contract(each, language) for each in _worst_first(now)[:MOST_CONTRACTS]],
        },
        "withheld": {"title": word("withheld"), "rows": _withheld(now, language), "bars": _bars(now, language)},
        "streets": {
            "title": word("streets"),
            "said": word("outage_said"),
            "none": "" if any(each.streets for each in now) else word("no_outage"),
            "rows": _streets(now, language),
        },
        "trend": {
            "title": word("trend"),
            "said": word("trend_said"),
            "head": [word(name) for name in ("month", "kept", "not_judged", "missed", "withheld")],
            "rows": [_month(given.closed, month) for month in year(given.month)],
        },
        "sources": {
            "title": word("sources"),
            "rows": [f"{each.report} #{each.leaf}" for each in now],
            "missing": f"{word('missing')}: {', '.join(given.missing)}" if given.missing else "",
            "unread": f"{word('unread')}: {', '.join(given.unread)}" if given.unread else "",
        },
    }


def drawn(told: Mapping[str, Any], *, alone: bool = False) -> dict[str, Any]:
    """Return the pictures of a content: `trend`, and a `waterfall` for each currency."""
    return {
        "trend": trend.draw(
            [
                trend.Month(name=str(int(month[5:])), kept=kept, undecided=undecided, missed=missed)
                for month, kept, undecided, missed, _ in told["trend"]["rows"]
            ],
            label=f"{told['trend']['title']}: {told['trend']['said']}",
            alone=alone,
        ),
        "waterfalls": [
            waterfall.draw(
                [waterfall.Bar(kind=k, label=said, amount=m, low=low, high=high) for k, said, m, low, high in bars],
                label=f"{told['withheld']['title']} ({currency})",
                alone=alone,
            )
            for currency, bars in told["withheld"]["bars"]
        ],
    }


def _bought(now: Sequence[Closed], language: Language) -> list[list[str]]:
    """Return `[figure, what it is]`: services by kind, contracts, fees by currency."""
    kinds: dict[str, int] = defaultdict(int)
    for each in now:
        for kind, services in each.kinds:
            kinds[kind] += services
    rows = [
        [f"{services:,}", KINDS.get(kind, (kind, kind))[language == "en"]] for kind, services in sorted(kinds.items())
    ]
    rows.append([f"{len(now):,}", WORDS["contracts"][language == "en"]])
    fees = _money(now, "fees")
    return rows + [
        [figures.money(str(sum_)), f"{currency} {WORDS['fees'][language == 'en']}"] for currency, sum_ in fees
    ]


def _got(counts: Mapping[str, int], language: Language) -> str:
    every = sum(counts.values())
    word = "nothing" if not every else "some_kept" if counts["missed"] else "all_kept"
    if not counts["missed"] and counts["not_determinable"]:
        return WORDS["undecided"][language == "en"].format(n=f"{counts['not_determinable']}/{every}")
    said = WORDS[word][language == "en"].format(all=every, n=counts["missed"])
    more = counts["not_determinable"]
    comma = ", " if language == "en" else "，"
    return f"{said}{comma}{WORDS['undecided'][language == 'en'].format(n=more)}" if more else said


def _worst_first(now: Sequence[Closed]) -> list[Closed]:
    return sorted(now, key=lambda each: (-each.count("missed"), -each.withheld, each.contract))


def _contract(each: Closed, language: Language) -> list[str]:
    kept = f"{each.count('met')}/{len(each.promises)}"
    worst = min(each.promises, key=_distance, default=None)
    return [each.title, kept, "" if worst is None else _promise(worst, language)]


def _promise(each: Promise, language: Language) -> str:
    sign = "≥" if each.at_least else "≤"
    name = each.name_en if language == "en" else each.name
    return f"{name} {figures.short(each.shown) or '—'} % ({sign} {each.target} %)"


def _distance(each: Promise) -> tuple[int, Decimal]:
    """Return the order of promises, the worst first: by verdict, then by how far the value is from the target."""
    if not each.shown:
        return VERDICTS.index(each.verdict), Decimal(0)
    apart = Decimal(each.shown) - Decimal(each.target)
    return VERDICTS.index(each.verdict), apart if each.at_least else -apart


def _money(now: Sequence[Closed], name: str) -> list[tuple[str, Decimal]]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for each in now:
        sums[each.currency] += getattr(each, name)
    return sorted(sums.items())


def _withheld(now: Sequence[Closed], language: Language) -> list[list[str]]:
    """Return `[amount, what part of the fees it is]`, a row a currency."""
    fees = dict(_money(now, "fees"))
    rows = []
    for currency, sum_ in _money(now, "withheld"):
        share = f"{int(sum_ * 10_000 / fees[currency]) / 100:.2f}" if fees[currency] else "—"
        rows.append([f"{figures.money(str(sum_))} {currency}", WORDS["of_fees"][language == "en"].format(share=share)])
    return rows


def _bars(now: Sequence[Closed], language: Language) -> list[tuple[str, list[_Bar]]]:
    """Return the waterfall of each currency: fees, what each contract's month takes off, what is payable."""
    made = []
    for currency, fees in _money(now, "fees"):
        mine = sorted((each for each in now if each.currency == currency), key=lambda each: -each.withheld)
        taken = [(each.title, each.withheld) for each in mine if each.withheld]
        if len(taken) > MOST_DEDUCTIONS:
            rest = sum((amount for _, amount in taken[MOST_DEDUCTIONS - 1 :]), Decimal(0))
            taken = [*taken[: MOST_DEDUCTIONS - 1], (WORDS["rest"][language == "en"], rest)]
        whole, left = fees or Decimal(1), fees
        bars = [_bar("fees", WORDS["fees"][language == "en"], fees, (Decimal(0), fees), whole)]
        for title, amount in taken:
            bars.append(_bar("deduction", title, -amount, (left - amount, left), whole))
            left -= amount
        bars.append(_bar("payable", WORDS["payable"][language == "en"], left, (Decimal(0), left), whole))
        made.append((currency, bars))
    return made


def _bar(kind: str, label: str, amount: Decimal, ends: tuple[Decimal, Decimal], whole: Decimal) -> _Bar:
    low, high = (figures.millionths(end, whole) for end in ends)
    return kind, label, figures.money(str(amount)), low, high


def _streets(now: Sequence[Closed], language: Language) -> list[list[str]]:
    """Return `[name, outage, area]` of the worst streets over all contracts."""
    sums: dict[str, Street] = {}
    for each in (street for closed in now for street in closed.streets):
        held = sums.get(each.area)
        sums[each.area] = Street(
            area=each.area,
            name=each.name,
            name_en=each.name_en,
            down_ms=each.down_ms + (held.down_ms if held else 0),
            services=each.services + (held.services if held else 0),
        )
    worst = sorted(sums.values(), key=lambda each: (-each.down_ms, each.area))[:WORST]
    said = WORDS["outage"][language == "en"]
    return [
        [
            each.name_en if language == "en" else each.name,
            said.format(hours=_hours(each.down_ms), n=each.services),
            each.area,
        ]
        for each in worst
    ]


def _hours(length_ms: int) -> str:
    """Say a length in hours with one place, cut off."""
    tenths = length_ms * 10 // HOUR_MS
    return f"{tenths // 10:,}.{tenths % 10}"


def _month(closed: Sequence[Closed], month: str) -> tuple[str, int, int, int, str]:
    mine = [each for each in closed if each.month == month]
    kept, undecided, missed = (sum(each.count(word) for each in mine) for word in ("met", "not_determinable", "missed"))
    money = " + ".join(f"{figures.money(str(sum_))} {currency}" for currency, sum_ in _money(mine, "withheld"))
    return month, kept, undecided, missed, money or ink.SYMBOL[ink.NONE]
