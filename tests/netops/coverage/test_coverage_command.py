"""`netops coverage` as a person types it: areas, a survey, the verdict."""

from __future__ import annotations

import argparse
import json

import pytest

from inventory import sql
from inventory.city import city_of
from inventory.model import Area, Carrier
from inventory.register import Register
from inventory.tables import MIGRATIONS
from netops import facts, spool
from netops.access import record
from netops.commands import coverage
from netops.config import City, Data, Settings
from netops.coverage import grid, sealed
from netops.coverage.survey import SurveyError
from netops.errors import EvidenceError, UsageError
from netops.ledger import Ledger, LedgerEntry

NOW = 1_791_000_000_000  # 2026-10-03
WEST, EAST = "110108001", "110108002"


@pytest.fixture
def settings(tmp_path):
    settings = Settings(data=Data(dir=tmp_path), city=City(rehearsal=True))
    areas = [
        Area(id=WEST, name="西街道", name_en="West", col=1, row=1),
        Area(id=EAST, name="东街道", name_en="East", col=2, row=1),
    ]
    sql.upgrade(MIGRATIONS, settings.register_url)
    with Register(settings.register_url, rehearsal=True) as register:
        register.apply(city_of([*areas, Carrier(id="carrier-a", name="甲")]), at_ms=NOW - 2, now_ms=NOW - 2)
    (tmp_path / "spool").mkdir(exist_ok=True)
    return settings


def run(settings, *words):
    parser = argparse.ArgumentParser()
    coverage.arguments(parser)
    args = parser.parse_args([str(each) for each in words])
    args.now_ms = NOW
    return coverage.run(args, settings)


def squares(tmp_path):
    features = []
    for index, area in enumerate((WEST, EAST)):
        west, east = 116.20 + index * 0.03, 116.23 + index * 0.03
        ring = [[west, 39.90], [east, 39.90], [east, 39.92], [west, 39.92], [west, 39.90]]
        features.append({"properties": {"area": area}, "geometry": {"type": "Polygon", "coordinates": [ring]}})
    path = tmp_path / "areas.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def survey(tmp_path, settings, *, weak=(), name="walk.csv", day=1):
    """Write four hours of samples in each cell that is stated; in the areas of `weak` the network is weak."""
    held = sealed.read([fact for fact, _ in record.stated(settings, sealed.KINDS)])
    lines = ["time,latitude,longitude,datum,instrument,rsrp"]
    for area, cells in held.zones.items():
        for cell in cells:
            lat, lon = grid.h3.cell_to_latlng(cell)
            level = -112 if area in weak else -95
            lines += [
                f"2026-09-{day:02d}T0{hour}:00:00Z,{lat:.7f},{lon:.7f},WGS-84,tester 1,{level}" for hour in range(4)
            ]
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n")
    return path


def seal(settings):
    """Seal what waits, as the core does when it runs."""
    path = record.spool_path(settings, "cli")
    with Ledger(record.ledger_path(settings), origin="x/rehearsal", rehearsal=True) as ledger:
        sealed_before = {leaf.sequence for kind in sealed.KINDS for leaf in ledger.find(kind)}
        entries = [each for each in spool.read(path, after=0, limit=100) if each.sequence not in sealed_before]
        waiting = [LedgerEntry(each.source, each.sequence, facts.decode(each.payload)) for each in entries]
        ledger.append(waiting, now_ms=NOW)


def judged(settings, capsys, *words):
    code = run(settings, "judge", "--carrier", "carrier-a", "--json", *words)
    return code, json.loads(capsys.readouterr().out)


def test_from_boundaries_and_a_walk_to_a_verdict(settings, tmp_path, capsys):
    assert run(settings, "areas", squares(tmp_path)) == 0
    assert run(settings, "import", survey(tmp_path, settings), "--carrier", "carrier-a") == 0
    capsys.readouterr()
    code, said = judged(settings, capsys)

    assert code == 0
    assert (said["column"], said["whole"]["outcome"], said["whole"]["share"]) == ("area", "met", "1")
    assert {area: each["outcome"] for area, each in said["areas"].items()} == {WEST: "met", EAST: "met"}
    assert said["grid"]["h3"] == grid.version()


def test_one_weak_area_is_a_breach_of_its_minimum(settings, tmp_path, capsys):
    run(settings, "areas", squares(tmp_path))
    run(settings, "import", survey(tmp_path, settings, weak=(EAST,)), "--carrier", "carrier-a")
    capsys.readouterr()
    code, said = judged(settings, capsys, "--target", "40")

    assert code == 3
    assert said["whole"]["because"] == f"minimum_missed: {EAST}"
    assert said["areas"][EAST]["share"] == "0"


