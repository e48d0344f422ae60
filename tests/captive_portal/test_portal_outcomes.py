"""Login facts that count: a carrier's silence fails logins, its bare word is none, and one machine is one success."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from types import SimpleNamespace

import pytest

from captive_portal import asker, places
from captive_portal import session as visit
from captive_portal.desk import Attempt
from captive_portal.enforcing import Onward
from captive_portal.errors import AbsentError, BusyError, GatewayError, PortalError
from captive_portal.gateways.simulated import Simulated
from captive_portal.model import Client, Consent, Session
from captive_portal.outcomes import AWAY_MS, ONWARD_MS, WITNESS_MS
from captive_portal.telling import Telling
from captive_portal.turns import OF_A_PLACE
from netops import facts, spool, wire
from netops.config import PortalAt, Settings
from netops.controllers import Controller
from netops.evidence import canonical
from netops.facts import Fact
from netops.model import Subject
from netops.spool import Spool
from netops.vocabulary import KINDS

CONSENT = Consent(terms="1", language="zh_CN", digest="0" * 64, channel="portal")
MINUTE_MS = 60_000


class Ac(Simulated):
    """A carrier's controller: it may be silent, claim, send the browser on; what our RADIUS server saw is `seen_ms`."""

    name = "ac-1"
    simulated = False
    distant = True

    def __init__(self, settings, clock) -> None:
        super().__init__(settings, clock)
        self.silent: Exception | None = None
        self.onward = False
        self.seen_ms: int | None = None
        self.server: Exception | None = None

    def identify(self, address):
        if self.silent is not None:
            raise self.silent
        return super().identify(address)

    def allow(self, client, bounds):
        if self.silent is not None:
            raise self.silent
        super().allow(client, bounds)
        return Onward(url="http://ac/") if self.onward else None

    def witnessed_ms(self, _client):
        if self.server is not None:
            raise self.server
        return self.seen_ms


@pytest.fixture
def ac(house):
    house.gateway = Ac(house.settings.portal, house.clock)
    return house.gateway


@pytest.fixture
def desk(house, ac):
    made = house.open()
    made.telling._sites = frozenset({"site-1", "site-2"})
    made.premises.networks = {"simulated": places.networks(_acs("127.0.0.0/8"))["simulated"]}
    return made


def _acs(networks):
    return Settings(portal=PortalAt(acs={"simulated": Controller(site="site-1", networks=networks)}))


def client(number: int = 1) -> Client:
    return Client(
        mac=f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}", interface="simulated", addresses=("127.0.0.1",)
    )


def click(number: int = 1) -> Attempt:
    return Attempt(client=client(number), method="click_through", fields={}, consent=CONSENT)


def counts(desk):
    return {name: n for name, n in desk.telling.totals.items() if n}


def told(house, desk):
    """Return facts and rows (of polls) that have left, the latest flush included."""
    desk.visits.outcomes.settle()
    desk.telling.flush(house.clock.now_ms())
    entries = spool.read(house.settings.data.dir / "spool" / "portal.db", after=0, limit=1000)
    said = [facts.decode(each.payload).body for each in entries if each.kind == "fact"]
    return said, [wire.decode(each.payload) for each in entries if each.kind == "poll"]


# ---- whose word counts
def test_a_bare_acknowledgement_is_no_success_and_no_failure(desk, ac, house) -> None:
    assert isinstance(desk.login(click()), Session)
    assert counts(desk) == {}
    house.clock.forward(WITNESS_MS / 1000)
    desk.visits.outcomes.settle()

    assert counts(desk) == {"unconfirmed": 1}


