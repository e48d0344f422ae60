"""Values drawn at random from the recordings of OLTs and modems, up to 50 a family, each compared by hand with the MIB.

`hand_checked_pon_lte.tsv` says for each what was sent, what it means, and the object and words of the MIB that say so.
"""

from __future__ import annotations

import csv
import math
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from collectors.profile_yaml import shipped
from collectors.replay import replay

RECORDINGS = Path(__file__).resolve().parents[2] / "../shared/data/recordings"
pytestmark = [pytest.mark.recordings, pytest.mark.timeout(120)]
with (Path(__file__).parent / "hand_checked_pon_lte.tsv").open(encoding="utf-8", newline="") as stream:
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
        o = replayed(recording)[key]
        value = "" if o.value is None else str(o.value)
        actual[key] = (o.rule.partition(".")[0], str(o.subject), str(o.raw), value, o.quality.value)

    assert expected == actual


def test_each_has_its_clause_and_no_family_more_than_fifty():
    assert all(row["clause"] not in {"", "?"} for row in CHECKED)
    assert max(Counter(row["family"] for row in CHECKED).values()) == 50
    assert len({row["family"] for row in CHECKED}) > 20


def test_texts_with_two_units_agree_with_themselves():
    """V-SOL writes a level twice, in mW and in dBm: the one that was read is the logarithm of the other."""
    both = [re.fullmatch(r"([\d.]+) mW \(.*\)", row["raw"]) for row in CHECKED]
    pairs = [(float(m[1]), float(row["value"])) for m, row in zip(both, CHECKED, strict=True) if m]

    assert len(pairs) > 10
    assert all(math.isclose(10 ** (level / 10), milliwatt, abs_tol=0.0051) for milliwatt, level in pairs)
