"""What a hostile bundle may cost: work grows with its bytes, and no faster."""

from fractions import Fraction

import pytest

from netops.errors import EvidenceError
from netops.evidence import bundle as bundles
from netops.evidence import canonical, derived
from netops.evidence.lines import Line
from netops.evidence.members import LEAVES, Bundle

LEAF = {"fact": {"at_ms": 1, "body": {"text": 'x,"leaf":'}, "kind": "k"}, "recorded_ms": 2}


@pytest.fixture
def parsed(monkeypatch):
    """How often a text was written again to see whether it is canonical."""
    count = []
    dumps = canonical.dumps
    monkeypatch.setattr(canonical, "dumps", lambda value: count.append(1) or dumps(value))
    return count


def test_a_leaf_is_held_against_its_canonical_form_once_however_often_it_is_read(parsed):
    kept = {index: canonical.dumps(LEAF | {"recorded_ms": index}) for index in range(0, 500, 5)}
    opened = Bundle(members={LEAVES: bundles.leaf_lines(kept)})
    parsed.clear()

    assert [dict(opened.leaves()) for _ in range(4)] == [kept] * 4
    assert len(parsed) == len(kept)


def test_a_member_that_is_not_canonical_is_refused_each_time():
    line = b'{"index":1, "leaf":{}}'
    opened = Bundle(members={"a": b'{"index":0,"leaf":{}}\n' + line + b"\n"})

    for _ in range(3):
        with pytest.raises(EvidenceError, match=r"a: line 2: not canonical JSON"):
            list(opened.leaves("a"))


def test_of_many_exclusions_a_fault_is_held_against_those_that_it_meets(monkeypatch):
    """2,000 faults of one second under 2,000 exclusions were four million looks."""
    line, excused, looked = Line(), [], []
    for start in range(0, 4_000_000, 2000):
        line.add(start, start + 1000, 0, ("UP", "", ""))
        line.add(start + 1000, start + 2000, 0, ("DOWN", "carrier", "los"))
        excused.append((start + 1200, start + 1500))
    cut = derived.cut
    monkeypatch.setattr(derived, "cut", lambda *sets, keep: looked.append(len(sets[1])) or cut(*sets, keep=keep))
    limit = Fraction(6, 36_000)  # 600 ms, and 700 are left of each

    found = list(derived.pieces((derived.REPAIR, limit, Fraction(1)), line, [], excused, ()))

    assert {state for _, _, state, _ in found} == {"DOWN"}
    assert len(found) == 2000
    assert sum(looked) <= 2 * 2000


@pytest.mark.parametrize(
    ("excused", "state"),
    [
        ([], "DOWN"),
        ([(0, 1000)], "DOWN"),  # over when it begins
        ([(2000, 3000)], "DOWN"),
        ([(0, 1001)], "UP"),  # 999 ms are left
        ([(0, 500), (600, 1001), (1999, 2500)], "UP"),
    ],
)
def test_an_exclusion_that_reaches_into_a_fault_shortens_it(excused, state):
    line = Line()
    for start, label in ((0, "UP"), (1000, "DOWN"), (2000, "UP")):
        line.add(start, start + 1000, 0, (label, "", ""))

    (found,) = derived.pieces((derived.REPAIR, Fraction(999, 3_600_000), Fraction(1)), line, [], excused, ())

    assert found[2] == state
