"""Golden pictures, and laws that hold for any input. `NETOPS_GOLDEN=1` writes the pictures anew."""

import json
import math
import os
import re
import xml.etree.ElementTree as ET
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netops.errors import ConfigError
from netops.pictures import beside, burn, heat, histogram, ink, outline, percentiles, sankey, trend, waterfall

GOLDEN = Path(__file__).with_name("golden")
HOSTILE = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "]]><![CDATA[", "</text></svg>", "&amp;'")
HOURS = [f"{hour:02d}" for hour in range(24)]
TAGS = {"svg", "defs", "pattern", "rect", "a", "title", "text", "path", "g"}
SQUARE = ((116.0, 39.9), (116.1, 39.9), (116.1, 40.0), (116.0, 40.0), (116.0, 39.9))
BESIDE = ((116.1, 39.9), (116.2, 39.9), (116.2, 40.0), (116.1, 40.0), (116.1, 39.9))

YEAR = [
    *(trend.Month(name=str(at), kept=8) for at in range(1, 8)),
    trend.Month(name="8", kept=6, missed=2),
    trend.Month(name="9", kept=5, missed=1, undecided=2),
    trend.Month(name="10", undecided=3),
    trend.Month(name="11"),
    trend.Month(name="12", missed=4),
]
STEPS = [
    waterfall.Bar(kind="fees", label="费用", amount="1,000,000.00", low=0, high=1_000_000),
    waterfall.Bar(kind="deduction", label="甲通信 公共WiFi", amount="-200,000.00", low=800_000, high=1_000_000),
    waterfall.Bar(kind="deduction", label="乙通信", amount="-1.00", low=799_999, high=800_000),
    waterfall.Bar(kind="cap", label="上限", amount="50,000.00", low=799_999, high=849_999),
    waterfall.Bar(kind="payable", label="应付", amount="849,999.00", low=0, high=849_999),
]
STREAMS = [
    sankey.Stream(kind="WiFi", carrier="甲通信", street="中关村", count=40, bad=12),
    sankey.Stream(kind="WiFi", carrier="乙通信", street="上地", count=10),
    sankey.Stream(kind="光纤", carrier="乙通信", street="上地", count=20, bad=1),
    sankey.Stream(kind="LTE", carrier="丙通信", street="苏家坨", count=1),
]
DAYS = [beside.Day(name=str(at), ours="U") for at in range(1, 31)]
DAYS[9] = beside.Day(name="10", ours="X", theirs="U", mark="✓")
DAYS[10] = beside.Day(name="11", ours="X", theirs="N", mark="✗")
DAYS[20] = beside.Day(name="21", ours="N", theirs="U", mark="?")
WINDOWS = [
    burn.Window(named="1 h / 5 min", factor=Fraction(144, 10), long=Fraction(20), short=Fraction(30), warns=True),
    burn.Window(named="6 h / 30 min", factor=Fraction(6), long=Fraction(7, 2), short=Fraction(0), warns=False),
    burn.Window(named="24 h / 2 h", factor=Fraction(3), long=None, short=None, warns=False),
]
PLACES = {
    "1": outline.Place(value="3", state="X", href="/area/1", title="中关村：中断 3"),
    "2": outline.Place(value="40", state="U", href="/area/2", title="上地：正常"),
}
PICTURES = {
    "trend": lambda: trend.draw(YEAR, label="twelve months", alone=True),
    "waterfall": lambda: waterfall.draw(STEPS, label="fees to payable", alone=True),
    "sankey": lambda: sankey.draw(STREAMS, label="services to streets", alone=True),
    "beside": lambda: beside.draw(DAYS, ours="我们测到的", theirs="运营商所说", label="a month by both", alone=True),
    "burn": lambda: burn.draw(WINDOWS, label="burn", alone=True),
    "histogram": lambda: histogram.draw(
        histogram.bins([-35.2, -28, -27, *[-20.5] * 40, *[-18.1] * 22, -8, -7.5, 3], low=-27, high=-8),
        unit="dBm",
        label="received power",
        alone=True,
    ),
    "heat": lambda: heat.draw(
        [
            heat.Row(name="AP 一号楼大厅东侧走廊", values=tuple(float(at * at) for at in range(24)), href="/device/a"),
            heat.Row(name="ap-2", values=(0.0,) * 6 + (None,) * 6 + (200.0,) * 12),
        ],
        hours=HOURS,
        label="clients",
        alone=True,
    ),
    "percentiles": lambda: percentiles.draw(
        [percentiles.hour(name, [] if at == 5 else range(at, at * 4)) for at, name in enumerate(HOURS)],
        most=100,
        unit="%",
        label="PRB",
        alone=True,
    ),
    "outline": lambda: outline.draw({"1": [SQUARE], "2": [BESIDE]}, PLACES, label="map", alone=True),
}
EMPTY = {
    "trend": lambda: trend.draw([], label="x", alone=True),
    "waterfall": lambda: waterfall.draw([], label="x", alone=True),
    "sankey": lambda: sankey.draw([], label="x", alone=True),
    "beside": lambda: beside.draw([], ours="", theirs="", label="x", alone=True),
    "burn": lambda: burn.draw([], label="x", alone=True),
    "histogram": lambda: histogram.draw([], unit="dBm", label="x", alone=True),
    "histogram-0": lambda: histogram.draw(histogram.bins([], low=-27, high=-8), unit="dBm", label="x", alone=True),
    "heat": lambda: heat.draw([], hours=[], label="x", alone=True),
    "heat-0": lambda: heat.draw([heat.Row(name="a", values=(None,) * 24)], hours=HOURS, label="x", alone=True),
    "percentiles": lambda: percentiles.draw([], most=0, unit="%", label="x", alone=True),
    "outline": lambda: outline.draw({}, {}, label="x", alone=True),
}
SOME = st.floats(-1e6, 1e6)


