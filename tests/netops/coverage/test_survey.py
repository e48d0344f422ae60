"""Surveys from CSV: what is taken, and how each bad line is named."""

import random
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from netops.coverage import prediction, survey, zones
from netops.coverage.cells import Rules, Table, is_good, weak_share
from netops.coverage.survey import SurveyError

NOW = 1_791_000_000_000  # 2026-10-03
HEADER = "time,latitude,longitude,datum,instrument,rsrp,sinr"
GOOD = "2026-09-30T09:30:00+08:00,39.96,116.30,WGS-84,tester 1,-98.25,12.5"


def written(tmp_path, *lines, name="walk.csv"):
    path = tmp_path / name
    path.write_bytes(b"\n".join(each if isinstance(each, bytes) else each.encode() for each in lines) + b"\n")
    return path


def refused(path):
    with pytest.raises(SurveyError) as error:
        survey.read(path, now_ms=NOW)
    return str(error.value).splitlines()[1:]


def test_a_sample_becomes_an_hour_of_its_cell(tmp_path):
    found = survey.read(written(tmp_path, HEADER, GOOD), now_ms=NOW)

    (hours,) = found.table.hours.values()
    ((hour, measured),) = hours.items()
    assert (found.technology, found.samples, dict(found.datums)) == ("lte", 1, {"WGS-84": 1})
    assert hour == found.first_ms // 3_600_000
    assert (measured.samples, measured.level, measured.quality) == (1, -9825, 1250)


def test_the_guides_survey_is_taken_as_it_stands(tmp_path):
    guide = Path(__file__).resolve().parents[3] / "docs/how-to/measure-coverage.md"
    (block,) = re.findall(r"```csv\n(time,.*?)```", guide.read_text(encoding="utf-8"), re.DOTALL)
    path = tmp_path / "walk.csv"
    path.write_text(block, encoding="utf-8")
    found = survey.read(path, now_ms=NOW)

    assert (found.technology, found.samples) == ("lte", len(block.splitlines()) - 1)


def test_nothing_heard_is_a_sample_too(tmp_path):
    quiet = GOOD.replace("-98.25,12.5", "none,").replace("09:30", "09:31")
    found = survey.read(written(tmp_path, HEADER, GOOD, quiet), now_ms=NOW)

    ((measured,),) = (hours.values() for hours in found.table.hours.values())
    assert (measured.samples, measured.silent, measured.level) == (2, 1, -9825)
    assert not is_good(measured, Rules(level=-10500))  # as many silent as heard


def test_the_same_place_in_three_datums_is_one_cell_and_the_error_is_stated(tmp_path):
    from netops.coverage import datum

    gcj = datum.gcj02((39.96, 116.30))
    rows = [GOOD]
    for minute, by, at in ((31, "gcj-02", gcj), (32, "BD-09", datum.baidu(gcj))):
        rows.append(f"2026-09-30T09:{minute}:00+08:00,{at[0]:.9f},{at[1]:.9f},{by},tester 1,-99,")
    found = survey.read(written(tmp_path, HEADER, *rows), now_ms=NOW)

    assert len(found.table.hours) == 1
    assert dict(found.datums) == {"WGS-84": 1, "GCJ-02": 1, "BD-09": 1}
    assert found.error_mm == 10


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param(GOOD.replace("WGS-84", "WGS-48"), "datum 'WGS-48' is unknown; did you mean 'WGS-84'?", id="datum"),
        pytest.param(GOOD.replace("WGS-84", ""), "datum '' is unknown", id="no-datum"),
        pytest.param(GOOD.replace("+08:00", ""), "has no zone; expected a time with its zone", id="zone"),
        pytest.param(GOOD.replace("2026-09", "2027-09"), "has not come yet; check the instrument's clock", id="future"),
        pytest.param(
            GOOD.replace("2026-09-30T09:30:00+08:00", "yesterday"), "time 'yesterday' is not valid", id="time"
        ),
        pytest.param(GOOD.replace("2026", "0001"), "is before 1970", id="year-1"),
        pytest.param(
            GOOD.replace("39.96", "96.39"), "latitude '96.39' is not valid; expected decimal degrees", id="swap"
        ),
        pytest.param(
            GOOD.replace("39.96,116.30", "116.30,39.96"),
            "-90 to 90; latitude and longitude look exchanged",
            id="turned",
        ),
        pytest.param(GOOD.replace("98.25", "98,25"), "has 8 cells, the header has 7", id="decimal-comma"),
        pytest.param(GOOD.replace("-98.25", "98.25"), "or none; did you mean -98.25?", id="sign-hint"),
        pytest.param(GOOD.replace("39.96", "nan"), "latitude 'nan' is not valid", id="nan"),
        pytest.param(GOOD.replace("39.96", "3_9"), "latitude '3_9' is not valid", id="underscore"),
        pytest.param(GOOD.replace("39.96", "٣٩"), "latitude '٣٩' is not valid", id="other-digits"),
        pytest.param(GOOD.replace("-98.25", "98.25"), "rsrp '98.25' is not valid; expected -156 to -31", id="sign"),
        pytest.param(GOOD.replace("-98.25", ""), "rsrp '' is not valid; expected -156 to -31", id="no-level"),
        pytest.param(GOOD.replace("-98.25", "1e1"), "rsrp '1e1' is not valid", id="exponent"),
        pytest.param(GOOD.replace("-98.25", "none"), "sinr is '12.5' where rsrp is none", id="quality-of-nothing"),
        pytest.param(GOOD.replace("tester 1", ""), "instrument has 0 characters", id="instrument"),
        pytest.param(GOOD + ",1", "has 8 cells, the header has 7; quote cells that hold a comma", id="cells"),
        pytest.param(GOOD.replace("tester 1", '"tester'), "is not valid CSV", id="open-quote"),
        pytest.param(GOOD.replace("tester 1", "te\x00ster"), "holds control characters", id="control"),
        pytest.param(b"\xff\xfe", "is not UTF-8 at byte 0; save the file as UTF-8", id="bytes"),
        pytest.param("x" * 5000, "is longer than 4096 bytes; expected one sample on a line", id="long"),
        pytest.param(
            GOOD.replace("WGS-84", "GCJ-02").replace("116.30", "13.40"), "13.4 lies where GCJ-02 is not", id="berlin"
        ),
        pytest.param(GOOD, "is there twice: an earlier line is the same", id="twice"),
    ],
)
def test_a_bad_line_refuses_the_file_by_its_name_and_number(tmp_path, line, said):
    (fault,) = refused(written(tmp_path, HEADER, GOOD, line))

    assert fault.startswith("walk.csv:3: ")
    assert said in fault


