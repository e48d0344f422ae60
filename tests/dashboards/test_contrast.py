"""Every text colour on its ground reaches WCAG 2.2 AA: 4.5:1, and 3:1 for the edges of what can be used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dashboards import charts

CSS = Path(charts.__file__).with_name("static") / "dashboards.css"
NAMED = dict(re.findall(r"--([\w-]+):(#[0-9a-f]{3,6})", CSS.read_text(encoding="utf-8")))
PAIRS = [
    ("ink", "paper"),
    ("ink", "ground"),
    ("soft", "paper"),
    ("soft", "ground"),
    ("link", "paper"),
    ("link", "ground"),
    *((name, f"{name}-tint") for name in ("up", "degraded", "down", "unknown")),
    *((name, "paper") for name in ("up", "degraded", "down", "unknown")),
]


def luminance(colour: str) -> float:
    digits = colour.removeprefix("#")
    digits = "".join(each * 2 for each in digits) if len(digits) == 3 else digits
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_on_its_ground(text, ground):
    assert contrast(NAMED[text], NAMED[ground]) >= 4.5


@pytest.mark.parametrize("state", charts.TEXT)
def test_text_on_a_tile(state):
    assert contrast(charts.TEXT[state], charts.TINT[state]) >= 4.5
    assert contrast(charts.SOFT, charts.TINT[state]) >= 4.5
    assert contrast(charts.INK, charts.TINT[state]) >= 4.5


@pytest.mark.parametrize(
    ("one", "other"), [("#4a3aa7", "#fff"), ("#17324d", "#fff"), ("#5f3a02", "#fdf3dc"), ("#9b1c1c", "#fdebea")]
)
def test_banner_header_and_notices(one, other):
    assert contrast(one, other) >= 4.5


@pytest.mark.parametrize("ground", ["paper", "ground"])
def test_the_focus_is_seen(ground):
    assert contrast(NAMED["focus"], NAMED[ground]) >= 3


def test_the_measure_itself():
    assert round(contrast("#000", "#fff"), 1) == 21.0
    assert round(contrast("#777777", "#ffffff"), 2) == 4.48
