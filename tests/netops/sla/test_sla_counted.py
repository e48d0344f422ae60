"""Counts of a slot become places of an hour: good, bad, not known, and where nobody came nothing at all."""

from dataclasses import replace

import pytest

from inventory.model import Objective, Rules
from netops.errors import UsageError
from netops.evidence import seen
from netops.metrics import METRICS, ONE_BY_ONE, portal
from netops.sla import counted, streams
from netops.sla.intervals import Cause, State
from netops.sla.measured import Look

H, M = 3_600_000, 60_000
HOUR = 1_790_784_000_000
RULES = Rules(check_every_s=900)
SUCCESS = Objective(id="success", indicator="portal.login.success", threshold="1", target="98", rules=RULES)
ONLINE = replace(SUCCESS, id="online", indicator="portal.login.time", threshold="10000", target="95")


def looks(minute, **counts):
    slot = HOUR + minute * M
    return [
        Look(slot_ms=slot, at_ms=slot, source="portal/portal", metric=f"portal.login.{name}", value=float(n))
        for name, n in counts.items()
    ]


def told(objective, given, **more):
    made = counted.runs(streams.stream(objective), given, **more)
    return [(each.first_ms - HOUR, each.count, each.state.value, each.cause.value, each.because) for each in made]


def test_logins_of_a_slot_stand_together_good_ones_first_each_on_somebodys_account():
    given = [
        *looks(0, online=5, failed=1, unserved=0, unconfirmed=0, ours=0),
        *looks(14, online=2, failed=0, unserved=3, unconfirmed=4, ours=1),
        *looks(31, online=0, failed=0, unserved=0, unconfirmed=0, ours=0),
    ]

    assert told(SUCCESS, given) == [
        (0, 7, "UP", "", ""),
        (8, 1, "DOWN", "carrier", "failed"),
        (10, 3, "DOWN", "carrier", "unserved"),
        (14, 4, "UNKNOWN", "undetermined", "unconfirmed"),
        (19, 1, "UNKNOWN", "monitor", "ours"),
    ]


def test_who_never_came_online_waited_longer_than_any_threshold():
    given = looks(20, online=10, failed=1, unserved=2) + looks(20, **{"time.timed": 9, "time.within_10000": 7})

    assert told(ONLINE, given) == [
        (15 * M, 7, "UP", "", ""),
        (15 * M + 8, 2, "DOWN", "carrier", "late"),
        (15 * M + 11, 1, "DOWN", "carrier", "failed"),
        (15 * M + 13, 2, "DOWN", "carrier", "unserved"),
    ]


MEAN = replace(SUCCESS, id="mean", indicator="portal.login.mean", threshold="100000", target="92")


def test_a_mean_is_the_seconds_that_logins_waited_of_a_hundred_each():
    given = looks(0, **{"time.timed": 3, "time.sum": 12_400}, failed=1, unconfirmed=2, ours=1)

    assert told(MEAN, given) == [
        (0, 288, "UP", "", ""),
        (289, 12, "DOWN", "carrier", "waited"),
        (302, 100, "DOWN", "carrier", "failed"),
        (403, 200, "UNKNOWN", "undetermined", "unconfirmed"),
        (604, 100, "UNKNOWN", "monitor", "ours"),
    ]


def test_parts_of_seconds_are_carried_from_slot_to_slot_and_less_than_one_an_hour_is_lost():
    given = [each for at in range(0, 60, 15) for each in looks(at, **{"time.timed": 1, "time.sum": 7_900})]
    made = told(MEAN, given)

    assert [count for _, count, state, _, _ in made if state == "DOWN"] == [7, 8, 8, 8]  # 31.6 s in all
    assert sum(count for _, count, _, _, _ in made) == 400


def test_a_portal_that_did_not_add_up_its_times_leaves_them_unknown():
    assert told(MEAN, looks(0, **{"time.timed": 2})) == [(0, 200, "UNKNOWN", "monitor", "not summed")]


def test_a_slot_that_is_told_twice_counts_once_and_maintenance_is_planned():
    given = looks(0, online=3, failed=2)

    assert told(SUCCESS, [*given, *given], planned=lambda slot_ms: slot_ms == HOUR) == [
        (0, 3, "UP", "", ""),
        (4, 2, "DOWN", "planned", "failed"),
    ]


def test_more_than_a_slot_has_places_for_is_not_known_and_no_smaller_number():
    (run,) = counted.runs(streams.stream(SUCCESS), looks(0, online=900_001))

    assert (run.count, run.state, run.cause, run.because) == (900_000, State.UNKNOWN, Cause.MONITOR, counted.TOO_MANY)


@pytest.mark.parametrize(
    ("changed", "rules", "said"),
    [
        ({"threshold": "98"}, {}, "counted at 1"),
        ({"indicator": "portal.login.time", "threshold": "9000"}, {}, "counted at 5000, 10000"),
        ({"indicator": "portal.login.mean", "threshold": "8000"}, {}, "counted at 100000"),
        ({}, {"aggregation": "any_down"}, "aggregation is 'any_down'"),
        ({}, {"empty_history": "as_up"}, "empty_history is 'as_up'"),
        ({}, {"outage_edge": "midpoint"}, "outage_edge is 'midpoint'"),
        ({}, {"min_outage_s": 60}, "min_outage_s is '60'"),
        ({}, {"min_samples_per_slice": 2}, "expected 0 or 1 of counts"),
        ({}, {"vantages": 2}, "expected vantages 1"),
    ],
    ids=str,
)
def test_a_promise_about_counts_that_asks_for_what_only_time_has_is_refused(changed, rules, said):
    with pytest.raises(UsageError, match=said):
        streams.sound(replace(SUCCESS, **changed, rules=replace(RULES, **rules)), "here")


def test_every_bound_and_every_count_is_a_metric_and_the_verifier_counts_the_same():
    assert set(seen.COUNTED) == ONE_BY_ONE
    for name in ONE_BY_ONE:
        for bound in portal.BOUNDS.get(name, (1,)):
            assert set(counted.columns(name, str(bound))) <= METRICS.keys()
