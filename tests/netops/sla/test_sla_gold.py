"""The same outage facts as three products would judge them, and as interval algebra does."""

import ast
import csv
from fractions import Fraction
from pathlib import Path

import pytest

from netops.sla import availability
from netops.sla.availability import ExclusionMode, Modes
from netops.sla.intervals import Interval, State, subtract, union

GOLD = Path(__file__).resolve().parents[3] / "../shared/data/recordings/gold/availability/peer_formulas_30d.tsv"
SECONDS = 2_592_000
pytestmark = pytest.mark.recordings


def scenarios():
    if not GOLD.exists():
        return []
    with GOLD.open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


@pytest.mark.skipif(not GOLD.exists(), reason="the recordings do not lie beside the project")
@pytest.mark.parametrize("row", scenarios(), ids=lambda row: row["scenario"].split()[0])
def test_interval_algebra_gives_the_correct_seconds(row):
    def spans(name):
        pairs = ast.literal_eval(row[name])
        return union((start * 1000, (SECONDS if end is None else end) * 1000) for start, end in pairs)

    window = ((0, SECONDS * 1000),)
    down, blind, excluded = spans("outages_s"), spans("collector_gap_s"), spans("maintenance_s")
    up = subtract(subtract(window, down), blind)
    intervals = sorted(
        [
            *(Interval(*pair, State.DOWN) for pair in subtract(down, blind)),
            *(Interval(*pair, State.UNKNOWN) for pair in blind),
            *(Interval(*pair, State.UP) for pair in up),
        ],
        key=lambda each: each.start_ms,
    )
    sums = availability.tally(intervals, judged=window, excluded=excluded)
    found = availability.judge(sums, Modes(exclusion=ExclusionMode.REMOVE, max_unknown_ratio=Fraction(1)))

    seconds = tuple(each // 1000 for each in (sums.up, sums.down, sums.excluded, sums.unknown))
    assert seconds == tuple(int(row[f"correct_{name}_s"]) for name in ("up", "down", "maint", "unknown"))
    assert round(float(found.ratio * 100), 4) == float(row["availability_of_known_pct"])
