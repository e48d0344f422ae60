"""Coverage in time: surface times durations by a declared footprint; held against every minute of every cell."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netops.coverage import grid
from netops.coverage.served import Served, State, read, served
from netops.coverage.survey import SurveyError
from netops.sla.intervals import union

PERIOD = ((0, 100),)


def test_a_cell_is_served_while_one_of_its_services_is_up():
    footprint = {"c1": frozenset({"a", "b"}), "c2": frozenset({"a"}), "c3": frozenset()}
    states = {"a": State(up=((0, 40),), unknown=((40, 50),)), "b": State(up=((30, 60),), unknown=())}
    zones = {"west": {"c1": 1, "c2": 10}, "east": {"c3": 7}}
    found = served(zones, footprint, states, period=PERIOD)

    assert found["west"] == Served(up=60 + 400, down=40 + 500, unknown=100)
    assert found["east"] == Served(unclaimed=700)
    assert found["west"].share == Fraction(460, 1000)
    assert found["west"].bounds == (Fraction(460, 1100), Fraction(560, 1100))
    assert found["east"].share is None


def test_a_service_that_nobody_saw_is_unknown_and_never_down():
    assert served({"w": {"c": 3}}, {"c": frozenset({"a"})}, {}, period=PERIOD)["w"] == Served(unknown=300)


SPANS = st.lists(st.tuples(st.integers(0, 29), st.integers(1, 10)), max_size=4)
CITY = st.dictionaries(st.sampled_from("abcd"), st.tuples(SPANS, SPANS), max_size=4)
CELLS = st.dictionaries(st.sampled_from(["c1", "c2", "c3"]), st.frozensets(st.sampled_from("abcd"), max_size=3))


@given(CITY, CELLS)
def test_the_sums_are_those_of_every_cell_at_every_moment(city, footprint):
    states = {
        name: State(*(union([(start, start + length) for start, length in spans]) for spans in each))
        for name, each in city.items()
    }
    zones = {"w": {"c1": 2, "c2": 3}, "e": {"c3": 5}}
    counted = dict.fromkeys(zones, Served())
    for area, cells in zones.items():
        for cell, surface in cells.items():
            for at in range(30):
                counted[area] += moment(cell, surface, at, footprint, states)

    assert served(zones, footprint, states, period=((0, 30),)) == counted


def moment(cell, surface, at, footprint, states):
    """Return one moment of one cell, by looking at each of its services."""
    who = footprint.get(cell, ())
    if not who:
        return Served(unclaimed=surface)
    if any(holds(states[each].up, at) for each in who if each in states):
        return Served(up=surface)
    if any(each not in states or holds(states[each].unknown, at) for each in who):
        return Served(unknown=surface)
    return Served(down=surface)


def holds(spans, at):
    return any(start <= at < end for start, end in spans)


def test_a_footprint_is_read_and_its_faults_are_named(tmp_path):
    cell = grid.cell(39.96, 116.3)
    file = tmp_path / "f.csv"
    file.write_text(f"service,cell\nap-1,{cell}\nap-2,{cell}\n")

    assert read(file, {"ap-1", "ap-2"}, resolution=9) == {cell: frozenset({"ap-1", "ap-2"})}
    file.write_text(f"service,cell\nap-1,{cell}\nap-1,{cell}\nap-3,{cell}\nap-1,xyz\n")
    with pytest.raises(SurveyError) as caught:
        read(file, {"ap-1", "ap-2"}, resolution=9)
    said = str(caught.value).splitlines()
    assert said[1] == f"f.csv:3: cell {cell} of service ap-1 is there twice; keep one of the two"
    assert said[2].startswith("f.csv:4: service 'ap-3' is not in the register; did you mean")
    assert said[3] == "f.csv:5: 'xyz' is no H3 cell of resolution 9"
