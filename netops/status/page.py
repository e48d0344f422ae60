"""The page of the public status and its JSON: plain files without script, in Chinese and in English. Pure."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from netops.clock import iso, utc
from netops.status.places import Stand
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
    "unknown": ("未知（我们没有看到）", "not known (we have not seen it)"),
    "all": ("全市", "The whole city"),
    "area": ("街道", "Subdistrict"),
    "hotspot": ("热点", "Hotspot"),
    "since": ("起始", "Since"),
    "planned": ("计划施工", "Planned works"),
    "none": ("两周内没有计划施工。", "No works are planned within two weeks."),
    "nowhere": ("还没有热点的数据。", "There is nothing about hotspots yet."),
    "from_to": ("{start} 至 {end}", "{start} to {end}"),
    "written": (
        "写于 {at}，每分钟更新。如果这个时间已过去十分钟以上，说明本页已停止更新，以下不一定是现在的情况。",
        "Written at {at}, anew every minute. If that is over ten minutes ago, what follows may not be so now.",
    ),
    "stale": (
        "注意：最后一次看到网络是在 {at}。此后没有新的数据，以下是当时的情况。",
        "Note: the network was last seen at {at}. Nothing newer is known; what follows is as it was then.",
    ),
    "never": ("注意：还没有看到过网络。", "Note: the network has not been seen yet."),
    "rehearsal": ("演练：以下内容均为模拟", "Rehearsal: everything here is simulated"),
    "other": ("English", "中文"),
    "data": ("同样内容的 JSON", "the same as JSON"),
}
STYLE = (
    ":root{color-scheme:light dark;--ink:#1b2733;--soft:#52606d;--line:#d8dee4;--paper:#fff;--link:#0b5394;"
    "--good:#1c5a3c;--bad:#9b1c1c;--note:#7a4b05}"
    "@media screen and (prefers-color-scheme:dark){:root{--ink:#e4eaf0;--soft:#a8b5c1;--line:#2e3b47;--paper:#18212a;"
    "--link:#8ec4ff;--good:#82d3a6;--bad:#ff9f98;--note:#f0c46a}}"
    "body{margin:0 auto;max-width:46rem;padding:1rem;background:var(--paper);color:var(--ink);line-height:1.55;"
    'font-family:system-ui,"PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif}'
    "h1{font-size:1.4rem;margin:.2rem 0}h2{font-size:1.1rem;margin:1.4rem 0 .4rem}a{color:var(--link)}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.35rem .4rem;vertical-align:top;"
    "border-bottom:1px solid var(--line);overflow-wrap:anywhere}th{font-weight:500}td.n,th.n{text-align:right}"
    "details{border-bottom:1px solid var(--line);padding:.5rem 0}summary{cursor:pointer}summary b{margin-right:.6rem}"
    ".soft{color:var(--soft)}.works{color:var(--good)}.broken{color:var(--bad)}.unknown,.note{color:var(--note)}"
    ".sums{display:flex;flex-wrap:wrap;gap:.3rem 1.4rem;padding:0;list-style:none;font-size:1.1rem}"
    "@media print{details>*{display:block}}"
)
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
    banner = f'<p class="broken"><b>{told.word("rehearsal")}</b></p>' if status.rehearsal else ""
    return (
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">'
        '<meta http-equiv="refresh" content="60"><link rel="icon" href="data:,">'
        f"<title>{told.word('title')} · {_text(status.title)}</title><style>{STYLE}</style></head>\n"
        f"<body><main>{banner}"
        f'<p><span>{_text(status.title)}</span> · <a href="{other}" lang="{"zh-CN" if english else "en"}">'
        f"{told.word('other')}</a></p><h1>{told.word('title')}</h1>\n{told.age()}\n{told.sums()}\n{told.areas()}\n"
        f"<h2>{told.word('planned')}</h2>{told.works()}\n"
        f'<p class="soft"><a href="{JSON}">{told.word("data")}</a></p></main></body></html>\n'
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
        said = self.word("written").format(at=self._at(status.written_ms))
        if not status.stale:
            return f'<p class="soft">{said}</p>'
        note = self.word("stale").format(at=self._at(status.seen_ms)) if status.seen_ms else self.word("never")
        return f'<p class="note" role="status"><b>{note}</b></p><p class="soft">{said}</p>'

    def sums(self) -> str:
        items = "".join(f"<li>{self._stand(each, self._status.count(each))}</li>" for each in Stand)
        return f'<h2>{self.word("all")}</h2><ul class="sums">{items}</ul>'

    def areas(self) -> str:
        made = "".join(map(self._area, self._status.areas)) or f"<p>{self.word('nowhere')}</p>"
        return f"<h2>{self.word('area')}</h2>{made}"

    def works(self) -> str:
        rows = "".join(map(self._works, self._status.works))
        return f"<table><tbody>{rows}</tbody></table>" if rows else f"<p>{self.word('none')}</p>"

    def _area(self, area: Area) -> str:
        counts = " ".join(self._stand(each, count) for each in Stand if (count := area.count(each)))
        head = "".join(f'<th scope="col">{self.word(name)}</th>' for name in ("hotspot", "title", "since"))
        opened = " open" if area.count(Stand.BROKEN) else ""
        return (
            f"<details{opened}><summary><b>{_text(self._name(area))}</b>{counts}</summary>"
            f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(map(self._hotspot, area.hotspots))}</tbody></table>"
            "</details>"
        )

    def _hotspot(self, each: Hotspot) -> str:
        address = f'<br><span class="soft">{_text(each.address)}</span>' if each.address != each.name else ""
        since = self._at(each.since_ms) if each.since_ms else ""
        named = f'<th scope="row">{_text(each.name)}{address}</th>'
        return f"<tr>{named}<td>{self._stand(each.stand)}</td><td>{since}</td></tr>"

    def _works(self, each: Works) -> str:
        names = {area.id: self._name(area) for area in self._status.areas}
        where = (", " if self._english else "、").join(names.get(area, area) for area in each.areas)
        when = self.word("from_to").format(start=self._at(each.start_ms), end=self._at(each.end_ms))
        return f'<tr><th scope="row">{when}</th><td>{_text(where)}</td></tr>'

    def _stand(self, stand: Stand, count: int | None = None) -> str:
        number = "" if count is None else f" {count}"
        return f'<span class="{stand.value}">{SIGNS[stand]}{number} {self.word(stand.value)}</span>'

    def _name(self, area: Area) -> str:
        return area.name_en if self._english else area.name

    def _at(self, at_ms: int) -> str:
        return f"{utc(at_ms).astimezone(self._zone):%Y-%m-%d %H:%M}"


def _text(said: str) -> str:
    return escape(str(visible(said)))