@pytest.mark.parametrize(
    ("header", "said"),
    [
        pytest.param(HEADER.replace("datum,", ""), "column 'datum' is missing", id="no-datum"),
        pytest.param(HEADER.replace("rsrp", "rsrq"), "'rsrq' is no column of a survey; did you mean 'rsrp'", id="typo"),
        pytest.param(
            HEADER.replace(",", ";"), "columns are separated by semicolons; save the file with commas", id=";"
        ),
        pytest.param(HEADER.replace(",", "\t"), "columns are separated by tabs; save the file with commas", id="tabs"),
        pytest.param(HEADER + ",rssi", "of one of the two; split the file", id="both"),
        pytest.param(HEADER + ",sinr", "column 'sinr' is there twice", id="twice"),
        pytest.param(HEADER.replace(",rsrp", ""), "expected the column rssi (WiFi) or the column rsrp", id="no-level"),
    ],
)
def test_a_bad_header_is_named(tmp_path, header, said):
    assert any(said in fault for fault in refused(written(tmp_path, header, GOOD)))


@pytest.mark.parametrize(
    "who",
    [
        pytest.param("张三 13800138000", id="telephone"),
        pytest.param("phone of +86 138 0013 8000", id="international"),
        pytest.param("11010519491231002X", id="identity-card"),
        pytest.param("0a:0b:0c:00:00:01", id="mac"),
    ],
)
def test_an_instrument_that_names_somebody_is_refused_and_not_repeated(tmp_path, who):
    (fault,) = refused(written(tmp_path, HEADER, GOOD.replace("tester 1", who)))

    assert fault == "walk.csv:2: instrument names somebody; write the device's model and number"


@pytest.mark.parametrize("first", "=+-@")
def test_an_instrument_that_a_spreadsheet_would_compute_is_refused(tmp_path, first):
    (fault,) = refused(written(tmp_path, HEADER, GOOD.replace("tester 1", f"{first}cmd|' /C calc'!A0")))

    assert f"instrument begins with '{first}', as a formula does; write the device's model and number" in fault


def test_an_instrument_with_a_serial_number_is_taken(tmp_path):
    found = survey.read(written(tmp_path, HEADER, GOOD.replace("tester 1", "TSME6 SN-102938-4")), now_ms=NOW)

    assert dict(found.instruments) == {"TSME6 SN-102938-4": 1}


def test_an_empty_file_and_one_without_samples_are_named(tmp_path):
    assert "walk.csv:1: the file is empty; start it with the header" in refused(written(tmp_path, ""))[0]
    with pytest.raises(SurveyError, match="holds no samples"):
        survey.read(written(tmp_path, HEADER), now_ms=NOW)


def test_a_file_that_is_not_there_is_told_from_one_that_is_no_file(tmp_path):
    missing = tmp_path / "none.csv"
    for reading in (
        lambda path: survey.read(path, now_ms=NOW),
        lambda path: zones.read(path, AREAS),
        lambda path: prediction.read(path, technology="lte", resolution=9),
    ):
        with pytest.raises(SurveyError, match=r"none\.csv: there is no such file; expected a CSV"):
            reading(missing)
        with pytest.raises(SurveyError, match="is no plain file; expected a CSV"):
            reading(tmp_path)


