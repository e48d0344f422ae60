"""What a message says, in the words of its reader. Pure; every name is somebody else's and is made harmless here.

The first line says what, where and how much; it is all that a watch shows. Nobody has to log in to understand it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping  # noqa: TC003  (a dataclass is built from it)
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from netops.alerts.incident import Phase
from netops.clock import utc
from netops.report import because

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netops.alerts.incident import Incident
    from netops.report.words import Language

MOST_NAME, MOST_LISTED = 60, 8
_BURN: Final = re.compile(r"([0-9]{1,4})h ([0-9.]{1,12})")
SEVERITY: Final = {
    "zh": {"critical": "紧急", "major": "重要", "minor": "一般"},
    "en": {"critical": "CRITICAL", "major": "MAJOR", "minor": "MINOR"},
}
KIND: Final = {
    "zh": {"wifi": "无线局域网", "lte": "LTE 小基站", "fiber": "光纤接入"},
    "en": {"wifi": "WiFi", "lte": "LTE", "fiber": "fiber"},
}
WORDS: Final = {
    "zh": {
        "over": "已恢复",
        "flapping": "时断时续",
        "device": "{name}（{id}）无应答，其下 {n} 项服务中断",
        "carrier": "{carrier} {kind}：{area}{n} 项服务中断",
        "whole": "{carrier} {kind}：{areas} 个街道 {n} 项服务中断",
        "service": "{name} 中断",
        "monitor": "监测系统看不到 {because} 的服务（原因在我方）",
        "part": "监测系统的 {id} 无响应",
        "logins": "工作人员登录成批失败：{because} 次，见账号页",
        "objective": "{id} 的容许中断时间消耗过快{because}",
        "burn": "：近 {hours} 小时为可持续速度的 {times} 倍",
        "reading": "{id}：{because}",
        "contract": "合同 {id} 的报告：{n} 项承诺未达到（{names}）",
        "since": "开始 {at}",
        "lasted": "持续 {length}",
        "still": "仍中断 {bad}/{n}",
        "taken": "{by} 已处理",
        "said": "{by}（持链接者所称）",
        "where": "街道：{names}",
        "why": "原因：{because}",
        "see": "查看",
        "take": "我来处理",
        "many": "{n} 起告警（合并发送）",
        "rehearsal": "【演练】",
        "test": "测试：这是一条试发消息，无需处理",
    },
    "en": {
        "over": "over",
        "flapping": "comes and goes",
        "device": "{name} ({id}) does not answer, {n} services below it are down",
        "carrier": "{carrier} {kind}: {n} services down in {area}",
        "whole": "{carrier} {kind}: {n} services down in {areas} subdistricts",
        "service": "{name} is down",
        "monitor": "we do not see {because} of the services (our own fault)",
        "part": "{id} of the monitoring says nothing",
        "logins": "logins of staff fail in bulk: {because} of them; see the page of accounts",
        "objective": "the error budget of {id} burns too fast{because}",
        "burn": ": {times} times the sustainable rate over {hours} h",
        "reading": "{id}: {because}",
        "contract": "the report on contract {id}: {n} promises missed ({names})",
        "since": "since {at}",
        "lasted": "lasted {length}",
        "still": "still down {bad}/{n}",
        "taken": "taken on by {by}",
        "said": "{by} (said by the one who held the link)",
        "where": "where: {names}",
        "why": "why: {because}",
        "see": "see",
        "take": "take it on",
        "many": "{n} alerts in one message",
        "rehearsal": "[REHEARSAL] ",
        "test": "test: nothing is wrong, this only tries the way",
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What ids are called: id → name, for each noun. `services` are called after their sites."""

    areas: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # Chinese, English
    carriers: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    devices: Mapping[str, str] = field(default_factory=dict)
    services: Mapping[str, str] = field(default_factory=dict)


def title(one: Incident, names: Names, language: Language, *, rehearsal: bool = False) -> str:
    """Return the first line: how bad, what, where, how much."""
    words = WORDS[language]
    head = words["over"] if one.phase is Phase.CLOSED else SEVERITY[language][one.severity]
    told = what(one, names, language)
    tail = f" · {words['flapping']}" if one.flapping else ""
    return f"{words['rehearsal'] if rehearsal else ''}[{head}] {told}{tail}"