def test_a_login_that_our_radius_server_saw_is_online_since_then(desk, ac, house) -> None:
    desk.telling.seen(desk.identity(client()), house.clock.now_ms())
    house.clock.forward(4)
    desk.login(click())
    house.clock.forward(2)
    ac.seen_ms = house.clock.now_ms()
    house.clock.forward(7)
    assert desk.visits.outcomes.settle() == 1
    house.clock.forward(60)

    ((body,), _) = told(house, desk)
    assert (body["online"], body["unconfirmed"], body["method"], body["gateway"]) == (
        1,
        0,
        "click_through",
        "simulated",
    )
    assert (body["enforced_ms_p50"], body["time_to_online_ms_p50"]) == (2000, 6000)


def test_what_it_saw_of_a_visit_before_proves_nothing_of_this_one(desk, ac, house) -> None:
    ac.seen_ms = house.clock.now_ms() - MINUTE_MS
    desk.login(click())
    house.clock.forward(WITNESS_MS / 1000)
    desk.visits.outcomes.settle()

    assert counts(desk) == {"unconfirmed": 1}


def test_a_witness_of_ours_that_cannot_be_asked_is_our_own_gap(desk, ac, house) -> None:
    ac.server = AbsentError("radius: no answer")
    desk.login(click())
    assert desk.visits.outcomes.settle() == 0
    house.clock.forward(WITNESS_MS / 1000)
    desk.visits.outcomes.settle()

    assert counts(desk) == {"ours": 1}


# ---- what the browser has to bring about
def test_a_login_that_its_controller_never_let_in_has_failed_once(desk, ac, house) -> None:
    ac.onward = True
    for number in range(5):
        assert isinstance(desk.login(click(number)), Onward)
    house.clock.forward(ONWARD_MS / 1000)
    desk.visits.outcomes.settle()
    house.clock.forward(3600)
    desk.upkeep.expire()

    assert counts(desk) == {"failed": 5}


def test_a_login_that_its_browser_brought_about_counts_when_the_controller_has_asked_us(desk, ac, house) -> None:
    ac.onward = True
    desk.telling.seen(desk.identity(client()), house.clock.now_ms())
    desk.login(click())
    house.clock.forward(9)
    ac.seen_ms = house.clock.now_ms()
    desk.upkeep.repair()
    house.clock.forward(60)

    ((body,), _) = told(house, desk)
    assert (body["online"], body["failed"]) == (1, 0)
    assert body["time_to_online_within"] == {
        "5000": 0,
        "10000": 1,
        "15000": 1,
        "20000": 1,
        "30000": 1,
        "60000": 1,
        "120000": 1,
    }


def outside(desk, ac, house, monkeypatch, *, minutes: int) -> None:
    """Let minutes pass in which the controller lets nobody in, and the chores look each minute."""
    monkeypatch.setattr(ac, "admitted", list)
    for _ in range(minutes):
        house.clock.forward(60)
        desk.upkeep.repair()
        desk.visits.outcomes.settle()


def test_a_repair_gives_a_controller_no_more_time_and_fails_it_once(desk, ac, house, monkeypatch) -> None:
    ac.onward = True
    desk.login(click())
    outside(desk, ac, house, monkeypatch, minutes=5)
    assert counts(desk) == {"failed": 1}
    outside(desk, ac, house, monkeypatch, minutes=70)

    assert counts(desk) == {"failed": 1}


def test_a_second_tap_is_no_failure_and_who_is_in_by_it_is_one_success(desk, ac, house) -> None:
    ac.onward = True
    for _ in range(2):
        assert isinstance(desk.login(click()), Onward)
        house.clock.forward(3)
    assert counts(desk) == {}
    ac.seen_ms = house.clock.now_ms()
    desk.upkeep.repair()
    house.clock.forward(ONWARD_MS / 1000)
    desk.visits.outcomes.settle()

    assert counts(desk) == {"online": 1}


def test_who_taps_again_and_again_and_never_comes_in_has_failed_five_minutes_after_the_first(
    desk, ac, house, monkeypatch
) -> None:
    ac.onward = True
    for _ in range(4):
        desk.login(click())
        outside(desk, ac, house, monkeypatch, minutes=1)
    desk.login(click())
    assert counts(desk) == {}
    outside(desk, ac, house, monkeypatch, minutes=1)

    assert counts(desk) == {"failed": 1}


