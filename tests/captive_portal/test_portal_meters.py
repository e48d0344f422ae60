"""Volume and idle time from a gateway's counters; many gateways as one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from captive_portal import policy_yaml, tables
from captive_portal import session as visit
from captive_portal.desk import Attempt
from captive_portal.enforcing import Offer, Readiness
from captive_portal.errors import GatewayError
from captive_portal.gateways.simulated import Simulated
from captive_portal.gateways.switchboard import Switchboard
from captive_portal.meters import Meters
from captive_portal.model import Admitted, Bounds, Client, Consent, End

CONSENT = Consent(terms="1", language="zh_CN", digest="0" * 64, channel="portal")
WHO = Client(mac="02:00:00:00:00:01", interface="simulated", addresses=("127.0.0.1",))
FORMER = replace(WHO, mac="02:00:00:00:00:02")


def seen(up: int, down: int, address: str = "127.0.0.1") -> Admitted:
    return Admitted(client=WHO.at(address), seconds=60, octets_up=up, octets_down=down)


def test_a_counter_that_begins_anew_loses_nothing() -> None:
    meters = Meters()
    for up, down in ((10, 100), (20, 200), (5, 50), (6, 60)):
        meters.read([seen(up, down)], 0)

    assert meters.used(WHO.key) == (26, 260)
    assert meters.forget(WHO.key) == (26, 260)
    assert meters.used(WHO.key) == (0, 0)


def test_the_addresses_of_a_device_are_counted_together() -> None:
    meters = Meters()
    meters.read([seen(10, 100), seen(1, 2, "2001:db8::1")], 0)

    assert meters.used(WHO.key) == (11, 102)


@pytest.mark.parametrize(
    ("bounds", "at_ms", "reached"),
    [
        (Bounds(seconds=60), 10**9, None),
        (Bounds(seconds=60, octets=111), 0, None),
        (Bounds(seconds=60, octets=110), 0, End.VOLUME),
        (Bounds(seconds=60, idle_s=10), 9_999, None),
        (Bounds(seconds=60, idle_s=10), 10_000, End.IDLE),
    ],
)
def test_a_bound_is_reached_when_it_is_reached(bounds, at_ms, reached) -> None:
    meters = Meters()
    meters.read([seen(10, 100)], 0)

    assert meters.read([seen(10, 100)], at_ms)[WHO.key].exceeds(bounds, at_ms) is reached


class Counting(Simulated):
    """A simulated gateway with counters that a test turns."""

    offers = frozenset({Offer.COUNTERS})

    def __init__(self, *given) -> None:
        super().__init__(*given)
        self.octets = 0

    def admitted(self) -> list[Admitted]:
        return [replace(each, octets_down=self.octets) for each in super().admitted()]


def test_a_visit_ends_when_its_octets_are_used_up_and_the_record_says_how_many(house, tmp_path) -> None:
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "here.yaml").write_text("policy: here\ntitle: here\nsites: [site-1]\nvolume_mb: 1\n")
    house.settings = replace(house.settings, portal=replace(house.settings.portal, policies=folder))
    house.gateway = gateway = Counting(house.settings.portal, house.clock)
    desk = house.open()
    desk.login(Attempt(client=WHO, method="click_through", fields={}, consent=CONSENT))
    desk.upkeep.repair()
    assert desk.current(WHO)

    gateway.octets = 1_000_000
    desk.upkeep.repair()

    assert desk.current(WHO) is None
    assert super(Counting, gateway).admitted() == [], "the door is closed"
    with desk.store._database.read() as connection:
        (row,) = connection.execute(tables.SESSION.select())
    assert (row.end, row.octets_down) == (End.VOLUME, 1_000_000)


# ---- doors that are opened while a list of them is read
class Fresh(Simulated):
    """Each door counts by itself, and from zero once it is opened again, as in nftables."""

    offers = frozenset({Offer.COUNTERS})

    def __init__(self, *given) -> None:
        super().__init__(*given)
        self.octets: dict[tuple[tuple[str, str], str], int] = {}
        self.meanwhile = lambda: None  # what happens once a list is read and before it is here

    def allow(self, client, bounds) -> None:
        super().allow(client, bounds)
        self.octets |= {(client.key, each): 0 for each in client.addresses}

    def admitted(self) -> list[Admitted]:
        every = super().admitted()
        read = [replace(each, octets_down=self.octets[each.client.key, each.client.addresses[0]]) for each in every]
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        return read


def used_600_of_1000(house):
    """Return a desk with a visitor, bound to 1000 octets, of whom 600 were counted; some more came since."""
    house.gateway = Fresh(house.settings.portal, house.clock)
    desk = house.open()
    live = desk.login(Attempt(client=WHO, method="click_through", fields={}, consent=CONSENT))
    desk.visits.hold(replace(live, grant=replace(live.grant, bounds=replace(live.grant.bounds, octets=1000))))
    house.gateway.octets[WHO.key, "127.0.0.1"] = 600
    desk.upkeep.repair()
    assert desk.visits.meters.used(WHO.key) == (0, 600)
    house.gateway.octets[WHO.key, "127.0.0.1"] = 610
    house.clock.forward(60)
    return desk


def count_on(house, desk) -> tuple[int, int]:
    """Return what was used, once the door has counted 20 from zero and a list was read of that."""
    house.gateway.octets[WHO.key, "127.0.0.1"] += 20
    desk.upkeep.repair()
    assert desk.current(WHO)
    return desk.visits.meters.used(WHO.key)


def test_a_repair_that_opens_a_door_again_counts_no_octet_twice(house) -> None:
    desk = used_600_of_1000(house)
    desk.visits.see(desk.visits.at(WHO.key), ("127.0.0.9",))
    house.gateway.revoke(WHO.at("127.0.0.9"))  # so both are opened again
    desk.upkeep.repair()

    assert desk.visits.meters.used(WHO.key) == (0, 610)
    assert count_on(house, desk) == (0, 630)


def lengthened(desk, now_ms: int) -> None:
    desk.visits.feed(desk.visits.at(WHO.key), visit.Extended(now_ms + 7_200_000))


def inherited(desk, _now_ms: int) -> None:
    desk.logout(FORMER)


@pytest.mark.parametrize("meanwhile", [lengthened, inherited])
def test_a_door_that_is_opened_while_the_list_is_read_counts_no_octet_twice(house, meanwhile) -> None:
    desk = used_600_of_1000(house)
    desk.login(Attempt(client=FORMER, method="click_through", fields={}, consent=CONSENT))
    house.gateway.meanwhile = lambda: meanwhile(desk, house.clock.now_ms())
    desk.upkeep.repair()

    assert house.gateway.octets[WHO.key, "127.0.0.1"] == 0, "it was opened again"
    assert desk.visits.meters.used(WHO.key) == (0, 600)
    assert count_on(house, desk) == (0, 620)


def test_a_visit_that_begins_while_the_list_is_read_pays_nothing_of_the_one_before(house) -> None:
    desk = used_600_of_1000(house)

    def anew() -> None:
        desk.logout(WHO)
        desk.login(Attempt(client=WHO, method="click_through", fields={}, consent=CONSENT))

    house.gateway.meanwhile = anew
    desk.upkeep.repair()
    assert desk.visits.meters.used(WHO.key) == (0, 0)
    assert count_on(house, desk) == (0, 20)


def test_a_visit_that_ends_while_the_list_is_read_leaves_nothing_to_the_next_one(house) -> None:
    desk = used_600_of_1000(house)
    house.gateway.meanwhile = lambda: desk.logout(WHO)
    desk.upkeep.repair()

    desk.login(Attempt(client=WHO, method="click_through", fields={}, consent=CONSENT))
    assert count_on(house, desk) == (0, 20)


def test_a_door_that_outlives_its_visit_leaves_nothing_to_the_next_one(house, monkeypatch) -> None:
    desk = used_600_of_1000(house)

    def failing(_client: Client) -> None:
        raise GatewayError("it lingers")

    with monkeypatch.context() as patch:
        patch.setattr(house.gateway, "revoke", failing)
        desk.logout(WHO)
        with pytest.raises(GatewayError, match="it lingers"):
            desk.upkeep.repair()
    desk.upkeep.repair()
    assert house.gateway.admitted() == []

    desk.login(Attempt(client=WHO, method="click_through", fields={}, consent=CONSENT))
    assert count_on(house, desk) == (0, 20)


# ---- many gateways
class Away(Simulated):
    """A controller that does not answer."""

    name = "away"

    def ready(self) -> Readiness:
        return Readiness(born="", wrong={"away": "no answer"})


def test_a_gateway_that_is_away_costs_the_others_nothing(house) -> None:
    other = replace(house.settings.portal, visitors={"ac-1": "site-2"})
    house.gateway = Switchboard([Away(other, house.clock), Simulated(house.settings.portal, house.clock)])
    desk = house.open()
    stray = Client(mac="02:00:00:00:00:09", interface="simulated", addresses=("127.0.0.9",))
    house.gateway.allow(stray, Bounds(seconds=60))

    with pytest.raises(GatewayError, match="no answer"):
        desk.upkeep.repair()

    assert house.gateway.admitted() == [], "who has no record was put out all the same"


def test_a_client_belongs_to_the_gateway_of_its_place(house) -> None:
    other = Simulated(replace(house.settings.portal, visitors={"ac-1": "site-2"}), house.clock)
    here = Simulated(house.settings.portal, house.clock)
    both = Switchboard([here, other])

    both.allow(WHO, Bounds(seconds=60))
    both.allow(replace(WHO, interface="ac-1"), Bounds(seconds=60))

    assert len(here.admitted()) == len(other.admitted()) == 1
    with pytest.raises(GatewayError, match="no gateway serves 'gone'"):
        both.allow(replace(WHO, interface="gone"), Bounds(seconds=60))


def test_a_switchboard_itself_offers_nothing(house) -> None:
    both = Switchboard([Counting(house.settings.portal, house.clock)])

    assert both.offers == frozenset()
    assert both.parts()[0].offers == {Offer.COUNTERS}
    assert policy_yaml.read(house.settings).default.bounds.octets == 0
