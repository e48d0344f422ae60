from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.errors import CollectorError
from collectors.profile import COST_S
from collectors.simulator import faults, instance, load
from collectors.simulator.describe import records
from collectors.simulator.history import Teller, decisions
from collectors.simulator.udp import Responder
from inventory.reading.folder import built_in_areas
from netops.access import approvals
from netops.model import ANSWERED

NOW = 1_795_708_800_000
AREAS = built_in_areas()
STEP = 1_800_000


@pytest.fixture(scope="module")
def city():
    return instance.new(AREAS, now_ms=NOW, timezone="Asia/Shanghai")


@pytest.fixture(scope="module")
def world(city):
    return city.world()


def test_the_past_is_the_calendar_month_before(city):
    assert city.begin_ms == 1_790_784_000_000  # 2026-10-01 00:00 in Beijing
    assert city.minutely_ms % 3_600_000 == 0
    assert city.minutely_ms > NOW


@given(st.integers(0, 10**9), st.integers(0, 10**6), st.floats(0.001, 1e8))
def test_a_counter_never_goes_back_while_its_device_is_up(since, later, rate):
    first = load.counted(rate, since, since + later)

    assert 0 <= first <= load.counted(rate, since, since + later + 60)


def test_the_load_counted_over_a_day_is_the_mean_rate():
    assert load.counted(1000, 0, 86_400) == pytest.approx(86_400_000, rel=1e-6)


def test_everything_has_its_own_address_identity_and_name(world):
    agents = world.city.agents
    children = [child for agent in agents for child in agent.children]

    assert len({agent.address for agent in agents}) == len(agents)
    assert len({each.ident for each in (*agents, *children)}) == len(agents) + len(children)
    assert len({each.id for each in (*agents, *children)}) == len(agents) + len(children)


def test_the_register_resolves_and_every_service_is_sold_once(city, world):
    from inventory.snapshot import of_city
    from netops.sla.sold import sold

    told = records(
        world.city, AREAS, begin_ms=city.begin_ms, minutely_ms=city.minutely_ms, live_s=60, port=1, past_s=900
    )
    seen = of_city(told, at_ms=NOW, rehearsal=True)
    rosters = [sold(contract, seen) for contract in seen.contracts]
    listed = [each.service for roster in rosters for each in roster.listed]

    assert sorted(listed) == sorted(service.id for service in seen.services)
    assert all(site.area in seen.area for site in seen.sites)


def test_no_two_faults_of_one_thing_overlap(world):
    by_target = {}
    for fault in world.planted.faults:
        by_target.setdefault(fault.target, []).append(fault)
    for found in by_target.values():
        found.sort(key=lambda each: each.start_ms)
        for one, other in pairwise(found):
            assert one.end_ms <= other.start_ms, (one, other)


def test_what_is_planted_is_what_the_poll_says(city, world):
    teller = Teller(world, seed_ms=city.begin_ms)
    down = next(f for f in world.planted.faults if f.kind == "down" and "-ap-" in f.target)
    slot = (down.start_ms // STEP + 1) * STEP
    polls = {each.device: each for each in teller.slot(slot)}
    states = {
        row.subject.id: row.values["wlan.ap.state"]
        for each in polls.values()
        for row in each.rows
        if row.subject.kind == "ap"
    }
    ident = next(c.ident for a in world.city.agents for c in a.children if c.id == down.target)

    assert states[f"mac:{ident}"] == 4.0
    assert sum(state == 8.0 for state in states.values()) > 60


def test_nothing_is_asked_while_the_collector_was_blind(city, world):
    teller = Teller(world, seed_ms=city.begin_ms)
    ((start, _),) = world.planted.blind

    assert list(teller.slot(start + STEP)) == []


def test_a_slot_told_twice_is_the_same_to_the_byte(city, world):
    slot = city.begin_ms + 9 * STEP
    one = list(Teller(world, seed_ms=city.begin_ms).slot(slot))
    other = list(Teller(world, seed_ms=city.begin_ms).slot(slot))

    assert one == other
    assert any(each.outcome == ANSWERED and each.raw for each in one)


def test_the_planted_maintenance_was_approved_by_a_second_person_in_time(world):
    (held,) = approvals.fold((fact, True) for fact in decisions(world)).values()

    assert held.state == approvals.APPROVED
    assert held.decision.by != held.request.by
    assert held.request.notice_ms >= 48 * faults.HOUR_MS


def test_a_simulator_is_never_bound_to_anything_but_loopback():
    with pytest.raises(CollectorError, match="expected a loopback address"):
        Responder({"192.0.2.1": None}, port=1, community=b"x")


def test_all_costs_are_told():
    assert set(COST_S) == {"cheap", "dear", "heavy"}