def test_the_same_file_twice_is_stated_once(settings, tmp_path, capsys):
    run(settings, "areas", squares(tmp_path))
    path = survey(tmp_path, settings)
    run(settings, "import", path, "--carrier", "carrier-a")
    stated = record.stated(settings, sealed.KINDS)
    run(settings, "import", path, "--carrier", "carrier-a")

    assert "was imported before" in capsys.readouterr().out
    assert record.stated(settings, sealed.KINDS) == stated


def test_a_survey_by_another_resolution_than_the_areas_is_no_silent_nothing(settings, tmp_path):
    run(settings, "areas", squares(tmp_path))
    run(settings, "import", survey(tmp_path, settings), "--carrier", "carrier-a")
    run(settings, "areas", squares(tmp_path), "--resolution", 8)

    with pytest.raises(UsageError, match="has cells of resolution 9, the areas 8; state the areas by the same"):
        run(settings, "judge", "--carrier", "carrier-a")


def test_a_sealed_survey_is_held_against_its_file(settings, tmp_path, capsys):
    run(settings, "areas", squares(tmp_path))
    path = survey(tmp_path, settings)
    run(settings, "import", path, "--carrier", "carrier-a")
    seal(settings)
    capsys.readouterr()

    assert run(settings, "check", path, "--carrier", "carrier-a") == 0
    assert f"{path}: what is sealed is what the file says: " in capsys.readouterr().out
    path.write_text(path.read_text().replace("-95", "-94", 1))
    with pytest.raises(EvidenceError, match="the file is not the one imported"):
        run(settings, "check", path, "--carrier", "carrier-a")


def test_a_survey_that_only_waits_for_the_core_is_not_called_sealed(settings, tmp_path, capsys):
    run(settings, "areas", squares(tmp_path))
    path = survey(tmp_path, settings)
    run(settings, "import", path, "--carrier", "carrier-a")
    capsys.readouterr()

    assert run(settings, "check", path, "--carrier", "carrier-a") == 75
    said = capsys.readouterr().out
    assert "what was stated is what the file says" in said
    assert "it is not in the ledger yet: the core seals it when it runs" in said


def test_a_verdict_tells_what_of_its_ground_is_not_sealed_yet(settings, tmp_path, capsys):
    run(settings, "areas", squares(tmp_path))
    first = survey(tmp_path, settings)
    run(settings, "import", first, "--carrier", "carrier-a")
    seal(settings)
    run(settings, "import", survey(tmp_path, settings, name="second.csv", day=2), "--carrier", "carrier-a")
    capsys.readouterr()
    _, said = judged(settings, capsys)
    run(settings, "judge", "--carrier", "carrier-a", "--language", "en")
    words = capsys.readouterr().out

    assert said["unsealed"] == {"areas": False, "surveys": [said["surveys"][1]["digest"]]}
    assert "surveys that are not sealed yet (the core seals them when it runs): 1\n" in words
    assert "the areas are not sealed yet" not in words
    seal(settings)
    assert judged(settings, capsys)[1]["unsealed"] == {"areas": False, "surveys": []}


def test_a_survey_that_was_stated_otherwise_than_its_file_says_is_named(settings, tmp_path, capsys):
    run(settings, "areas", squares(tmp_path))
    path = survey(tmp_path, settings)
    read = coverage.survey.read(path, now_ms=NOW)
    cell, hours = next(iter(read.table.hours.items()))
    hours[min(hours)].level += 500
    record.state(settings, sealed.of_survey(read, carrier="carrier-a", grid="4.5.0", by="t", now_ms=NOW))

    with pytest.raises(EvidenceError, match=f"cell {cell}, hour .*level=-9000.* by the file .*level=-9500"):
        run(settings, "check", path, "--carrier", "carrier-a")


def test_a_dry_run_and_a_refused_file_state_nothing(settings, tmp_path):
    run(settings, "areas", squares(tmp_path), "--dry-run")
    bad = tmp_path / "bad.csv"
    bad.write_text("time,latitude,longitude,datum,instrument,rsrp\nx,,,,,\n")
    with pytest.raises(SurveyError, match=r"bad\.csv:2: time 'x' is not valid"):
        run(settings, "import", bad, "--carrier", "carrier-a")

    assert record.stated(settings, sealed.KINDS) == []


def test_what_was_never_measured_has_no_verdict_and_the_words_say_so(settings, tmp_path, capsys):
    run(settings, "areas", squares(tmp_path))
    capsys.readouterr()

    assert run(settings, "judge", "--carrier", "carrier-a", "--language", "en") == 0
    said = capsys.readouterr().out
    assert "all areas: not determinable (nothing is known)" in said
    assert "  2 areas: not determinable (nothing was ever measured there): 西街道, 东街道\n" in said
    assert "unknown 100.00 %" in said


