"""How a site's page looks: its colour, made readable whatever was chosen, and the style that the page carries.

A brand's colour is that of buttons and links. WCAG 2.2 (1.4.3) asks 4.5:1 between a text and its ground, in the light
and in the dark page: where the chosen colour does not reach it, the page uses the nearest that does, and `netops check`
says so (`captive_portal/checks.py`). A page that cannot be read is never shown.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

STYLE = (Path(__file__).parent / "templates" / "portal" / "style.css").read_text(encoding="utf-8")
LIGHT = ("#ffffff", "#eef2f5")  # --paper and --ground of style.css, a test holds them together
DARK = ("#1b252e", "#10171d")
WHITE, INK = "#ffffff", "#0c1a28"
AA = 4.5
STEPS = 64


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours `#rrggbb` (WCAG 2.2, relative luminance)."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def worst(colour: str, grounds: tuple[str, ...] = LIGHT) -> float:
    """Return the least contrast of a colour with the grounds it stands on."""
    return min(contrast(colour, each) for each in grounds)


@cache
def readable(colour: str, grounds: tuple[str, ...]) -> str:
    """Return the colour itself, or the nearest towards black or white that can be read on every ground."""
    end = "#000000" if worst("#000000", grounds) > worst(WHITE, grounds) else WHITE
    steps = (_mixed(colour, end, step / STEPS) for step in range(STEPS + 1))
    return next(each for each in steps if worst(each, grounds) >= AA)


def on(colour: str) -> str:
    """Return the colour of a text on a button of this colour."""
    return max((WHITE, INK), key=lambda each: contrast(colour, each))


@cache
def style(colour: str) -> str:
    """Return the whole style of a page in a brand's colour; without a colour the city's own."""
    if not colour:
        return STYLE
    light, dark = readable(colour, LIGHT), readable(colour, DARK)
    return (
        f"{STYLE}:root{{--act:{light};--on-act:{on(light)}}}\n"
        f"@media(prefers-color-scheme:dark){{:root{{--act:{dark};--on-act:{on(dark)}}}}}\n"
    )


def _parts(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(colour: str) -> float:
    parts = [each / 255 for each in _parts(colour)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _mixed(colour: str, end: str, share: float) -> str:
    mixed = (round(one + (other - one) * share) for one, other in zip(_parts(colour), _parts(end), strict=True))
    return "#" + "".join(f"{each:02x}" for each in mixed)
