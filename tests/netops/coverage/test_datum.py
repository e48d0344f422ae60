"""Positions of three datums to WGS-84, and the grid's cells."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netops.coverage import datum, grid
from netops.errors import UsageError

CHINA = st.tuples(st.floats(18, 53), st.floats(74, 135))


def metres(one, other):
    return math.hypot((one[0] - other[0]) * 111_320, (one[1] - other[1]) * 111_320 * math.cos(math.radians(one[0])))


@given(CHINA)
def test_the_way_back_lies_within_the_stated_error(position):
    shifted = datum.gcj02(position)

    for by, written in ((datum.GCJ_02, shifted), (datum.BD_09, datum.baidu(shifted))):
        assert metres(datum.to_wgs84(written, by), position) * 1000 <= datum.INVERSION_MM[by]


def test_gcj02_shifts_haidian_by_some_hundred_metres():
    here = (39.96, 116.30)

    assert 300 < metres(datum.gcj02(here), here) < 700
    assert datum.to_wgs84(here, "WGS-84") == here


@pytest.mark.parametrize(
    ("position", "by", "said"),
    [
        pytest.param((39.9, 116.3), "CGCS", "datum 'CGCS' is unknown; expected one of WGS-84", id="unknown"),
        pytest.param((52.5, 13.4), "GCJ-02", "13.4 lies where GCJ-02 is not defined", id="berlin"),
    ],
)
def test_what_a_datum_does_not_have_is_refused(position, by, said):
    with pytest.raises(ValueError, match=said):
        datum.to_wgs84(position, by)


def test_a_cell_of_haidian_is_about_28_percent_smaller_than_the_mean_of_its_resolution():
    mean_dm2 = 4 * math.pi * 6371.007180918475**2 * 1e8 / (2 + 120 * 7**grid.RESOLUTION)
    areas = [grid.area_dm2(grid.cell(39.9 + step / 100, 116.1 + step / 50)) for step in range(20)]

    assert all(0.27 < 1 - area / mean_dm2 < 0.30 for area in areas)
    assert max(areas) / min(areas) < 1.02


def test_cells_over_the_country_differ_twofold_so_each_weighs_by_its_own_surface():
    areas = [grid.area_dm2(grid.cell(lat, lon)) for lat in range(18, 54) for lon in range(73, 136)]

    assert 1.9 < max(areas) / min(areas) < 2.0


def test_a_boundary_holds_the_cells_whose_centre_it_holds():
    ring = [[116.29, 39.95], [116.31, 39.95], [116.31, 39.97], [116.29, 39.97], [116.29, 39.95]]
    cells = grid.cells_within({"type": "Polygon", "coordinates": [ring]})

    assert grid.cell(39.96, 116.30) in cells
    assert cells == sorted(set(cells))


@pytest.mark.parametrize(
    ("geometry", "said"),
    [
        pytest.param({"type": "Point", "coordinates": [1, 2]}, "expected Polygon", id="point"),
        pytest.param({"type": "Polygon", "coordinates": [[[0, 0], [90, 0], [90, 80], [0, 0]]]}, "wider", id="a-world"),
        pytest.param({"type": "Polygon", "coordinates": []}, "is empty", id="empty"),
        pytest.param({"type": "Polygon", "coordinates": [[["a", 0]]]}, "no position", id="text"),
        pytest.param({"type": "Polygon", "coordinates": [[[float("nan"), 0]]]}, "no position", id="nan"),
        pytest.param({"type": "Polygon"}, "no rings", id="none"),
    ],
)
def test_a_geometry_that_is_no_boundary_is_refused(geometry, said):
    with pytest.raises(UsageError, match=said):
        grid.cells_within(geometry)
