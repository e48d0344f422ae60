"""A Sankey diagram: from kinds of services over carriers to streets, and which part of each stream is not up. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netops.pictures import ink

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from markupsafe import Markup

WIDE, HIGH, GAP, THICK, LINE = 456, 250, 9, 8, 13
TOP = 6.0  # above the first bar: its name may be taller than it
NAMED = (14, 12, 10)  # columns of text that the names of the three may take
COLUMNS = (0, 165, WIDE - 132 - THICK)  # where the bars of the three columns stand; the last leaves room for names


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """So many services of a kind, by a carrier, in a street; `bad` of them are not up."""

    kind: str
    carrier: str
    street: str
    count: int
    bad: int = 0


@dataclass(frozen=True, slots=True)
class _Node:
    """A bar: from `y`, `tall` high; streams leave and enter it from the top down."""

    y: float
    tall: float


def gathered(streams: Sequence[Stream], *, most: int, rest: str) -> list[Stream]:
    """Return the streams with all but the `most` worst streets in one, called `rest`: bad first, then by number."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for each in streams:
        sums[each.street][0] -= each.bad
        sums[each.street][1] -= each.count
    order = sorted(sums, key=lambda street: (*sums[street], street))
    named = set(order[:most]) if len(order) > most else set(order)
    merged: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for each in streams:
        held = merged[each.kind, each.carrier, each.street if each.street in named else rest]
        held[0] += each.count
        held[1] += each.bad
    made = [Stream(kind=k, carrier=c, street=s, count=n, bad=bad) for (k, c, s), (n, bad) in merged.items()]
    place = {street: at for at, street in enumerate(order) if street in named}
    return sorted(made, key=lambda each: (place.get(each.street, most), each.kind, each.carrier))


def draw(streams: Sequence[Stream], *, label: str, alone: bool = False) -> Markup:
    """Return three columns of bars with the streams between; the part that is not up is crossed out in the bars."""
    streams = [each for each in streams if each.count > 0]
    keys: tuple[Callable[[Stream], str], ...] = (_kind, _carrier, _street)
    sums = [_sums(streams, key) for key in keys]
    total = sum(each.count for each in streams)
    rows = max((len(held) for held in sums), default=1) or 1
    high = float(max(HIGH, rows * (LINE + GAP)))
    scale = (high - (rows - 1) * GAP) / total if total else 0.0
    nodes = [_nodes(held, scale, high) for held in sums]
    high = max([high, *(node.y + node.tall for placed in nodes for node in placed.values())])
    parts = [*_bands(streams, keys[:2], nodes[:2], at=(COLUMNS[0] + THICK, COLUMNS[1]), scale=scale)]
    parts += _bands(streams, keys[1:], nodes[1:], at=(COLUMNS[1] + THICK, COLUMNS[2]), scale=scale)
    for column, most, held, placed in zip(COLUMNS, NAMED, sums, nodes, strict=True):
        parts += _column(column, held, placed, scale=scale, most=most)
    return ink.svg(WIDE, high + 8, parts, label=label, alone=alone, extra=' class="figure"')


def _kind(each: Stream) -> str:
    return each.kind


def _carrier(each: Stream) -> str:
    return each.carrier


def _street(each: Stream) -> str:
    return each.street


def _sums(streams: Sequence[Stream], key: Callable[[Stream], str]) -> dict[str, tuple[int, int]]:
    """Return by name how many there are and how many are not up, in the order of the streams."""
    made: dict[str, tuple[int, int]] = {}
    for each in streams:
        count, bad = made.get(key(each), (0, 0))
        made[key(each)] = count + each.count, bad + each.bad
    return made


def _nodes(held: Mapping[str, tuple[int, int]], scale: float, high: float) -> dict[str, _Node]:
    """Place the bars of a column one below the other, apart enough for a line of text each."""
    talls = [max(count * scale, 1.0) for count, _ in held.values()]
    steps = [max(tall + GAP, float(LINE)) for tall in talls]
    y = max((high - sum(steps) + GAP) / 2, TOP)
    made = {}
    for name, tall, step in zip(held, talls, steps, strict=True):
        made[name] = _Node(y, tall)
        y += step
    return made


def _bands(
    streams: Sequence[Stream],
    keys: Sequence[Callable[[Stream], str]],
    nodes: Sequence[Mapping[str, _Node]],
    *,
    at: tuple[int, int],
    scale: float,
) -> list[str]:
    flows: dict[tuple[str, str], int] = defaultdict(int)
    for each in streams:
        flows[keys[0](each), keys[1](each)] += each.count
    left: dict[str, float] = defaultdict(float)
    right: dict[str, float] = defaultdict(float)
    parts, (x, x2) = [], at
    middle = (x + x2) / 2
    for (source, target), count in flows.items():
        tall = max(count * scale, 0.5)
        y, y2 = nodes[0][source].y + left[source], nodes[1][target].y + right[target]
        left[source] += count * scale
        right[target] += count * scale
        there = f"M{x} {y:.1f}C{middle:g} {y:.1f} {middle:g} {y2:.1f} {x2} {y2:.1f}"
        back = f"v{tall:.1f}C{middle:g} {y2 + tall:.1f} {middle:g} {y + tall:.1f} {x} {y + tall:.1f}z"
        parts.append(f'<path d="{there}{back}" fill="{ink.BLUE}" fill-opacity="0.22"/>')
    return parts


def _column(
    x: int, held: Mapping[str, tuple[int, int]], placed: Mapping[str, _Node], *, scale: float, most: int
) -> list[str]:
    parts, shown = [], ink.apart(held, most)
    for name, (count, bad) in held.items():
        node = placed[name]
        parts.append(ink.rect(x, node.y, THICK, node.tall, ink.BLUE))
        if bad:
            parts.append(ink.crossed(x, node.y, THICK, min(max(bad * scale, 2.0), node.tall)))
        said = f"{shown[name]} {count}" + (f" ✕{bad}" if bad else "")
        parts.append(ink.text(said, x + THICK + 4, node.y + node.tall / 2 + 4, size=11, fill=ink.INK, anchor="start"))
    return parts
