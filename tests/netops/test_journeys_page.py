"""The page of journeys names tests that there are, and every test of a journey stands in a row of it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reference" / "journeys.md").read_text(encoding="utf-8")
ROWS = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| ") and " | " in line]
SAID = [row for row in ROWS if row[0] != "journey"]
WHO = ("Operator", "On call", "Auditor", "Manager", "Administrator", "Citizen", "Carrier", "Contract manager")
JOURNEYS = ("tests/system/test_journeys.py", "tests/system/test_settling.py")  # of which every test is a journey's


def named(row: list[str]) -> dict[str, set[str]]:
    """Return file → the tests of it that a row names."""
    found: dict[str, set[str]] = {}
    file = ""
    for part in re.findall(r"`([^`]+)`", row[2]):
        if part.startswith("tests/"):
            file = part
        elif part.startswith("test_"):
            found.setdefault(file, set()).add(part)
    return found


def test_everybody_of_the_design_has_journeys():
    assert tuple(re.findall(r"^## (.+)$", PAGE, re.MULTILINE)) == WHO
    assert len(SAID) > 30


@pytest.mark.parametrize("row", SAID, ids=lambda row: row[0])
def test_a_row_has_a_figure_and_tests_that_there_are_or_says_that_it_has_none(row):
    assert len(row) == 3
    assert row[1]
    tests = named(row)
    assert tests or row[2].startswith("no test"), row
    for file, names in tests.items():
        text = (ROOT / file).read_text(encoding="utf-8")
        assert [name for name in names if f"def {name}(" not in text] == []
    for program in re.findall(r"`(benchmarks/[^`]+)`", row[2]):
        assert (ROOT / program).exists()


@pytest.mark.parametrize("file", JOURNEYS)
def test_every_test_of_a_journey_stands_in_a_row(file):
    there = set(re.findall(r"^def (test_\w+)\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE))
    told = {name for row in SAID for name in named(row).get(file, ())}

    assert told == there