def what(one: Incident, names: Names, language: Language) -> str:
    """Return what is wrong, in one sentence."""
    words, second = WORDS[language], int(language == "en")
    noun, _, rest = one.root.partition(":")
    token = next((each.because for each in one.members.values() if each.because), "")
    n = len(one.members)
    if noun == "device":
        return words["device"].format(name=safe(names.devices.get(rest, "") or rest), id=safe(rest), n=n)
    if noun == "carrier":
        carrier, kind, area = (*rest.split("/"), "", "")[:3]
        named = safe(names.carriers.get(carrier, (carrier, carrier))[second] or carrier)
        areas = len({each.area for each in one.members.values()})
        called = safe(names.areas.get(area, (area, area))[second] or area)
        key = "carrier" if area else "whole"
        return words[key].format(
            carrier=named, kind=KIND[language].get(kind, safe(kind)), area=called, n=n, areas=areas
        )
    if noun == "contract":
        found = [safe(each.because) for each in one.members.values()]
        shown = ", ".join(found[:MOST_LISTED]) + ("…" if len(found) > MOST_LISTED else "")
        return words["contract"].format(id=safe(rest.partition("/")[0]), n=n, names=shown)
    if noun == "service":
        return words["service"].format(name=safe(names.services.get(rest, "") or rest))
    if noun == "objective":
        return words["objective"].format(id=safe(rest), because=_burn(token, words))
    key = noun if noun in {"monitor", "part", "logins"} else "reading"
    return words[key].format(id=safe(rest or one.root), because=safe(token))


def _burn(token: str, words: Mapping[str, str]) -> str:
    """Return in words how fast a budget burns, of the token `1h 23.8` (`signs.burning`)."""
    found = _BURN.fullmatch(token)
    return words["burn"].format(hours=found[1], times=found[2]) if found else f" ({safe(token)})" if token else ""


def body(one: Incident, names: Names, language: Language, zone: str, *, now_ms: int) -> list[str]:
    """Return the lines below the first."""
    words, where = WORDS[language], ZoneInfo(zone)
    second = int(language == "en")
    lines = [words["since"].format(at=utc(one.since_ms).astimezone(where).strftime("%Y-%m-%d %H:%M:%S"))]
    end = one.closed_ms if one.closed_ms is not None else now_ms
    if one.phase is Phase.CLOSED:
        lines.append(words["lasted"].format(length=lasting(end - one.since_ms)))
    elif len(one.members) > 1:
        lines.append(words["still"].format(bad=len(one.bad), n=len(one.members)))
    if one.taken_by:
        lines.append(words["taken"].format(by=taker(one, language)))
    told = Counter(each.because for each in one.members.values() if each.because)
    if told and one.root.partition(":")[0] in {"device", "carrier", "service"}:
        lines.append(words["why"].format(because=safe(because.said(told.most_common(1)[0][0], language))))
    areas = Counter(each.area for each in one.members.values() if each.area)
    if areas:
        called = [f"{safe(names.areas.get(a, (a, a))[second] or a)} {n}" for a, n in areas.most_common(MOST_LISTED)]
        rest = f" +{len(areas) - MOST_LISTED}" if len(areas) > MOST_LISTED else ""
        lines.append(words["where"].format(names=", ".join(called) + rest))
    return lines


def taker(one: Incident, language: Language) -> str:
    """Return who has taken it on; where a group's link was used, whose word that is."""
    by = safe(one.taken_by)
    return WORDS[language]["said"].format(by=by) if one.is_said else by


def many(ones: Sequence[Incident], names: Names, language: Language, *, rehearsal: bool) -> tuple[str, list[str]]:
    """Return title and lines of one message about several incidents."""
    words = WORDS[language]
    head = f"{words['rehearsal'] if rehearsal else ''}{words['many'].format(n=len(ones))}"
    lines = [title(each, names, language) for each in ones[: 2 * MOST_LISTED]]
    return head, lines + ([f"+{len(ones) - len(lines)}"] if len(ones) > len(lines) else [])


def lasting(length_ms: int) -> str:
    """Return a length as `1:02:03` (hours, minutes, seconds)."""
    seconds = max(0, length_ms) // 1000
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def safe(name: str) -> str:
    """Return a name that means nothing to any messenger: no markup, no link, no line of its own, no command.

    WeCom and Feishu read Markdown and `<at …>`, mail may read HTML, and a device's name is whatever a carrier wrote.
    """
    shown = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in name[:MOST_NAME])
    return shown.translate(_HARMLESS) + ("…" if len(name) > MOST_NAME else "")


_HARMLESS = str.maketrans(
    {
        "<": "‹",
        ">": "›",
        "[": "(",
        "]": ")",
        "*": "·",
        "_": "＿",
        "`": "'",
        "#": "＃",
        "@": "＠",
        "~": "-",
        "|": "/",
        "\\": "/",
    }
    | {"&": "＆", "/": "∕"}
)
