"""Values drawn at random from the recordings of WLAN devices, up to 50 a family, each compared by hand with the MIB.

`hand_checked_wlan.tsv` says for each what was sent, what it means, and the object and words of the MIB that say so. A
reader of walks of its own made it, from the objects of the MIBs; nothing of what is tested here took part.
"""

from __future__ import annotations

import csv
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from collectors.profile_yaml import shipped
from collectors.replay import replay

RECORDINGS = Path(__file__).resolve().parents[2] / "../shared/data/recordings"
pytestmark = [pytest.mark.recordings, pytest.mark.timeout(300)]
with (Path(__file__).parent / "hand_checked_wlan.tsv").open(encoding="utf-8", newline="") as stream:
    CHECKED = list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))


@cache
def replayed(recording):
    """Return what a recording gives, by OID and metric."""
    seen = replay(RECORDINGS / recording, shipped(), at_ms=0).decoded.observations
    return {(o.oid, o.metric): o for o in seen}


@pytest.mark.parametrize("recording", sorted({row["recording"] for row in CHECKED}))
def test_the_values_compared_by_hand_are_what_the_decoder_gives(recording):
    expected = {
        (r["oid"], r["metric"]): (r["family"], r["subject"], r["raw"], r["value"], r["quality"])
        for r in CHECKED
        if r["recording"] == recording
    }
    actual = {}
    for key in expected:
        seen = replayed(recording).get(key)
        if seen is not None:
            value = "" if seen.value is None else str(seen.value)
            actual[key] = (seen.rule.partition(".")[0], str(seen.subject), str(seen.raw), value, seen.quality.value)

    assert expected == actual


def test_each_has_its_clause_and_no_family_more_than_fifty():
    assert all(row["clause"] not in {"", "?"} for row in CHECKED)
    assert max(Counter(row["family"] for row in CHECKED).values()) == 50
    assert len({row["family"] for row in CHECKED}) > 20
