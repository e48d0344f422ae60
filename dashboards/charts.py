"""The pictures of states: strip, timeline, course of a value, tile map, calendar. Pure; drawn with netops/pictures."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from markupsafe import escape

from netops.pictures import ink
from netops.pictures.ink import (
    BLIND,
    DEGRADED,
    DOWN,
    EDGE,
    FILL,
    INK,
    NONE,
    PAPER,
    SOFT,
    SYMBOL,
    TEXT,
    TINT,
    UNKNOWN,
    UP,
    hatch,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from markupsafe import Markup

__all__ = [
    "BLIND",
    "DEGRADED",
    "DOWN",
    "EDGE",
    "FILL",
    "INK",
    "NONE",
    "SOFT",
    "SYMBOL",
    "TEXT",
    "TINT",
    "UNKNOWN",
    "UP",
    "Span",
    "Tile",
    "calendar",
    "hatch",
    "hours",
    "sparkline",
    "strip",
    "thin",
    "tile_map",
    "timeline",
    "unbroken",
]


@dataclass(frozen=True, slots=True)
class Span:
    """A state over `[start_ms, end_ms)`; `state` is one of the letters above, `because` says why, in fixed words.

    `planned`: approved maintenance covers it.
    """

    start_ms: int
    end_ms: int
    state: str
    because: str = ""
    planned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One subdistrict on the map: where it stands, what it says and where it leads."""

    col: int
    row: int
    name: tuple[str, ...]
    value: str
    note: str
    state: str
    href: str
    title: str


def strip(letters: str, *, label: str, alone: bool = False, cell: int = 10, height: int = 22) -> Markup:
    """Return an availability strip: one cell a letter, oldest first, equal neighbours drawn as one."""
    width = max(len(letters), 1) * cell
    parts, x = [], 0
    for letter, run in groupby(letters):
        wide = sum(1 for _ in run) * cell
        parts.append(ink.bar(x, wide, height, letter))
        x += wide
    return ink.svg(width, height, parts, label=label, alone=alone, extra=' preserveAspectRatio="none" class="strip"')


def hours(letters: str, *, label: str, alone: bool = False, cell: int = 20, height: int = 22) -> Markup:
    """Return the hours of a day, one cell a letter, midnight first; an hour to come (a space) is left empty."""
    parts, x = [], 0
    for letter, run in groupby(letters):
        wide = sum(1 for _ in run) * cell
        if letter != " ":
            parts.append(ink.bar(x, wide, height, letter))
        x += wide
    return ink.svg(
        x or cell, height, parts, label=label, alone=alone, extra=' preserveAspectRatio="none" class="hours"'
    )


def timeline(
    spans: Sequence[Span],
    *,
    start_ms: int,
    end_ms: int,
    label: str,
    ticks: Iterable[tuple[int, str]],
    alone: bool = False,
) -> Markup:
    """Return spans on a time axis of `[start_ms, end_ms)`; what no span covers is drawn as not measured."""
    width, height, axis = 960, 40, 22
    scale = width / (end_ms - start_ms)

    def at(when: int) -> float:
        return round((min(max(when, start_ms), end_ms) - start_ms) * scale, 1)

    parts = [ink.bar(0, width, height, UNKNOWN)]
    for span in spans:
        x, x2 = at(span.start_ms), at(span.end_ms)
        if x2 > x:
            parts.append(f'<rect x="{x:g}" width="{x2 - x:g}" height="{height}" fill="{PAPER}"/>')
            parts.append(ink.bar(x, max(x2 - x, 1), height, span.state))
    for when, text in ticks:
        x = at(when)
        anchor = "start" if x < 30 else "end" if x > width - 30 else "middle"
        parts.append(f'<path d="M{x:g} {height}v4" stroke="{SOFT}"/>')
        parts.append(ink.text(text, x, height + 17, size=12, anchor=anchor))
    return ink.svg(width, height + axis, parts, label=label, alone=alone, extra=' class="timeline"')


def sparkline(
    points: Sequence[tuple[int, float | None]],
    *,
    start_ms: int,
    end_ms: int,
    label: str,
    gap: Callable[[int], float],
    buckets: int = 120,
    alone: bool = False,
) -> Markup:
    """Return the course of a value; it is broken, and hatched, where no value was for longer than `gap`.

    `gap` says it in ms for the instant of the last value: the step of the polls may change within a day. Of each of
    the `buckets` of the window the lowest and the highest value are drawn.
    """
    width, height, edge = 240, 44, 4
    runs = unbroken(points, gap=gap)
    if not runs:
        return ink.svg(
            width, height, [ink.bar(0, width, height, UNKNOWN)], label=label, alone=alone, extra=' class="spark"'
        )
    values = [value for run in runs for _, value in run]
    low, high = min(values), max(values)
    scale = width / (end_ms - start_ms)

    def place(when: int, value: float) -> str:
        part = (value - low) / (high - low) if high > low else 0.5
        return f"{round((when - start_ms) * scale, 1):g},{round(height - edge - part * (height - 2 * edge), 1):g}"

    parts, last = [], start_ms
    for run in runs:
        if run[0][0] - last > gap(last):
            parts.append(_blank((last - start_ms) * scale, (run[0][0] - start_ms) * scale, height))
        parts += _polyline([place(*point) for point in thin(run, step_ms=(end_ms - start_ms) / buckets)])
        last = run[-1][0]
    if end_ms - last > gap(last):
        parts.append(_blank((last - start_ms) * scale, width, height))
    return ink.svg(width, height, parts, label=label, alone=alone, extra=' class="spark"')