def test_a_login_that_we_ended_before_it_could_come_in_is_ours(desk, ac, house) -> None:
    ac.onward = True
    for number in (1, 2):
        desk.login(click(number))
    desk.visits.feed(desk.visits.at(client(1).key), visit.Disconnected())
    desk.login(replace(click(2), method="voucher", fields={"code": "A" * 15}))
    assert counts(desk) == {"ours": 1, "refused": 1}
    house.clock.forward(ONWARD_MS / 1000)
    desk.visits.outcomes.settle()

    assert counts(desk) == {"ours": 2, "refused": 1}


# ---- silence
def _ask(desk, address):
    from flask import Flask

    portal = SimpleNamespace(desk=desk)
    with Flask("x").test_request_context("/", environ_base={"REMOTE_ADDR": address}):
        return asker.visitor(portal)


def test_a_silent_controller_fails_each_address_once_a_minute_and_is_no_fault_of_ours(desk, ac, house) -> None:
    ac.silent = GatewayError("controller 'ac-1' did not answer")
    for minute in range(2):
        for number in range(1, 11):
            for _ in range(3):
                with pytest.raises(GatewayError):
                    _ask(desk, f"127.0.{minute}.{number}")
        house.clock.forward(60)

    assert counts(desk) == {"unserved": 20}
    said, _ = told(house, desk)
    assert [(each["site"], each["gateway"], each["unserved"]) for each in said] == [("site-1", "simulated", 10)] * 2
    assert not any("method" in each for each in said)


@pytest.mark.parametrize(
    ("sites", "gateway"), [({"simulated": "site-1"}, "simulated"), ({"lan1": "a", "lan2": "b"}, "ac-1")]
)
def test_who_comes_from_no_controllers_network_is_stated_as_well(desk, ac, house, sites, gateway) -> None:
    """Its minute named no gateway: no fact of any login left the portal from then on."""
    ac.distant, ac.silent = False, GatewayError("gate: no answer to 'who'")
    desk.premises.networks, desk.premises.sites = {}, sites
    with pytest.raises(GatewayError):
        _ask(desk, "127.0.0.1")
    house.clock.forward(120)

    said, _ = told(house, desk)
    assert [(each["gateway"], each["ours"]) for each in said] == [(gateway, 1)]


def test_a_controller_that_knows_nobody_is_as_good_as_silent_and_a_stranger_from_elsewhere_is_nobody(desk, ac) -> None:
    ac.identify = lambda _address: None
    for address in ("127.0.0.1", "127.0.0.1", "127.0.0.2", "192.0.2.1"):
        assert _ask(desk, address) is None

    assert counts(desk) == {"unserved": 2}


def test_an_outage_is_in_the_time_to_online_of_who_waited_for_its_end(desk, ac, house) -> None:
    ac.silent = GatewayError("controller 'ac-1' did not answer")
    with pytest.raises(GatewayError):
        _ask(desk, "127.0.0.1")
    house.clock.forward(300)
    ac.silent, ac.seen_ms = None, house.clock.now_ms()
    desk.telling.seen(desk.identity(client()), house.clock.now_ms())
    desk.login(click())
    house.clock.forward(60)

    said, _ = told(house, desk)
    assert said[-1]["time_to_online_ms_p50"] == 300_000


def test_our_own_server_that_is_away_accuses_no_carrier(desk, ac, house) -> None:
    ac.silent = AbsentError("radius: no answer to 'who'")
    with pytest.raises(GatewayError):
        _ask(desk, "127.0.0.9")
    with pytest.raises(PortalError):
        desk.login(click())

    assert counts(desk) == {"ours": 2}


