"""The objections to a report for people: what each is about, what was ruled and why, and what the ruling moved.

The paper and the page show one section, the workbook a sheet; all of it is `objections` of `report.json`. Pure.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from netops.clock import utc
from netops.dispute import about, codes
from netops.report import figures
from netops.report.words import WORDS, both, say, worded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from zoneinfo import ZoneInfo

    from netops.report.words import Language

HEAD = ("objection", "about", "objector", "ruled_on", "moved", "owed_by_it")
SHEET = (
    *(
        "objection",
        "objection_leaf",
        "code",
        "about",
        "from",
        "to",
        "asked_for",
        "said_by",
        "reason",
        "recorded",
        "state",
    ),
    *("decided", "ruled_by", "ruled_because", "ruled_at", "ruling_leaf", "moved_minutes", "values_moved"),
    *("money_before", "money_after", "change"),
)
MOST_ROWS = 60  # on paper; report.json and the workbook have all
MINUTE_MS: Final = 60_000
DEADLINE: Final = "deadline"


def section(report: Mapping[str, Any], tz: ZoneInfo, language: Language) -> dict[str, Any]:
    """Return title, sentence and table; nothing where nobody objected."""
    told = report.get("objections", ())
    if not told:
        return {}
    currency = report["credit"]["currency"]
    claims = about.claims(report)
    rows = [_row(each, tz, language, currency, claims) for each in told]
    left = len(rows) - MOST_ROWS
    return {
        "title": say("objections", language),
        "said": say("objections_said", language).format(n=len(rows)),
        "tables": [{"head": [say(each, language) for each in HEAD], "rows": rows[:MOST_ROWS]}],
        "rest": say("rest", language).format(n=left) if left > 0 else "",
    }


def sheet(report: Mapping[str, Any], tz: ZoneInfo) -> Iterator[Sequence[str | int | Decimal | None]]:
    """Yield the rows of the workbook's sheet; an `int` is milliseconds."""
    for each in report.get("objections", ()):
        ruling, effect = each.get("ruling"), each.get("effect")
        yield [
            *(each["objection"], Decimal(each["leaf"]), _code(each, None), about.words(each["target"], tz)),
            *(_when(each[name], tz) if name in each else "" for name in ("start_ms", "end_ms")),
            *(
                worded(each.get("asks", "")),
                each["by"],
                each["reason"],
                _when(each["known_ms"], tz),
                both(_state(each)),
            ),
            *(("", "", "", "", None) if ruling is None else _ruled(ruling, tz)),
            *((None, "", None, None, None) if effect is None else _moved(effect)),
        ]


def _ruled(ruling: Mapping[str, Any], tz: ZoneInfo) -> Sequence[str | Decimal]:
    by = both("by_silence") if ruling["by"] == DEADLINE else ruling["by"]
    said = _what(ruling, tz, None)
    return said, by, ruling["reason"], _when(ruling["known_ms"], tz), Decimal(ruling["leaf"])


def _moved(effect: Mapping[str, Any]) -> Sequence[str | int | Decimal]:
    moved_ms = sum(row[2] for row in effect["time"]["rows"])
    money = (Decimal(effect[name]) for name in ("before", "after", "change"))
    return moved_ms, _values(effect), *money


def _row(
    each: Mapping[str, Any],
    tz: ZoneInfo,
    language: Language,
    currency: str,
    claims: Mapping[str, frozenset[str]],
) -> list[str]:
    ruling = each.get("ruling")
    said = say(_state(each), language)
    if ruling is not None:
        by = say("by_silence", language) if ruling["by"] == DEADLINE else ruling["by"]
        what = _what(ruling, tz, language)
        said = f"{said}{f' ({what})' if what else ''}, {by}: {ruling['reason']} #{ruling['leaf']}"
    effect = each.get("effect")
    moved = owed = "—"
    if effect is not None:
        rows = [f"{item}/{name}: {ms / MINUTE_MS:,.1f} min" for item, name, ms in effect["time"]["rows"]]
        moved = "; ".join(filter(None, [*rows, _values(effect)])) or say(_nothing(each, claims), language)
        owed = f"{figures.money(effect['before'])} → {figures.money(effect['after'])} {currency}"
    return [
        f"{each['objection']} #{each['leaf']}",
        f"{_code(each, language)}: {about.words(each['target'], tz, chinese=language == 'zh')}",
        f"{each['by']}: {each['reason']}",
        *(said, moved, owed),
    ]


def _nothing(each: Mapping[str, Any], claims: Mapping[str, frozenset[str]]) -> str:
    """Return the word for what must follow of a ruling that moved nothing by itself."""
    decided, effects = "decides" in each["ruling"], claims.get(each["target"], ())
    return codes.follows(each["code"], decided=decided, effects=effects) or "moved_nothing"


def _code(each: Mapping[str, Any], language: Language | None) -> str:
    name = f"code_{each['code']}"
    return worded(name, language) if name in WORDS else str(each["code"])


def _state(each: Mapping[str, Any]) -> str:
    return f"state_{each['ruling']['outcome'] if 'ruling' in each else each.get('because', each['state'])}"


def _what(ruling: Mapping[str, Any], tz: ZoneInfo, language: Language | None) -> str:
    """Return what a ruling decides, of which time."""
    if "minutes" in ruling:
        return f"{ruling['minutes']} min"
    if "decides" not in ruling:
        return ""
    name = f"decides_{ruling['decides']}"
    word = worded(name, language) if name.removeprefix("decides_") in _OWN else worded(ruling["decides"], language)
    start_ms = ruling.get("start_ms", 0)
    since = f"{_when(start_ms, tz)} – " if start_ms else "– "
    return f"{word}, {since}{_when(ruling['end_ms'], tz)}" if "end_ms" in ruling else word


_OWN = frozenset({"up", "not_measured", "taken_out"})


def _values(effect: Mapping[str, Any]) -> str:
    return "; ".join(
        f"{item}/{name}: {figures.short(was) or '—'} → {figures.short(now) or '—'} %"
        for _, item, name, was, now in effect["values"]["rows"]
    )


def _when(at_ms: int, tz: ZoneInfo) -> str:
    return f"{utc(at_ms).astimezone(tz):%Y-%m-%d %H:%M}"