def test_a_file_in_another_form_than_csv_has_one_fault(tmp_path):
    lines = [each.replace(",", ";") for each in (HEADER, GOOD)]

    assert refused(written(tmp_path, *lines)) == [
        "walk.csv:1: columns are separated by semicolons; save the file with commas"
    ]


def test_many_areas_without_cells_are_one_line(tmp_path):
    path = tmp_path / "map.csv"
    path.write_text(f"cell,area\n{CELL},a00\n")
    with pytest.raises(SurveyError) as error:
        zones.read(path, [f"a{number:02d}" for number in range(29)])

    assert str(error.value).splitlines()[1:] == [
        "map.csv: 28 areas have no cells: a01, a02, a03, a04, a05 and 23 more; add them"
    ]


def test_a_file_of_bad_lines_names_the_first_hundred_and_counts_the_rest(tmp_path):
    faults = refused(written(tmp_path, HEADER, *(f"{number},,,,,," for number in range(1000))))

    assert len(faults) == 101
    assert faults[-1] == "walk.csv: and 900 more faults"


def samples(count, seed):
    picked = random.Random(seed)
    start = datetime(2026, 9, 1, tzinfo=UTC)
    for number in range(count):
        at = start + timedelta(seconds=number * 37)
        lat, lon = picked.uniform(39.95, 39.97), picked.uniform(116.29, 116.31)
        yield f"{at.isoformat()},{lat:.6f},{lon:.6f},WGS-84,tester 1,{picked.uniform(-120, -70):.2f},"


def test_neither_the_order_of_samples_nor_the_cut_into_files_changes_the_table(tmp_path):
    lines = list(samples(300, 5))
    whole = survey.read(written(tmp_path, HEADER, *lines), now_ms=NOW)
    turned = survey.read(written(tmp_path, HEADER, *reversed(lines)), now_ms=NOW)
    parts = Table()
    for piece in (lines[:7], lines[7:200], lines[200:]):
        parts.merge(survey.read(written(tmp_path, HEADER, *piece), now_ms=NOW).table)

    assert whole.table == turned.table
    assert whole.table == parts


@pytest.mark.parametrize(
    ("total", "weak", "percent"),
    [(816, 71, "8.701"), (549, 24, "4.3716"), (79638, 6135, "7.7036"), (18720, 2513, "13.4241")],
)
def test_weak_coverage_below_minus_105_dbm(total, weak, percent):
    levels = [-10501] * weak + [-10500] * (total - weak)
    found, count = weak_share(levels, -10500)

    assert f"{100 * found / count:.{len(percent.partition('.')[2])}f}" == percent


@pytest.mark.slow
def test_a_hundred_thousand_samples_are_read_within_six_seconds(tmp_path):
    path = written(tmp_path, HEADER, *samples(100_000, 1))
    began = time.process_time()
    found = survey.read(path, now_ms=2 * NOW)

    assert found.samples == 100_000
    assert time.process_time() - began < 6


AREAS = ["110108001", "110108002"]
CELL = "8931aa51d1bffff"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("cell,areas\n", "map.csv:1: the header is 'cell,areas'; expected cell,area", id="header"),
        pytest.param(f"cell,area\n{CELL},110108009", "map.csv:2: area '110108009' is not in the register", id="area"),
        pytest.param("cell,area\nxyz,110108001", "map.csv:2: 'xyz' is no H3 cell", id="cell"),
        pytest.param("cell,area\n8831aa51d1fffff,110108001", "resolution 8; expected 9", id="resolution"),
        pytest.param(f"cell,area\n{CELL},110108001\n{CELL},110108002", "belongs to area 110108001 already", id="two"),
        pytest.param(f"cell,area\n{CELL},110108001", "area 110108002 has no cells; add them", id="empty"),
        pytest.param(
            '{"features": [{"properties": {"area": "9"}, "geometry": {"type": "Polygon", "coordinates":'
            " [[[116.2, 39.9], [116.22, 39.9], [116.22, 39.92], [116.2, 39.9]]]}}]}",
            "nothing was taken\nmap.csv: feature 1: area '9' is not in the register; expected a code of its areas\n"
            "map.csv: 2 areas have no cells: 110108001, 110108002; add them",
            id="one-fault-for-a-boundary",
        ),
        pytest.param("hello", "is neither JSON nor a CSV", id="text"),
        pytest.param("[" * 100000, "is neither JSON nor a CSV", id="deep"),
        pytest.param('{"type": "FeatureCollection"}', "is no GeoJSON FeatureCollection", id="no-features"),
        pytest.param('{"features": [{"properties": {"area": 1}}]}', "feature 1: expected a geometry", id="feature"),
    ],
)
def test_a_bad_map_of_areas_is_named(tmp_path, text, said):
    path = tmp_path / "map.csv"
    path.write_text(text)
    with pytest.raises(SurveyError) as error:
        zones.read(path, AREAS)

    assert said in str(error.value)