def parsed(drawn):
    """Return the tree; no text of a picture leaves its element, no attribute acts."""
    root = ET.fromstring(str(drawn))
    for each in root.iter():
        assert each.tag.rpartition("}")[2] in TAGS
        assert not [name for name in each.attrib if name.startswith("on")]
    return root


def within(drawn):
    """Check that every bar of a picture lies within its frame and no number of it is none."""
    root = parsed(drawn)
    wide, high = float(root.get("width")), float(root.get("height"))
    assert not re.search(r"\b(nan|inf)\b", re.sub(r">[^<]*<", "><", str(drawn)))
    for each in root.iter():
        if each.tag.endswith("rect") and "patternUnits" not in each.attrib:
            x, y, w, h = (float(each.get(name, 0)) for name in ("x", "y", "width", "height"))
            assert min(w, h) >= 0
            assert -0.2 <= x <= x + w <= wide + 0.2
            assert -0.2 <= y <= y + h <= high + 0.2
    return root


@pytest.mark.parametrize("name", PICTURES)
def test_the_picture_is_the_golden_one(name):
    drawn = str(PICTURES[name]())
    file = GOLDEN / f"{name}.svg"
    if os.environ.get("NETOPS_GOLDEN"):
        file.write_text(drawn, encoding="utf-8")

    assert drawn == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["Beitaipingzhuang of the north", "北太平庄街道以北的社区"], ids=["en", "zh"])
def test_names_of_streams_neither_touch_the_next_bar_nor_leave_the_picture(name):
    """A sign of 11 px is at most 6.9 px wide, a Chinese one 11 px (DejaVu Sans, Noto Sans CJK)."""
    streams = [
        sankey.Stream(kind=f"{name} {at}", carrier=f"{name} {at}", street=f"{name} {at}", count=999, bad=99)
        for at in range(3)
    ]
    root = ET.fromstring(str(sankey.draw(streams, label="x", alone=True)))
    texts = [(float(each.get("x")), "".join(each.itertext())) for each in root.iter() if each.tag.endswith("text")]
    ends = {
        x: x + max(sum(11 if ord(sign) > 0x2E80 else 6.9 for sign in said) for at, said in texts if at == x)
        for x, _ in texts
    }
    starts = [*sorted(ends)[1:], sankey.WIDE + sankey.THICK + 4]

    assert len(ends) == 3
    assert all(ends[x] <= start - sankey.THICK - 4 for x, start in zip(sorted(ends), starts, strict=True)), ends


@pytest.mark.parametrize("drawn", [*PICTURES.values(), *EMPTY.values()], ids=[*PICTURES, *(f"no-{e}" for e in EMPTY)])
def test_a_picture_is_well_formed_named_small_and_needs_nothing_from_elsewhere(drawn):
    made = drawn()
    root = within(made)

    assert root.get("aria-label")
    assert "style" not in made
    assert not re.findall(r'(?:href|src)="(?!/[a-z]+/)', made)
    assert len(made.encode()) <= 9_000


