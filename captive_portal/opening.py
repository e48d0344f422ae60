"""A site's opening hours in the words of the page: days that have the same hours are one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from babel.dates import get_day_names
from flask_babel import format_time, get_locale

from captive_portal.policy import opens_ms
from netops.clock import utc

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from inventory.model import Hours

WEEK = range(1, 8)


def days_alike(hours: tuple[Hours, ...]) -> list[tuple[tuple[int, int], tuple[tuple[int, int], ...]]]:
    """Return ((first day, last day), its windows in minutes) for each run of days that are alike; closed days too."""
    windows = {
        day: tuple(sorted((each.start_minute, each.end_minute) for each in hours if day in each.days)) for day in WEEK
    }
    runs: list[tuple[tuple[int, int], tuple[tuple[int, int], ...]]] = []
    for day in WEEK:
        if runs and runs[-1][1] == windows[day]:
            runs[-1] = ((runs[-1][0][0], day), windows[day])
        else:
            runs.append(((day, day), windows[day]))
    return runs


def lines(hours: tuple[Hours, ...]) -> list[tuple[str, list[str]]]:
    """Return (days, times) for the page; a closed day has no times."""
    return [
        (
            name(first) if first == last else f"{name(first)} – {name(last)}",
            [f"{_clock(start)}–{_clock(end)}" for start, end in windows],
        )
        for (first, last), windows in days_alike(hours)
    ]


def name(day: int) -> str:
    """Return the name of an ISO weekday in the language of the page."""
    return str(get_day_names("wide", locale=get_locale() or "zh_CN")[day - 1])


def next_opening(hours: tuple[Hours, ...], now_ms: int, zone: ZoneInfo) -> tuple[str, str, int]:
    """Return (day, time, seconds until then) of the next opening after an instant at which the site is closed."""
    at_ms = opens_ms(hours, now_ms, zone)
    local = utc(at_ms).astimezone(zone)
    return name(local.isoweekday()), str(format_time(utc(at_ms), "HH:mm")), -(-(at_ms - now_ms) // 1000)


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
