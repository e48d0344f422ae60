"""The volume is a window's, not a visit's: a tap on "disconnect", a restart or a new door gives nobody more of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from captive_portal import tables
from captive_portal.allotment import Used, spent, wait_ms
from captive_portal.desk import Attempt
from captive_portal.gateways.simulated import Simulated
from captive_portal.gateways.switchboard import Switchboard
from captive_portal.meters import Meters
from captive_portal.model import Client, Consent, End, Grant, Session
from captive_portal.ruleset import Admitted
from captive_portal.upkeep import Offer
from captive_portal.verdict import Refusal, Why

CONSENT = Consent(terms="1", language="zh_CN", digest="0" * 64, channel="portal")
WHO = Client(mac="02:00:00:00:00:01", interface="simulated", addresses=("127.0.0.1",))
MB = 1_000_000


class Counting(Simulated):
    """Counts per address from the moment that a door was opened, as the kernel does."""

    offers = frozenset({Offer.COUNTERS})

    def __init__(self, *given) -> None:
        super().__init__(*given)
        self.octets: dict[str, int] = {}

    def use(self, octets: int, address: str = WHO.addresses[0]) -> None:
        self.octets[address] = self.octets.get(address, 0) + octets

    def allow(self, client, bounds) -> None:
        super().allow(client, bounds)
        for each in client.addresses:
            self.octets.pop(each, None)

    def admitted(self) -> list[Admitted]:
        return [replace(each, octets_down=self.octets.get(each.client.addresses[0], 0)) for each in super().admitted()]


@pytest.fixture
def house(house, tmp_path):
    folder = tmp_path / "policies"
    folder.mkdir()
    text = "policy: here\ntitle: here\nsites: [site-1]\nvolume_mb: 10\nsession_minutes: 60\n"
    (folder / "here.yaml").write_text(text)
    house.settings = replace(house.settings, portal=replace(house.settings.portal, policies=folder))
    house.gateway = Counting(house.settings.portal, house.clock)
    return house


def click(desk, client: Client = WHO):
    return desk.login(Attempt(client=client, method="click_through", fields={}, consent=CONSENT))


# ---- logging in anew
def test_who_disconnects_and_logs_in_again_has_what_was_left(house) -> None:
    desk = house.open()
    left = []
    for _ in range(3):
        left.append(desk.octets_left(click(desk)))
        house.gateway.use(3 * MB)
        desk.upkeep.repair()
        desk.logout(WHO)

    assert left == [10 * MB, 7 * MB, 4 * MB]


@pytest.mark.parametrize("restarted", [False, True])
def test_what_is_used_up_is_refused_before_anything_is_spent_and_free_again_after_the_window(house, restarted) -> None:
    desk = house.open()
    click(desk)
    house.clock.forward(600)
    house.gateway.use(10 * MB)
    desk.upkeep.repair()
    assert desk.current(WHO) is None
    if restarted:
        desk = house.restart()

    refused = click(desk)
    assert refused == Refusal(why=Why.VOLUME, wait_ms=3_000_000)
    desk.methods["click_through"].recognise = lambda _shown, now: Grant(method="returning", until_ms=now + 9_000_000)
    assert desk.welcome(WHO) is None
    assert isinstance(click(desk, replace(WHO, mac="02:00:00:00:00:02", addresses=("127.0.0.2",))), Session)
    house.clock.forward(2999)
    assert click(desk).why is Why.VOLUME
    house.clock.forward(1)

    assert desk.octets_left(click(desk)) == 10 * MB


def test_a_remainder_too_small_to_count_is_still_a_bound(house) -> None:
    desk = house.open()
    click(desk)
    house.gateway.use(10 * MB - 1)
    desk.upkeep.repair()
    desk.logout(WHO)

    assert click(desk).grant.bounds.octets == 1


def test_who_goes_to_another_place_has_used_what_a_visit_left_behind_has(house) -> None:
    places = {"simulated": "site-1", "annex": "site-1"}
    portal = replace(house.settings.portal, visitors=places)
    house.settings = replace(house.settings, portal=portal)
    annex = Simulated(replace(portal, visitors={"annex": "site-1"}), house.clock)
    here = house.gateway
    house.gateway = Switchboard([here, annex])
    desk = house.open()
    click(desk)
    here.use(6 * MB)
    desk.upkeep.repair()

    roamed = click(desk, replace(WHO, interface="annex"))

    assert desk.live == 2
    assert roamed.grant.bounds.octets == 4 * MB


# ---- restarts
def test_a_portal_restart_with_a_door_set_anew_begins_no_volume_anew(house) -> None:
    desk = house.open()
    click(desk)
    house.gateway.use(4 * MB)
    desk.upkeep.repair()

    house.gateway = Counting(house.settings.portal, house.clock)  # it was restarted too, and has forgotten everything
    desk = house.restart()
    desk.upkeep.repair()
    house.gateway.use(5 * MB)
    desk.upkeep.repair()
    assert desk.octets_left(desk.current(WHO)) == MB

    desk = house.restart()
    desk.upkeep.repair()
    assert desk.octets_left(desk.current(WHO)) == MB, "the door's counter is not counted twice"
    house.gateway.use(MB)
    desk.upkeep.repair()

    assert desk.current(WHO) is None
    with desk.store._database.read() as connection:
        (row,) = connection.execute(tables.SESSION.select())
    assert (row.end, row.octets_down, row.meter) == (End.VOLUME, 10 * MB, None)


@pytest.mark.slow
def test_little_use_is_not_written_each_round_and_without_a_bound_none_is(house) -> None:
    desk = house.open()
    click(desk)
    before = desk.store.batches[1]
    for _ in range(20):
        house.gateway.use(20_000)
        desk.upkeep.repair()

    assert desk.store.meters() != {}
    assert desk.store.batches[1] - before <= 6, "not twenty"


def test_meters_go_on_where_the_record_left_them() -> None:
    first, second = Meters(), Meters()
    seen = Admitted(client=WHO, seconds=9, octets_up=100, octets_down=900)
    first.read([seen], 0)
    kept = first.due(WHO.key, 1000)
    assert first.due(WHO.key, 1000) is None
    second.take_up(WHO.key, kept, 0)
    assert second.used(WHO.key) == (100, 900)

    second.read([seen], 0)
    assert second.used(WHO.key) == (100, 900)
    second.read([replace(seen, octets_up=1, octets_down=1)], 0)
    assert second.used(WHO.key) == (101, 901)


# ---- the rule
VISITS = st.lists(
    st.builds(Used, st.integers(min_value=0, max_value=1000), st.integers(min_value=0, max_value=50)), max_size=12
)


@given(VISITS, st.integers(min_value=1, max_value=200))
@hypothesis(max_examples=80, deadline=None)
def test_something_is_free_exactly_when_the_wait_is_over(visits: list[Used], bound: int) -> None:
    wait = wait_ms(visits, bound, window_ms=600, now_ms=1000)

    def free(at_ms: int) -> bool:
        return spent(visits, since_ms=at_ms - 600) < bound

    assert (wait == 0) == free(1000)
    assert free(1000 + wait)
    assert wait == 0 or not free(1000 + wait - 1)
