"""Who is told: steps, duty, taking on, mutes, floods of messages."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from netops.alerts import duty as turns
from netops.alerts import incident, telling
from netops.alerts.incident import Phase
from netops.alerts.policy import Swap
from netops.alerts.telling import Mute
from netops.clock import to_ms
from tests.netops.alerts.cases import HOUR, MINUTE, NOW, SECOND, Course, duty, policy, service

STEPS = ((0, ("duty:d",)), (900, ("lead",)), (3600, ("manager", "carrier")))
DAY = 24 * HOUR


def opened(*names, carrier="cmcc"):
    course = Course()
    course.look(NOW, *(service(name, "down", carrier=carrier, since_ms=NOW - MINUTE) for name in names))
    return course.open()


def people(notices):
    return [each.person for each in notices]


def test_the_first_step_tells_who_is_on_duty_once():
    rules, ones = policy(steps=STEPS, duties=[duty("first", "second")]), opened("a")

    notices = telling.due(rules, ones, told=frozenset(), mutes=(), now_ms=NOW)
    again = telling.due(rules, ones, told={each.key for each in notices}, mutes=(), now_ms=NOW + 899 * SECOND)

    assert people(notices) == ["first"]
    assert again == []


def test_nobody_took_it_on_so_the_next_is_called():
    rules, ones = policy(steps=STEPS, duties=[duty("first")]), opened("a")
    told = {each.key for each in telling.due(rules, ones, told=frozenset(), mutes=(), now_ms=NOW)}

    assert people(telling.due(rules, ones, told=told, mutes=(), now_ms=NOW + 900 * SECOND)) == ["lead"]
    later = telling.due(rules, ones, told=told, mutes=(), now_ms=NOW + HOUR)
    assert people(later) == ["lead", "manager", "carrier:cmcc"]


def test_what_is_taken_on_calls_nobody_else():
    rules, (one,) = policy(steps=STEPS, duties=[duty("first")]), opened("a")
    told = {each.key for each in telling.due(rules, [one], told=frozenset(), mutes=(), now_ms=NOW)}
    taken = incident.take(one, by="first", now_ms=NOW + 5 * MINUTE)

    assert telling.due(rules, [taken], told=told, mutes=(), now_ms=NOW + 2 * HOUR) == []


def test_a_change_of_turns_does_not_tell_the_next_one_of_what_is_long_known():
    rules = policy(steps=STEPS, duties=[duty("first", "second", from_ms=NOW - DAY + MINUTE, every_h=24)])
    ones = opened("a")
    told = {each.key for each in telling.due(rules, ones, told=frozenset(), mutes=(), now_ms=NOW)}

    assert telling.due(rules, ones, told=told, mutes=(), now_ms=NOW + 2 * MINUTE) == []


def test_who_was_told_that_it_began_is_told_that_it_is_over_and_nobody_else():
    rules, (one,) = policy(steps=STEPS, duties=[duty("first")]), opened("a")
    told = {each.key for each in telling.due(rules, [one], told=frozenset(), mutes=(), now_ms=NOW)}
    closed = replace(one, phase=Phase.CLOSED, closed_ms=NOW + MINUTE)

    notices = telling.due(rules, [closed], told=told, mutes=(), now_ms=NOW + MINUTE)

    assert [(each.what, each.person) for each in notices] == [("over", "first")]
    assert telling.due(rules, [closed], told=frozenset(), mutes=(), now_ms=NOW + MINUTE) == []


def test_what_is_muted_is_told_when_the_mute_ends_and_it_is_still_so():
    rules, ones = policy(steps=STEPS, duties=[duty("first")]), opened("a")
    mute = Mute("service:a", NOW + HOUR)

    assert telling.due(rules, ones, told=frozenset(), mutes=[mute], now_ms=NOW) == []
    assert people(telling.due(rules, ones, told=frozenset(), mutes=[mute], now_ms=NOW + HOUR))[:1] == ["first"]


def test_a_mute_covers_what_is_below_its_root_and_no_other_name_that_begins_alike():
    (one,) = opened("a")
    wide = replace(one, root="carrier:cmcc/wifi/110108001")

    assert Mute("carrier:cmcc/wifi", NOW + 1).covers(wide, NOW)
    assert Mute("*", NOW + 1).covers(wide, NOW)
    assert not Mute("carrier:cm", NOW + 1).covers(wide, NOW)
    assert not Mute("carrier:cmcc/wifi", NOW).covers(wide, NOW)


def test_a_flood_is_one_message():
    rules = policy(steps=((0, ("first",)),), most=12)
    course = Course()
    names = [f"a{n}" for n in range(40)]
    everybody = [service(f"well-{n}") for n in range(400)]
    course.look(NOW, *(service(name, "down", since_ms=NOW - MINUTE) for name in names), *everybody)
    ones = {each.id: each for each in course.open()}
    notices = telling.due(rules, ones.values(), told=frozenset(), mutes=(), now_ms=NOW)
    assert len(notices) == 40

    groups = telling.grouped(rules, notices, ones, recent={})

    assert [(person, len(theirs)) for person, theirs in groups] == [("first", 40)]
    assert telling.grouped(rules, notices, ones, recent={"first": 13}) == []
    few = telling.grouped(rules, notices[:3], ones, recent={"first": 2})
    assert [len(theirs) for _, theirs in few] == [1, 1, 1]


def test_turns_change_at_the_hour_of_the_wall_clock():
    where = ZoneInfo("Europe/Berlin")  # clocks are set back on 25 October
    first, second = (to_ms(datetime(2026, 10, day, 8, tzinfo=where)) for day in (19, 26))
    berlin = replace(duty("a", "b", every_h=168), timezone=where.key, from_ms=first)

    assert second - first == 169 * HOUR
    assert [turns.on(berlin, at) for at in (0, first, second - 1, second)] == ["a", "a", "a", "b"]


def test_a_swap_counts_before_the_turns_and_the_later_one_first():
    held = duty(
        "a",
        "b",
        swaps=[Swap(start_ms=NOW, end_ms=NOW + HOUR, who="c"), Swap(start_ms=NOW + 1, end_ms=NOW + 9, who="d")],
    )

    assert [turns.on(held, at) for at in (NOW, NOW + 1, NOW + 9, NOW + HOUR)] == ["c", "d", "c", "a"]
