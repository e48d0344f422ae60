"""A promise of coverage in sentences, in the two languages of the city's pages."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from netops.sla import pitfalls

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# (English, Chinese)
_SAID: Mapping[str, tuple[str, str]] = {
    "promise": (
        "{id}: at least {target} % of the surface of all areas has {figure} (of surface, not of time)",
        "{id}：全部区域面积的至少 {target} % 满足 {figure}（按面积计，不按时间）",
    ),
    "minimum": ("each single area: at least {percent} %", "每个区域至少 {percent} %"),
    "no_minimum": ("no minimum for a single area", "不设单个区域的最低要求"),
    "minima": ("but area {area}: at least {percent} %", "其中区域 {area} 至少 {percent} %"),
    "bound": (
        "met when the lower bound reaches it, missed when the upper bound is below, at {z} standard errors",
        "下限达到方为达标，上限低于方为未达标（{z} 倍标准误差）；点估计不作依据",
    ),
    "hours": (
        "all samples of one cell in one hour count once; a cell is known by {hours} hours of the last {days} days",
        "同一网格同一小时的样本只计一次；最近 {days} 天内有 {hours} 个小时的网格为已知",
    ),
    "removed": ("an unknown cell is in no share", "未知网格不计入占比"),
    "as_uncovered": ("an unknown cell counts as not covered", "未知网格计为未覆盖"),
    "as_covered": ("an unknown cell counts as covered", "未知网格计为已覆盖"),
    "unknown": (
        "above {limit} % of unknown surface there is no verdict, and nothing is owed",
        "未知面积超过 {limit} % 时不作判定，也不扣减",
    ),
    "area": (
        "each area below its minimum: {percent} % of the fee, and the whole is missed",
        "每有一个区域低于最低要求，扣减费用的 {percent} %，整体即为未达标",
    ),
    "area_free": (
        "an area below its minimum makes the whole missed and owes nothing by itself",
        "有区域低于最低要求时整体未达标，但不因此扣减",
    ),
    "by_upper": ("tiers are taken by the upper bound:", "按上限取扣减档："),
}


def lines(each: Mapping[str, Any], *, chinese: bool) -> Iterator[str]:
    """Yield what a promise of coverage will do, its headline first; it is given as its plain fields (`codec.plain`)."""

    def say(name: str, **given: object) -> str:
        return _SAID[name][chinese].format(**given)

    figure = f"{each['metric'].upper()} ≥ {each['level']} dBm"
    if each["quality"]:
        figure += f", {'SINR' if each['metric'] == 'rsrp' else 'SNR'} ≥ {each['quality']} dB"
    yield say("promise", id=each["id"], target=each["target"], figure=figure)
    yield say("minimum", percent=each["minimum"]) if Fraction(each["minimum"]) else say("no_minimum")
    for one in each["minima"]:
        yield say("minima", area=one["area"], percent=one["percent"])
    yield say("bound", z=each["z"])
    yield say("hours", hours=each["min_hours"], days=each["max_age_days"])
    yield say(each["unknown_cells"])
    yield say("unknown", limit=pitfalls.plain(Fraction(each["max_unknown_ratio"]) * 100))
    yield say("area", percent=each["area_percent"]) if Fraction(each["area_percent"]) else say("area_free")
    if each["credits"]["tiers"]:
        yield say("by_upper")