def test_one_area_that_was_never_measured_stands_by_itself(settings, tmp_path, capsys):
    run(settings, "areas", squares(tmp_path))
    path = survey(tmp_path, settings)
    west = [
        line for line in path.read_text().splitlines() if not line.partition("116.")[2].startswith(("23", "24", "25"))
    ]
    path.write_text("\n".join(west) + "\n")
    run(settings, "import", path, "--carrier", "carrier-a")
    capsys.readouterr()
    run(settings, "judge", "--carrier", "carrier-a", "--language", "zh_CN")
    said = capsys.readouterr().out

    assert "  东街道: 无法判定" in said
    assert "个区域无法判定" not in said


def test_one_sample_is_no_samples_and_its_datum_says_what_became_of_it(settings, tmp_path, capsys):
    path = tmp_path / "one.csv"
    path.write_text(
        "time,latitude,longitude,datum,instrument,rsrp\n2026-09-30T09:30:00+08:00,39.96,116.30,GCJ-02,tester 1,-98\n"
    )
    run(settings, "import", path, "--carrier", "carrier-a")
    head, by, outside = capsys.readouterr().out.splitlines()

    assert head.startswith(f"{path}: 1 sample (lte) in 1 cell, ")
    assert by == "  GCJ-02: 1 sample, converted to WGS-84, exact to 10 mm by the known formula"
    assert outside.startswith("  1 cell lies in no area")


def test_areas_of_the_register_without_cells_are_counted(settings, tmp_path):
    run(settings, "areas", squares(tmp_path))
    more = [Area(id=f"11010800{n}", name=f"街道{n}", name_en=f"Area {n}", col=n, row=2) for n in range(3, 10)]
    with Register(settings.register_url, rehearsal=True) as register:
        held = [
            Area(id=WEST, name="西街道", name_en="West", col=1, row=1),
            Area(id=EAST, name="东街道", name_en="East", col=2, row=1),
        ]
        register.apply(city_of([*held, *more, Carrier(id="carrier-a", name="甲")]), at_ms=NOW - 1, now_ms=NOW - 1)

    with pytest.raises(UsageError, match=r"^7 areas have no cells: 110108003, .*, 110108007 and 2 more; "):
        run(settings, "judge", "--carrier", "carrier-a")


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_a_verdict_reads_in_both_languages(settings, tmp_path, capsys, language):
    run(settings, "areas", squares(tmp_path))
    run(settings, "import", survey(tmp_path, settings), "--carrier", "carrier-a")
    capsys.readouterr()
    run(settings, "judge", "--carrier", "carrier-a", "--language", language)

    assert {"en": "coverage by area", "zh_CN": "按面积的覆盖率"}[language] in capsys.readouterr().out


def test_a_prediction_has_a_hit_rate_and_changes_nothing(settings, tmp_path, capsys):
    run(settings, "areas", squares(tmp_path))
    run(settings, "import", survey(tmp_path, settings, weak=(EAST,)), "--carrier", "carrier-a")
    held = sealed.read([fact for fact, _ in record.stated(settings, sealed.KINDS)])
    claimed = tmp_path / "umi.csv"
    picked = [next(iter(cells)) for cells in held.zones.values()]
    claimed.write_text("cell,level\n" + "".join(f"{cell},-90\n" for cell in picked))
    capsys.readouterr()
    _, plain = judged(settings, capsys)
    _, said = judged(settings, capsys, "--claimed", claimed)

    assert said["claimed"] == {"cells": 2, "known": 2, "hits": 1}
    assert said["whole"] == plain["whole"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(("--carrier", "carrier-b"), "'carrier-b' is not in the register; did you mean", id="who"),
        pytest.param(("--carrier", "unicom"), "'unicom' is not in the register; it has carrier-a", id="stranger"),
        pytest.param(("--carrier", "carrier-a"), "is not stated yet; `netops coverage areas FILE` first", id="areas"),
        pytest.param(("--carrier", "carrier-a", "--target", "nan"), "--target 'nan': expected a number", id="nan"),
        pytest.param(("--carrier", "carrier-a", "--target", "101"), "expected a number from 0 to 100", id="target"),
        pytest.param(
            ("--carrier", "carrier-a", "--level", "9"), "--level 9: expected dBm from -156 to -31", id="level"
        ),
        pytest.param(
            ("--carrier", "carrier-a", "--level", "105"),
            "--level 105: expected dBm from -156 to -31; did you mean -105?",
            id="sign",
        ),
        pytest.param(
            ("--carrier", "carrier-a", "--quality", "99"), "--quality 99: expected dB from -23 to 40", id="db"
        ),
        pytest.param(("--carrier", "carrier-a", "--min-hours", "0"), "expected at least 1", id="hours"),
    ],
)
def test_words_that_are_off_are_named(settings, words, said):
    with pytest.raises(UsageError) as error:
        run(settings, "judge", *words)

    assert said in str(error.value)
