"""The look, by its numbers: in light and in dark every text on its ground reaches WCAG 2.2 AA (4.5:1, edges 3:1)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dashboards import charts
from netops.pictures import ink
from netops.status import page
from netops.web import app

CSS = Path(charts.__file__).with_name("static") / "dashboards.css"
SHARED = Path(app.__file__).with_name("static")
COLOUR = r"#[0-9a-f]{3,6}\b"
LIGHT_TEXT, DARK_TEXT = (SHARED / "tokens.css").read_text(encoding="utf-8").split("@media screen and (prefers", 1)
LIGHT = dict(re.findall(rf"--([\w-]+):({COLOUR})", LIGHT_TEXT))
SCHEMES = {"light": LIGHT, "dark": {**LIGHT, **dict(re.findall(rf"--([\w-]+):({COLOUR})", DARK_TEXT))}}
STATES = ("up", "degraded", "down", "unknown", "none")
PAIRS = [
    *((text, ground) for text in ("ink", "soft", "link") for ground in ("paper", "ground")),
    *((name, f"{name}-tint") for name in STATES),
    *((name, "paper") for name in STATES),
    *((text, f"{name}-tint") for name in STATES for text in ("ink", "soft")),
    ("on-bar", "bar"),
    ("bar-soft", "bar"),
    ("bar", "on-bar"),
    ("on-act", "act"),
    ("on-act", "act-more"),
    ("act", "paper"),
    ("on-rehearsal", "rehearsal"),
]
EDGES = [("focus", "paper", 3), ("focus", "ground", 3), ("edge", "paper", 3), ("bar-focus", "bar", 3)]
EDGES += [*((f"{name}-fill", "paper", 3) for name in ("up", "degraded", "down")), ("hatch-line", "hatch", 2)]
PICTURE = re.compile(rf'svg \[(fill|stroke)="({COLOUR})"\]\{{(fill|stroke):var\(--([\w-]+)\)\}}')
MEANT = {(kind, colour): token for kind, colour, _kind, token in PICTURE.findall(CSS.read_text(encoding="utf-8"))}


def luminance(colour: str) -> float:
    digits = colour.removeprefix("#")
    digits = "".join(each * 2 for each in digits) if len(digits) == 3 else digits
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_on_its_ground(scheme, text, ground):
    named = SCHEMES[scheme]

    assert contrast(named[text], named[ground]) >= 4.5


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("one", "other", "least"), EDGES)
def test_what_is_no_text_and_must_be_seen(scheme, one, other, least):
    named = SCHEMES[scheme]

    assert contrast(named[one], named[other]) >= least


@pytest.mark.parametrize("state", charts.TEXT)
def test_text_on_a_tile_where_it_stands_alone(state):
    assert contrast(charts.TEXT[state], charts.TINT[state]) >= 4.5
    assert contrast(charts.SOFT, charts.TINT[state]) >= 4.5
    assert contrast(charts.INK, charts.TINT[state]) >= 4.5


def test_every_colour_of_a_picture_means_a_token_that_is_the_same_in_light():
    own = Path(ink.__file__).read_text(encoding="utf-8")
    used = set(re.findall(COLOUR, own))

    assert used == {colour for kind, colour in MEANT if kind == "fill"}
    assert {"stroke"} <= {kind for kind, _ in MEANT}
    assert {key: LIGHT[token] for key, token in MEANT.items() if token != "paper"} == {
        key: key[1] for key, token in MEANT.items() if token != "paper"
    }


def test_every_line_of_a_golden_picture_is_drawn_in_a_colour_that_the_page_knows():
    golden = [Path(__file__).with_name("golden"), Path(__file__).parents[1] / "netops" / "pictures" / "golden"]
    files = [file for folder in golden for file in folder.glob("*.svg")]
    drawn = {found for file in files for found in re.findall(rf'(fill|stroke)="({COLOUR})"', file.read_text())}

    assert drawn
    assert drawn - set(MEANT) == set()


def test_dark_names_every_colour_that_light_has():
    names = re.findall(r"--([\w-]+):", DARK_TEXT)

    assert sorted(names) == sorted(LIGHT), "none is forgotten, none is named twice"


@pytest.mark.parametrize("file", [CSS, SHARED / "web.css", page.LOOK[1]], ids=lambda file: file.name)
def test_colours_and_sizes_of_type_stand_in_one_place(file):
    text = file.read_text(encoding="utf-8")
    colours = re.findall(COLOUR, PICTURE.sub("", text))
    sizes = set(re.findall(r"font-size:([^;}]+)", text))

    assert colours == []
    assert sizes <= {f"var(--{name})" for name in ("small", "body", "lead", "title", "figure")} | {"30px", "38px"}, (
        "30px, 38px: in the measure of a drawing, at a phone's width (the axis of a timeline, a tile of the map)"
    )


def test_the_measure_itself():
    assert round(contrast("#000", "#fff"), 1) == 21.0
    assert round(contrast("#777777", "#ffffff"), 2) == 4.48