def test_a_controller_that_refuses_has_failed_and_a_record_that_cannot_be_kept_is_ours(desk, ac, monkeypatch) -> None:
    ac.silent = GatewayError("controller 'ac-1' refused the token")
    with pytest.raises(PortalError):
        desk.login(click())
    monkeypatch.setattr(desk.store, "admit", lambda _: (_ for _ in ()).throw(PortalError("disk full")))
    with pytest.raises(PortalError):
        desk.login(click(2))

    assert counts(desk) == {"failed": 1, "ours": 1}


def crowd(desk, ac, house, numbers, *, held_s: float, place: str = "simulated") -> None:
    """Have devices tap while a place has as many pages as there is room for, the oldest `held_s` old."""
    with ExitStack() as under_way:
        for _ in range(OF_A_PLACE):
            under_way.enter_context(desk._crowd.within(place, house.clock.monotonic() - held_s))
        for number in numbers:
            with pytest.raises(BusyError):
                desk.login(click(number))


def test_whom_a_slow_controller_leaves_no_room_counts_as_unserved_unless_it_comes_back(desk, ac, house) -> None:
    for _ in range(2):
        crowd(desk, ac, house, range(1, 61), held_s=8)
        house.clock.forward(10)
    ac.seen_ms = house.clock.now_ms()
    for number in range(1, 11):
        assert isinstance(desk.login(click(number)), Session)
    desk.visits.outcomes.settle()
    assert counts(desk) == {"online": 10}
    house.clock.forward(AWAY_MS / 1000)

    said, polls = told(house, desk)
    assert counts(desk) == {"online": 10, "unserved": 50}
    assert (said[0]["method"], said[0]["gateway"]) == ("click_through", "simulated")
    rows = [row.values for each in polls for row in each.rows if row.subject == Subject("site", "site-1")]
    assert sum(each.get("portal.login.unserved", 0) for each in rows) == 0, "of the running minute: it comes"
    house.clock.forward(60)
    _, polls = told(house, desk)
    rows = [row.values for each in polls for row in each.rows if row.subject == Subject("site", "site-1")]
    assert sum(each.get("portal.login.unserved", 0) for each in rows) == 50


def test_who_found_no_room_at_a_quick_controller_is_turned_away_by_our_own_bound(desk, ac, house) -> None:
    crowd(desk, ac, house, (1, 2), held_s=0.5)
    house.clock.forward(AWAY_MS / 1000)
    desk.visits.outcomes.settle()

    assert counts(desk) == {"ours": 2}


def test_who_is_inside_and_taps_again_in_a_crowd_is_turned_away_from_nothing(desk, ac, house) -> None:
    ac.seen_ms = house.clock.now_ms()
    assert isinstance(desk.login(click()), Session)
    crowd(desk, ac, house, (1,), held_s=8)
    house.clock.forward(AWAY_MS / 1000)
    desk.visits.outcomes.settle()

    assert counts(desk) == {"online": 1}


# ---- who counts
def test_one_machine_that_logs_in_and_out_all_evening_is_one_success(desk, ac, house) -> None:
    ac.seen_ms = house.clock.now_ms()
    ac.silent = GatewayError("refused")
    for number in range(2, 5):
        with pytest.raises(PortalError):
            desk.login(click(number))
    ac.silent = None
    for _ in range(12):
        ac.seen_ms = house.clock.now_ms()
        assert isinstance(desk.login(click()), Session)
        desk.logout(client())
        house.clock.forward(31)

    assert counts(desk) == {"online": 1, "repeated": 11, "failed": 3}


def test_methods_are_told_apart_and_together(desk, ac, house) -> None:
    ac.seen_ms = house.clock.now_ms()
    for number in range(1, 6):
        desk.login(click(number))
    desk.login(replace(click(9), method="voucher", fields={"code": "A" * 15}))
    house.clock.forward(61)

    said, polls = told(house, desk)
    assert [(each["method"], each["online"], each["refused"]) for each in said] == [
        ("click_through", 5, 0),
        ("voucher", 0, 1),
    ]
    rows = {row.subject: row.values for each in polls for row in each.rows}
    assert rows[Subject("site", "site-1")]["portal.login.online"] == 5.0
    assert rows[Subject("site", "site-1")]["portal.login.success"] == 1.0
    assert rows[Subject("login", "site-1/voucher")]["portal.login.refused"] == 1.0
    assert rows[Subject("controller", "simulated")]["portal.controller.time.timed"] == 5.0


