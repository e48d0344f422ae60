"""Values drawn at random from the recordings, up to 50 a family, each compared by hand with the MIB.

`hand_checked_*.tsv` say for each what was sent, what it means, and the object and words of the MIB that say so. Readers
of walks of their own made them, from the objects of the MIBs; nothing of what is tested here took part.
"""

from __future__ import annotations

import csv
import math
import re
from collections import Counter
from pathlib import Path

import pytest

HERE = Path(__file__).parent
pytestmark = [pytest.mark.recordings, pytest.mark.timeout(300), pytest.mark.xdist_group("recordings")]


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))


CHECKED = {name: rows_of(HERE / f"hand_checked_{name}.tsv") for name in ("pon_lte", "wlan")}


@pytest.mark.parametrize(
    ("name", "recording"),
    [(name, each) for name, rows in CHECKED.items() for each in sorted({r["recording"] for r in rows})],
)
def test_the_values_compared_by_hand_are_what_the_decoder_gives(replayed, name, recording):
    expected = {
        (r["oid"], r["metric"]): (r["family"], r["subject"], r["raw"], r["value"], r["quality"])
        for r in CHECKED[name]
        if r["recording"] == recording
    }
    given = {(o.oid, o.metric): o for o in replayed(recording).decoded.observations}
    actual = {}
    for key in expected:
        seen = given.get(key)
        if seen is not None:
            value = "" if seen.value is None else str(seen.value)
            actual[key] = (seen.rule.partition(".")[0], str(seen.subject), str(seen.raw), value, seen.quality.value)

    assert expected == actual


@pytest.mark.parametrize("name", CHECKED)
def test_each_has_its_clause_and_no_family_more_than_fifty(name):
    rows = CHECKED[name]
    assert all(row["clause"] not in {"", "?"} for row in rows)
    assert max(Counter(row["family"] for row in rows).values()) == 50
    assert len({row["family"] for row in rows}) > 20


def test_texts_with_two_units_agree_with_themselves():
    """V-SOL writes a level twice, in mW and in dBm: the one that was read is the logarithm of the other."""
    rows = CHECKED["pon_lte"]
    both = [re.fullmatch(r"([\d.]+) mW \(.*\)", row["raw"]) for row in rows]
    pairs = [(float(m[1]), float(row["value"])) for m, row in zip(both, rows, strict=True) if m]

    assert len(pairs) > 10
    assert all(math.isclose(10 ** (level / 10), milliwatt, abs_tol=0.0051) for milliwatt, level in pairs)