@pytest.mark.parametrize("said", HOSTILE)
def test_a_hostile_name_is_text_within_a_picture(said):
    rows = [heat.Row(name=said, values=(1.0,), href=said)]
    bars = [waterfall.Bar(kind=said, label=said, amount=said, low=0, high=10)]
    days = [beside.Day(name=said, ours=said, theirs=said, mark=said)]
    window = burn.Window(named=said, factor=Fraction(1), long=Fraction(1), short=None, warns=False)
    place = {"1": outline.Place(value=said, state=said, href=said, title=said)}
    for drawn in (
        heat.draw(rows, hours=[said], label=said, alone=True),
        waterfall.draw(bars, label=said, alone=True),
        beside.draw(days, ours=said, theirs=said, label=said, alone=True),
        burn.draw([window], label=said, alone=True),
        outline.draw({"1": [SQUARE]}, place, label=said, alone=True),
        sankey.draw([sankey.Stream(kind=said, carrier=said, street=said, count=1)], label=said, alone=True),
        trend.draw([trend.Month(name=said, kept=1)], label=said, alone=True),
        percentiles.draw([percentiles.hour(said, [1])], most=1, unit=said, label=said, alone=True),
        histogram.draw(histogram.bins([1], low=0, high=5), unit=said, label=said, alone=True),
    ):
        assert parsed(drawn).get("aria-label") == said


def test_kept_missed_and_not_judged_differ_in_shape_and_not_only_in_colour():
    shapes = set()
    for month in (
        trend.Month(name="1", kept=1),
        trend.Month(name="1", missed=1),
        trend.Month(name="1", undecided=1),
        trend.Month(name="1"),
    ):
        shapes.add(re.sub(r"#[0-9a-f]{6}", "C", str(trend.draw([month], label="")))[200:])

    assert len(shapes) == 4


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40)), max_size=14))
def test_the_columns_of_a_trend_are_as_tall_as_their_shares(counts):
    months = [trend.Month(name="1", kept=a, missed=b, undecided=c) for a, b, c in counts]
    root = within(trend.draw(months, label="x", alone=True))
    tall = {}
    for each in root.iter():
        if each.tag.endswith("rect") and float(each.get("x", 0)) % trend.STEP == 4:
            tall[each.get("x")] = tall.get(each.get("x"), 0) + float(each.get("height"))

    assert len(tall) == sum(each.promises > 0 for each in months)
    assert all(abs(each - trend.HIGH) < 0.4 for each in tall.values())


@given(st.lists(st.tuples(st.integers(-9, 1_000_009), st.integers(-9, 1_000_009)), max_size=9))
def test_a_waterfall_never_leaves_its_frame(ends):
    kinds = ("fees", "deduction", "cap", "payable")
    bars = [
        waterfall.Bar(kind=kinds[at % 4], label="x", amount="1", low=min(pair), high=max(pair))
        for at, pair in enumerate(ends)
    ]

    within(waterfall.draw(bars, label="x", alone=True))


@given(st.lists(st.one_of(SOME, st.just(math.nan), st.just(math.inf)), max_size=60))
def test_each_finite_value_is_in_exactly_one_bin_and_on_its_side_of_the_limits(values):
    found = histogram.bins(values, low=-27, high=-8)
    finite = [each for each in values if math.isfinite(each)]

    assert sum(each.count for each in found) == len(finite)
    assert sum(each.count for each in found if each.inside) == sum(-27 <= each <= -8 for each in finite)
    within(histogram.draw(found, unit="dBm", label="x", alone=True))


@given(st.lists(st.one_of(st.none(), st.floats(0, 1e9)), min_size=1, max_size=24))
def test_a_heat_map_hatches_exactly_what_was_not_measured(values):
    drawn = heat.draw([heat.Row(name="a", values=tuple(values))], hours=HOURS[: len(values)], label="x", alone=True)
    root = within(drawn)
    hatched = [each for each in root.iter() if each.get("fill") == "url(#hatch)"]
    step = (heat.WIDE - heat.NAMED) / len(values)

    assert abs(sum(float(each.get("width")) for each in hatched) - step * values.count(None)) < 0.1 * len(values) + 0.1


@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_more_is_never_drawn_lower(one, other):
    low, high = sorted((one, other))
    most = 1e9

    assert heat.level(low, most) <= heat.level(high, most)
    assert (heat.level(low, most) == 0) == (low == 0)


@given(st.lists(SOME, max_size=50))
def test_percentiles_are_values_that_were_measured(values):
    found = percentiles.hour("00", values)

    assert found.count == len(values)
    if values:
        assert {found.low, found.middle, found.high} <= set(values)
        assert found.low <= found.middle <= found.high
        assert sum(each <= found.middle for each in values) * 2 >= len(values)
    within(percentiles.draw([found], most=100, unit="%", label="x", alone=True))