# ---- what leaves
def test_a_minute_without_visitors_is_told_without_a_count_and_those_we_were_not_there_for_are_not(house, desk) -> None:
    clock = house.clock
    clock.at_ms = clock.at_ms // MINUTE_MS * MINUTE_MS + 20_000  # we begin within a minute
    for seconds in (0, 60, 60):
        clock.forward(seconds)
        desk.telling.flush(clock.now_ms())
    clock.forward(3600)  # the machine sleeps
    desk.telling.flush(clock.now_ms())
    clock.forward(60)

    _, polls = told(house, desk)
    first = (clock.at_ms - 3600_000 - 180_000) // MINUTE_MS * MINUTE_MS + MINUTE_MS
    assert [(each.device, each.slot_ms) for each in polls] == [("portal/portal", first)]
    assert [(row.subject.id, dict(row.values)) for row in polls[0].rows] == [
        ("site-1", {"portal.state": 1.0}),
        ("site-2", {"portal.state": 1.0}),
    ]


def test_the_minute_in_which_we_end_is_told_beside_its_slot_and_the_next_life_loses_none(house, desk, ac) -> None:
    ac.seen_ms = house.clock.now_ms()
    desk.login(click())
    desk.visits.outcomes.close()
    desk.telling.flush(house.clock.now_ms(), everything=True)
    desk = house.restart()
    desk.login(click(2))
    house.clock.forward(60)

    said, polls = told(house, desk)
    assert sum(each["online"] for each in said) == 2
    slots = [each.slot_ms for each in polls]
    assert len(set(slots)) == len(slots) == 2
    assert not any(each % MINUTE_MS == 0 for each in slots)
    assert (
        sum(row.values["portal.login.online"] for each in polls for row in each.rows if row.subject.kind == "site") == 2
    )


def test_a_spool_that_is_full_costs_no_count(house, desk, ac, monkeypatch) -> None:
    from netops.errors import SpoolError

    ac.seen_ms = house.clock.now_ms()
    desk.login(click())
    house.clock.forward(61)
    with monkeypatch.context() as broken:
        broken.setattr(Spool, "put", lambda *_: (_ for _ in ()).throw(SpoolError("full")))
        with pytest.raises(SpoolError):
            desk.telling.flush(house.clock.now_ms())

    said, polls = told(house, desk)
    assert [each["online"] for each in said] == [1]
    assert len(polls) == 1


def test_facts_as_they_were_told_before_are_still_read(tmp_path) -> None:
    old = {"site": "s", "start_ms": 0, "end_ms": MINUTE_MS, "online": 3, "refused": 1, "failed": 0, "consents": 3}
    fact = Fact(kind="portal_logins", at_ms=MINUTE_MS, body={**old, "terms": "1", "gateway_ms_p95": 9})

    assert facts.decode(canonical.dumps({"kind": fact.kind, "at_ms": fact.at_ms, "body": dict(fact.body)})) == fact
    assert set(old) <= KINDS["portal_logins"].keys()


def test_what_is_remembered_of_a_flood_is_bounded(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("captive_portal.telling.STUMBLED", 500)
    monkeypatch.setattr("captive_portal.telling.FIRST_SEEN", 400)
    with Spool(tmp_path / "portal.db", source="portal") as ours:
        telling = Telling(ours)
        for number in range(600):
            telling.unserved("s", "ac", f"2001:db8::{number:x}", 0)

        assert telling.totals["unserved"] == 600
        assert (len(telling._stumbled[1]), len(telling._seen)) == (500, 400)
