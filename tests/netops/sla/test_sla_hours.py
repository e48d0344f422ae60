"""A sealed hour says what the runs said, for every service of the roster and for no other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netops.errors import EvidenceError, UsageError
from netops.facts import Fact, check, encode
from netops.sla import hours, month, timeline
from netops.sla.hours import Listed
from netops.sla.intervals import State
from netops.sla.timeline import Run, Sample, Stretch

M, H = 60_000, 3_600_000
START = 500_000 * H
NAMES = [f"ap-{i:03d}" for i in range(12)]
ROSTER = hours.roster("c", [Listed(name, "wifi") for name in NAMES])
STATES = (State.UP, State.UP, State.UP, State.DOWN, State.UNKNOWN, None)
history = st.binary(min_size=60, max_size=60).map(lambda drawn: [STATES[each % len(STATES)] for each in drawn])


def runs(states, start=START):
    samples = [Sample(start + i * M, start + i * M, each) for i, each in enumerate(states) if each is not None]
    return timeline.runs(samples, step_ms=M)


@given(st.dictionaries(st.sampled_from(NAMES), history))
def test_runs_survive_the_sealed_hour(histories):
    given_runs = {name: runs(states) for name, states in histories.items()}
    bodies = hours.bodies(ROSTER, given_runs, start_ms=START, step_ms=M)
    for body in bodies:
        check(Fact(kind=hours.KIND, at_ms=START + H, body=body))
    (hour,) = hours.read(bodies)

    back = {
        each.service: hours.unpack(hour.others.get(i, hour.usual), start_ms=START, step_ms=M)
        for i, each in enumerate(ROSTER.listed)
    }
    assert back == {name: given_runs.get(name, []) for name in NAMES}


def test_ten_thousand_services_fit_into_leaves_and_read_back():
    roster = hours.roster("c", [Listed(f"service-{i:05d}", "fiber") for i in range(10_000)])
    usual = runs([State.UP] * 60)
    odd = {
        f"service-{i:05d}": runs([State.UP] * (i % 50) + [State.DOWN] + [State.UP] * (59 - i % 50))
        for i in range(0, 10_000, 2)
    }
    all_runs = {each.service: odd.get(each.service, usual) for each in roster.listed}
    bodies = hours.bodies(roster, all_runs, start_ms=START, step_ms=M)
    sizes = [len(encode(Fact(kind=hours.KIND, at_ms=START + H, body=body))) for body in bodies]

    assert max(sizes) < 65_000
    assert len(hours.read(bodies)[0].others) == 5000
    rosters = hours.roster_bodies(roster)
    assert max(len(encode(Fact(kind=hours.ROSTER, at_ms=START, body=body))) for body in rosters) < 65_000
    assert hours.read_rosters(rosters) == {roster.digest: roster}


def test_a_missing_part_is_named():
    bodies = hours.roster_bodies(hours.roster("c", [Listed(f"service-{i:05d}", "fiber") for i in range(5_000)]))

    with pytest.raises(EvidenceError, match="a part is missing or changed"):
        hours.read_rosters(bodies[:-1])


def test_an_hour_stated_twice_is_refused():
    body = hours.bodies(ROSTER, {}, start_ms=START, step_ms=M)[0]

    with pytest.raises(EvidenceError, match="parts \\[0, 0\\] of 1"):
        hours.read([body, body])


def test_a_service_under_two_items_is_refused():
    with pytest.raises(UsageError, match="sold by items 'a' and 'b'"):
        hours.roster("c", [Listed("x", "a"), Listed("x", "b")])


@pytest.mark.parametrize(
    "run",
    [
        Run(START + 1, START + 1, 1, State.UP),
        Run(START + H, START + H, 1, State.UP),
        Run(START, START + M, 3, State.UP),
    ],
)
def test_runs_off_the_grid_or_outside_the_hour_are_refused(run):
    with pytest.raises(UsageError):
        hours.pack([run], start_ms=START, step_ms=M)


def opened(*hourly, rosters=None, count=3):
    bodies = [
        b
        for i, r in hourly
        for b in hours.bodies(rosters[i] if rosters else ROSTER, r, start_ms=START + i * H, step_ms=M)
    ]
    known = {r.digest: r for r in (rosters or {0: ROSTER}).values()}
    return month.open_(hours.read(bodies), known, start_ms=START, end_ms=START + count * H)


def test_an_hour_without_a_fact_is_missing_for_everybody():
    up = {name: runs([State.UP] * 60) for name in NAMES}
    late = {name: runs([State.UP] * 60, START + 2 * H) for name in NAMES}
    found = opened((0, up), (2, late))

    assert found.missing == 1
    stretches = found.stretches(found.members[0].history)
    assert [(each.start_ms - START, each.end_ms - START) for each in stretches] == [(0, H), (2 * H, 3 * H)]


def test_a_service_is_contracted_from_the_hour_of_the_roster_that_first_lists_it():
    small = hours.roster("c", [Listed(name, "wifi") for name in NAMES[:2]])
    found = opened((0, {}), (1, {}), (2, {}), rosters={0: small, 1: small, 2: ROSTER})
    spans = {each.service: each.contracted for each in found.members}

    assert spans[NAMES[0]] == ((START, START + 3 * H),)
    assert spans[NAMES[5]] == ((START + 2 * H, START + 3 * H),)


@given(st.lists(st.dictionaries(st.sampled_from(NAMES[:3]), history), min_size=3, max_size=3))
def test_a_month_opens_to_the_same_stretches_as_the_runs_themselves(hourly):
    facts = [(i, {n: runs(s, START + i * H) for n, s in each.items()}) for i, each in enumerate(hourly)]
    found = opened(*facts)

    for member in found.members:
        plain = [s for i, each in facts for s in timeline.stretches(each.get(member.service, []), step_ms=M)]
        assert timeline.intervals(
            found.stretches(member.history), start_ms=START, end_ms=START + 3 * H
        ) == timeline.intervals(plain, start_ms=START, end_ms=START + 3 * H)
    assert all(isinstance(each, Stretch) for each in found.stretches(()))
