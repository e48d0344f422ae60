"""Coverage as papers, page and workbook show it: tables of their own, of surface alone. Pure; of `report.json`.

Rule 15 of `docs/explanation/sla.md`: a share of surface stands in no column with a share of time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netops.clock import utc
from netops.coverage import said
from netops.report import agreed, figures
from netops.report.named import named
from netops.report.words import both, say

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from zoneinfo import ZoneInfo

    from netops.report.parties import Parties
    from netops.report.words import Language

KM2 = 10**8  # square decimetres
WHOLE = ("coverage", "level", "target", "area_share", "area_bounds", "area_unknown", "verdict", "because", "credit")
AREAS = ("coverage", "area", "minimum", "area_share", "area_bounds", "area_unknown", "verdict", "because", "surface")
BENEATH = ("cell_hours", "weak_hours", "weak_shown", "cells", "weak_cells", "weak_cells_shown")
WEAK = ("coverage", "area", "weak_below", *BENEATH)
SHEET = (
    *("version", "item", "coverage", "area", "minimum", "area_share", "area_lower", "area_upper", "effective_n"),
    *("verdict", "because", "surface", "known_surface", "area_unknown"),
    *("known", "never_measured", "too_few_hours", "too_old", "newest"),
    *BENEATH,
)
Found = tuple["Mapping[str, Any]", "Mapping[str, Any]", "Mapping[str, Any]"]


def found(report: Mapping[str, Any]) -> list[Found]:
    """Return each promise of coverage with its part and item."""
    return [
        (part, item, each)
        for part in report["parts"]
        for item in part["items"]
        for each in item.get("coverage", ())
    ]  # fmt: skip


def content(report: Mapping[str, Any], tz: ZoneInfo, language: Language, parties: Parties) -> dict[str, Any]:
    """Return the section as `paper.content` has sections; empty where nothing of coverage is promised."""
    held = found(report)
    if not held:
        return {}
    rows = [_whole(*each, language) for each in held]
    areas = [row for part, item, each in held for row in _areas(part, item, each, language, parties)]
    weak = [row for part, item, each in held for row in _weak(part, item, each, language, parties)]
    ground = " ".join(dict.fromkeys(_ground(each, tz, language) for _, _, each in held))
    return {
        "title": say("coverage_title", language),
        "said": f"{say('coverage_note', language)} {ground}",
        "tables": [
            {"head": [say(each, language) for each in WHOLE], "rows": rows},
            {"head": [say(each, language) for each in AREAS], "rows": areas},
            {"head": [say(each, language) for each in WEAK], "rows": weak},
        ],
        "rest": "",
    }


def rules(report: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Yield each promise by its name with all its rules, in both languages."""
    for part, item, each in found(report):
        ways = (said.lines(each["promise"], chinese=chinese) for chinese in (True, False))
        told = [f"{zh} · {en}" for zh, en in zip(*ways, strict=True)]
        yield _name(part, item, each), told + [text for text, _ in agreed.owed(each["promise"]["credits"], each)]


def _name(part: Mapping[str, Any], item: Mapping[str, Any], each: Mapping[str, Any]) -> str:
    return f"{named(item, each)} ({part['version']})"


def _level(each: Mapping[str, Any]) -> str:
    promise = each["promise"]
    quality = f", {'SINR' if promise['metric'] == 'rsrp' else 'SNR'} ≥ {promise['quality']} dB"
    return f"{promise['metric'].upper()} ≥ {promise['level']} dBm{quality if promise['quality'] else ''}"


def _whole(part: Mapping[str, Any], item: Mapping[str, Any], each: Mapping[str, Any], language: Language) -> list[str]:
    row = each["whole"]
    owes = item["credit"]["objective"] == each["objective"]
    return [
        _name(part, item, each),
        _level(each),
        f"≥ {row['area_target']} %",
        *_figures(row),
        say(each["verdict"], language),
        _because(each["because"], language),
        figures.money(item["credit"]["amount"]) if owes else "",
    ]


def _areas(
    part: Mapping[str, Any], item: Mapping[str, Any], each: Mapping[str, Any], language: Language, parties: Parties
) -> Iterator[list[str]]:
    for row in rows_of(each):
        yield [
            _name(part, item, each),
            parties.area(row["area"]),
            f"≥ {row['area_target']} %",
            *_figures(row),
            say(row["verdict"], language),
            _because(row["because"], language),
            f"{row['surface_dm2'] / KM2:.2f}",
        ]


def _weak(
    part: Mapping[str, Any], item: Mapping[str, Any], each: Mapping[str, Any], language: Language, parties: Parties
) -> Iterator[list[str]]:
    """Yield how much lies beneath the level alone, whatever quality is promised: 弱覆盖, whole first."""
    level = f"{each['promise']['metric'].upper()} < {each['promise']['level']} dBm"
    for area, row in _beneath(each).items():
        shown = [figures.short(row[name]) if name.endswith("shown") else str(row[name]) for name in BENEATH]
        name = parties.area(area) if area else say("all", language)
        yield [_name(part, item, each), name, level, *(text or "—" for text in shown)]


def _beneath(each: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the rows of weak coverage by area; the whole has no name."""
    return {row[0]: dict(zip(each["weak"]["columns"], row, strict=True)) for row in each["weak"]["rows"]}


def rows_of(each: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the areas' rows by their columns."""
    return [dict(zip(each["areas"]["columns"], row, strict=True)) for row in each["areas"]["rows"]]


def _figures(row: Mapping[str, Any]) -> tuple[str, str, str]:
    share = f"{figures.short(row['area_shown'])} %" if row["area_shown"] else "—"
    return share, f"{row['area_lower']} – {row['area_upper']} %", f"{figures.short(row['unknown_shown'])} %"


def _because(text: str, language: Language) -> str:
    word, colon, names = text.partition(":")
    return f"{say(f'because_{word}', language)}{colon}{names}"


def _because_both(text: str) -> str:
    word, colon, names = text.partition(":")
    return f"{both(f'because_{word}')}{colon}{names}"


def _ground(each: Mapping[str, Any], tz: ZoneInfo, language: Language) -> str:
    told = each["surveys"]
    return say("coverage_ground", language).format(
        at=f"{utc(each['at_ms']).astimezone(tz):%Y-%m-%d %H:%M}",
        grid=each["grid"] or "—",
        areas=each["areas_digest"][:12] or "—",
        **told,
    )


def sheet(report: Mapping[str, Any], tz: ZoneInfo) -> Iterator[Sequence[str]]:
    """Yield the workbook's rows, all of them: each whole, then its areas."""
    for part, item, each in found(report):
        weak = _beneath(each)
        for row in (each["whole"], *rows_of(each)):
            area = row["area"] or both("all")
            yield (
                *(part["version"], item["title"] or item["item"], each["title"] or each["objective"], area),
                *(f"≥ {row['area_target']} %", row["area_shown"], row["area_lower"], row["area_upper"], row["n"]),
                *(both(row["verdict"]), _because_both(row["because"])),
                *(f"{row['surface_dm2'] / KM2:.4f}", f"{row['known_dm2'] / KM2:.4f}", row["unknown_shown"]),
                *(str(row[name]) for name in ("known", "never_measured", "too_few_hours", "too_old")),
                f"{utc(row['newest_ms']).astimezone(tz):%Y-%m-%d %H:%M}" if row["newest_ms"] else "",
                *(str(weak[row["area"]][name]) for name in BENEATH),
            )
