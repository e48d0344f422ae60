"""The page of indicators names keys that a contract can have and worked examples that there are."""

import re
from pathlib import Path

import pytest

from inventory.model import Coverage, Rules
from netops.metrics import METRICS
from netops.sla import derived, streams

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reference" / "indicators.md").read_text(encoding="utf-8")
ROWS = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| ") and line.count(" | ") == 4]
INDICATOR = re.compile(r"`((?:availability|probe|portal|fault|asset|pon|lte)(?:\.[a-z0-9_.]+)?)`")
SAID = [row for row in ROWS if row[0] != "indicator"]


def test_the_page_has_a_row_for_each_kind_of_indicator():
    told = {name for row in SAID for name in INDICATOR.findall(row[2])}
    wanted = {streams.AVAILABILITY, *derived.OF_STATE, derived.RATE, *streams.ONE_BY_ONE}

    assert wanted <= told
    assert len(SAID) > 25


@pytest.mark.parametrize("row", SAID, ids=lambda row: row[0])
def test_what_a_row_says_is_there(row):
    for name in INDICATOR.findall(row[2]):
        streams.word(name, "the page")
        assert name in {streams.AVAILABILITY, *derived.OF_STATE} or name in METRICS
    for field in re.findall(r"`([a-z_]+):", row[2]):
        assert field in {*Rules.__slots__, *Coverage.__slots__, "threshold", "target", "roles", "coverage"}
    file = ""
    for part in re.findall(r"`([^`]+)`", row[4]):
        if part.startswith("tests/"):
            file = (ROOT / part).read_text(encoding="utf-8")
        else:
            assert f"def {part}(" in file


def test_each_rule_that_it_points_to_has_its_heading():
    headings = {
        re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in (ROOT / "docs" / "explanation" / "sla.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("#")
    }

    assert set(re.findall(r"sla\.md#([\w-]+)", PAGE)) <= headings
