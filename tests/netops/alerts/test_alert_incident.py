"""Incidents over time: grace, one root, widening, blindness, coming and going."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from netops.alerts import incident
from netops.alerts.incident import Phase
from tests.netops.alerts.cases import HOUR, MINUTE, NOW, OUTAGE, SECOND, Course, service


def test_who_is_down_for_less_than_the_grace_troubles_nobody():
    course = Course()

    course.look(NOW, service("a", "down"))
    course.look(NOW + 19 * SECOND, service("a", "down"))
    course.look(NOW + 20 * SECOND, service("a"))

    assert [each.phase for each in course.all.values()] == [Phase.GONE]
    assert next(iter(course.all.values())).opened_ms is None


def test_the_grace_counts_from_the_outage_not_from_our_look():
    course = Course()

    course.look(NOW, service("a", "down", since_ms=NOW - 30 * SECOND))

    (one,) = course.open()
    assert (one.since_ms, one.opened_ms) == (NOW - 30 * SECOND, NOW)


def test_a_controller_that_takes_five_hundred_down_is_one_incident():
    course = Course(silent={"ac-1"})
    down = [service(f"ap-{n}", "down", cause="device:ac-1", area=f"11010800{n % 9}") for n in range(500)]

    course.look(NOW, *down)
    course.look(NOW + 30 * SECOND, *down)

    (one,) = course.open()
    assert one.root == "device:ac-1"
    assert len(one.members) == 500


def test_the_highest_silent_device_is_the_root():
    course = Course(
        parents={"ac-1": "switch", "switch": "router", "router": "core"}, silent={"ac-1", "switch", "router"}
    )

    course.look(NOW, service("ap", "down", cause="device:ac-1", since_ms=NOW - MINUTE))

    assert [each.root for each in course.open()] == ["device:router"]


def test_a_ring_of_parents_ends():
    course = Course(parents={"a": "b", "b": "a"}, silent={"a", "b"})

    course.look(NOW, service("ap", "down", cause="device:a", since_ms=NOW - MINUTE))

    assert len(course.open()) == 1


def test_half_of_a_carriers_services_in_an_area_are_one_cause():
    course = Course()
    down = [service(f"ap-{n}", "down", since_ms=NOW - MINUTE) for n in range(5)]
    well = [service(f"ap-{n}") for n in range(5, 10)]

    course.look(NOW, *down, *well, service("other", "down", carrier="cucc", since_ms=NOW - MINUTE))

    assert {each.root for each in course.open()} == {"carrier:cmcc/wifi/110108001", "service:other"}


def test_five_of_a_thousand_are_five():
    course = Course()
    down = [service(f"ap-{n}", "down", since_ms=NOW - MINUTE) for n in range(5)]

    course.look(NOW, *down, *(service(f"x-{n}") for n in range(995)))

    assert len(course.open()) == 5


def test_three_areas_are_the_carriers_whole_network():
    course = Course()
    areas = ("110108001", "110108002", "110108003")
    down = [service(f"ap-{area}-{n}", "down", area=area, since_ms=NOW - MINUTE) for area in areas for n in range(6)]

    course.look(NOW, *down)

    assert [each.root for each in course.open()] == ["carrier:cmcc/wifi"]


def test_single_incidents_go_into_the_wider_one_that_they_turn_out_to_be():
    course = Course()
    names = [f"ap-{n}" for n in range(6)]
    course.look(NOW, *(service(n, "down" if n in names[:2] else "up", since_ms=NOW - MINUTE) for n in names))
    first = {each.id for each in course.open()}
    assert len(first) == 2

    course.look(NOW + 5 * SECOND, *(service(n, "down", since_ms=NOW - MINUTE) for n in names))

    (wide,) = course.open()
    assert wide.root == "carrier:cmcc/wifi/110108001"
    assert {course.all[each].phase for each in first} == {Phase.GONE}
    assert {course.all[each].into for each in first} == {wide.id}


def test_while_the_carrier_repairs_what_is_left_is_no_new_incident():
    course = Course()
    names = [f"ap-{n}" for n in range(6)]
    course.look(NOW, *(service(n, "down", since_ms=NOW - MINUTE) for n in names))
    (wide,) = course.open()

    course.look(NOW + MINUTE, *(service(n, "down" if n == "ap-0" else "up", since_ms=NOW - MINUTE) for n in names))
    course.look(NOW + 5 * MINUTE, *(service(n, "down" if n == "ap-0" else "up", since_ms=NOW - MINUTE) for n in names))

    assert [each.id for each in course.open()] == [wide.id]
    assert course.all[wide.id].bad == ["service:ap-0"]


@pytest.mark.parametrize("cause", ["monitor", "undetermined"])
def test_blindness_neither_opens_nor_ends_an_incident(cause):
    course = Course()
    course.look(NOW, service("a", "unknown", cause=cause), service("b", "down", since_ms=NOW - MINUTE))
    (one,) = course.open()
    assert one.root == "service:b"

    for at in range(1, 30):
        course.look(NOW + at * MINUTE, service("a", "unknown", cause=cause), service("b", "unknown", cause=cause))

    assert [each.id for each in course.open()] == [one.id]


def test_planned_work_tells_nobody():
    course = Course()

    course.look(NOW, service("a", "down", cause="planned", since_ms=NOW - HOUR))

    assert not course.all


def test_it_is_over_when_all_were_well_long_enough_and_a_relapse_before_is_the_same_incident():
    course = Course()
    course.look(NOW, service("a", "down", since_ms=NOW - MINUTE))
    course.look(NOW + MINUTE, service("a"))
    course.look(NOW + MINUTE + 30 * SECOND, service("a", "down"))
    course.look(NOW + 2 * MINUTE, service("a"))
    assert course.look(NOW + 2 * MINUTE + 59 * SECOND, service("a")) == []

    (closed,) = course.look(NOW + 3 * MINUTE, service("a"))

    assert (closed.phase, closed.closed_ms, course.count) == (Phase.CLOSED, NOW + 3 * MINUTE, 1)


def test_what_comes_and_goes_is_told_once_and_stays_until_it_was_calm():
    course = Course(replace(OUTAGE, flaps=3, flap_s=3600))
    at = NOW
    for _ in range(3):
        course.look(at, service("a", "down", since_ms=at - MINUTE))
        course.look(at + MINUTE, service("a"))
        course.look(at + 3 * MINUTE, service("a"))
        at += 5 * MINUTE

    (one,) = course.open()
    assert one.flapping
    for _ in range(20):  # it goes on so, and is no new incident
        course.look(at, service("a", "down", since_ms=at))
        course.look(at + MINUTE, service("a"))
        at += 2 * MINUTE
    assert [each.id for each in course.open()] == [one.id]

    course.look(at + HOUR, service("a"))
    assert not course.open()


def test_a_service_that_left_the_register_ends_its_incident():
    course = Course()
    course.look(NOW, service("a", "down", since_ms=NOW - MINUTE), service("b"))

    course.look(NOW + MINUTE, service("b"))
    course.look(NOW + 3 * MINUTE, service("b"))

    assert not course.open()


def test_who_took_it_on_first_stays():
    course = Course()
    course.look(NOW, service("a", "down", since_ms=NOW - MINUTE))
    (one,) = course.open()

    once = incident.take(one, by="first", now_ms=NOW)

    assert incident.take(once, by="second", now_ms=NOW + 1) == once


@pytest.mark.parametrize("seed", range(40))
def test_whatever_happens_each_bad_service_is_in_one_living_incident_and_no_well_one_keeps_one_open(seed):
    dice = random.Random(f"incidents {seed}")
    course = Course(replace(OUTAGE, mass=3, flaps=4), parents={"ac-1": "sw"}, silent={"ac-1", "sw"})
    names = [f"s{n}" for n in range(12)]
    states = dict.fromkeys(names, ("up", ""))
    now = NOW
    for _ in range(120):
        for name in dice.sample(names, dice.choice((0, 1, 1, 5, 12))):
            states[name] = dice.choice(
                [("up", ""), ("up", ""), ("down", ""), ("down", "device:ac-1"), ("unknown", "monitor")]
            )
        now += dice.choice((SECOND, 10 * SECOND, MINUTE, 10 * MINUTE))
        services = [
            service(name, state, cause=cause, area=f"11010800{int(name[1:]) % 3}", since_ms=now)
            for name, (state, cause) in states.items()
        ]
        course.look(now, *services)

        living = [each for each in course.all.values() if each.living]
        homes = [member for each in living for member in each.bad]
        down = {f"service:{name}" for name, (state, _) in states.items() if state == "down"}
        assert len(homes) == len(set(homes))
        assert down <= set(homes)
        assert len({each.root for each in living}) == len(living)
        for each in living:
            assert each.since_ms <= now
            assert each.members
    for step in range(5):
        course.look(now + HOUR * (2 * step + 1), *(service(name) for name in names))
    assert not [each for each in course.all.values() if each.living]
