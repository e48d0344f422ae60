"""The corrections of a report as a section for people: who had which hours stated again, and what is not corrected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netops.clock import utc
from netops.report import figures
from netops.report.words import say

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from netops.report.words import Language

HEAD = ("hour", "reason", "said_by", "recorded", "correction", "stated")
LATE = ("hour", "samples", "services_late", "seen_from", "late_leaf", "correction_of")
MOST_ROWS = 60  # on paper; report.json and the workbook have all


def section(report: Mapping[str, Any], tz: ZoneInfo, language: Language) -> dict[str, Any]:
    """Return title, sentence and table; nothing where no hour was corrected."""
    told = report.get("corrections", ())
    if not told:
        return {}
    rows = [
        [
            _minute(each["start_ms"], tz),
            each["reason"],
            each["by"],
            _minute(each["known_ms"], tz),
            f"#{each['leaf']}",
            figures.runs(each["stated"]) or _unstated(each, language),
        ]
        for each in told
    ]
    left = len(rows) - MOST_ROWS
    return {
        "title": say("corrections", language),
        "said": say("corrections_said", language).format(n=len(rows)),
        "tables": [{"head": [say(each, language) for each in HEAD], "rows": rows[:MOST_ROWS]}],
        "rest": say("rest", language).format(n=left) if left > 0 else "",
    }


def _minute(at_ms: int, tz: ZoneInfo) -> str:
    return f"{utc(at_ms).astimezone(tz):%Y-%m-%d %H:%M}"


def late(report: Mapping[str, Any], tz: ZoneInfo, language: Language) -> dict[str, Any]:
    """Return the hours whose late samples are in no statement: how many, and each; nothing where there is none."""
    told = report.get("late_samples", {"rows": ()})
    rows = [
        [
            _minute(each["start_ms"], tz),
            str(each["samples"]),
            str(each["services"]),
            vantages(each),
            f"#{each['leaf']}",
            f"{say('refused', language)} #{each['refused']}" if "refused" in each else say("not_corrected", language),
        ]
        for each in told["rows"]
    ]
    if not rows:
        return {}
    left = len(rows) - MOST_ROWS
    return {
        "title": say("late_samples", language),
        "said": say("late_said", language).format(n=len(rows))
        + (say("late_correct", language) if told["asked"] == "correct" else ""),
        "tables": [{"head": [say(each, language) for each in LATE], "rows": rows[:MOST_ROWS]}],
        "rest": say("rest", language).format(n=left) if left > 0 else "",
    }


def vantages(each: Mapping[str, Any]) -> str:
    """Return from where late samples came: vantage point and how many."""
    return ", ".join(f"{name}: {count}" for name, count in sorted(each["vantages"].items()))


def _unstated(each: Mapping[str, Any], language: Language) -> str:
    """Say why a correction led to nothing: not yet, or that the core refused it and why."""
    if "refused" not in each:
        return say("not_yet", language)
    return f"{say('refused', language)} #{each['refused']}: {each['because']}"
