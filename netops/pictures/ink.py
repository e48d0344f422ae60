"""What pictures are drawn with: colours, the shapes of the states, text, and the frame around them. Pure.

Colours are presentation attributes (no style sheet is needed, none is allowed inline). A state is never told by colour
alone: up stands high, degraded half high, down is filled with a cross or a notch, "not measured" is hatched, and "we
were blind" is hatched with a bar across.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

UP, DEGRADED, DOWN, UNKNOWN, BLIND, NONE = "U", "D", "X", "N", "B", "-"
INK, SOFT, LINE, PAPER, BLUE = "#1b2733", "#52606d", "#cbd2d9", "#ffffff", "#0b5394"
FILL = {UP: "#2f855a", DEGRADED: "#b7791f", DOWN: "#c53030", UNKNOWN: "url(#hatch)", NONE: "#f1f4f7"}
TINT = {UP: "#e8f4ee", DEGRADED: "#fdf3dc", DOWN: "#fdebea", UNKNOWN: "#eef1f4", NONE: "#f7f9fa"}
TEXT = {UP: "#1c5a3c", DEGRADED: "#7a4b05", DOWN: "#9b1c1c", UNKNOWN: "#46525e", NONE: "#5b6772"}
EDGE = {UP: "#8fbfa7", DEGRADED: "#d9b25f", DOWN: "#dd8f8a", UNKNOWN: "#a9b4be", NONE: LINE}
SYMBOL = {UP: "●", DEGRADED: "▲", DOWN: "✕", UNKNOWN: "?", NONE: "–"}
MOST_TURNS = 24  # of a zigzag
HATCH = (
    '<pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width="6" height="6" fill="#e4e8ec"/><rect width="2" height="6" fill="#8a96a3"/></pattern>'
)


def hatch() -> Markup:
    """Return the pattern that the pictures of a page share; it draws nothing itself."""
    return Markup(f'<svg class="defs" width="0" height="0" aria-hidden="true"><defs>{HATCH}</defs></svg>')  # noqa: S704


def text(
    said: str, x: float, y: float, *, size: int, fill: str = SOFT, anchor: str = "middle", weight: int = 400
) -> str:
    """Return a text on a line of its own; whatever it says is escaped."""
    bold = f' font-weight="{weight}"' if weight != 400 else ""
    where = f'x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-size="{size}"'
    return f'<text {where}{bold} fill="{fill}">{escape(said)}</text>'


def rect(x: float, y: float, wide: float, high: float, fill: str) -> str:
    """Return a rectangle, to a tenth of a unit."""
    return f'<rect x="{_at(x)}" y="{_at(y)}" width="{_at(wide)}" height="{_at(high)}" fill="{fill}"/>'


def crossed(x: float, y: float, wide: float, high: float) -> str:
    """Return a box that says "down" without its colour: pale, outlined, with a cross, or a zigzag where it is long."""
    edge = f'<rect x="{_at(x)}" y="{_at(y)}" width="{_at(wide)}" height="{_at(high)}" fill="{TINT[DOWN]}"'
    turns = min(int(max(wide, high) / max(min(wide, high), 6.0)), MOST_TURNS)
    if turns < 2:
        lines = f"l{_at(wide)} {_at(high)}m0 {_at(-high)}l{_at(-wide)} {_at(high)}"
    elif wide > high:
        lines = "".join(f"l{_at(wide / turns)} {_at(-high if at % 2 else high)}" for at in range(turns))
    else:
        lines = "".join(f"l{_at(-wide if at % 2 else wide)} {_at(high / turns)}" for at in range(turns))
    drawn = f'<path d="M{_at(x)} {_at(y)}{lines}" stroke="{FILL[DOWN]}" fill="none"/>'
    return f'{edge} stroke="{FILL[DOWN]}"/>{drawn}'


def bar(x: float, wide: float, height: int, letter: str) -> str:
    """Return a state in its shape over `[x, x + wide)`; what is no state is drawn as none."""
    return _SHAPES.get(letter, _none)(x, wide, height)


def svg(
    width: float, height: float, parts: Sequence[str], *, label: str, alone: bool, role: str = "img", extra: str = ""
) -> Markup:
    """Return the picture; `alone`: it stands in no page, so it brings its name space and its pattern with it."""
    named = ' xmlns="http://www.w3.org/2000/svg"' if alone else ""
    defs = f"<defs>{HATCH}</defs>" if alone else ""
    size = f'width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}"'
    told = f'role="{role}" aria-label="{escape(label)}"' if label else 'aria-hidden="true"'
    head = f"<svg{named} {size} {told}{extra}>"
    return Markup(f"{head}{defs}{''.join(parts)}</svg>")  # noqa: S704  (every text above went through escape)


def cut(said: str, most: int) -> str:
    """Return a text of at most so many columns, a Chinese sign being two; what is longer ends in `…`."""
    taken = 0
    for at, sign in enumerate(said):
        taken += 1 if sign.isascii() else 2
        if taken > most:
            return f"{said[: max(at - 1, 0)]}…"
    return said


def apart(names: Collection[str], most: int) -> dict[str, str]:
    """Return each name cut to so many columns; those that would look alike keep their beginning and their end."""
    shown = {name: cut(name, most) for name in names}
    alike = {each for each, count in Counter(shown.values()).items() if count > 1}
    return {name: _middle(name, most) if each in alike else each for name, each in shown.items()}


def _middle(said: str, most: int) -> str:
    end = cut(said[::-1], most - most // 3).rstrip("…")[::-1]
    return f"{cut(said, most // 3).rstrip('…')}…{end}"


def _at(value: float) -> str:
    return f"{round(value, 1):g}"


def _up(x: float, wide: float, height: int) -> str:
    return f'<rect x="{x:g}" width="{wide:g}" height="{height}" fill="{FILL[UP]}"/>'


def _degraded(x: float, wide: float, height: int) -> str:
    half = height / 2
    back = f'<rect x="{x:g}" width="{wide:g}" height="{height}" fill="{TINT[DEGRADED]}"/>'
    return f'{back}<rect x="{x:g}" y="{half:g}" width="{wide:g}" height="{half:g}" fill="{FILL[DEGRADED]}"/>'


def _down(x: float, wide: float, height: int) -> str:
    """Draw a third high on a pale ground, a cross above it: readable in grey as well."""
    third = round(height / 3, 1)
    back = f'<rect x="{x:g}" width="{wide:g}" height="{height}" fill="{TINT[DOWN]}"/>'
    low = f'<rect x="{x:g}" y="{height - third:g}" width="{wide:g}" height="{third:g}" fill="{FILL[DOWN]}"/>'
    size = min(height / 3 - 1, wide / 2 - 1)
    if size < 1.5:
        return back + low
    middle, top = x + wide / 2, height / 3
    cross = f"M{middle - size:g} {top - size:g}l{2 * size:g} {2 * size:g}m{-2 * size:g} 0l{2 * size:g} {-2 * size:g}"
    return f'{back}{low}<path d="{cross}" stroke="{FILL[DOWN]}" stroke-width="2" fill="none"/>'


def _unknown(x: float, wide: float, height: int) -> str:
    return f'<rect x="{x:g}" width="{wide:g}" height="{height}" fill="{FILL[UNKNOWN]}"/>'


def _blind(x: float, wide: float, height: int) -> str:
    """Draw what nobody saw by our own fault: hatched as what was not measured, with a bar across it like a lid."""
    third = round(height / 3, 1)
    lid = f'<rect x="{x:g}" y="{third:g}" width="{wide:g}" height="{third:g}" fill="{SOFT}"/>'
    return f"{_unknown(x, wide, height)}{lid}"


def _none(x: float, wide: float, height: int) -> str:
    return f'<rect x="{x:g}" y="{height - 2}" width="{wide:g}" height="2" fill="{LINE}"/>'


_SHAPES: dict[str, Callable[[float, float, int], str]] = {
    UP: _up,
    DEGRADED: _degraded,
    DOWN: _down,
    UNKNOWN: _unknown,
    BLIND: _blind,
    NONE: _none,
}
