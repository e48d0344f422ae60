"""Golden pictures, and laws that hold for any input. `NETOPS_GOLDEN=1` writes the pictures anew."""

from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_city import HOSTILE

from dashboards import charts
from dashboards.charts import Span, Tile
from dashboards.courses import buckets

GOLDEN = Path(__file__).with_name("golden")
HOUR = 3_600_000
DAY = 24 * HOUR

TILES = [
    Tile(col=0, row=0, name=("苏家坨",), value="4", note="99.91%", state="U", href="/area/1", title="苏家坨：正常"),
    Tile(col=1, row=0, name=("Beitai-", "pingzhuang"), value="2", note="98.10%", state="X", href="/area/2", title="b"),
    Tile(col=1, row=1, name=("上地",), value="4", note="—", state="N", href="/area/3", title="上地：未测"),
    Tile(col=0, row=1, name=("香山",), value="", note="—", state="-", href="/area/4", title="香山：无服务"),
    Tile(col=2, row=1, name=("Xiangshan",), value="1", note="99.95%", state="D", href="/area/5", title="d"),
]
DAY_LETTERS = "UUUUUUNNUUDDUUUUUXXUUU--"
PICTURES = {
    "strip": lambda: charts.strip(DAY_LETTERS, label="24 h", alone=True),
    "hours": lambda: charts.hours("UUUNNNBBBUUDDUUUXXUU--  ", label="a day with every state of an hour", alone=True),
    "timeline": lambda: charts.timeline(
        [Span(0, 9 * HOUR, "U"), Span(9 * HOUR, 9 * HOUR + 60_000, "X"), Span(12 * HOUR, 20 * HOUR, "U")],
        start_ms=0,
        end_ms=DAY,
        label="a day with a minute of silence and two gaps",
        ticks=[(6 * HOUR, "06:00"), (12 * HOUR, "12:00"), (DAY, "24:00")],
        alone=True,
    ),
    "sparkline": lambda: charts.sparkline(
        [(at * HOUR, None if at == 5 else float(at % 7)) for at in range(24) if not 9 <= at <= 12],
        start_ms=0,
        end_ms=DAY,
        label="cpu",
        gap=lambda _: 2 * HOUR,
        alone=True,
    ),
    "calendar": lambda: charts.calendar(
        [
            ("10-01", DAY_LETTERS, "/service/s?day=2026-10-01", "October 1st: 91%"),
            ("10-25", "U" * 25, "/service/s?day=2026-10-25", "25 hours"),
        ],
        label="two days, one of 25 hours",
        alone=True,
    ),
    "tile_map": lambda: charts.tile_map(TILES, label="map", alone=True),
}


@pytest.mark.parametrize("name", PICTURES)
def test_the_picture_is_the_golden_one(name):
    drawn = str(PICTURES[name]())
    file = GOLDEN / f"{name}.svg"
    if os.environ.get("NETOPS_GOLDEN"):
        file.write_text(drawn, encoding="utf-8")

    assert drawn == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_well_formed_named_and_needs_nothing_from_elsewhere(name):
    drawn = str(PICTURES[name]())
    root = ET.fromstring(drawn)

    assert root.get("aria-label")
    assert "style" not in drawn
    assert not re.findall(r'(?:href|src)="(?!/[a-z]+/)', drawn)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_name_is_text_within_a_picture(text):
    tile = Tile(col=0, row=0, name=(text,), value=text, note=text, state="U", href=text, title=text)
    days = charts.calendar([(text, "UX", text, text)], label=text, alone=True)
    for drawn in (charts.tile_map([tile], label=text, alone=True), charts.strip("U", label=text, alone=True), days):
        root = ET.fromstring(re.sub("[\x00-\x08]", "", str(drawn)))
        tags = {each.tag.rpartition("}")[2] for each in root.iter()}

        assert tags <= {"svg", "defs", "pattern", "rect", "a", "title", "text", "path"}
        assert not [name for each in root.iter() for name in each.attrib if name.startswith("on")]


def test_states_differ_in_shape_and_not_only_in_colour():
    shapes = {}
    for letter in "UDXNB-":
        drawn = str(charts.strip(letter * 4, label="", alone=False))
        shapes[letter] = re.sub(r"#[0-9a-f]{6}", "C", drawn)

    assert len(set(shapes.values())) == 6


@given(st.text(alphabet="UDXN-", max_size=60))
def test_a_strip_covers_every_hour_once(letters):
    drawn = str(charts.strip(letters, label="", cell=10))
    full = re.findall(r'<rect x="([\d.]+)"(?: y="[\d.]+")? width="([\d.]+)" height="(\d+)"', drawn)
    covered = sorted({(float(x), float(x) + float(w)) for x, w, h in full})

    assert sum(end - start for start, end in covered) == 10 * len(letters)
    assert all(a[1] <= b[0] for a, b in pairwise(covered))


@given(
    st.lists(st.tuples(st.integers(0, 200), st.one_of(st.none(), st.floats(-1e9, 1e9, allow_nan=False))), max_size=50)
)
def test_a_sparkline_never_leaves_its_frame_and_hatches_what_was_not_measured(points):
    points = sorted(dict(points).items())
    drawn = str(charts.sparkline(points, start_ms=0, end_ms=200, label="", gap=lambda _: 20))
    for x, y in re.findall(r"(-?[\d.e+-]+),(-?[\d.e+-]+)", " ".join(re.findall(r'points="([^"]+)"', drawn))):
        assert -0.01 <= float(x) <= 240.01
        assert -0.01 <= float(y) <= 44.01
    measured = [at for at, value in points if value is not None]
    gaps = [b - a for a, b in zip([0, *measured], [*measured, 200], strict=True)]

    assert ("url(#hatch)" in drawn) == (not measured or max(gaps) > 20)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=3000))
def test_thinning_keeps_the_extremes(values):
    run = [(at, value) for at, value in enumerate(values)]
    kept = charts.thin(run, step_ms=25)

    assert {min(values), max(values)} <= {value for _, value in kept}
    assert kept == sorted(kept)
    assert len(kept) <= 2 * (len(values) // 25 + 1)


@pytest.mark.parametrize("courses", [1, 9, 20, 34])
def test_the_courses_of_a_page_together_leave_room_for_the_rest_of_it(courses):
    """An access point with four radios has 34 metrics; each may jump up and down every 30 s."""
    noise = [(at * 30_000, float(at * 7919 % 1000)) for at in range(2880)]
    drawn = charts.sparkline(noise, start_ms=0, end_ms=DAY, label="cpu", gap=lambda _: HOUR, buckets=buckets(courses))

    assert len(str(drawn)) * courses <= 30_000
    assert min(value for _, value in noise) == 0
    assert ",40 " in str(drawn), "the lowest is drawn"


@pytest.mark.parametrize("name", ["海淀区万寿路街道第一社区居委会", "a very long name of a place"])
def test_a_long_name_stays_on_its_tile_and_is_whole_in_its_title(name):
    tile = Tile(col=0, row=0, name=(name,), value="4", note="99.91%", state="U", href="/area/1", title=name)
    drawn = charts.tile_map([tile], label="map")

    assert f"<title>{name}</title>" in drawn
    assert f">{name}<" not in drawn.replace(f"<title>{name}</title>", "")
    assert "…" in drawn
