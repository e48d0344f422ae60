"""The page of the public status and its JSON: plain files without script, in Chinese and in English. Pure."""

from __future__ import annotations

import json
import re
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from netops.clock import iso, utc
from netops.status.places import Stand
from netops.web import app
from netops.web.safe import visible

if TYPE_CHECKING:
    from netops.status.places import Area, Hotspot, Status, Works

FORMAT = "netops-status/1"
FILES = {"zh": "index.html", "en": "index.en.html"}
JSON = "status.json"
SIGNS = {Stand.WORKS: "●", Stand.BROKEN: "✕", Stand.UNKNOWN: "?"}
WORDS = {
    "title": ("公共 WiFi 现在的情况", "Public WiFi now"),
    "works": ("正常", "working"),
    "broken": ("不能用", "not working"),
    "unknown": ("未知", "not known"),
    "unseen": (
        "未知：我们没有看到，可能正常也可能不能用。",
        "Not known: we have not seen it. It may work, or not.",
    ),
    "good": ("公共 WiFi 正常", "Public WiFi works"),
    "seen": ("我们看到的热点都正常", "Every hotspot that we see works"),
    "some": ("{count} 个热点不能用", "{count} hotspots do not work"),
    "one": ("{count} 个热点不能用", "{count} hotspot does not work"),
    "blind": ("现在的情况未知", "How it is now is not known"),
    "of": ("全市共 {count} 个热点", "{count} hotspots in the city"),
    "wrong": ("现在不能用的热点", "What does not work now"),
    "area": ("各街道", "By subdistrict"),
    "since": ("{at} 起", "since {at}"),
    "planned": ("计划施工", "Planned works"),
    "none": ("两周内没有计划施工。", "No works are planned within two weeks."),
    "nowhere": ("还没有热点的数据。", "There is nothing about hotspots yet."),
    "from_to": ("{start} 至 {end}", "{start} to {end}"),
    "written": (
        "写于 {at}，每分钟更新。如果这个时间已过去十分钟以上，说明本页已停止更新，以上不一定是现在的情况。",
        "Written at {at}, anew every minute. If that is over ten minutes ago, it may not be so now.",
    ),
    "again": ("查看最新情况", "See how it is now"),
    "times": ("时间均为当地时间（UTC{offset}）。", "All times are local (UTC{offset})."),
    "stale": (
        "注意：最后一次看到网络是在 {at}。此后没有新的数据，以下是当时的情况。",
        "Note: the network was last seen at {at}. Nothing newer is known; what follows is as it was then.",
    ),
    "never": ("注意：还没有看到过网络。", "Note: the network has not been seen yet."),
    "rehearsal": ("演练：以下内容均为模拟", "Rehearsal: everything here is simulated"),
    "other": ("English", "中文"),
    "data": ("本页数据（JSON）", "This page as data (JSON)"),
}
LOOK = (Path(app.__file__).with_name("static") / "tokens.css", Path(__file__).with_name("status.css"))
STYLE = "".join(re.sub(r"/\*.*?\*/\s*", "", each.read_text(encoding="utf-8"), flags=re.DOTALL) for each in LOOK)
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def files(status: Status) -> dict[str, bytes]:
    """Return the files by name: a page in each language, and the JSON."""
    made = {name: _page(status, english=language == "en").encode() for language, name in FILES.items()}
    return {**made, JSON: json.dumps(document(status), ensure_ascii=False, separators=(",", ":")).encode()}


def document(status: Status) -> dict[str, object]:
    """Return what the JSON says: instants in UTC, states `works`, `broken`, `unknown`."""
    return {
        "format": FORMAT,
        "title": status.title,
        "rehearsal": status.rehearsal,
        "written": iso(status.written_ms),
        "seen": iso(status.seen_ms) if status.seen_ms else None,
        "stale": status.stale,
        "areas": [
            {
                "id": area.id,
                "name": area.name,
                "name_en": area.name_en,
                **{stand.value: area.count(stand) for stand in Stand},
                "hotspots": [
                    {
                        "name": each.name,
                        "address": each.address,
                        "state": each.stand.value,
                        "since": iso(each.since_ms) if each.since_ms else None,
                    }
                    for each in area.hotspots
                ],
            }
            for area in status.areas
        ],
        "planned": [
            {"start": iso(each.start_ms), "end": iso(each.end_ms), "areas": list(each.areas)} for each in status.works
        ],
    }


def _page(status: Status, *, english: bool) -> str:
    told = _Told(status, english=english)
    language, other = ("en", FILES["zh"]) if english else ("zh-CN", FILES["en"])
    banner = f'<p class="rehearsal"><b>{told.word("rehearsal")}</b></p>' if status.rehearsal else ""
    return (
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">'
        '<link rel="icon" href="data:,">'
        f"<title>{told.word('title')} · {_text(status.title)}</title><style>{STYLE}</style></head>\n"
        f"<body><header>{banner}<p><b>{_text(status.title)}</b>"
        f'<a href="{other}" lang="{"zh-CN" if english else "en"}">{told.word("other")}</a></p></header>\n'
        f"<main><h1>{told.word('title')}</h1>\n{told.age()}{told.answer()}\n{told.sums()}\n{told.written()}\n"
        f"{told.wrong()}\n<h2>{told.word('planned')}</h2>{told.works()}\n{told.areas()}</main>\n"
        f'<footer class="soft">{told.times()} <a href="{JSON}">{told.word("data")}</a></footer></body></html>\n'
    )