@given(
    st.lists(
        st.builds(
            sankey.Stream,
            kind=st.sampled_from("abc"),
            carrier=st.sampled_from("xyz"),
            street=st.sampled_from([f"s{at}" for at in range(29)]),
            count=st.integers(0, 5000),
            bad=st.integers(0, 9),
        ),
        max_size=60,
    )
)
def test_streams_lose_nobody_when_they_are_gathered_and_fit_their_frame(streams):
    made = sankey.gathered(streams, most=8, rest="others")

    assert sum(each.count for each in made) == sum(each.count for each in streams)
    assert sum(each.bad for each in made) == sum(each.bad for each in streams)
    assert len({each.street for each in made}) <= 9
    within(sankey.draw(made, label="x", alone=True))


@given(st.one_of(st.none(), st.fractions(0, 10**6)), st.one_of(st.none(), st.fractions(0, 10**6)), st.booleans())
def test_a_burn_rate_never_leaves_its_frame_and_what_is_not_known_is_hatched(long, short, warns):
    each = burn.Window(named="x", factor=Fraction(144, 10), long=long, short=short, warns=warns)
    root = within(burn.draw([each], label="x", alone=True))

    assert sum(one.get("fill") == "url(#hatch)" for one in root.iter()) == [long, short].count(None)


def collection(*features):
    return json.dumps({"type": "FeatureCollection", "features": list(features)}).encode()


def feature(area, rings, kind="Polygon"):
    return {"type": "Feature", "properties": {"id": area}, "geometry": {"type": kind, "coordinates": rings}}


def test_a_map_is_read_from_polygons_and_multipolygons_and_passes_over_the_rest():
    point = {"type": "Feature", "properties": {"id": "1"}, "geometry": {"type": "Point", "coordinates": [116, 40]}}
    data = collection(feature("1", [SQUARE]), feature("2", [[BESIDE]], "MultiPolygon"), feature("9", [SQUARE]), point)

    assert outline.read(data, name="m.json", known=["1", "2"]) == {"1": (SQUARE,), "2": (BESIDE,)}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"{", "expected a GeoJSON FeatureCollection"),
        (b"[]", "expected a GeoJSON FeatureCollection"),
        (b"[" * 100_000, "expected a GeoJSON FeatureCollection"),
        (collection(), "no polygon has the id of a subdistrict"),
        (collection(feature("1", [SQUARE[:2]])), "expected at least 4"),
        (collection(feature("1", [[(1e9, 0), (1, 1), (2, 2), (1e9, 0)]])), "within 180 and 90"),
        (collection(feature("1", 7)), "expected a GeoJSON"),
        (b" " * (outline.MOST_BYTES + 1), "at most"),
    ],
    ids=["cut", "list", "deep", "none", "short", "beyond", "number", "large"],
)
def test_a_map_that_is_none_is_refused_by_name_with_the_remedy(data, said):
    with pytest.raises(ConfigError, match=said) as refused:
        outline.read(data, name="m.json", known=["1"])

    assert str(refused.value).startswith("m.json: ")


@given(
    st.lists(st.tuples(st.floats(-180, 180), st.floats(-90, 90)), min_size=4, max_size=30).map(tuple),
    st.sampled_from("UDXN-?"),
)
def test_any_ring_is_drawn_within_the_frame_with_its_symbol(ring, state):
    place = {"1": outline.Place(value="3", state=state, href="/area/1", title="x")}
    root = within(outline.draw({"1": [ring]}, place, label="x", alone=True))
    wide, high = float(root.get("width")), float(root.get("height"))
    (said,) = [each for each in root.iter() if each.tag.endswith("text")]

    assert 0 <= float(said.get("x")) <= wide
    assert 0 <= float(said.get("y")) <= high + 12
    assert said.text[0] in ink.SYMBOL.values()


@pytest.mark.parametrize(
    ("said", "most", "shown"),
    [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("中关村", 6, "中关村"), ("中关村大街", 6, "中关…")],
)
def test_a_long_name_is_cut_to_its_columns(said, most, shown):
    assert ink.cut(said, most) == shown


def test_names_that_would_look_alike_keep_their_ends():
    carriers = [f"Rehearsal Carrier {each}" for each in "ABC"]
    shown = ink.apart([*carriers, "Beitaipingzhuang", "演练运营商甲公司", "演练运营商乙公司"], 12)

    assert [shown[each] for each in carriers] == ["Reh…rrier A", "Reh…rrier B", "Reh…rrier C"]
    assert shown["Beitaipingzhuang"] == "Beitaipingz…"
    assert (shown["演练运营商甲公司"], shown["演练运营商乙公司"]) == ("演…甲公司", "演…乙公司")
    assert all(ink.cut(each.replace("…", "."), 12) == each.replace("…", ".") for each in shown.values()), "as wide"