def thin(run: Sequence[tuple[int, float]], *, step_ms: float) -> list[tuple[int, float]]:
    """Return of each step the lowest and the highest value, in order: a spike is never lost."""
    out: list[tuple[int, float]] = []
    for _, group in groupby(run, key=lambda point: int(point[0] / step_ms)):
        points = list(group)
        out += sorted({min(points, key=lambda point: point[1]), max(points, key=lambda point: point[1])})
    return out


def unbroken(
    points: Sequence[tuple[int, float | None]], *, gap: Callable[[int], float]
) -> list[list[tuple[int, float]]]:
    """Return the runs of values between which nothing was measured for longer than `gap`."""
    runs: list[list[tuple[int, float]]] = []
    for when, value in points:
        if value is None:
            continue
        if not runs or when - runs[-1][-1][0] > gap(runs[-1][-1][0]):
            runs.append([])
        runs[-1].append((when, value))
    return runs


def tile_map(tiles: Sequence[Tile], *, label: str, alone: bool = False) -> Markup:
    """Return the schematic map: each subdistrict a tile at its place, a symbol and a number beside its colour."""
    wide, high, gap = 112, 86, 6
    cols = max((tile.col for tile in tiles), default=0) + 1
    rows = max((tile.row for tile in tiles), default=0) + 1
    parts = []
    for tile in sorted(tiles, key=lambda each: (each.row, each.col)):
        x, y = 1 + tile.col * (wide + gap), 1 + tile.row * (high + gap)
        colour = TEXT[tile.state]
        body = [
            f'<rect width="{wide}" height="{high}" rx="8" fill="{TINT[tile.state]}" stroke="{EDGE[tile.state]}"/>',
            *_named(tile.name, wide),
            ink.text(f"{SYMBOL[tile.state]} {tile.value}", wide / 2, 54, size=18, fill=colour, weight=600),
            ink.text(tile.note, wide / 2, 74, size=14),
        ]
        parts.append(
            f'<a href="{escape(tile.href)}" transform="translate({x} {y})">'
            f"<title>{escape(tile.title)}</title>{''.join(body)}</a>"
        )
    size = (cols * (wide + gap) - gap + 2, rows * (high + gap) - gap + 2)
    return ink.svg(*size, parts, label=label, alone=alone, role="group", extra=' class="tiles"')


def calendar(rows: Sequence[tuple[str, str, str, str]], *, label: str, alone: bool = False) -> Markup:
    """Return days below one another, each a strip of its hours: `(name, letters, href, title)`, the first on top."""
    named, wide, cell, high = 64, 672, 28, 16
    parts = []
    for number, (name, letters, href, title) in enumerate(rows):
        y, x, body = number * (high + 3), named, []
        for letter, run in groupby(letters):
            long = sum(1 for _ in run) * cell
            body.append(ink.bar(x, long, high, letter))
            x += long
        wide = max(wide, x - named)
        body.append(ink.text(name, named - 8, 12.5, size=13, anchor="end"))
        parts.append(
            f'<a href="{escape(href)}" transform="translate(0 {y})">'
            f'<title>{escape(title)}</title><rect width="{x}" height="{high}" fill="{PAPER}"/>{"".join(body)}</a>'
        )
    below = len(rows) * (high + 3)
    for hour in range(0, 25, 6):
        at = named + hour * cell
        parts.append(ink.text(f"{hour:02d}", at, below + 13, size=12, anchor="end" if hour == 24 else "start"))
    return ink.svg(named + wide, below + 18, parts, label=label, alone=alone, role="group", extra=' class="calendar"')


def _named(name: tuple[str, ...], wide: int) -> list[str]:
    size = 18 if len(name) == 1 and len(name[0]) <= 4 else 14
    first = 27 if len(name) == 1 else 17
    return [
        ink.text(ink.cut(part, 17), wide / 2, first + 15 * line, size=size, fill=INK) for line, part in enumerate(name)
    ]


def _blank(x: float, x2: float, height: int) -> str:
    return ink.bar(round(x, 1), round(x2 - x, 1), height, UNKNOWN)


def _polyline(run: Sequence[str]) -> list[str]:
    if len(run) == 1:
        x, _, y = run[0].partition(",")
        return [f'<circle cx="{x}" cy="{y}" r="1.5" fill="{INK}"/>']
    return [f'<polyline points="{" ".join(run)}" fill="none" stroke="{INK}" stroke-width="1.5"/>'] if run else []