class _Told:
    """The parts of a page in one language; every text of the register is escaped, unseen signs are made visible."""

    def __init__(self, status: Status, *, english: bool) -> None:
        self._status, self._english = status, english
        self._zone = ZoneInfo(status.timezone)

    def word(self, name: str) -> str:
        return escape(WORDS[name][self._english])

    def age(self) -> str:
        status = self._status
        if not status.stale:
            return ""
        note = self.word("stale").format(at=self._at(status.seen_ms)) if status.seen_ms else self.word("never")
        return f'<p class="note" role="status"><b>{note}</b></p>'

    def written(self) -> str:
        """Return when it was written, and a link that fetches it anew: by itself it never moves under a reader."""
        said = self.word("written").format(at=self._at(self._status.written_ms))
        again = f'<a class="again" href="{FILES["en" if self._english else "zh"]}">{self.word("again")}</a>'
        return f'<p class="soft">{said}</p><p>{again}</p>'

    def answer(self) -> str:
        """Return the whole in one sentence; of what is stale or unseen it says neither good nor bad."""
        broken, working = self._status.count(Stand.BROKEN), self._status.count(Stand.WORKS)
        if self._status.stale or not (broken or working):
            stand, said = Stand.UNKNOWN, self.word("blind")
        elif broken:
            stand, said = Stand.BROKEN, self.word("one" if broken == 1 else "some").format(count=broken)
        else:
            stand, said = Stand.WORKS, self.word("seen" if self._status.count(Stand.UNKNOWN) else "good")
        count = sum(len(area.hotspots) for area in self._status.areas)
        of = f"<small>{self.word('of').format(count=count)}</small>" if count else ""
        return f'<p class="answer {stand.value}">{SIGNS[stand]} {said}{of}</p>'

    def sums(self) -> str:
        counts = [(each, self._status.count(each)) for each in Stand]
        items = "".join(
            f'<li><b class="{each.value if count else "soft"}">{count}</b>'
            f"<span>{SIGNS[each]} {self.word(each.value)}</span></li>"
            for each, count in counts
        )
        unseen = f'<p class="soft">{self.word("unseen")}</p>' if self._status.count(Stand.UNKNOWN) else ""
        return f'<ul class="sums">{items}</ul>{unseen}'

    def wrong(self) -> str:
        """Return every hotspot that does not work, by subdistrict: nobody has to look for it."""
        rows = "".join(
            self._hotspot(each, area=self._name(area))
            for area in self._status.areas
            for each in area.hotspots
            if each.stand is Stand.BROKEN
        )
        return f'<h2>{self.word("wrong")}</h2><div class="card"><ul class="spots">{rows}</ul></div>' if rows else ""

    def areas(self) -> str:
        made = "".join(map(self._area, self._status.areas))
        shown = f'<div class="areas">{made}</div>' if made else f"<p>{self.word('nowhere')}</p>"
        return f"<h2>{self.word('area')}</h2>{shown}"

    def works(self) -> str:
        rows = "".join(map(self._works, self._status.works))
        return f'<div class="card"><ul class="spots">{rows}</ul></div>' if rows else f"<p>{self.word('none')}</p>"

    def times(self) -> str:
        offset = f"{utc(self._status.written_ms).astimezone(self._zone):%z}"
        return self.word("times").format(offset=f"{offset[:3]}:{offset[3:]}".removesuffix(":00"))

    def _area(self, area: Area) -> str:
        counts = " ".join(self._stand(each, count) for each in Stand if (count := area.count(each)))
        return (
            f"<details><summary><b>{_text(self._name(area))}</b>{counts}</summary>"
            f'<ul class="spots">{"".join(map(self._hotspot, area.hotspots))}</ul></details>'
        )

    def _hotspot(self, each: Hotspot, area: str = "") -> str:
        where = " · ".join(_text(said) for said in (area, each.address) if said and said != each.name)
        address = f'<span class="soft">{where}</span>' if where else ""
        since = f'<span class="soft">{self.word("since").format(at=self._at(each.since_ms))}</span>'
        return (
            f"<li><div>{_text(each.name)}{address}</div>"
            f'<div class="state">{self._stand(each.stand)}{since if each.since_ms else ""}</div></li>'
        )

    def _works(self, each: Works) -> str:
        names = {area.id: self._name(area) for area in self._status.areas}
        where = (", " if self._english else "、").join(names.get(area, area) for area in each.areas)
        when = self.word("from_to").format(start=self._at(each.start_ms), end=self._at(each.end_ms))
        return f"<li><div>{when}</div><div>{_text(where)}</div></li>"

    def _stand(self, stand: Stand, count: int | None = None) -> str:
        number = "" if count is None else f" {count}"
        return f'<span class="{stand.value}">{SIGNS[stand]}{number} {self.word(stand.value)}</span>'

    def _name(self, area: Area) -> str:
        return area.name_en if self._english else area.name

    def _at(self, at_ms: int) -> str:
        return f"{utc(at_ms).astimezone(self._zone):%Y-%m-%d %H:%M}"


def _text(said: str) -> str:
    return escape(str(visible(said)))
